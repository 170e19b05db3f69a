/**
 * Finds the lines above a quotation that say who is quoted: an attribution, or a block of header lines. It goes by what they
 * hold rather than by the words of a language, says where it cannot be sure, and never decides what becomes of the text.
 */

/** What stands above a quotation. */
export type Heading = {
  /** Index of its first line; that of the quotation itself where nothing is surely a heading. */
  readonly start: number
  /** A line that may be the author's own or a part of the heading; null where there is none. */
  readonly doubtful: string | null
}

const KNOWN_END =
  /(?:wrote|writes|a écrit|escribió|ha scritto|napisał\(a\)|написал(?:\(а\)|а)?|пишет|escreveu|(?:schrieb|schreef|skrev)[^:]{0,200})\s*:\s*$/iu
const KNOWN_START =
  /^\s*(?:-{2,}\s*)?(?:(?:on|am|le|el|il|op|den|em|w dniu)\b|\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b)/iu
/** How many characters at the end of a line are searched for words that end an attribution: a line has any length. */
const LINE_END_CHARS = 400
/** An attribution that a client wrapped has at most this many lines. */
const ATTRIBUTION_LINES_MAX = 4
/** How many lines above a quotation are looked at: a text has any length. */
const HEADING_LINES_MAX = 40
/** Into how many more lines a client wraps a header line, such as a list of recipients. */
const WRAPS_MAX = 3
const QUOTED = /^\s*>/
/** `Word: value` in any language, perhaps in bold; an address such as `https://…` is none. */
const LABEL =
  /^[\s*_]*\p{L}(?:[\p{L}\p{M}\p{N} .'’()/-]{0,39}[\p{L}\p{M}\p{N}.'’()/-])?[*_\s]*[:：](?!\/\/)/u
