/**
 * People who use other software: reporters, maintainers and recipients with GnuPG or Sequoia and a mail client that writes
 * what Thunderbird writes (RFC 3156, protected headers in the legacy form, base64 bodies, quoted replies). Nothing of
 * Postern and no openpgp.js is used on this side.
 */
import { randomUUID } from 'node:crypto'
import * as mailParts from './mail-parts.ts'
import { makeGnupg } from './people-gpg.ts'
import { makeRnp } from './people-rnp.ts'
import { makeSequoia } from './people-sq.ts'

/** One person's OpenPGP program with its keys. Fingerprints are lower-case hexadecimal of the primary key. */
export type OpenPgpProgram = {
  readonly fingerprint: string
  readonly exportPublicKey: () => Promise<string>
  readonly importKey: (armored: string) => Promise<void>
  /** Armored, without a passphrase. */
  readonly exportSecretKey: () => Promise<string>
  /** One more key to open mail with. */
  readonly importSecretKey: (armored: string) => Promise<void>
  /** Armored message; `to` is an address whose key was imported. */
  encrypt(data: Uint8Array, to: string, sign: boolean): Promise<string>
  /** Armored detached SHA-512 signature. */
  signDetached(data: Uint8Array): Promise<string>
  decrypt(armored: Uint8Array): Promise<{
    readonly data: Buffer
    readonly signer: string | null
    /** Key ids (upper-case, 16 digits) the message was encrypted to. */
    readonly encryptedTo: readonly string[]
  }>
  /** The signer's fingerprint, or null when no imported key made a good signature. */
  verifyDetached(data: Uint8Array, armored: Uint8Array): Promise<string | null>
  /** Ends the agent, if there is one, and deletes the keys. */
  readonly close: () => Promise<void>
}

/** What somebody types into a mail client. */
export type Draft = {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly attachments?: readonly mailParts.Attachment[]
  /** With angle brackets, as in the header. */
  readonly inReplyTo?: string
  readonly references?: string
}

export type SendingOptions = {
  /** Default true. */
  readonly sign?: boolean
  /** Default true. */
  readonly encrypt?: boolean
  /** Autocrypt header with the sender's own key. Default true. */
  readonly autocrypt?: boolean
  /** `v1`: the subject is protected and the outer one is `...`; `none`: the old way. Default `v1`. */
  readonly protectedHeaders?: 'v1' | 'none'
}

/** A message as its reader sees it. */
export type ReadMail = {
  readonly outer: mailParts.Part
  /** The decrypted (or only signed, or clear) entity with its own headers. */
  readonly payload: mailParts.Part
  readonly encrypted: boolean
  readonly encryptedTo: readonly string[]
  /** Primary fingerprint of an imported key whose signature covers the payload; null when none. */
  readonly verified: string | null
  /** The protected subject where there is one. */
  readonly subject: string
  readonly text: string
  readonly attachments: readonly mailParts.Attachment[]
  /** A header of the payload where it has one, else the outer one; '' when absent. Encoded words are decoded. */
  header(name: string): string
}

export type Person = ReturnType<typeof makePerson>

export type PersonOptions = {
  readonly name: string
  readonly address: string
  readonly passphrase?: string
  /** As gpg calls the algorithm of both the primary key and the subkey, or sq a cipher suite; always RSA for rnp. */
  readonly algorithm?: string
  /** When the key says that it was made; now by default. */
  readonly madeAt?: Date
  /** How long the key lasts; for ever by default, and always for rnp and sq. */
  readonly lastsSeconds?: number
}

/** Somebody with GnuPG: own home, Ed25519 with a Cv25519 subkey unless asked otherwise. */
export async function gpgPerson(options: PersonOptions) {
  const program = await makeGnupg(options)
  return { ...makePerson(options, program), change: program.change }
}

/** Somebody with RNP, which Thunderbird has inside: RSA. No passphrase. */
export async function rnpPerson(options: PersonOptions) {
  return makePerson(options, await makeRnp(options))
}

/** Somebody with Sequoia (`sq`), keys in files, Ed25519 with a Cv25519 subkey unless asked otherwise. No passphrase. */
export async function sqPerson(options: PersonOptions) {
  return makePerson(options, await makeSequoia(options))
}

