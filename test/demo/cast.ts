/**
 * The people of the demo at their mailboxes: each writes and opens mail the way a mail client with OpenPGP does. They use
 * openpgp.js directly and nothing of Postern's own code, so that what they can read is what anybody could read.
 */
import * as openpgp from 'openpgp'
import { DESK_ADDRESS, mailboxOf, type Received } from '../support/desk-world.ts'
import { type Attachment, decodeWords, headerOf } from '../support/mail-parts.ts'
import { type Draft, makePerson, type OpenPgpProgram, type ReadMail } from '../support/people.ts'
import { type Sink } from '../support/smtp-sink.ts'

/** Who somebody is. `id` names key files and the files in demo-mail. */
export type Identity = { readonly id: string; readonly name: string; readonly address: string }

/** A message that its reader has opened. */
export type OpenedMail = ReadMail & {
  readonly raw: Buffer
  /** When SMTP accepted it, in milliseconds since 1970. */
  readonly at: number
  /** The subject as every system on the way saw it. */
  readonly outerSubject: string
}

/** Somebody at a mailbox. */
export type Correspondent = Awaited<ReturnType<typeof createCorrespondent>>

/** Makes a key for somebody, for ever or for so many seconds; what they write is handed to `submit`. */
export async function createCorrespondent(
  identity: Identity,
  sink: Sink,
  submit: (raw: Buffer) => void,
  validSeconds = 0
) {
  const { program, keyId } = await createProgram(identity, validSeconds)
  const person = makePerson(identity, program)
  const mailbox = mailboxOf(person, sink)
  const isRead = new Set<Received>()
  return {
    ...identity,
    person,
    /** The id of the key that mail to this person is encrypted to. */
    keyId,
    /** Waits for the next unread message whose subject contains `subject`, and opens it. */
    next: async (subject: string): Promise<OpenedMail> => {
      const found = await mailbox.find(
        (mail) => !isRead.has(mail) && mail.read.subject.includes(subject),
        `message "${subject}"`
      )
      isRead.add(found)
      const { taken, read } = found
      const outerSubject = decodeWords(headerOf(read.outer, 'subject'))
      return { ...read, raw: taken.raw, at: taken.at, outerSubject }
    },
    /** Number of messages in the mailbox, read or not. */
    count: () => sink.taken.filter(({ to }) => to === identity.address).length,
    /** Writes to the desk: signed, and encrypted to the desk and to the writer's own copy. */
    send: async (letter: Pick<Draft, 'subject' | 'text' | 'attachments'>) => {
      submit(await person.write({ ...letter, to: DESK_ADDRESS }))
    },
    reply: async ({ raw }: OpenedMail, text: string, attachments: Attachment[] = []) => {
      submit(await person.reply(raw, text, { attachments }))
    }
  }
}

/** OpenPGP for somebody who knows the desk and nobody else: the one key that is imported. */
async function createProgram({ name, address }: Identity, keyExpirationTime: number) {
  const { privateKey: own, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name, email: address }],
    keyExpirationTime,
    format: 'object'
  })
  let desk: openpgp.Key = publicKey
  const signer = async (signature: { verified: Promise<unknown> } | undefined) => {
    const isGood = await signature?.verified.catch(() => false)
    return isGood === true ? desk.getFingerprint() : null
  }
  const program: OpenPgpProgram = {
    fingerprint: publicKey.getFingerprint(),
    exportPublicKey: () => Promise.resolve(publicKey.armor()),
    importKey: async (armoredKey) => {
      desk = await openpgp.readKey({ armoredKey })
    },
    exportSecretKey: () => Promise.resolve(own.armor()),
    importSecretKey: () => Promise.reject(new RangeError('the demo has one key a person')),
    encrypt: async (data, _to, isSigned) =>
      openpgp.encrypt({
        message: await openpgp.createMessage({ binary: data }),
        encryptionKeys: [desk, publicKey],
        ...(isSigned ? { signingKeys: own } : {})
      }),
    signDetached: async (data) =>
      openpgp.sign({
        message: await openpgp.createMessage({ binary: data }),
        signingKeys: own,
        detached: true
      }),
    decrypt: async (armored) => {
      const armoredMessage = Buffer.from(armored).toString('latin1')
      const message = await openpgp.readMessage({ armoredMessage })
      const keys = { decryptionKeys: own, verificationKeys: desk }
      const { data, signatures } = await openpgp.decrypt({ message, ...keys, format: 'binary' })
      const encryptedTo = message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase())
      return { data: Buffer.from(data), signer: await signer(signatures[0]), encryptedTo }
    },
    verifyDetached: async (data, armored) => {
      const armoredSignature = Buffer.from(armored).toString('latin1')
      const signature = await openpgp.readSignature({ armoredSignature })
      const message = await openpgp.createMessage({ binary: data })
      const { signatures } = await openpgp.verify({ message, signature, verificationKeys: desk })
      return signer(signatures[0])
    },
    close: () => Promise.resolve()
  }
  const keyId = (await own.getEncryptionKey()).getKeyID().toHex().toUpperCase()
  return { program, keyId }
}
