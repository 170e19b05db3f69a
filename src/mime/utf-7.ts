/**
 * Text in UTF-7 (RFC 2152), decoded only where it hides nothing: an encoded letter, digit, slash, bracket or blank of ASCII, or
 * an invisible character, stays as written. Must never produce a word or a line that was not readable in the bytes (mail.md
 * §2.23).
 */

/** `+`, modified base64 of UTF-16 in big-endian order, and the `-` that ends it unless another character does. */
const SHIFTED = /\+([A-Za-z0-9+/]*)(-?)/g
/**
 * Characters that are decoded: ASCII punctuation that forms no word, quotation, tag or blank, and visible characters beyond
 * ASCII. None of them begins or ends a line, a command or a block.
 */
const SHOWN = /^(?:[!"#$%&*+;=@\\^_`{|}~]|(?![\u0000-\u00a0])[\p{L}\p{M}\p{N}\p{P}\p{S}])*$/u

/** Armor is base64, in which `+` shifts nothing: a program encrypted it and declared UTF-7 regardless (RFC 9580 §6.2). */
const ARMOR = /^-----BEGIN PGP /m

/** `text`, which is ASCII, with all sequences decoded that are valid and hide nothing; unchanged when it contains armor. */
export function readUtf7(text: string): string {
  if (ARMOR.test(text)) return text
  return text.replaceAll(SHIFTED, (written, base64: string, end: string) => {
    if (base64 === '') return end === '' ? written : '+'
    const meant = utf16Of(base64)
    return meant !== null && SHOWN.test(meant) ? meant : written
  })
}

/** Null when bits are missing or left over. */
function utf16Of(base64: string): string | null {
  const bytes = Buffer.from(base64, 'base64')
  const isExact = bytes.toString('base64').replaceAll('=', '') === base64
  if (!isExact || bytes.length % 2 !== 0) return null
  return bytes.swap16().toString('utf16le')
}