/** Somebody who has this program. */
export function makePerson(options: PersonOptions, program: OpenPgpProgram) {
  const write = (draft: Draft, sending: SendingOptions = {}): Promise<Buffer> =>
    writeMail(options, program, draft, sending)
  const { fingerprint, exportPublicKey, importKey, exportSecretKey, importSecretKey } = program
  return {
    ...{ name: options.name, address: options.address, fingerprint, exportPublicKey, importKey },
    ...{ exportSecretKey, importSecretKey, close: program.close },
    /** A whole message (RFC 5322). `draft.to` must be the address of an imported key unless `encrypt` is false. */
    write,
    /** Opens and verifies. Rejects when an encrypted message cannot be decrypted. */
    decryptMail: (raw: Uint8Array) => readMail(program, raw),
    /** Answers a message: quotes it below `text` unless asked not to, keeps the thread, encrypts and signs like `write`. */
    reply: async (
      raw: Uint8Array,
      text: string,
      changes: SendingOptions & Partial<Draft> & { readonly quote?: 'none' } = {}
    ) => {
      const original = await readMail(program, raw)
      return write({ ...answerTo(original, text, changes.quote), ...changes }, changes)
    }
  }
}

async function writeMail(
  person: PersonOptions,
  program: OpenPgpProgram,
  draft: Draft,
  sending: SendingOptions
): Promise<Buffer> {
  const sign = sending.sign ?? true
  const encrypt = sending.encrypt ?? true
  const isProtected = (sending.protectedHeaders ?? 'v1') === 'v1' && (sign || encrypt)
  const headers = threadHeaders(person, draft)
  const entity = writeEntity(
    draft,
    isProtected ? [...headers, `Subject: ${mailParts.encodeWords(draft.subject)}`] : []
  )
  const outer = [
    ...headers,
    `Subject: ${encrypt && isProtected ? '...' : mailParts.encodeWords(draft.subject)}`,
    ...((sending.autocrypt ?? true)
      ? [autocryptHeader(person.address, await program.exportPublicKey())]
      : []),
    'MIME-Version: 1.0'
  ].join('\r\n')
  if (!encrypt && !sign) return Buffer.from(`${outer}\r\n${entity}`)
  const body = encrypt
    ? encryptedBody(await program.encrypt(Buffer.from(entity), mailParts.addressIn(draft.to), sign))
    : signedBody(entity, await program.signDetached(Buffer.from(entity)))
  return Buffer.from(`${outer}\r\n${body}`)
}

function threadHeaders(person: PersonOptions, draft: Draft): string[] {
  const domain = person.address.slice(person.address.indexOf('@') + 1)
  return [
    `Message-ID: <${randomUUID()}@${domain}>`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    ...(draft.inReplyTo === undefined ? [] : [`In-Reply-To: ${draft.inReplyTo}`]),
    ...(draft.references === undefined ? [] : [`References: ${draft.references}`]),
    `From: ${mailParts.encodeWords(person.name)} <${person.address}>`,
    `To: ${draft.to}`
  ]
}

function writeEntity(draft: Draft, protectedHeaders: readonly string[]): string {
  const mark = protectedHeaders.length > 0 ? ';\r\n protected-headers="v1"' : ''
  const boundary = mailParts.newBoundary()
  const text = [
    'Content-Type: text/plain; charset=UTF-8; format=flowed',
    'Content-Transfer-Encoding: base64',
    '',
    mailParts.base64Lines(Buffer.from(draft.text.replaceAll(/\r?\n/g, '\r\n'))),
    ''
  ].join('\r\n')
  const parts = [text, ...(draft.attachments ?? []).map(writeAttachment)]
  return [
    `Content-Type: multipart/mixed; boundary="${boundary}"${mark}`,
    ...protectedHeaders,
    '',
    ...parts.flatMap((part) => [`--${boundary}`, part]),
    `--${boundary}--`,
    ''
  ].join('\r\n')
}

function writeAttachment(attachment: mailParts.Attachment): string {
  const name = mailParts.encodeWords(attachment.filename)
  return [
    `Content-Type: ${attachment.contentType}; name="${name}"`,
    `Content-Disposition: attachment; filename="${name}"`,
    'Content-Transfer-Encoding: base64',
    '',
    mailParts.base64Lines(attachment.content),
    ''
  ].join('\r\n')
}

