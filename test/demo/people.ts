/**
 * The people of the demo: each has a name, an address and a key, and writes and opens mail the way a mail client with
 * OpenPGP does (RFC 3156, protected headers, Autocrypt, quoted replies). They use openpgp.js directly and nothing of
 * Postern's own code, so that what they can read is what anybody could read.
 */
import { randomUUID } from 'node:crypto'
import {
  createMessage,
  decrypt,
  encrypt,
  generateKey,
  type Key,
  type PrivateKey,
  readKey,
  readMessage
} from 'openpgp'
import {
  type Attachment,
  base64Lines,
  childrenOf,
  contentOf,
  contentTypeOf,
  decodeWords,
  encodeWords,
  headerOf,
  newBoundary,
  splitPart
} from '../support/mail-parts.ts'

/** Who somebody is. `id` names mailboxes, key files and the files in demo-mail. */
export type Identity = { readonly id: string; readonly name: string; readonly address: string }

/** What somebody types before pressing "send". */
export type Letter = {
  readonly subject: string
  readonly text: string
  readonly attachments?: readonly Attachment[]
  readonly inReplyTo?: string
  readonly references?: string
}

/** A message that its reader has opened. */
export type OpenedMail = {
  readonly raw: Buffer
  /** Key ids that the message is encrypted to, 16 hex digits; empty when it came in clear. */
  readonly sealedTo: readonly string[]
  /** Whether the desk's key made a good signature over all of it. */
  readonly signedByDesk: boolean
  /** The subject as the reader sees it, and as every system on the way saw it. */
  readonly subject: string
  readonly outerSubject: string
  readonly messageId: string
  readonly references: string
  readonly text: string
  readonly attachments: readonly Attachment[]
}

export type Person = Identity & {
  /** Of the key that mail to this person is encrypted to. */
  readonly keyId: string
  readonly publicKey: string
  readonly privateKey: string
  /** A whole message to the desk: signed, and encrypted to the desk and to the writer's own copy. */
  write(letter: Letter): Promise<Buffer>
  /** An answer above the quoted message, in its thread. */
  reply(to: OpenedMail, text: string, attachments?: readonly Attachment[]): Promise<Buffer>
  /** Rejects when the message is encrypted to somebody else only. */
  open(raw: Buffer): Promise<OpenedMail>
}

/** The other end of every message of the demo. */
export type DeskContact = { readonly address: string; readonly publicKey: string }

/** Makes a key for somebody who knows the desk; with `validSeconds` the key expires so long after now. */
export async function createPerson(
  identity: Identity,
  desk: DeskContact,
  options: { readonly validSeconds?: number } = {}
): Promise<Person> {
  const { privateKey, publicKey } = await generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name: identity.name, email: identity.address }],
    keyExpirationTime: options.validSeconds ?? 0,
    format: 'object'
  })
  const deskKey = await readKey({ armoredKey: desk.publicKey })
  const write = (letter: Letter): Promise<Buffer> =>
    writeMail({ identity, privateKey, publicKey, desk, deskKey }, letter)
  return {
    ...identity,
    keyId: (await privateKey.getEncryptionKey()).getKeyID().toHex(),
    publicKey: publicKey.armor(),
    privateKey: privateKey.armor(),
    write,
    reply: (to, text, attachments = []) => write(replyTo(to, text, attachments)),
    open: (raw) => openMail(raw, privateKey, deskKey)
  }
}

/** The person's mail client, set up: own key and the desk's. */
type Client = {
  readonly identity: Identity
  readonly privateKey: PrivateKey
  readonly publicKey: Key
  readonly desk: DeskContact
  readonly deskKey: Key
}

