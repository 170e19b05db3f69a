/** Whose a domain is, by the public suffix list: who owns one, owns all names below it, and can make as many as they like. */
import { getDomain } from 'tldts'

/** The registrable domain of a host name (`acme.co.uk` of `mail.acme.co.uk`); the name itself where there is none. */
export function registrableDomain(name: string): string {
  return getDomain(name, { allowPrivateDomains: true, validateHostname: false }) ?? name
}
