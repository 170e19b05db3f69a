/**
 * Cuts a reply down to what its author wrote: quoted lines, attributions, signatures and everything that the desk itself
 * had put into the mail go. Errs towards cutting: what stays may be sent to another person (mail.md §2.4).
 */
import { DESK_RULE } from '../domain/template.ts'

const ATTRIBUTION_END =
  /(?:wrote|writes|a écrit|escribió|ha scritto|napisał\(a\)|написал(?:\(а\)|а)?|пишет|escreveu|(?:schrieb|schreef|skrev)[^:]{0,200})\s*:\s*$/iu
const ATTRIBUTION_START =
  /^\s*(?:-{2,}\s*)?(?:(?:on|am|le|el|il|op|den|em|w dniu)\b|\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b)/iu
/** An attribution that a client wrapped has at most this many lines. */
const ATTRIBUTION_LINES_MAX = 4
const FORWARD_RULE =
  /^\s*(?:-{2,}\s*(?:original message|ursprüngliche nachricht|forwarded message|message d'origine|mensaje original)\s*-{2,}|_{20,})\s*$/iu
const OUTLOOK_FROM = /^\s*(?:from|von|de|da)\s*:\s*\S/iu
const OUTLOOK_NEXT =
  /^\s*(?:sent|gesendet|envoyé|enviado|inviato|date|to|an|à|para|a|subject|betreff|objet|asunto|oggetto|onderwerp)\s*:\s*\S/iu
const QUOTED = /^\s*>/

/** Whether an attribution begins at line `index`, like `On … Grace wrote:`, with quoted lines below it. */
export function beginsQuotation(lines: readonly string[], index: number): boolean {
  if (!ATTRIBUTION_START.test(lines[index] ?? '')) return false
  for (let at = index; at < index + ATTRIBUTION_LINES_MAX; at += 1) {
    if (!ATTRIBUTION_END.test(lines[at] ?? '')) continue
    // Only the next few lines are looked at: the text is as long as its author likes.
    return QUOTED.test(lines.slice(at + 1, at + 4).find((line) => line.trim() !== '') ?? '')
  }
  return false
}

/** The author's own lines of `text`, trimmed at both ends; '' when there are none. */
export function newText(text: string): string {
  const lines = text.split('\n')
  const end = cutAt(lines)
  const kept = lines.slice(0, end).filter((line) => !QUOTED.test(line))
  return dropTrailingAttribution(kept)
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

/**
 * The author's own lines with the lines they quote, for `/reply quote`. What the desk itself had put into a quoted mail stays
 * out: the facts above another person's text, and everything below it. Where they cannot be told apart for sure, because the
 * quotation does not begin with them, no quoted line stays. '' when nothing is the author's own.
 */
export function quotingText(text: string): string {
  if (newText(text) === '') return ''
  const lines = text.split('\n')
  const own = lines.slice(0, endOfOwn(lines))
  const quoted = own.filter((line) => QUOTED.test(line))
  const first = quoted.find((line) => !/^[>\s]*$/.test(line)) ?? ''
  const isOfDesk = quoted.some((line) => line.includes(DESK_RULE))
  // A mail of the desk has another person's text between its second rule and its third.
  const wanted = !isOfDesk ? 0 : first.includes(DESK_RULE) ? 2 : Number.POSITIVE_INFINITY
  const kept: string[] = []
  let rules = 0
  for (const line of own) {
    if (!QUOTED.test(line)) kept.push(line)
    else if (line.includes(DESK_RULE)) rules += 1
    else if (rules === wanted) kept.push(line)
  }
  const joined = kept.join('\n').replaceAll(/\n{3,}/g, '\n\n')
  return joined.trim()
}

/** Whether a line of `text` quotes anything. */
export function hasQuotation(text: string): boolean {
  return text.split('\n').some((line) => /^\s*>[>\s]*[^>\s]/.test(line))
}

/** The first line of a signature, a forward or an unquoted copy; quoted lines do not end what the author wrote. */
function endOfOwn(lines: readonly string[]): number {
  const end = lines.findIndex((line, index) => isEnd(lines, index) && !QUOTED.test(line))
  return end < 0 ? lines.length : end
}

/** The first line that is no longer the author's: signature mark, forward rule, unquoted desk text, Outlook header. */
function cutAt(lines: readonly string[]): number {
  const lastProse = lines.findLastIndex(isProse)
  for (const [index, line] of lines.entries()) {
    if (isEnd(lines, index)) return index
    // Text below a quote makes it a bottom-posted reply: then only the quote itself goes.
    if (index > lastProse && QUOTED.test(line)) return attributionStart(lines, index)
  }
  return lines.length
}

/** Whether a signature, a forwarded mail or an unquoted copy of the desk's text begins at line `index`. */
function isEnd(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? ''
  if (line === '-- ' || line.trimEnd() === '--') return true
  if (line.includes(DESK_RULE) && !QUOTED.test(line)) return true
  if (FORWARD_RULE.test(line)) return true
  return OUTLOOK_FROM.test(line) && OUTLOOK_NEXT.test(lines[index + 1] ?? '')
}

function isProse(line: string): boolean {
  return line.trim() !== '' && !QUOTED.test(line)
}

/** Index of the first line of the attribution right above `index`, or `index` when there is none. */
function attributionStart(lines: readonly string[], index: number): number {
  let last = index - 1
  while (last >= 0 && (lines[last] ?? '').trim() === '') last -= 1
  if (last < 0 || !ATTRIBUTION_END.test(lines[last] ?? '')) return index
  for (let start = last; start > last - ATTRIBUTION_LINES_MAX && start >= 0; start -= 1) {
    if (ATTRIBUTION_START.test(lines[start] ?? '')) return start
  }
  return last
}

/** Without an attribution that lost its quote, wherever it stands between the author's own lines. */
function dropTrailingAttribution(lines: readonly string[]): string[] {
  const kept: string[] = []
  for (const line of lines) {
    if (!ATTRIBUTION_END.test(line)) {
      kept.push(line)
      continue
    }
    if (ATTRIBUTION_START.test(line)) continue
    const above = kept.slice(1 - ATTRIBUTION_LINES_MAX)
    const start = above.findLastIndex((earlier) => ATTRIBUTION_START.test(earlier))
    if (start < 0) kept.push(line)
    else kept.length -= above.length - start
  }
  return kept
}
