/**
 * Text in UTF-7 (RFC 2152), as far as it says what the eye sees: what stands for a letter, digit, slash, bracket or blank of
 * ASCII, or for anything that cannot be seen, stays as it was written. Must never make a word or a line that was not to be
 * read in the bytes (mail.md §2.23).
 */

/** `+`, modified base64 of UTF-16 in big-endian order, and the `-` that ends it where no other character does. */
const SHIFTED = /\+([A-Za-z0-9+/]*)(-?)/g
/**
 * What is decoded: signs of ASCII that make neither a word, a quotation, a tag nor a blank, and what can be seen beyond ASCII.
 * Nothing of it begins or ends a line, a command or a block.
 */
const SHOWN = /^(?:[!"#$%&*+;=@\\^_`{|}~]|(?![\u0000-\u00a0])[\p{L}\p{M}\p{N}\p{P}\p{S}])*$/u

/** Armor is base64, in which a `+` shifts nothing: a program wrote it, and put UTF-7 around it without a look (RFC 9580 §6.2). */
const ARMOR = /^-----BEGIN PGP /m

/** `text`, which is ASCII, with the sequences decoded that are sound and hide nothing; as it was written where it holds armor. */
export function readUtf7(text: string): string {
  if (ARMOR.test(text)) return text
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
