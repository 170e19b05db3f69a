/**
 * The address of an OpenPGP user id (RFC 9580 §5.11), parsed by our own strict rule. The library guesses at odd forms, and a
 * guessed address would let a key speak for somebody else (mail.md §2.12).
 */
import { domainToASCII } from 'node:url'

import { type Address, parseAddress } from '../domain/address.ts'

// Control characters, line separators and bidirectional overrides never belong in a user id.
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

/** The strict address in `userId` (`Name <a@b>` or exactly `a@b`); null for every other form. */
export function addressOfUserId(userId: string): Address | null {
  if (FORBIDDEN.test(userId)) return null
  const open = userId.indexOf('<')
  if (open < 0) return userId.includes(' ') ? null : strict(userId)
  if (open !== userId.lastIndexOf('<') || userId.indexOf('>') !== userId.length - 1) return null
  return strict(userId.slice(open + 1, -1))
}

function strict(text: string): Address | null {
  const at = text.lastIndexOf('@')
  if (at < 1 || text.includes(' ')) return null
  const domain = text.slice(at + 1)
  const ascii = /[^\u0000-\u007f]/.test(domain) ? domainToASCII(domain) : domain
  return parseAddress(`${text.slice(0, at)}@${ascii}`)
}
