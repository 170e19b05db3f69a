/**
 * What a person expects of one file of the corpus, as data. The expectations were written from the file's name, the file
 * beside it, GnuPG with the corpus' own keys and another MIME reader: never copied from what Postern printed.
 */
import { createHash } from 'node:crypto'
import { type OpenedMail, type OpenFailure, type WarningCode } from '../../../src/domain/mail.ts'
import { type Unlocked } from '../../../src/openpgp/keyring.ts'

/** Expectations of one folder: the path below the folder gives what the file is. */
export type Folder = Readonly<Record<string, ExpectedMail | Neighbour>>

/** A file that is no mail: a key, the notes of its authors, or the plain truth about the message beside it. */
export type Neighbour = { readonly is: 'public key' | 'secret key' | 'note' }

/** A secret key that no desk can hold: what comes of unlocking it with its right passphrase. */
export type RefusedKey = {
  readonly file: string
  readonly passphrase: string
  readonly kind: Exclude<Unlocked['kind'], 'unlocked'>
  /** Why, in one sentence. */
  readonly because: string
}

/** `clear`: nothing is encrypted; `opened`; or why it stays closed. */
export type Seal = 'clear' | 'opened' | OpenFailure

/**
 * A message as it must be read. What is left out is expected to be empty, and structure and seal to be those of a message in
 * clear.
 */
export type ExpectedMail = {
  readonly structure?: OpenedMail['structure']
  readonly seal?: Seal
  /** Whom anybody can see it to be sealed to, where that does not follow from the rest (see {@link sealedToOf}). */
  readonly sealedTo?: OpenedMail['sealedTo']
  /** State, signer where one is proved, and reach: `valid bob whole`, `unknown-key part`. */
  readonly signatures?: readonly string[]
  /** The protected subject; only where there is one that counts. */
  readonly subject?: string
  /** Exactly the text shown; or `sha256:` and its digest; or, for converted HTML, `words:` and that of its words. */
  readonly text?: string
  /** What a reader of the file finds in its text, beside a digest that nobody can read; blanks do not matter. */
  readonly says?: string
  /** Exactly the foreign text shown apart, or its digest. */
  readonly outside?: string
  /** `name | type | sha256`, in order. */
  readonly attachments?: readonly string[]
  /** Who is offered as a key for an answer. */
  readonly candidates?: readonly string[]
  readonly warnings?: readonly WarningCode[]
  /** Which names of the folder's people hold the desk key, where it is not the usual one. */
  readonly desk?: readonly string[]
  /** The key it was made for or by, where that is refused: the message alone could not show it; counted apart if encrypted. */
  readonly refusedKey?: RefusedKey
  /** Why a sound mail stays closed all the same, in one sentence; counted apart in the report. */
  readonly limit?: string
  /** States that the signatures have once everybody's certificate is known. */
  readonly whenAllKnown?: readonly string[]
}

/** A PGP/MIME message that the desk opens. */
export const OPENED = { structure: 'pgp-mime', seal: 'opened' } as const

/** The same facts of an opened mail. `names` gives the people's names by fingerprint. */
export function describeOpened(
  opened: OpenedMail,
  names: ReadonlyMap<string, string>
): ExpectedMail {
  const nameOf = (fingerprint: string): string => names.get(fingerprint) ?? fingerprint
  return {
    structure: opened.structure,
    seal: sealOf(opened),
    sealedTo: opened.sealedTo,
    signatures: signaturesOf(opened, nameOf),
    ...(opened.subjectProtected && opened.protected !== null
      ? { subject: opened.protected.subject }
      : {}),
    text: opened.text,
    outside: opened.outsideText,
    attachments: opened.attachments.map(
      ({ filename, contentType, sha256 }) => `${filename} | ${contentType} | ${sha256}`
    ),
    candidates: opened.candidateKeys.map((key) => nameOf(key.fingerprint)),
    warnings: [...opened.warnings].sort()
  }
}

/** `expected` with what was left out filled in, ready to be compared with {@link describeOpened}. */
export function complete(expected: ExpectedMail, found: ExpectedMail): ExpectedMail {
  return {
    structure: expected.structure ?? 'clear',
    seal: expected.seal ?? 'clear',
    sealedTo: expected.sealedTo ?? sealedToOf(expected),
    signatures: expected.signatures ?? [],
    ...(expected.subject === undefined ? {} : { subject: expected.subject }),
    text: textOrDigest(expected.text ?? '', found.text ?? ''),
    outside: textOrDigest(expected.outside ?? '', found.outside ?? ''),
    attachments: expected.attachments ?? [],
    candidates: expected.candidates ?? [],
    warnings: [...(expected.warnings ?? [])].sort()
  }
}

/** A message in clear is sealed to nobody, unless something in it stays closed; an encrypted one is sealed to us. */
function sealedToOf({ seal = 'clear', warnings = [] }: ExpectedMail): OpenedMail['sealedTo'] {
  if (seal === 'not-for-us') return 'other'
  if (seal !== 'clear') return 'desk'
  const hasClosed = warnings.includes('smime') || warnings.includes('errant-crypto')
  return hasClosed ? 'unknown' : 'nobody'
}

/** One line a signature, in the words of {@link ExpectedMail}. */
export function signaturesOf(
  opened: OpenedMail,
  nameOf: (fingerprint: string) => string
): readonly string[] {
  return opened.signatures.map(({ state, fingerprint, coversWhole }) => {
    const signer = fingerprint === null ? '' : ` ${nameOf(fingerprint)}`
    return `${state}${signer} ${coversWhole ? 'whole' : 'part'}`
  })
}

function sealOf(opened: OpenedMail): Seal {
  if (opened.failure !== null) return opened.failure
  if (opened.encrypted !== opened.decrypted) throw new Error('encrypted, not opened, no reason')
  return opened.decrypted ? 'opened' : 'clear'
}

/** The text found where its digest is the expected one, else what was expected. */
function textOrDigest(expected: string, found: string): string {
  const words = found.trim().split(/\s+/).join(' ')
  const isSame = [`sha256:${digestOf(found)}`, `words:${digestOf(words)}`].includes(expected)
  return isSame ? found : expected
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