async function writeMail(client: Client, letter: Letter): Promise<Buffer> {
  const { identity, privateKey, publicKey, desk, deskKey } = client
  const headers = [
    `Message-ID: <${randomUUID()}@${identity.address.replace(/^.*@/, '')}>`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `From: ${encodeWords(identity.name)} <${identity.address}>`,
    `To: ${desk.address}`,
    ...(letter.inReplyTo === undefined ? [] : [`In-Reply-To: ${letter.inReplyTo}`]),
    ...(letter.references === undefined ? [] : [`References: ${letter.references}`])
  ]
  const armored = await encrypt({
    message: await createMessage({ binary: innerPart(letter, headers) }),
    encryptionKeys: [deskKey, publicKey],
    signingKeys: privateKey
  })
  const outer = [
    ...headers,
    'Subject: ...',
    `Autocrypt: addr=${identity.address}; keydata=\r\n ${base64Lines(publicKey.write()).replaceAll('\r\n', '\r\n ')}`,
    'MIME-Version: 1.0'
  ]
  return Buffer.from([...outer, ...encryptedBody(armored)].join('\r\n'))
}

/** What gets encrypted: the real subject, the text and the attachments. */
function innerPart(letter: Letter, headers: readonly string[]): Buffer {
  const boundary = newBoundary()
  const parts = [
    ['Content-Type: text/plain; charset=UTF-8', Buffer.from(letter.text.replaceAll('\n', '\r\n'))],
    ...(letter.attachments ?? []).map(({ filename, contentType, content }) => [
      `Content-Type: ${contentType}\r\nContent-Disposition: attachment; filename="${filename}"`,
      content
    ])
  ] as [string, Uint8Array][]
  return Buffer.from(
    [
      `Content-Type: multipart/mixed; boundary="${boundary}"; protected-headers="v1"`,
      ...headers,
      `Subject: ${encodeWords(letter.subject)}`,
      '',
      ...parts.flatMap(([head, content]) => [
        `--${boundary}`,
        head,
        'Content-Transfer-Encoding: base64',
        '',
        base64Lines(content)
      ]),
      `--${boundary}--`,
      ''
    ].join('\r\n')
  )
}

function encryptedBody(armored: string): string[] {
  const boundary = newBoundary()
  return [
    `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: application/pgp-encrypted',
    '',
    'Version: 1',
    '',
    `--${boundary}`,
    'Content-Type: application/octet-stream; name="encrypted.asc"',
    '',
    armored.replaceAll(/\r?\n/g, '\r\n'),
    `--${boundary}--`,
    ''
  ]
}

function replyTo(mail: OpenedMail, text: string, attachments: readonly Attachment[]): Letter {
  const quoted = mail.text.trimEnd().replaceAll(/^/gm, '> ')
  return {
    subject: `Re: ${mail.subject.replace(/^Re: /i, '')}`,
    text: `${text}\n\nOn ${new Date().toDateString()}, the desk wrote:\n${quoted}\n`,
    attachments,
    inReplyTo: mail.messageId,
    references: `${mail.references} ${mail.messageId}`.trim()
  }
}

async function openMail(raw: Buffer, privateKey: PrivateKey, deskKey: Key): Promise<OpenedMail> {
  const outer = splitPart(raw)
  const seal = await breakSeal(raw, privateKey, deskKey)
  const inner = seal === null ? outer : splitPart(seal.content)
  const header = (name: string): string =>
    decodeWords(headerOf(inner, name) || headerOf(outer, name))
  return {
    raw,
    sealedTo: seal?.sealedTo ?? [],
    signedByDesk: seal?.signedByDesk ?? false,
    subject: header('subject'),
    outerSubject: decodeWords(headerOf(outer, 'subject')),
    messageId: header('message-id'),
    references: header('references'),
    ...contentOf(inner)
  }
}

async function breakSeal(
  raw: Buffer,
  privateKey: PrivateKey,
  deskKey: Key
): Promise<{ content: Buffer; sealedTo: string[]; signedByDesk: boolean } | null> {
  const outer = splitPart(raw)
  if (contentTypeOf(outer).type !== 'multipart/encrypted') return null
  const message = await readMessage({
    armoredMessage: childrenOf(outer)[1]?.body.toString('latin1') ?? ''
  })
  const { data, signatures } = await decrypt({
    message,
    decryptionKeys: privateKey,
    verificationKeys: deskKey,
    format: 'binary'
  })
  const [signature] = signatures
  return {
    content: Buffer.from(data),
    sealedTo: message.getEncryptionKeyIDs().map((id) => id.toHex()),
    signedByDesk: (await signature?.verified.catch(() => false)) ?? false
  }
}
