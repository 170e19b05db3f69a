/**
 * Cuts a reply down to what its author wrote: quoted lines, attributions, signatures and everything that the desk itself
 * had put into the mail go. Errs towards cutting: what stays may be sent to another person (mail.md §2.4).
 */
import { DESK_RULE } from '../domain/template.ts'

const ATTRIBUTION_END =
  /(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|schreef|skrev|napisał\(a\)|написал\(а\)?|пишет|escreveu)\s*:\s*$/iu
const ATTRIBUTION_START = /^\s*(?:on|am|le|el|il|op|den|em|w dniu)\b/iu
const FORWARD_RULE =
  /^\s*(?:-{2,}\s*(?:original message|ursprüngliche nachricht|forwarded message|message d'origine|mensaje original)\s*-{2,}|_{20,})\s*$/iu
const OUTLOOK_FROM = /^\s*(?:from|von|de|da)\s*:\s*\S/iu
const OUTLOOK_NEXT = /^\s*(?:sent|gesendet|envoyé|enviado|inviato|date|to|an|à|para|a)\s*:\s*\S/iu
const QUOTED = /^\s*>/

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

/** The first line that is no longer the author's: signature mark, forward rule, unquoted desk text, Outlook header. */
function cutAt(lines: readonly string[]): number {
  for (const [index, line] of lines.entries()) {
    if (line === '-- ' || line.trimEnd() === '--') return index
    if (line.includes(DESK_RULE) && !QUOTED.test(line)) return index
    if (FORWARD_RULE.test(line)) return index
    if (OUTLOOK_FROM.test(line) && OUTLOOK_NEXT.test(lines[index + 1] ?? '')) return index
    if (QUOTED.test(line) && isAttribution(lines, index)) return attributionStart(lines, index)
  }
  return lines.length
}

/** Whether the text above the quoted line `index` is an attribution. Text below such a quote is a bottom-posted reply. */
function isAttribution(lines: readonly string[], index: number): boolean {
  return attributionStart(lines, index) < index && !lines.slice(index).some(isProse)
}

function isProse(line: string): boolean {
  return line.trim() !== '' && !QUOTED.test(line)
}

/** Index of the first line of the attribution right above `index`, or `index` when there is none. */
function attributionStart(lines: readonly string[], index: number): number {
  let last = index - 1
  while (last >= 0 && (lines[last] ?? '').trim() === '') last -= 1
  if (last < 0 || !ATTRIBUTION_END.test(lines[last] ?? '')) return index
  for (let start = last; start >= Math.max(0, last - 3); start -= 1) {
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
    const start = kept.findLastIndex((earlier) => ATTRIBUTION_START.test(earlier))
    if (!ATTRIBUTION_START.test(line) && start >= kept.length - 3 && start >= 0) kept.length = start
    else if (!ATTRIBUTION_START.test(line)) kept.push(line)
  }
  return kept
}
