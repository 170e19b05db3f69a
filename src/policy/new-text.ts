/**
 * Cuts a reply down to what its author wrote: removes quoted lines, attributions, signatures and everything that the desk
 * itself had put into the message. Errs towards cutting: what stays may be sent to another person (mail.md §2.4).
 */
import { isSamePerson, type Reporter } from '../domain/case.ts'
import { DESK_RULE } from '../domain/message.ts'
import { holdsRef } from '../domain/reference.ts'
import {
  beginsHeaderBlock,
  headingAbove,
  headsQuotation,
  isQuoted,
  namesSender,
  strayAttributions,
  TAG
} from './quotation-heading.ts'

/** A client may have made long dashes of hyphens. */
const FORWARD_RULE =
  /^\s*(?:(?:-{2,}|[-–—―]{0,8}[–—―][-–—―]{0,8})\s*(?:original message|ursprüngliche nachricht|forwarded message|message d'origine|mensaje original)\s*[-–—―]+|_{20,})\s*$/iu
const OUTLOOK_FROM = /^[\s*_]*(?:from|von|de|da)[\s*_]*:[\s*_]*\S/iu
const OUTLOOK_NEXT =
  /^[\s*_]*(?:sent|gesendet|envoyé|enviado|inviato|date|to|an|à|para|a|subject|betreff|objet|asunto|oggetto|onderwerp)[\s*_]*:[\s*_]*\S/iu
/** A line `Word: value`, of which only the value's words matter. */
const LABELLED = /^[\s*_]*\p{L}[^:：]{0,40}[:：](.*)$/u

/** The desk's rule, also where a client made other dashes or blanks of it. */
const RULE_LIKE = /[-–—―]{2,9}8<[-–—―]{1,9}\s{1,3}postern\s{1,3}[-–—―]{1,9}8<[-–—―]{1,9}/u
/** What a client may have made of the mark above a signature. */
const DASHES = /^[-–—―]{1,3}$/u

/** The author's own lines of `text`, trimmed at both ends; '' when there are none. */
export function newText(text: string): string {
  const lines = text.split('\n')
  return joined(lines, readOwn(lines).own)
}

/**
 * A line of `text` that may be its author's own or the attribution of the quotation below it; null where there is none. Only the
 * author can tell, so such a text must not leave.
 */
export function doubtfulLine(text: string): string | null {
  return readOwn(text.split('\n')).doubtful
}

/**
 * Whether `text` still names the desk as its messages do, by its address, `… via NAME`, a reference line, or a header line with
 * its name or with the tag of a case in brackets. Then it holds a copied message that was not recognised.
 */
export function namesDesk(
  text: string,
  desk: { readonly name: string; readonly address: string }
): boolean {
  const name = flat(desk.name)
  if (text.replaceAll(/\s+/g, '').toLowerCase().includes(desk.address.toLowerCase())) return true
  if (name !== '' && flat(text).includes(` via ${name}`)) return true
  if (holdsRef(text)) return true
  return text.split('\n').some((line) => {
    const value = LABELLED.exec(line)?.[1] ?? ''
    const isNamed = name !== '' && flat(value).includes(name)
    return isNamed || TAG.test(value)
  })
}

/**
 * The author's own lines with the lines they quote, for `/reply quote`. What the desk itself had put into a quoted message stays
 * out: the facts above another person's text, and everything below it. Where they cannot be told apart for sure, because the
 * quotation does not begin with them, no quoted line stays. '' when nothing is the author's own.
 */
export function quotingText(text: string): string {
  const lines = text.split('\n')
  const { own, end } = readOwn(lines)
  if (joined(lines, own) === '') return ''
  const quoted = lines.slice(0, end).filter(isQuoted)
  const first = quoted.findIndex((line) => !isBlank(line))
  const ofDesk = quoted.filter(isRule).length
  // A message of the desk has another person's text between its second rule and its third. Right below the first, and below no
  // other, it says whom a reply reaches: a quotation that was cut at the top begins with another rule.
  const isWhole = ofDesk > 2 && isRule(quoted[first] ?? '') && !isBlank(quoted[first + 1] ?? '')
  const wanted = ofDesk === 0 ? 0 : isWhole ? 2 : Number.POSITIVE_INFINITY
  const kept = new Set(own)
  let rules = 0
  for (const [index, line] of lines.slice(0, end).entries()) {
    if (!isQuoted(line)) continue
    if (isRule(line)) rules += 1
    else if (rules === wanted) kept.add(index)
  }
  return joined(lines, kept)
}

function isBlank(line: string): boolean {
  return /^[>\s]*$/.test(line)
}

/** Whether a quoted line is one of the desk's rules. Another person's words may hold one, but no line of theirs is one. */
function isRule(line: string): boolean {
  return line.replace(/^[>\s]+/, '').trimEnd() === DESK_RULE
}

/** Whether a line of `text` quotes anything. */
export function hasQuotation(text: string): boolean {
  return text.split('\n').some((line) => /^\s*>[>\s]*[^>\s]/.test(line))
}

/**
 * Indices of the lines that are no quotation, neither by a mark nor in a copy without marks. A copy goes on to the last rule of
 * the desk, or to the end where it has none; lines below a signature are the author's.
 */
export function unquotedLines(lines: readonly string[]): number[] {
  const copied = lines.findIndex((line, index) => !isQuoted(line) && isCopy(lines, index))
  const end = copied < 0 ? lines.length : copied
  const last = copied < 0 ? -1 : lines.findLastIndex((line) => RULE_LIKE.test(line))
  return [...lines.keys()].filter(
    (index) => !isQuoted(lines[index] ?? '') && (index < end || (last >= 0 && index > last))
  )
}

type Own = {
  /** Indices of the author's own lines. */
  readonly own: ReadonlySet<number>
  /** Index of the first line below everything that is the author's own or quoted by a mark. */
  readonly end: number
  readonly doubtful: string | null
}

function readOwn(lines: readonly string[]): Own {
  const found = lines.findIndex((line, index) => isEnd(lines, index) && !isQuoted(line))
  const end = found < 0 ? lines.length : found
  const dropped = new Set<number>()
  let doubtful: string | null = null
  for (const at of quotations(lines, end)) {
    const heading = headingAbove(lines, at)
    for (let index = heading.start; index < at; index += 1) dropped.add(index)
    doubtful ??= heading.doubtful
  }
  const kept = [...lines.slice(0, end).entries()].flatMap(([index, line]) =>
    dropped.has(index) || isQuoted(line) ? [] : [index]
  )
  const stray = strayAttributions(lines, kept)
  doubtful ??= strayName(lines, kept, stray) ?? strayDashes(lines, kept)
  return { own: new Set(kept.filter((index) => !stray.has(index))), end, doubtful }
}

/** An attribution with somebody's address or name and text below it that no mark says is quoted; null when there is none. */
function strayName(
  lines: readonly string[],
  kept: readonly number[],
  stray: ReadonlySet<number>
): string | null {
  const lastOwn = kept.findLast((index) => !stray.has(index) && (lines[index] ?? '').trim() !== '')
  const named = [...stray].find((index) => namesSender(lines[index] ?? ''))
  return named === undefined || lastOwn === undefined || lastOwn < named
    ? null
    : (lines[named] ?? null)
}

/** A line of dashes above more text, which may begin a signature or part the text; null when there is none. */
function strayDashes(lines: readonly string[], kept: readonly number[]): string | null {
  const last = kept.findLast((index) => (lines[index] ?? '').trim() !== '') ?? 0
  const found = kept.find((index) => {
    const line = (lines[index] ?? '').trim()
    return index < last && DASHES.test(line) && /[–—―]/.test(line)
  })
  return found === undefined ? null : (lines[found] ?? null)
}

/** Indices of the lines where a quotation begins, by its marks or as an unmarked copy of the desk's text. */
function quotations(lines: readonly string[], end: number): number[] {
  const isBegun = (line: string, index: number): boolean =>
    index === end ? RULE_LIKE.test(line) : isQuoted(line) && !isQuoted(lines[index - 1] ?? '')
  return [...lines.slice(0, end + 1).entries()].flatMap(([index, line]) =>
    isBegun(line, index) ? [index] : []
  )
}

function isEnd(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? ''
  return line === '-- ' || line.trimEnd() === '--' || isCopy(lines, index)
}

function isCopy(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? ''
  if (RULE_LIKE.test(line) || FORWARD_RULE.test(line)) return true
  const isHeader =
    (OUTLOOK_FROM.test(line) && OUTLOOK_NEXT.test(lines[index + 1] ?? '')) ||
    beginsHeaderBlock(lines, index)
  // Above lines that are marked as quoted it is only their heading, and what the author wrote between them stays.
  return isHeader && !headsQuotation(lines, index)
}

function joined(lines: readonly string[], kept: ReadonlySet<number>): string {
  return lines
    .filter((_line, index) => kept.has(index))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().toLowerCase()
}

/**
 * The words by which the text names this reporter to another one: the address, the number, the whole name, or one word of it that
 * the other does not share; null when it does not. One word counts only with a capital, from four letters, and not where a
 * sentence begins: "Will it help?" names nobody. So a short first name alone is not found, nor any that begins a sentence.
 */
export function namesReporter(text: string, named: Reporter, to: Reporter): string | null {
  if (isSamePerson(named, to)) return null
  const { id, contact } = named
  const shared = words(to.contact?.name ?? '')
  const parts = words(contact?.name ?? '')
  const inside = words(text.replaceAll(SENTENCE_START, ' '))
  const isTold = (part: string): boolean =>
    part.length > 3 && /^\p{Lu}/u.test(part) && inside.includes(part) && !shared.includes(part)
  const lower = text.replaceAll(/\s+/g, '').toLowerCase()
  return (
    (isWholeIn(words(text), parts) ? parts.join(' ') : parts.find(isTold)) ??
    [id, ...(contact === null ? [] : [contact.address])].find((one) =>
      lower.includes(one.toLowerCase())
    ) ??
    null
  )
}

/** The first word of a sentence, paragraph or item, with what stands before it. */
const SENTENCE_START = /(?:^|[.!?:]\s|\n\s*\n|\n\s*[-*]\s)[^\p{L}\p{N}]*[\p{L}\p{N}]+/gu

/** Whether a name of several words stands there: each word as it is written, or one behind the other in any case. */
function isWholeIn(text: readonly string[], name: readonly string[]): boolean {
  const flat = ` ${text.join(' ')} `.toLowerCase()
  const isAdjacent = flat.includes(` ${name.join(' ').toLowerCase()} `)
  return name.length > 1 && (isAdjacent || name.every((part) => text.includes(part)))
}

/** The words of a text, without anything between them. */
export function words(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+/gu) ?? []
}
