/**
 * What a person expects of one message of the MIME half of the corpus. The data stands in JSON files here, one a folder. It was
 * made with Python's `email` package, GnuPG and the expected values beside the messages, and read through; never copied from
 * what Postern printed.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type Part, parseTree } from '../../../src/mime/tree.ts'
import { newText } from '../../../src/policy/new-text.ts'
import { complete, describeOpened, type ExpectedMail } from './expectation.ts'

const EXPECTATION = z.strictObject({
  /** Types of the parts, `multipart/mixed[text/plain, image/png]`. */
  tree: z.string(),
  from: z.string().nullable(),
  /** The subject outside. */
  subject: z.string(),
  structure: z
    .enum(['pgp-mime', 'pgp-mime-mangled', 'inline', 'attachment', 'clear'])
    .default('clear'),
  seal: z.enum(['clear', 'opened', 'damaged', 'not-for-us']).default('clear'),
  sealedTo: z.enum(['desk', 'other', 'hidden', 'nobody', 'unknown']).default('nobody'),
  signatures: z.array(z.string()).default([]),
  protectedSubject: z.string().optional(),
  /** As in {@link ExpectedMail}; or, for converted HTML, `html:` and the digest of its words (see {@link isSpoken}). */
  text: z.string().default(''),
  /** What a reader of the file finds in a text whose digest nobody can read; blanks do not matter. */
  says: z.string().optional(),
  outside: z.string().default(''),
  attachments: z.array(z.string()).default([]),
  candidates: z.array(z.string()).default([]),
  warnings: z.array(z.string()).default([]),
  /** Marks of mail that no person wrote, sorted. */
  automatic: z.array(z.string()).default([]),
  /** What it reports of a delivery: `failed`. */
  bounce: z.string().optional(),
  /** Message-IDs that it returns. */
  returned: z.array(z.string()).default([]),
  /** Whom the report speaks of: must be found in what is shown or kept. */
  recipient: z.string().optional(),
  /** What its author wrote, without what he quotes. */
  newText: z.string().optional(),
  /** Why not all of it is opened or taken for what its sender calls it. Such a message counts as rightly refused. */
  refused: z.string().optional(),
  /** Why it is right, where that is not plain to see. */
  because: z.string().optional()
})

/** One entry of the JSON files. */
export type MimeExpectation = z.infer<typeof EXPECTATION>

/** Folders of the corpus and the files of their expectations. */
export const MIME_SUITES = [
  { folder: 'chatmail/message', file: 'chatmail.json' },
  { folder: 'mail-parser', file: 'mail-parser.json' },
  { folder: 'sisimai', file: 'sisimai.json' },
  { folder: 'talon', file: 'talon.json' }
] as const

/** The expectations of one folder, by path below it. Throws where the file is not what it must be. */
export function readExpectations(file: string): Readonly<Record<string, MimeExpectation>> {
  const json: unknown = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'))
  return z.record(z.string(), EXPECTATION).parse(json)
}

/** The comparable facts of an opened mail; `names` gives the people's names by fingerprint. */
export function factsOf(
  raw: Uint8Array,
  opened: OpenedMail,
  names: ReadonlyMap<string, string>
): Record<string, unknown> {
  const { bounce } = opened
  return {
    ...describeOpened(opened, names),
    tree: treeOf(parseTree(raw)),
    from: opened.outer.from?.address ?? null,
    outerSubject: opened.outer.subject,
    automatic: [...opened.automatic].sort(),
    bounce: bounce?.action ?? 'none',
    returned: bounce?.returnedMessageIds ?? []
  }
}

/** `expected` in the form of {@link factsOf}. */
export function expectedFacts(
  expected: MimeExpectation,
  opened: OpenedMail,
  names: ReadonlyMap<string, string>
): Record<string, unknown> {
  const mail: ExpectedMail = {
    structure: expected.structure,
    seal: expected.seal,
    sealedTo: expected.sealedTo,
    signatures: expected.signatures,
    ...(expected.protectedSubject === undefined ? {} : { subject: expected.protectedSubject }),
    text: isSpoken(expected.text, opened.text) ? opened.text : expected.text,
    outside: expected.outside,
    attachments: expected.attachments,
    candidates: expected.candidates
  }
  return {
    ...complete(mail, describeOpened(opened, names)),
    warnings: expected.warnings.toSorted(),
    tree: expected.tree,
    from: expected.from,
    outerSubject: expected.subject,
    automatic: expected.automatic,
    bounce: expected.bounce ?? 'none',
    returned: expected.returned
  }
}

/** Whether `words` stand in the text or in a file of the message. */
export function isKept(opened: OpenedMail, words: string): boolean {
  const files = opened.attachments.map(({ content }) => Buffer.from(content).toString('latin1'))
  return [opened.text, opened.outsideText, ...files].some((each) => each.includes(words))
}

/** What of its text its author wrote. */
export function newTextOf(opened: OpenedMail): string {
  return newText(opened.text)
}

/** Whether the words are the expected ones, apart from what conversion adds to them: marks of quotation, targets of links. */
function isSpoken(expected: string, text: string): boolean {
  const words = text.split(/\s+/).filter((word) => !/^(?:|>|\[\S+\])$/.test(word))
  return expected === `html:${createHash('sha256').update(words.join(' ')).digest('hex')}`
}

function treeOf(part: Part): string {
  return part.children.length === 0
    ? part.type
    : `${part.type}[${part.children.map(treeOf).join(', ')}]`
}