function encryptedBody(armored: string): string {
  const boundary = mailParts.newBoundary()
  return [
    `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n boundary="${boundary}"`,
    '',
    'This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)',
    `--${boundary}`,
    'Content-Type: application/pgp-encrypted',
    'Content-Description: PGP/MIME version identification',
    '',
    'Version: 1',
    '',
    `--${boundary}`,
    'Content-Type: application/octet-stream; name="encrypted.asc"',
    'Content-Description: OpenPGP encrypted message',
    'Content-Disposition: inline; filename="encrypted.asc"',
    '',
    armored.replaceAll(/\r?\n/g, '\r\n'),
    `--${boundary}--`,
    ''
  ].join('\r\n')
}

function signedBody(entity: string, armored: string): string {
  const boundary = mailParts.newBoundary()
  return [
    `Content-Type: multipart/signed; micalg=pgp-sha512;\r\n protocol="application/pgp-signature";\r\n boundary="${boundary}"`,
    '',
    'This is an OpenPGP/MIME signed message (RFC 4880 and 3156)',
    `--${boundary}`,
    entity,
    `--${boundary}`,
    'Content-Type: application/pgp-signature; name="OpenPGP_signature.asc"',
    'Content-Description: OpenPGP digital signature',
    'Content-Disposition: attachment; filename="OpenPGP_signature.asc"',
    '',
    armored.replaceAll(/\r?\n/g, '\r\n'),
    `--${boundary}--`,
    ''
  ].join('\r\n')
}

function autocryptHeader(address: string, armored: string): string {
  const keydata = armored
    .replaceAll('\r', '')
    .replace(/^[\s\S]*?\n\n/, '')
    .replace(/\n=[\s\S]*$/, '')
    .replaceAll('\n', '\r\n ')
  return `Autocrypt: addr=${address}; prefer-encrypt=mutual; keydata=\r\n ${keydata}`
}

async function readMail(program: OpenPgpProgram, raw: Uint8Array): Promise<ReadMail> {
  const outer = mailParts.splitPart(raw)
  let payload = outer
  let verified: string | null = null
  let encryptedTo: readonly string[] = []
  const encrypted = mailParts.contentTypeOf(outer).type === 'multipart/encrypted'
  if (encrypted) {
    const ciphertext = mailParts.childrenOf(outer)[1]
    if (ciphertext === undefined) throw new Error('multipart/encrypted without a second part')
    const opened = await program.decrypt(ciphertext.body)
    payload = mailParts.splitPart(opened.data)
    verified = opened.signer
    encryptedTo = opened.encryptedTo
  }
  if (mailParts.contentTypeOf(payload).type === 'multipart/signed') {
    const [signed, signature] = mailParts.childrenOf(payload)
    if (signed === undefined || signature === undefined) throw new Error('broken multipart/signed')
    verified = await program.verifyDetached(signed.raw, signature.body)
    payload = signed
  }
  const header = (name: string): string =>
    mailParts.decodeWords(mailParts.headerOf(payload, name) || mailParts.headerOf(outer, name))
  const { text, attachments } = mailParts.contentOf(payload)
  const found = { outer, payload, encrypted, encryptedTo, verified, text, attachments }
  return { ...found, subject: header('subject'), header }
}

function answerTo(original: ReadMail, text: string, quote?: 'none'): Draft {
  const from = original.header('reply-to') || original.header('from')
  const id = original.header('message-id')
  const quoted = original.text
    .trimEnd()
    .split('\n')
    .map((line) => (line.startsWith('>') ? `>${line}` : `> ${line}`.trimEnd()))
    .join('\n')
  const quotation = `On ${original.header('date')}, ${from.replace(/\s*<[^>]*>$/, '')} wrote:\n${quoted}\n`
  return {
    to: mailParts.addressIn(from),
    subject: /^re:/i.test(original.subject) ? original.subject : `Re: ${original.subject}`,
    text: quote === 'none' ? `${text}\n` : `${text}\n\n${quotation}`,
    inReplyTo: id,
    references: [original.header('references'), id].filter((value) => value !== '').join(' ')
  }
}
