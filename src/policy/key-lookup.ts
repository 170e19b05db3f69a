/**
 * For whom the desk asks key directories: only for a sender whom our own mail server proves, of a report that brings no key.
 * Every question tells others that somebody writes to a security address (mail.md §2.27).
 */
import { isSameAddress } from '../domain/address.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { judgeSender } from './authentication.ts'

/** Whether to look for a key of the address in From. `isKnown`: we have one, or know the sender otherwise. */
export function isLookupWorthwhile(
  opened: OpenedMail,
  settings: Settings,
  isKnown: boolean
): boolean {
  const { from } = opened.outer
  if (from === null || isKnown || opened.candidateKeys.length > 0) return false
  if (opened.automatic.length > 0) return false
  const own = [settings.desk.address, ...settings.maintainers.map(({ address }) => address)]
  if (own.some((address) => isSameAddress(address, from.address))) return false
  return judgeSender(opened, settings).kind === 'dmarc'
}
