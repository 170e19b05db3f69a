/**
 * Address lists of header fields (RFC 5322 §3.4), which nodemailer takes apart *before* encoded words are decoded, so that no
 * encoded word can fabricate an address. Returns only strict addresses (mail.md §2.19).
 */
import addressparser from 'nodemailer/lib/addressparser'
import { type Contact, parseAddress } from '../domain/address.ts'
import { decodeWords, sanitizeHeaderText } from './encoded-words.ts'
import { lex } from './parameters.ts'

/** The mailboxes of one field value. */
export type MailboxList = {
  /** Mailboxes with a strict address, at most 200. */
  readonly contacts: readonly Contact[]
  /** How many mailboxes the value names, readable or not. */
  readonly count: number
}

const MAILBOXES_MAX = 200
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/

/** Reads an address list, groups included. Never throws; unreadable mailboxes are counted and left out. */
export function readMailboxes(value: string): MailboxList {
  const found = addressparser(value, { flatten: true })
  const plain = Array.from(lex(value), ({ kind, raw }) => (kind === 'other' ? raw : ' ')).join('')
  if (CONTROL.test(value) || isAmbiguous(plain)) return { contacts: [], count: found.length }
  const contacts = found.flatMap(({ name, address }) => {
    // What the library takes out of a quoted string is no address to anybody else.
    const strict = plain.includes(address) ? parseAddress(address) : null
    return strict === null
      ? []
      : [{ name: sanitizeHeaderText(decodeWords(name), 100), address: strict }]
  })
  return { contacts: contacts.slice(0, MAILBOXES_MAX), count: found.length }
}

/** Whether two programs may see two addresses in one mailbox; `plain` has blanks for quoted strings and comments. */
function isAmbiguous(plain: string): boolean {
  return plain.split(/[,;]/).some((mailbox) => {
    const [outside = '', inside, ...after] = mailbox.split(/[<>]/)
    return inside === undefined
      ? outside.split('@').length > 2
      : inside.startsWith('@') || after.length !== 1 || after.join('').trim() !== ''
  })
}
