/**
 * Foreign text for a terminal: whatever could act on it, hide in it or turn it round is made visible, and every line stays
 * within its columns, so that no line of a mail begins where a line of ours does. Must never drop a character.
 */

/**
 * Control, format and separator characters, halves of a pair, letters and marks that Unicode calls ignorable, and the Braille
 * cell without a dot: none of them is seen, and many of them do something.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu
const TAB_COLUMNS = 8

/** One line of text with everything unseen as its code point, `<U+202E>`. */
export function safe(text: string): string {
  return text.replaceAll(
    UNSEEN,
    (char) => `<U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`
  )
}

/**
 * Lines of at most `columns`, broken at blanks, else anywhere. Every one but the first begins with `indent` blanks, also inside
 * of a word that is longer than a line: otherwise whoever chose the word would write from column 0. `line` is safe.
 */
export function wrap(line: string, columns: number, indent: number): string[] {
  const margin = ' '.repeat(indent)
  const lines: string[] = []
  let current = ''
  for (const word of line.split(/(?<=\S)(?= )/)) {
    if (widthOf(current) + widthOf(word) <= columns) {
      current += word
      continue
    }
    const first = current === '' ? (cut(word, columns)[0] ?? '') : current
    const rest = current === '' ? word.slice(first.length) : word.replace(/^ +/, '')
    const pieces = cut(rest, columns - indent).map((piece) => `${margin}${piece}`)
    lines.push(first, ...pieces.slice(0, -1))
    current = pieces.at(-1) ?? ''
  }
  return [...lines, current]
}

/** A text of many lines, each behind `mark` and cut to `columns`; no lines for an empty text. */
export function gutter(text: string, mark: string, columns: number): string[] {
  if (text.trim() === '') return []
  return withoutEmptyEnd(text.split('\n'))
    .flatMap((line) => cut(safe(withoutTabs(line)), columns - mark.length))
    .map((line) => `${mark}${line}`)
}

/** Without the empty lines at the end. */
function withoutEmptyEnd(lines: readonly string[]): readonly string[] {
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
}

/** Tabs as the blanks that they stand for. */
function withoutTabs(line: string): string {
  const [first = '', ...rest] = line.split('\t')
  const pieces = [first]
  let width = widthOf(first)
  for (const piece of rest) {
    const blanks = TAB_COLUMNS - (width % TAB_COLUMNS)
    pieces.push(' '.repeat(blanks), piece)
    width += blanks + widthOf(piece)
  }
  return pieces.join('')
}

/** Pieces of at most `columns`; one empty piece for an empty line. */
function cut(line: string, columns: number): string[] {
  // The most common lines by far; a hostile one may be a quarter of a megabyte long.
  if (/^[\u0020-\u007e]*$/.test(line)) {
    const count = Math.max(1, Math.ceil(line.length / columns))
    return Array.from({ length: count }, (_, at) => line.slice(at * columns, (at + 1) * columns))
  }
  const pieces: string[] = []
  let piece = ''
  let width = 0
  for (const char of line) {
    const more = columnsOf(char)
    if (width + more > columns) {
      pieces.push(piece)
      piece = ''
      width = 0
    }
    piece += char
    width += more
  }
  return [...pieces, piece]
}

function widthOf(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length
  return Array.from(text).reduce((sum, char) => sum + columnsOf(char), 0)
}

/** Never less than what a terminal takes: from the Hangul letters on a character may be two columns wide. */
function columnsOf(char: string): number {
  return (char.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2
}
