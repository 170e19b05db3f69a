/**
 * The last line of each encrypted message of the desk. Only its recipient can read the code in it, so whoever quotes the line
 * answers that message (B20). Must never say whose message it was: the outbox knows.
 */
import { type CaseTag } from './ids.ts'

/** So many characters of `a`-`z` and `2`-`7` cannot be guessed. */
export const CODE_CHARS = 32
/** So many reference lines of one message are looked up. */
const QUOTED_MAX = 20
/** The number of the case is for people; the code counts. */
const REF_LINE = /^[>\s]*Ref: (?:\S{1,40} )?([a-z2-7]{32})\s*$/u
/** Also in the middle of a line, which a client may break when it quotes. */
const REF = /Ref:(?=\s{1,80}(?:\S{1,40}\s{1,80})?[a-z2-7]{32}(?!\S))/giu

export function refLine(tag: CaseTag | null, code: string): string {
  return `Ref: ${tag === null ? '' : `${tag} `}${code}`
}

/** The codes of the reference lines in a text, quoted or not. */
export function quotedCodes(text: string): string[] {
  // Line by line: `^` of a multi-line pattern also matches after characters that a reporter can put inside a line.
  const codes = text.split('\n').flatMap((line) => REF_LINE.exec(line)?.[1] ?? [])
  return [...new Set(codes)].slice(0, QUOTED_MAX)
}

export function holdsRef(text: string): boolean {
  return text.search(REF) >= 0
}

/** Another person's text, in which nothing can become a reference line of the desk. */
export function withoutRefs(text: string): string {
  return text.replaceAll(REF, '$&|')
}
