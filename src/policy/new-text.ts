/**
 * Cuts a reply down to what its author wrote: removes quoted lines, attribution lines, signatures and everything that the desk
 * itself had put into the message. Recognises the heading of a quotation by what it holds rather than by the words of a
 * language, and says where it cannot be sure. Rather cuts too much than too little: what stays may be sent to somebody else.
 */
import { holdsRef } from '../domain/message.ts'
import { columns } from '../domain/words.ts'

/** A client may have made long dashes of hyphens. */
const FORWARD_RULE =
  /^\s*(?:(?:-{2,}|[-–—―]{0,8}[–—―][-–—―]{0,8})\s*(?:original message|ursprüngliche nachricht|forwarded message|message d'origine|mensaje original)\s*[-–—―]+|_{20,})\s*$/iu
const OUTLOOK_FROM = /^[\s*_]*(?:from|von|de|da)[\s*_]*:[\s*_]*\S/iu
const OUTLOOK_NEXT =
  /^[\s*_]*(?:sent|gesendet|envoyé|enviado|inviato|date|to|an|à|para|a|subject|betreff|objet|asunto|oggetto|onderwerp)[\s*_]*:[\s*_]*\S/iu
/** The desk's rule, also where a client made other dashes or blanks of it. */
const RULE_LIKE = /[-–—―]{2,9}8<[-–—―]{1,9}\s{1,3}postern\s{1,3}[-–—―]{1,9}8<[-–—―]{1,9}/u
/** A line of long dashes: a client may have made it of the mark above a signature, or the author drew it between two parts. */
const DASHES = /^\s*(?=-{0,2}[–—―])[-–—―]{1,3}\s*$/u
/** The line that clients draw above a copied mail, with words in it or without. */
const COPY_RULE = /^\s*(?:-{2,}[^-]{1,80}-{2,}|_{10,})\s*$/u
const KNOWN_END =
  /(?:wrote|writes|a écrit|escribió|ha scritto|napisał\(a\)|написал(?:\(а\)|а)?|пишет|escreveu|(?:schrieb|schreef|skrev)[^:]{0,200})\s*:\s*$/iu
const KNOWN_START =
  /^\s*(?:-{2,}\s*)?(?:(?:on|am|le|el|il|op|den|em|w dniu)\b|\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b)/iu
/** Only so many characters at the end of a line are searched for the words that end an attribution, because lines can be long. */
const LINE_END_CHARS = 400
/** An attribution that a client wrapped has at most this many lines. */
const ATTRIBUTION_LINES_MAX = 4
/** Only so many lines above a quotation are read in search of its heading, because texts can be long. */
const HEADING_LINES_MAX = 40
/** A client wraps a header line, such as a list of recipients, onto at most this many further lines. */
const WRAPS_MAX = 3
/** The columns between which clients wrap lines, with the mark of a quotation. */
const [WRAP_MIN, WRAP_MAX] = [65, 82]
/** `Word: value` in any language, perhaps in bold; an address such as `https://…` is none. */
const LABEL =
  /^[\s*_]*\p{L}(?:[\p{L}\p{M}\p{N} .'’()/-]{0,39}[\p{L}\p{M}\p{N}.'’()/-])?[*_\s]*[:：](?!\/\/)(.*)/u
const ADDRESS = /[^\s<>@]@[^\s<>@]+\.[^\s<>@]/u
const ANGLED = /<\s*[^\s<>@]+@[^\s<>]+\s*>/u
const VIA = /\S\s+via\s+\S/iu
/** The tag of a case in brackets, as in a subject. */
const TAG = /\[[A-Z][A-Z0-9]{0,11}-\d{4}-\d{4,}\]/iu
/** A year, but not the one inside the tag of a case or a CVE number. */
const YEAR = /(?<![\p{L}\d]-)(?<!\d)(?:19|20)\d{2}(?!\d)/u
const TIME = /(?<!\d)\d{1,2}[:.h]\d{2}(?!\d)/iu
const COLON_END = /[:：][\s*_"']*$/u
const SENTENCE_END = /[.!?…。！？:：][\s*_"')]*$/u

/** The author's own lines of `text`, trimmed at both ends; '' when there are none. */
export function newText(text: string): string {
  const lines = text.split('\n')
  return joined(lines, readOwn(lines).own)
}

/**
 * The first line of `text` that may be the author's own or belong to the heading of a quotation; null where there is none. Only
 * the author can tell which, so such a text must not leave.
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
    const value = LABEL.exec(line)?.[1] ?? ''
    return (name !== '' && flat(value).includes(name)) || TAG.test(value)
  })
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().toLowerCase()
}

/** Whether a line begins with the mark of a quotation. */
export function isQuoted(line = ''): boolean {
  // A range of versions, `>= 4.0`, is no quotation.
  return /^\s*>(?!=\s*v?\d)/.test(line)
}

/**
 * Indices of the lines that are not quoted: they bear no mark and do not stand in a copy without marks. A copy goes on to the
 * last rule of the desk; where there is none, nobody can tell where it ends. Lines below a signature are the author's.
 */
export function unquotedLines(lines: readonly string[]): number[] {
  const copied = lines.findIndex((line, index) => !isQuoted(line) && isCopy(lines, index))
  const end = copied < 0 ? lines.length : copied
  const last = copied < 0 ? -1 : lines.findLastIndex((line) => RULE_LIKE.test(line))
  return [...lines.keys()].filter(
    (index) => !isQuoted(lines[index]) && (last < 0 || index < end || index > last)
  )
}

/** Whether an attribution begins at line `index`, like `On … Grace wrote:`, with quoted lines below it. */
export function beginsQuotation(lines: readonly string[], index: number): boolean {
  const ahead = lines.slice(index + 1, index + ATTRIBUTION_LINES_MAX + 4)
  const quoted = ahead.findIndex(isQuoted)
  return quoted >= 0 && headingAbove(lines, index + 1 + quoted).start === index
}

/** Indices of the author's own lines, and the first of them that is doubtful. */
function readOwn(lines: readonly string[]) {
  const found = lines.findIndex((line, index) => isEnd(lines, index) && !isQuoted(line))
  const end = found < 0 ? lines.length : found
  const own = new Set([...lines.slice(0, end).keys()].filter((index) => !isQuoted(lines[index])))
  let doubtful: string | null = null
  const begun = [...own].flatMap((index) => (isQuoted(lines[index + 1]) ? index + 1 : []))
  for (const at of isCopy(lines, end) ? [...begun, end] : begun) {
    const heading = headingAbove(lines, at)
    for (let index = heading.start; index < at; index += 1) own.delete(index)
    // The line or header that a client puts above a copy shows that what stands above is the author's.
    if (at < end || RULE_LIKE.test(lines[at] ?? '')) doubtful ??= heading.doubtful
  }
  return { own, doubtful: doubtful ?? strayLine(lines, [...own]) }
}

/**
 * A line of dashes or one that ends an attribution, above more text of the author's, or one that may be the rest of the quoted
 * line above it; null without one.
 */
function strayLine(lines: readonly string[], own: readonly number[]): string | null {
  const last = own.findLast((index) => isText(lines[index])) ?? 0
  const stray = own.find((index) => {
    const line = lines[index] ?? ''
    if (isQuoted(lines[index - 1]) && isWrapped(lines[index - 1] ?? '', line)) return true
    // A client may have wrapped it.
    const from = isKnownEnd(line) ? Math.max(0, index + 1 - ATTRIBUTION_LINES_MAX) : index
    const head = lines.slice(from, index + 1)
    const isBegun = isKnownEnd(line) && head.some((one) => KNOWN_START.test(one))
    const isNamed = (): boolean => isBegun || ANGLED.test(head.join('\n'))
    return index < last && (DASHES.test(line) || (COLON_END.test(line) && isNamed()))
  })
  return stray === undefined ? null : (lines[stray] ?? null)
}

/** Whether `below` may have been on the line `above` before a client wrapped it: its first word did not fit there any more. */
function isWrapped(above: string, below: string): boolean {
  const [first = ''] = below.trim().split(/\s/)
  const width = columns(above)
  return first !== '' && width <= WRAP_MAX && width + columns(first) >= WRAP_MIN
}

function isEnd(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? ''
  return line === '-- ' || line.trimEnd() === '--' || isCopy(lines, index)
}

/** Whether a copied message without marks of quotation begins at line `index`. */
function isCopy(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? ''
  if (RULE_LIKE.test(line) || FORWARD_RULE.test(line)) return true
  const isHeader = OUTLOOK_FROM.test(line) && OUTLOOK_NEXT.test(lines[index + 1] ?? '')
  return isHeader && !headsQuotation(lines, index)
}

/** Whether line `index` belongs to the heading of a marked quotation. Then the author's lines between quoted ones stay. */
function headsQuotation(lines: readonly string[], index: number): boolean {
  let below = index
  while (below - index < HEADING_LINES_MAX && isText(lines[below])) below += 1
  while (below < lines.length && (lines[below] ?? '').trim() === '') below += 1
  return isQuoted(lines[below]) && headingAbove(lines, below).start <= index
}

function joined(lines: readonly string[], kept: ReadonlySet<number>): string {
  return lines
    .filter((_line, index) => kept.has(index))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

/** What stands above a quotation: an attribution, or a block of header lines that say who is quoted. */
type Heading = {
  /** Index of its first line, or of the first quoted line where nothing is surely a heading. */
  readonly start: number
  /** A line that may be the author's own or a part of the heading; null where there is none. */
  readonly doubtful: string | null
}

/** The lines from `top` to `bottom`, none of them empty or quoted. */
type Paragraph = {
  readonly lines: readonly string[]
  readonly top: number
  readonly bottom: number
}

function headingAbove(lines: readonly string[], at: number): Heading {
  const bottom = filledAbove(lines, at)
  if (bottom < 0) return { start: at, doubtful: null }
  let top = bottom
  while (top > 0 && bottom - top < HEADING_LINES_MAX && isText(lines[top - 1])) top -= 1
  const paragraph = { lines, top, bottom }
  return blockIn(paragraph, at) ?? attributionIn(paragraph, at)
}

function isText(line: string | undefined): boolean {
  return line !== undefined && line.trim() !== '' && !isQuoted(line)
}

/** Index of the first line above `at` that is not empty, -1 where that is none or a quoted one. */
function filledAbove(lines: readonly string[], at: number): number {
  let index = at - 1
  while (index >= 0 && (lines[index] ?? '').trim() === '') index -= 1
  return isText(lines[index]) ? index : -1
}

/**
 * The block of header lines that ends the paragraph. It has at least two such lines and holds an address, `… via …`, a year or
 * the tag of a case; null without. It is surely a heading if it begins with its sender and holds two of these; anything less may
 * have been written by hand.
 */
function blockIn(paragraph: Paragraph, at: number): Heading | null {
  const { lines, bottom } = paragraph
  const [first, second] = labelsIn(paragraph)
  if (first === undefined || second === undefined) return null
  const text = lines.slice(first, bottom + 1).join('\n')
  const proofs = [ADDRESS, VIA, YEAR, TAG].filter((proof) => proof.test(text)).length
  if (proofs === 0) return null
  const above = filledAbove(lines, first)
  const isRuled = above >= 0 && COPY_RULE.test(lines[above] ?? '')
  const sender = lines.slice(first, second).join(' ')
  const begins = isRuled || ADDRESS.test(sender) || VIA.test(sender)
  return begins && proofs > 1
    ? { start: isRuled ? above : first, doubtful: null }
    : { start: at, doubtful: lines[first] ?? '' }
}

/** Indices of the header lines that end the paragraph, with wrapped lines between them. */
function labelsIn({ lines, top, bottom }: Paragraph): number[] {
  const labels: number[] = []
  let below = bottom
  for (let index = bottom; index >= top && below - index <= WRAPS_MAX; index -= 1) {
    if (!LABEL.test(lines[index] ?? '')) continue
    labels.unshift(index)
    below = index
  }
  return labels
}

/** The attribution that ends the paragraph: the fewest lines that prove one, and those above up to where it is known to begin. */
function attributionIn({ lines, top, bottom }: Paragraph, at: number): Heading {
  const highest = Math.max(top, bottom + 1 - ATTRIBUTION_LINES_MAX)
  const last = lines[bottom] ?? ''
  let start = bottom
  while (start >= highest && !isAttribution(lines.slice(start, bottom + 1))) start -= 1
  if (start < highest) return { start: at, doubtful: COLON_END.test(last) ? last : null }
  // The name stands on the line above its address.
  if (start > highest && /^\s*</.test(lines[start] ?? '')) start -= 1
  start = knownStart(lines, highest, start)
  const above = lines.slice(top, start).at(-1)
  // A line that does not end a sentence may go on in the attribution below it.
  return { start, doubtful: above === undefined || SENTENCE_END.test(above) ? null : above }
}

function isAttribution(part: readonly string[]): boolean {
  const text = part.join('\n')
  const last = part.at(-1) ?? ''
  const hasMoment = YEAR.test(text) && TIME.test(text)
  if (!COLON_END.test(last)) return hasMoment && ANGLED.test(text) && !SENTENCE_END.test(last)
  if (isKnownEnd(last) || ANGLED.test(text)) return true
  return hasMoment && (VIA.test(text) || KNOWN_START.test(text))
}

/** Whether a line ends as clients end an attribution, in one of the languages whose words are known. */
function isKnownEnd(line: string): boolean {
  return KNOWN_END.test(line.replaceAll(/\s+/g, ' ').slice(-LINE_END_CHARS))
}

/** The nearest line from `start` upwards at which an attribution is known to begin, within one sentence; else `start`. */
function knownStart(lines: readonly string[], highest: number, start: number): number {
  for (let index = start; index >= highest; index -= 1) {
    const line = lines[index] ?? ''
    if (index < start && SENTENCE_END.test(line)) break
    if (KNOWN_START.test(line)) return index
  }
  return start
}
