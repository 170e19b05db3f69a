/**
 * Mail addresses in the one strict form that Postern writes to: dot-atom local part, A-label domain (RFC 5322 §3.2.3, RFC 5890).
 * Quoted local parts, comments, routes and UTF-8 local parts are not accepted, so that no input can turn into a second recipient.
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
  return LOCAL.test(local) && DOMAIN.test(domain) ? (`${local}@${domain}` as Address) : null
}

function toAscii(domain: string): string {
  const url = `http://${domain}`
  const isForeign = /[^\u0000-\u007f]/.test(domain) && /^[\p{L}\p{M}\p{N}.-]+$/u.test(domain)
  return isForeign && URL.canParse(url) ? new URL(url).hostname : domain
}

/** Whether two addresses reach the same mailbox as far as outsiders can know: compares local parts without case. */
export function isSameAddress(a: Address, b: Address): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** The lookup form of an address: all lower case. */
export function addressKey(address: Address): string {
  return address.toLowerCase()
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
