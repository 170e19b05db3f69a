/**
 * What a person expects of one file of the corpus. The data stands in YAML files here, one a folder. It was made from the file's
 * name, the file beside it, GnuPG with the corpus' own keys and Python's `email` package, and read through: never copied from
 * what Postern printed.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type Part, parseTree } from '../../../src/mime/tree.ts'

const words = z.array(z.string()).default([])

/** A message as it must be read. What is left out is expected to be empty. */
const MAIL = z.strictObject({
  /** Left out for a message in clear, and for PGP/MIME that is opened. */
  structure: z.enum(['pgp-mime', 'pgp-mime-mangled', 'inline', 'attachment', 'clear']).optional(),
  /** `clear`: nothing is encrypted; `opened`; or why it stays closed. */
  seal: z
    .enum(['clear', 'opened', 'not-for-us', 'damaged', 'unsupported', 'no-integrity', 'limit'])
    .default('clear'),
  /** Whom anybody can see it to be sealed to, where that does not follow from the rest (see {@link sealedToOf}). */
  sealedTo: z.enum(['desk', 'other', 'hidden', 'nobody', 'unknown']).optional(),
  /** State, signer where one is proved, and reach: `valid bob whole`, `unknown-key part`. */
  signatures: words,
  /** The subject inside; only where there is one that counts. */
  protectedSubject: z.string().optional(),
  /** Exactly the text shown; or `sha256:` and its digest; or, for converted HTML, `words:` or `html:` (see {@link isSame}). */
  text: z.string().default(''),
  /** What a reader of the file finds in its text, beside a digest that nobody can read; blanks do not matter. */
  says: z.string().optional(),
  /** Exactly the foreign text shown apart. */
  outside: z.string().default(''),
  /** `name | type | sha256`, in order. */
  attachments: words,
  /** Who is offered as a key for an answer. */
  candidates: words,
  warnings: words,
  /** Types of the parts, `multipart/mixed[text/plain, image/png]`; with it the facts of the outer header are compared, too. */
  tree: z.string().optional(),
  from: z.string().nullish(),
  /** The subject outside. */
  subject: z.string().optional(),
  /** Marks of mail that no person wrote, sorted. */
  automatic: words,
  /** What it reports of a delivery: `failed` or `no failure`. */
  bounce: z.string().default('none'),
  /** Message-IDs that it returns. */
  returned: words,
  /** Whom the report speaks of: must be found in what is shown or kept. */
  recipient: z.string().optional(),
  /** What its author wrote, without what he quotes. */
  newText: z.string().optional(),
  /** Which names of the folder's people hold the desk key, where it is not the usual one. */
  desk: z.array(z.string()).optional(),
  /** States that the signatures have once everybody's certificate is known. */
  whenAllKnown: z.array(z.string()).optional(),
  /** The key it was made for or by, where that cannot be unlocked with its right passphrase: no desk can hold it. */
  refusedKey: z
    .strictObject({
      file: z.string(),
      passphrase: z.string(),
      kind: z.string(),
      /** Why, in one sentence. */
      because: z.string()
    })
    .optional(),
  /** Why a sound mail stays closed all the same, in one sentence. */
  limit: z.string().optional(),
  /** Why not all of it is opened or taken for what its sender calls it. */
  refused: z.string().optional(),
  /** Why it is right, where that is not plain to see. */
  because: z.string().optional()
})

/** A file that is no mail: a key, the notes of its authors, or the plain truth about the message beside it. */
const NEIGHBOUR = z.strictObject({ is: z.enum(['public key', 'secret key', 'note']) })

export type ExpectedMail = z.infer<typeof MAIL>
export type Expectation = ExpectedMail | z.infer<typeof NEIGHBOUR>

/** The expectations of one folder, by path below it. Throws where the file is not what it must be. */
export function readExpectations(file: string): Readonly<Record<string, Expectation>> {
  const yaml: unknown = parse(readFileSync(join(import.meta.dirname, `${file}.yaml`), 'utf8'))
  return z.record(z.string(), z.union([MAIL, NEIGHBOUR])).parse(yaml)
}

/** The comparable facts of an opened mail. `nameOf` gives the people's names by fingerprint. */
export function factsOf(
  raw: Uint8Array,
  opened: OpenedMail,
  nameOf: (fingerprint: string) => string
): Readonly<Record<string, unknown>> {
  const { outer, subjectProtected, bounce } = opened
  return {
    structure: opened.structure,
    seal: sealOf(opened),
    sealedTo: opened.sealedTo,
    signatures: signaturesOf(opened, nameOf),
    protectedSubject: subjectProtected ? opened.protected?.subject : undefined,
    text: opened.text,
    outside: opened.outsideText,
    attachments: opened.attachments.map(
      ({ filename, contentType, sha256 }) => `${filename} | ${contentType} | ${sha256}`
    ),
    candidates: opened.candidateKeys.map((key) => nameOf(key.fingerprint)),
    warnings: opened.warnings.toSorted(),
    tree: treeOf(parseTree(raw)),
    from: outer.from?.address ?? null,
    subject: outer.subject,
    automatic: opened.automatic.toSorted(),
    bounce: bounce === null ? 'none' : bounce.hasFailed ? 'failed' : 'no failure',
    returned: bounce?.returnedMessageIds ?? []
  }
}

/** `expected` in the form of {@link factsOf}; only with a tree the facts of the outer header. */
export function expectedFacts(
  expected: ExpectedMail,
  opened: OpenedMail
): Readonly<Record<string, unknown>> {
  const { seal, signatures, protectedSubject, outside, attachments, candidates } = expected
  const { tree, from, subject, automatic, bounce, returned } = expected
  return {
    structure: expected.structure ?? (seal === 'opened' ? 'pgp-mime' : 'clear'),
    seal,
    sealedTo: expected.sealedTo ?? sealedToOf(expected),
    signatures,
    protectedSubject,
    text: isSame(expected.text, opened.text) ? opened.text : expected.text,
    outside,
    attachments,
    candidates,
    warnings: expected.warnings.toSorted(),
    ...(tree === undefined ? {} : { tree, from, subject, automatic, bounce, returned })
  }
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

/** A message in clear is sealed to nobody, unless something in it stays closed; an encrypted one is sealed to us. */
function sealedToOf({ seal, warnings }: ExpectedMail): OpenedMail['sealedTo'] {
  if (seal === 'not-for-us') return 'other'
  if (seal !== 'clear') return 'desk'
  const hasClosed = warnings.includes('smime') || warnings.includes('errant-crypto')
  return hasClosed ? 'unknown' : 'nobody'
}

function sealOf(opened: OpenedMail): string {
  if (opened.failure !== null) return opened.failure
  if (opened.encrypted !== opened.decrypted) throw new Error('encrypted, not opened, no reason')
  return opened.decrypted ? 'opened' : 'clear'
}

/** Whether a text is the expected one, by itself, by its digest, or by that of its words, with `html:` without quotes and links. */
function isSame(expected: string, text: string): boolean {
  const all = text.trim().split(/\s+/)
  const plain = all.filter((word) => !/^(?:|>|\[\S+\])$/.test(word))
  const digests = [
    `sha256:${digestOf(text)}`,
    `words:${digestOf(all.join(' '))}`,
    `html:${digestOf(plain.join(' '))}`
  ]
  return [text, ...digests].includes(expected)
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function treeOf({ type, children }: Part): string {
  return children.length === 0 ? type : `${type}[${children.map(treeOf).join(', ')}]`
}
