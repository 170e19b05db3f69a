/**
 * Address lists of header fields (RFC 5322 §3.4), parsed in one pass over the raw value *before* encoded words are decoded, so
 * that no encoded word can fabricate an address. Returns only strict addresses (mail.md §2.19).
 */
import { domainToASCII } from 'node:url'

import { type Address, type Contact, parseAddress } from '../domain/address.ts'
import { decodeWords, sanitizeHeaderText } from './encoded-words.ts'
import { lex, type Token } from './parameters.ts'

/** The mailboxes of one field value. */
export type MailboxList = {
  /** Mailboxes with a strict address, at most 200. */
  readonly contacts: readonly Contact[]
  /** How many mailboxes the value names, readable or not. */
  readonly count: number
}

const MAILBOXES_MAX = 200

/** Reads an address list, groups included. Never throws; unreadable mailboxes are counted and left out. */
export function readMailboxes(value: string): MailboxList {
  const found = splitMailboxes(value).filter(
    ({ text, angle }) => text.trim() !== '' || angle !== null
  )
  const contacts = found.flatMap((mailbox) => toContact(mailbox) ?? []).slice(0, MAILBOXES_MAX)
  return { contacts, count: found.length }
}

/** An addr-spec whose domain may be a U-label; the result has the A-label (RFC 5890). Null for anything else. */
export function toStrictAddress(text: string): Address | null {
  const trimmed = text.trim()
  const at = trimmed.lastIndexOf('@')
  if (at < 1) return null
  const domain = trimmed.slice(at + 1)
  const ascii = /[^\u0000-\u007f]/.test(domain) ? domainToASCII(domain) : domain
  return parseAddress(`${trimmed.slice(0, at)}@${ascii}`)
}

/** One mailbox as found: `text` outside the angle brackets, without comments. `angle` is null without brackets. */
type Found = {
  text: string
  quoted: string
  comment: string
  angle: string | null
  /** Whether the closing angle bracket is missing. */
  isInAngle: boolean
}

const NOTHING: Found = { text: '', quoted: '', comment: '', angle: null, isInAngle: false }

function splitMailboxes(value: string): Found[] {
  const found: Found[] = []
  let mailbox = { ...NOTHING }
  for (const token of lex(value)) {
    if (found.length > MAILBOXES_MAX) break
    if (isSeparator(mailbox, token)) {
      if (token.raw !== ':') found.push(mailbox)
      mailbox = { ...NOTHING }
    } else take(mailbox, token)
  }
  return [...found, mailbox]
}

/** `,` separates mailboxes; `:` ends the name of a group and `;` the group itself. */
function isSeparator({ isInAngle, angle }: Found, { raw }: Token): boolean {
  if (isInAngle) return false
  return raw === ',' || raw === ';' || (raw === ':' && angle === null)
}

function take(mailbox: Found, { kind, raw, text }: Token): void {
  if (kind === 'comment') mailbox.comment += text
  else if (kind === 'quoted' && !mailbox.isInAngle) {
    mailbox.quoted += text
    mailbox.text += text
  } else if (raw === '<' && mailbox.angle === null) {
    mailbox.angle = ''
    mailbox.isInAngle = true
  } else if (raw === '>' && mailbox.isInAngle) mailbox.isInAngle = false
  else if (mailbox.angle === null) mailbox.text += text
  // A quoted local part is not a strict address: its quotation marks make it fail.
  else if (mailbox.isInAngle) mailbox.angle += raw
  // Text after the address makes it ambiguous, so there is no address.
  else if (raw.trim() !== '') mailbox.angle += `<${raw}`
}

function toContact(found: Found): Contact | null {
  if (found.angle !== null) {
    const address = found.isInAngle ? null : toStrictAddress(found.angle)
    return address === null ? null : { name: displayName(found.text), address }
  }
  if (found.quoted !== '') return null
  const address = toStrictAddress(found.text)
  return address === null ? null : { name: displayName(found.comment), address }
}

function displayName(text: string): string {
  return sanitizeHeaderText(decodeWords(text), 100)
}
