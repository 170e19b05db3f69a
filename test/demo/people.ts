/**
 * The people of the demo: each has a name, an address and a key, and writes and opens mail the way a mail client with
 * OpenPGP does (RFC 3156, protected headers, Autocrypt, quoted replies). They use openpgp.js directly and nothing of
 * Postern's own code, so that what they can read is what anybody could read.
 */
import {
  createMessage,
  decrypt,
  encrypt,
  generateKey,
  type Key,
  type PrivateKey,
  readKey,
  readMessage,
  readSignature,
  sign,
  verify
} from 'openpgp'
import { type Attachment, decodeWords, headerOf } from '../support/mail-parts.ts'
import { type Draft, makePerson, type OpenPgpProgram } from '../support/people.ts'

/** Who somebody is. `id` names mailboxes, key files and the files in demo-mail. */
export type Identity = { readonly id: string; readonly name: string; readonly address: string }

/** What somebody types before pressing "send". */
export type Letter = Pick<Draft, 'subject' | 'text' | 'attachments'>

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
  readonly text: string
  readonly attachments: readonly Attachment[]
}

export type Person = Identity & {
  /** The id of the key that mail to this person is encrypted to. */
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
  const program = programOf(privateKey, publicKey, await readKey({ armoredKey: desk.publicKey }))
  const client = makePerson(identity, program)
  return {
    ...identity,
    keyId: (await privateKey.getEncryptionKey()).getKeyID().toHex().toUpperCase(),
    publicKey: publicKey.armor(),
    privateKey: privateKey.armor(),
    write: (letter) => client.write({ ...letter, to: desk.address }),
    reply: ({ raw }, text, attachments = []) => client.reply(raw, text, { attachments }),
    open: async (raw) => {
      const read = await client.decryptMail(raw)
      return {
        raw,
        sealedTo: read.encryptedTo,
        signedByDesk: read.verified !== null,
        subject: read.subject,
        outerSubject: decodeWords(headerOf(read.outer, 'subject')),
        text: read.text,
        attachments: read.attachments
      }
    }
  }
}

/** OpenPGP for somebody who knows the desk and nobody else: what they write can be read by the desk and by themselves. */
function programOf(own: PrivateKey, publicKey: Key, desk: Key): OpenPgpProgram {
  const fingerprint = publicKey.getFingerprint()
  const signer = async (signature: { verified: Promise<unknown> } | undefined) => {
    const isGood = await signature?.verified.then(
      () => true,
      () => false
    )
    return isGood === true ? desk.getFingerprint() : null
  }
  const noOther = () => Promise.reject(new RangeError('the demo has one key a person'))
  return {
    fingerprint,
    exportPublicKey: () => Promise.resolve(publicKey.armor()),
    importKey: noOther,
    exportSecretKey: () => Promise.resolve(own.armor()),
    importSecretKey: noOther,
    encrypt: async (data, _to, isSigned) =>
      encrypt({
        message: await createMessage({ binary: data }),
        encryptionKeys: [desk, publicKey],
        ...(isSigned ? { signingKeys: own } : {})
      }),
    signDetached: async (data) =>
      sign({ message: await createMessage({ binary: data }), signingKeys: own, detached: true }),
    decrypt: async (armored) => {
      const armoredMessage = Buffer.from(armored).toString('latin1')
      const message = await readMessage({ armoredMessage })
      const keys = { decryptionKeys: own, verificationKeys: desk }
      const { data, signatures } = await decrypt({ message, ...keys, format: 'binary' })
      const encryptedTo = message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase())
      return { data: Buffer.from(data), signer: await signer(signatures[0]), encryptedTo }
    },
    verifyDetached: async (data, armored) => {
      const armoredSignature = Buffer.from(armored).toString('latin1')
      const signature = await readSignature({ armoredSignature })
      const message = await createMessage({ binary: data })
      const { signatures } = await verify({ message, signature, verificationKeys: desk })
      return signer(signatures[0])
    },
    close: () => Promise.resolve()
  }
}
