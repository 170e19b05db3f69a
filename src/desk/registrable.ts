/**
 * The part of a domain name that somebody registered, by the public suffix list. Its owner can make any number of names below it.
 */
import { getDomain } from 'tldts'

/** The registrable domain of a host name (`acme.co.uk` of `mail.acme.co.uk`); the name itself where there is none. */
export function registrableDomain(name: string): string {
  return getDomain(name, { allowPrivateDomains: true, validateHostname: false }) ?? name
}
