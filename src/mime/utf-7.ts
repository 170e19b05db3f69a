/**
 * Text in UTF-7 (RFC 2152), as far as it says what the eye sees: what stands for a letter, digit or slash of ASCII, or for a
 * control character, stays as it was written. Must never make a word that was not to be read in the bytes (mail.md §2.23).
 */

/** `+`, modified base64 of UTF-16 in big-endian order, and the `-` that ends it where no other character does. */
const SHIFTED = /\+([A-Za-z0-9+/]*)(-?)/g
/**
 * Whole characters beyond ASCII and its controls, and those of ASCII that RFC 2152 lets or has one write so. No word is made
 * of them.
 */
const SHOWN = /^[ !"#$%&*+;<=>@[\\\]^_`{|}~\u00a0-\ud7ff\ue000-\u{10ffff}]*$/u

/** `text`, which is ASCII, with the sequences decoded that are sound and hide nothing. */
export function readUtf7(text: string): string {
  return text.replaceAll(SHIFTED, (written, base64: string, end: string) => {
    if (base64 === '') return end === '' ? written : '+'
    const meant = utf16Of(base64)
    return meant !== null && SHOWN.test(meant) ? meant : written
  })
}

/** Null where bits are missing or left over. */
function utf16Of(base64: string): string | null {
  const bytes = Buffer.from(base64, 'base64')
  const isExact = bytes.toString('base64').replaceAll('=', '') === base64
  if (!isExact || bytes.length % 2 !== 0) return null
  return bytes.swap16().toString('utf16le')
}