const ADDRESS = /[^\s<>@]@[^\s<>@]+\.[^\s<>@]/u
const ANGLED = /<\s*[^\s<>@]+@[^\s<>]+\s*>/u
const VIA = /\S\s+via\s+\S/iu
/** The tag of a case in brackets, as in a subject. */
export const TAG = /\[[A-Z][A-Z0-9]{0,11}-\d{4}-\d{4,}\]/iu
/** A year, but not the one inside the tag of a case or a CVE number. */
const YEAR = /(?<![\p{L}\d]-)(?<!\d)(?:19|20)\d{2}(?!\d)/u
const TIME = /(?<!\d)\d{1,2}[:.h]\d{2}(?!\d)/iu
const COLON_END = /[:：][\s*_"']*$/u
const SENTENCE_END = /[.!?…。！？:：][\s*_"')]*$/u
/** The line that clients draw above a copied mail, with words in it or without. */
const COPY_RULE = /^\s*(?:-{2,}[^-]{1,80}-{2,}|_{10,})\s*$/u

/** Whether a line is quoted by its mark. */
export function isQuoted(line: string): boolean {
  return QUOTED.test(line)
}

/** The attribution or the block of header lines above line `at`, where a quotation begins. */
export function headingAbove(lines: readonly string[], at: number): Heading {
  const bottom = filledAbove(lines, at)
  if (bottom < 0) return { start: at, doubtful: null }
  let top = bottom
  while (top > 0 && bottom - top < HEADING_LINES_MAX && isText(lines[top - 1])) top -= 1
  const paragraph = { lines, top, bottom }
  return blockIn(paragraph, at) ?? attributionIn(paragraph, at)
}

/** Whether a whole block of header lines of a message of the desk begins at line `index`: nobody writes one by hand. */
export function beginsHeaderBlock(lines: readonly string[], index: number): boolean {
  if (!LABEL.test(lines[index] ?? '') || isText(lines[index - 1])) return false
  let bottom = index
  while (bottom - index < HEADING_LINES_MAX && isText(lines[bottom + 1])) bottom += 1
  const labels = labelsIn({ lines, top: index, bottom })
  const text = lines.slice(index, bottom + 1).join('\n')
  return (
    labels[0] === index &&
    labels.length > 2 &&
    namesSender(lines.slice(index, labels[1]).join(' ')) &&
    YEAR.test(text) &&
    TAG.test(text)
  )
}

/** Whether line `index` surely belongs to the heading of lines that are quoted by their marks. */
export function headsQuotation(lines: readonly string[], index: number): boolean {
  let at = index
  while (at - index < HEADING_LINES_MAX && isText(lines[at])) at += 1
  while (at < lines.length && (lines[at] ?? '').trim() === '') at += 1
  if (!QUOTED.test(lines[at] ?? '')) return false
  const { start, doubtful } = headingAbove(lines, at)
  return start <= index && doubtful === null
}

/** Whether an attribution begins at line `index`, like `On … Grace wrote:`, with quoted lines below it. */
export function beginsQuotation(lines: readonly string[], index: number): boolean {
  const ahead = lines.slice(index + 1, index + ATTRIBUTION_LINES_MAX + 4)
  const quoted = ahead.findIndex((line) => QUOTED.test(line))
  if (quoted < 0) return false
  const at = index + 1 + quoted
  return headingAbove(lines, at).start === index
}

/** Indices, among `kept`, of the lines that are known attributions although no quotation is left below them. */
export function strayAttributions(lines: readonly string[], kept: readonly number[]): Set<number> {
  const stray = new Set<number>()
  for (const [position, index] of kept.entries()) {
    if (!hasKnownEnd(lines[index] ?? '')) continue
    const reach = kept.slice(Math.max(0, position + 1 - ATTRIBUTION_LINES_MAX), position + 1)
    const start = reach.findLastIndex((each) => beginsAttribution(lines[each] ?? ''))
    if (start >= 0) for (const each of reach.slice(start)) stray.add(each)
  }
  return stray
}

/** With a date, or with somebody's address. */
function beginsAttribution(line: string): boolean {
  return KNOWN_START.test(line) || ADDRESS.test(line)
}

/** Whether a line ends as clients end an attribution, in one of the languages whose words are known. */
function hasKnownEnd(line: string): boolean {
  return KNOWN_END.test(line.replaceAll(/\s+/g, ' ').slice(-LINE_END_CHARS))
}

type Paragraph = {
  readonly lines: readonly string[]
  readonly top: number
  readonly bottom: number
}

function isText(line: string | undefined): boolean {
  return line !== undefined && line.trim() !== '' && !QUOTED.test(line)
}

/** Index of the first line above `at` that is not empty, -1 where that is none or a quoted one. */
function filledAbove(lines: readonly string[], at: number): number {
  let index = at - 1
  while (index >= 0 && (lines[index] ?? '').trim() === '') index -= 1
  return isText(lines[index]) ? index : -1
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

/**
 * The block of header lines that ends the paragraph; null without at least two such lines, or without an address, `… via …`, a
 * date or the tag of a case in them. A block is surely a heading if it begins with its sender and holds two of these: a person
 * may write less than that by hand.
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
  const begins = isRuled || namesSender(lines.slice(first, second).join(' '))
  return begins && proofs > 1
    ? { start: isRuled ? above : first, doubtful: null }
    : { start: at, doubtful: lines[first] ?? '' }
}

/** Whether `text` holds an address or names somebody as `… via …`. */
export function namesSender(text: string): boolean {
  return ADDRESS.test(text) || VIA.test(text)
}

/** The attribution that ends the paragraph: as few lines as prove one, and up to where it is known to begin. */
function attributionIn({ lines, top, bottom }: Paragraph, at: number): Heading {
  const highest = Math.max(top, bottom + 1 - ATTRIBUTION_LINES_MAX)
  const last = lines[bottom] ?? ''
  let start = bottom
  while (start >= highest && !isAttribution(lines.slice(start, bottom + 1))) start -= 1
  if (start < highest) return { start: at, doubtful: COLON_END.test(last) ? last : null }
  // The name stands on the line above its address.
  if (start > highest && /^\s*</.test(lines[start] ?? '')) start -= 1
  start = knownStart(lines, highest, start)
  return { start, doubtful: start > top ? unfinished(lines[start - 1]) : null }
}

/** A line that does not end a sentence may go on below: null for any other. */
function unfinished(line = ''): string | null {
  return line === '' || SENTENCE_END.test(line) ? null : line
}

function isAttribution(part: readonly string[]): boolean {
  const text = part.join('\n')
  const last = part.at(-1) ?? ''
  const hasMoment = YEAR.test(text) && TIME.test(text)
  if (!COLON_END.test(last)) return hasMoment && ANGLED.test(text) && !SENTENCE_END.test(last)
  if (hasKnownEnd(last) || ANGLED.test(text)) return true
  return hasMoment && (VIA.test(text) || KNOWN_START.test(text))
}

/** The line from `start` upwards at which an attribution is known to begin, unless a sentence ends before; else `start`. */
function knownStart(lines: readonly string[], highest: number, start: number): number {
  for (let index = start; index >= highest; index -= 1) {
    const line = lines[index] ?? ''
    if (index < start && SENTENCE_END.test(line)) break
    if (KNOWN_START.test(line)) return index
  }
  return start
}
