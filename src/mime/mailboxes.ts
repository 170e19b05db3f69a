/**
 * Address lists of header fields (RFC 5322 §3.4), parsed in one pass over the raw value *before* encoded words are decoded, so
 * that no encoded word can fabricate an address. Returns only strict addresses (mail.md §2.19).
 */
import { domainToASCII } from 'node:url'

import { type Address, type Contact, parseAddress } from '../domain/address.ts'
import { decodeWords, sanitizeHeaderText } from './encoded-words.ts'

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
  const contacts: Contact[] = []
  let count = 0
  for (const mailbox of splitMailboxes(value)) {
    if (mailbox.text.trim() === '' && mailbox.angle === null) continue
    count += 1
    const contact = toContact(mailbox)
    if (contact !== null && contacts.length < MAILBOXES_MAX) contacts.push(contact)
  }
  return { contacts, count }
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
  readonly text: string
  readonly quoted: string
  readonly comment: string
  readonly angle: string | null
  /** Whether the closing angle bracket is missing. */
  readonly isInAngle: boolean
}

type Scan = {
  text: string
  quoted: string
  comment: string
  angle: string | null
  isInAngle: boolean
  isQuoted: boolean
  comments: number
}

function splitMailboxes(value: string): Found[] {
  const found: Found[] = []
  let scan = emptyScan()
  for (let at = 0; at < value.length && found.length <= MAILBOXES_MAX; at += 1) {
    const char = value[at] ?? ''
    if (char === '\\' && (scan.isQuoted || scan.comments > 0)) {
      at += 1
      take(scan, value[at] ?? '')
    } else if (scan.isQuoted || scan.comments > 0) {
      stepInside(scan, char)
    } else if (isSeparator(scan, char)) {
      if (char !== ':') found.push(scan)
      scan = emptyScan()
    } else stepOutside(scan, char)
  }
  found.push(scan)
  return found
}

function emptyScan(): Scan {
  return {
    text: '',
    quoted: '',
    comment: '',
    angle: null,
    isInAngle: false,
    isQuoted: false,
    comments: 0
  }
}

/** `,` separates mailboxes; `:` ends the name of a group and `;` the group itself. */
function isSeparator(scan: Scan, char: string): boolean {
  if (scan.isInAngle) return false
  return char === ',' || char === ';' || (char === ':' && scan.angle === null)
}

function stepInside(scan: Scan, char: string): void {
  if (scan.isQuoted && char === '"') scan.isQuoted = false
  else if (!scan.isQuoted && char === '(') scan.comments += 1
  else if (!scan.isQuoted && char === ')') scan.comments -= 1
  else take(scan, char)
}

function stepOutside(scan: Scan, char: string): void {
  if (char === '"') {
    scan.isQuoted = true
    // A quoted local part is not a strict address: keeps a character that makes it fail.
    if (scan.isInAngle) scan.angle = `${scan.angle ?? ''}"`
  } else if (char === '(') scan.comments += 1
  else if (char === '<' && scan.angle === null) {
    scan.angle = ''
    scan.isInAngle = true
  } else if (char === '>' && scan.isInAngle) scan.isInAngle = false
  else if (scan.angle !== null && !scan.isInAngle && char.trim() !== '') {
    // Text after the address makes it ambiguous, so there is no address.
    scan.angle += ` ${char}`
  } else take(scan, char)
}

function take(scan: Scan, char: string): void {
  if (scan.comments > 0) scan.comment += char
  else if (scan.isInAngle) scan.angle = `${scan.angle ?? ''}${char}`
  else if (scan.isQuoted) {
    scan.quoted += char
    scan.text += char
  } else scan.text += char
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
