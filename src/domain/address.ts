/**
 * Mail addresses in the one strict form that Postern writes to: dot-atom local part, A-label domain (RFC 5322 §3.2.3, RFC 5890).
 * Quoted local parts, comments and routes are not accepted, so that no input can turn into a second recipient. A local part
 * beyond US-ASCII (RFC 6531) has letters and digits of one script, each in one form; letters of one script may still look alike.
 */

declare const addressBrand: unique symbol
/** A checked addr-spec. The domain is lower case; the local part keeps its case. */
export type Address = string & { readonly [addressBrand]: 'Address' }

/** A person or role that mail goes to or comes from. `name` is for display only and proves nothing. */
export type Contact = { readonly name: string; readonly address: Address }

const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
const DOMAIN =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** `text` as an address, a U-label domain as A-labels (RFC 5890); null when it is not exactly one strict addr-spec. */
export function parseAddress(text: string): Address | null {
  const trimmed = text.trim()
  const at = trimmed.lastIndexOf('@')
  if (at < 1 || at > 64 || trimmed.length > 254) return null
  const local = trimmed.slice(0, at)
  const domain = toAscii(trimmed.slice(at + 1)).toLowerCase()
  const isLocal = LOCAL.test(local) || isForeignLocal(local)
  return isLocal && DOMAIN.test(domain) ? (`${local}@${domain}` as Address) : null
}

/** Scripts read beside each other, with the letters of US-ASCII only where that is usual (UTS 39, highly restrictive). */
const SCRIPTS = [
  ...['Latin', 'Latin Han Hiragana Katakana', 'Latin Han Bopomofo', 'Latin Han Hangul'],
  ...['Arabic', 'Armenian', 'Bengali', 'Cyrillic', 'Devanagari', 'Ethiopic', 'Georgian', 'Greek'],
  ...['Gujarati', 'Gurmukhi', 'Hebrew', 'Kannada', 'Khmer', 'Lao', 'Malayalam', 'Myanmar'],
  ...['Sinhala', 'Tamil', 'Telugu', 'Thai']
].map((names) => {
  const letters = names.split(' ').map((name) => `\\p{scx=${name}}`)
  return new RegExp(`^[0-9!#$%&'*+/=?^_\`{|}~.${letters.join('')}-]+$`, 'u')
})
/** Letters, digits and the marks that belong to a script; nothing that is invisible or stands on any letter. */
const FOREIGN =
  /^(?![^]*[\p{Default_Ignorable_Code_Point}\p{Script=Inherited}])[!-~\p{L}\p{M}\p{Nd}]+$/u
const OCTETS_MAX = 64

function isForeignLocal(local: string): boolean {
  const ascii = local.replaceAll(/[^\u0000-\u007f]/gu, 'x')
  return (
    LOCAL.test(ascii) &&
    FOREIGN.test(local) &&
    local.normalize('NFKC') === local &&
    new TextEncoder().encode(local).length <= OCTETS_MAX &&
    SCRIPTS.some((script) => script.test(local))
  )
}

/** Whether mail servers take it only with SMTPUTF8 (RFC 6531). */
export function needsUtf8(address: string): boolean {
  return /[^\u0000-\u007f]/.test(address)
}

function toAscii(domain: string): string {
  const url = `http://${domain}`
  const isForeign = /[^\u0000-\u007f]/.test(domain) && /^[\p{L}\p{M}\p{N}.-]+$/u.test(domain)
  return isForeign && URL.canParse(url) ? new URL(url).hostname : domain
}

/** Whether two addresses reach the same mailbox as far as outsiders can know: compares local parts without case. */
export function isSameAddress(a: Address, b: Address): boolean {
  return addressKey(a) === addressKey(b)
}

/** The lookup form of an address: the letters of US-ASCII in lower case, as `lower` of SQLite has them. */
export function addressKey(address: Address): string {
  return address.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** The domain, lower case. */
export function domainOf(address: Address): string {
  return address.slice(address.lastIndexOf('@') + 1)
}

const NO_ANSWERS =
  /^(?:mailer-?daemon|post_?master|owner-.*|.*-(?:request|bounces?|owner)|bounces?|no-?_?reply|do-?not-?reply|ndr|mail-?delivery|mdaemon|mail-?daemon)(?:[+=-].*)?$/i

/** Whether the local part shows that nobody reads the mail sent there (RFC 3834 §2). */
export function takesNoAnswers(address: Address): boolean {
  return NO_ANSWERS.test(address.slice(0, address.lastIndexOf('@')))
}

/** Whether a host name or IP literal can only mean this machine; names are taken literally, never resolved. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host)
}

/** A text without its words that hold an `@`. */
export function withoutAddresses(text: string, instead: string): string {
  return text.replaceAll(/\S+/gu, (word) => (/.@./u.test(word) ? instead : word))
}
