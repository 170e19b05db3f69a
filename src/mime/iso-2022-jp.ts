/**
 * Text in ISO-2022-JP made sound before it is decoded (RFC 1468, mail.md §2.23). Its escape sequences switch between alphabets:
 * whoever leaves one out, or makes one up, has other words shown here than in another program. Must never leave out a byte.
 */

const ASCII = '\u001b(B'
/** To ASCII, the Roman alphabet of Japan or katakana; to kanji, two bytes each. */
const SWITCH = /(\u001b(?:\([BIJ]|\$[@B]|\$\(D))/
const LINE_END = /(\r\n|\r|\n)/
/** Pairs of bytes that may be kanji, and what stands between them and cannot be any. */
const KANJI = /((?:[!-~]{2})+)|[!-~]|[^!-~]+/g
const ESCAPES = /\u001b/g
/** SUBSTITUTE, which a reader sees as its picture. */
const SUBSTITUTE = '\u001a'

/** The same text in a form that every program reads alike, and whether it was in that form. */
export type SoundText = { readonly bytes: Uint8Array; readonly isSound: boolean }

/**
 * Each line begins and ends in ASCII, as RFC 1468 demands: what stands on the next one is never taken for kanji. Every other
 * escape sequence is shown, not obeyed, and so is what cannot be kanji among kanji.
 */
export function makeSound(bytes: Uint8Array): SoundText {
  const text = Buffer.from(bytes).toString('latin1')
  const sound = text
    .split(LINE_END)
    .map((line, index) => (index % 2 === 1 ? line : soundLine(line)))
    .join('')
  return { bytes: Buffer.from(sound, 'latin1'), isSound: sound === text }
}

function soundLine(line: string): string {
  let alphabet = ASCII
  const runs = line.split(SWITCH).map((piece, index) => {
    if (index % 2 === 0) return soundRun(piece, alphabet)
    alphabet = piece
    return piece
  })
  return isLatin(alphabet) ? runs.join('') : runs.join('') + ASCII
}

function soundRun(run: string, alphabet: string): string {
  if (!alphabet.includes('$')) return run.replaceAll(ESCAPES, SUBSTITUTE)
  return run.replaceAll(KANJI, (rest: string, kanji: string | undefined) =>
    kanji === undefined ? ASCII + rest.replaceAll(ESCAPES, SUBSTITUTE) + alphabet : rest
  )
}

/** Line ends are line ends in these two alone. */
function isLatin(alphabet: string): boolean {
  return alphabet === ASCII || alphabet.endsWith('(J')
}
