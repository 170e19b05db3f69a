/**
 * What must hold of every opened mail, whatever it contains. Judged from outside: from what the fuzzer knows of the mail
 * beforehand and from the closed list of all that was ever signed, never from Postern's own reading of it.
 */
import { createHash } from 'node:crypto'
import { type OpenedMail, type Signature } from '../../src/domain/mail.ts'
import { instantFromMs } from '../../src/domain/time.ts'
import { toOpenPage } from '../../src/reading/page.ts'
import { toOpenJson } from '../../src/reading/report.ts'
import { type FuzzMail } from './mails.ts'
import { FOREIGN_MARK } from './mime.ts'
import { SECRET_MARK, SIGNED_MARK } from './world.ts'

/** What signers really said: digests of text, attachments and protected subject, by signature. */
export type Said = Map<string, Set<string>>

const KIB = 1024
// Control and bidirectional characters (Unicode UAX #9), line end and tab apart.
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

/** Notes what an unbroken mail shows, as the signer's own words. Returns what is wrong with it already. */
export function learn(said: Said, mail: FuzzMail, opened: OpenedMail): string[] {
  const valid = opened.signatures.filter(isTrusted)
  if (mail.mayBeValid && valid.length === 0) return ['an unbroken signed mail is not valid']
  for (const signature of valid) {
    const known = said.get(keyOf(signature)) ?? new Set()
    known.add(shownBy(opened))
    // In a list's wrapper the protected header no longer speaks for the mail and is left out.
    known.add(shownBy({ ...opened, protected: null }))
    said.set(keyOf(signature), known)
  }
  // Inline PGP shows what was encrypted as it is, transfer encodings and all.
  const isSaid = opened.text.includes(SIGNED_MARK) || opened.structure === 'inline'
  return [
    ...(isSaid ? [] : ['an unbroken mail shows no signed text']),
    ...brokenRules(said, mail, opened)
  ]
}

/** Names of the invariants that `opened` breaks; empty when all hold. */
export function brokenRules(said: Said, mail: FuzzMail, opened: OpenedMail): string[] {
  const rules: readonly (readonly [string, boolean])[] = [
    ...signatureRules(said, mail, opened),
    ...secretRules(opened),
    ...limitRules(opened),
    ...reportRules(opened)
  ]
  return rules.filter(([, holds]) => !holds).map(([name]) => name)
}

function signatureRules(said: Said, mail: FuzzMail, opened: OpenedMail): [string, boolean][] {
  const valid = opened.signatures.filter((signature) => signature.state === 'valid')
  const trusted = opened.signatures.filter(isTrusted)
  return [
    ['nothing without a signature by a known key is valid', mail.mayBeValid || valid.length === 0],
    ['a valid signature names its key', valid.every((each) => each.fingerprint !== null)],
    ['a valid signature is one that was made', valid.every((each) => said.has(keyOf(each)))],
    [
      'what a valid signature covers as a whole is what its signer said',
      trusted.every((each) => said.get(keyOf(each))?.has(shownBy(opened)) ?? false)
    ],
    [
      'foreign text is never covered',
      trusted.length === 0 || !coveredWords(opened).includes(FOREIGN_MARK)
    ],
    [
      'text outside means that nothing covers the whole',
      // What is wrapped around a repaired mail is shown apart, and such a mail never carries commands.
      opened.outsideText === '' || trusted.length === 0 || opened.structure === 'pgp-mime-mangled'
    ]
  ]
}

function secretRules(opened: OpenedMail): [string, boolean][] {
  return [
    [
      'nothing that was encrypted is shown of a mail not decrypted',
      opened.decrypted || !allWords(opened).includes(SECRET_MARK)
    ],
    ['nothing is decrypted that was not encrypted', opened.encrypted || !opened.decrypted],
    [
      'an encrypted mail is decrypted or says why not',
      !opened.encrypted || opened.decrypted || opened.failure !== null
    ],
    ['encrypted text never stands outside', !opened.outsideText.includes(SECRET_MARK)]
  ]
}

function limitRules(opened: OpenedMail): [string, boolean][] {
  const heads = opened.protected === null ? [opened.outer] : [opened.outer, opened.protected]
  const bytes = opened.attachments.reduce((sum, { content }) => sum + content.length, 0)
  return [
    ['text within 256 KiB', Buffer.byteLength(opened.text) <= 256 * KIB],
    ['outside text within 256 KiB', Buffer.byteLength(opened.outsideText) <= 256 * KIB],
    ['at most 200 parts', opened.attachments.length <= 200],
    ['at most 64 MiB of attachments', bytes <= 64 * KIB * KIB],
    ['sizes are true', opened.attachments.every((each) => each.size === each.content.length)],
    ['at most 8 signatures', opened.signatures.length <= 8],
    ['at most 8 key ids', opened.sealedToKeyIds.length <= 8],
    ['at most 100 references', heads.every((head) => head.references.length <= 100)],
    [
      'at most 200 addresses',
      heads.every((head) => head.to.length <= 200 && head.cc.length <= 200)
    ],
    ['subjects within 200 characters', heads.every((head) => head.subject.length <= 200)],
    [
      'file names within 120 characters',
      opened.attachments.every((each) => each.filename.length <= 120 && each.filename !== '')
    ],
    [
      'candidate keys within 256 KiB',
      opened.candidateKeys.every((each) => each.keyData.length <= 256 * KIB)
    ],
    ['warnings are named once', new Set(opened.warnings).size === opened.warnings.length]
  ]
}

function reportRules(opened: OpenedMail): [string, boolean][] {
  const json = toOpenJson(opened)
  const others = Object.entries(json).filter(([name]) => name !== 'text')
  const isClean = (value: unknown): boolean =>
    typeof value === 'string'
      ? !UNSAFE.test(value) && !/[\n\t]/.test(value)
      : typeof value !== 'object' || value === null || Object.values(value).every(isClean)
  const page = toOpenPage(opened, { width: 80, now: instantFromMs(0) })
  return [
    ['the report holds no control or bidirectional characters', isClean(others)],
    [
      'the text holds no control characters',
      !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(json.text)
    ],
    ['the page holds no control or bidirectional characters', !UNSAFE.test(page)]
  ]
}

function isTrusted(signature: Signature): boolean {
  return signature.state === 'valid' && signature.coversWhole
}

function keyOf({ fingerprint, sha256 }: Signature): string {
  return `${fingerprint ?? ''} ${sha256}`
}

/** A digest of text, files and protected subject, without what a signature leaves open: line ends, and blanks before them. */
function shownBy(opened: OpenedMail): string {
  const files = opened.attachments.map(({ content }) =>
    plain(Buffer.from(content).toString('latin1'))
  )
  const shown = JSON.stringify([plain(opened.text), files, opened.protected?.subject ?? ''])
  return createHash('sha256').update(shown).digest('hex')
}

function plain(text: string): string {
  return text.replaceAll(/[ \t]*\r?\n/g, '\n').trimEnd()
}

/** Everything that a signature over the whole would vouch for. */
function coveredWords(opened: OpenedMail): string {
  const files = opened.attachments.map(
    (file) => file.filename + Buffer.from(file.content).toString('latin1')
  )
  return [opened.text, opened.protected?.subject ?? '', ...files].join('\n')
}

function allWords(opened: OpenedMail): string {
  const files = opened.attachments.map(({ content }) => Buffer.from(content).toString('latin1'))
  return (
    JSON.stringify({ ...opened, attachments: opened.attachments.map((file) => file.filename) }) +
    files.join('\n')
  )
}
