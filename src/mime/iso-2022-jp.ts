/**
 * Normalises ISO-2022-JP text before it is decoded (RFC 1468, mail.md §2.23). Its escape sequences switch alphabets: somebody
 * who omits or invents one makes different programs show different words. Must never drop a byte.
 */

const ASCII = '\u001b(B'
/** Escapes to ASCII, JIS X 0201 Roman or katakana; and to kanji, with two bytes each. */
const SWITCH = /(\u001b(?:\([BIJ]|\$[@B]|\$\(D))/
const LINE_END = /(\r\n|\r|\n)/
/** Pairs of bytes that may be kanji, and bytes between them that cannot be. */
const KANJI = /((?:[!-~]{2})+)|[!-~]|[^!-~]+/g
const ESCAPES = /\u001b/g
/** SUBSTITUTE, which readers see as its picture. */
const SUBSTITUTE = '\u001a'

/** The same text in a form that every program reads alike, and whether it already had that form. */
export type SoundText = { readonly bytes: Uint8Array; readonly isSound: boolean }

/**
 * Each line begins and ends in ASCII, as RFC 1468 requires: the next line is never read as kanji. Every other escape sequence
 * is shown, not obeyed, and so are bytes in kanji mode that cannot be kanji.
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

/** Only in these two alphabets are line ends line ends. */
function isLatin(alphabet: string): boolean {
  return alphabet === ASCII || alphabet.endsWith('(J')
}
