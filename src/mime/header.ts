/**
 * Header facts: the few fields that Postern reads, decoded, sanitized and strict. Reports a field that may occur once and
 * occurs twice, because mail programs disagree on which one counts. Must never merge outer and protected fields: it is called
 * once for each block.
 */
import addressparser from 'nodemailer/lib/addressparser'
import { type Contact, parseAddress } from '../domain/address.ts'
import { type MessageId, parseMessageId } from '../domain/ids.ts'
import { type HeaderFacts, type WarningCode } from '../domain/mail.ts'
import { type Instant, instantFromMs } from '../domain/time.ts'
import { decodeWords, sanitizeHeaderText } from './encoded-words.ts'
import { type Field, firstValue, valuesOf } from './fields.ts'
import { CONTROL, lex } from './parameters.ts'
import { type Part } from './tree.ts'

/** Facts of one header block, and its defects. */
export type HeaderReading = {
  readonly facts: HeaderFacts
  /**
   * The outer subject that the writer of a protected header recorded inside (HP-Outer, RFC 9788 §2.2); '' when it was left out
   * or not recorded.
   */
  readonly subjectShown: string
  readonly warnings: readonly WarningCode[]
}

const REFERENCES_MAX = 100
/** RFC 5322 §3.6: at most one of each; by RFC 2045 also Content-Type and MIME-Version. */
const SINGLE = [
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'subject',
  'message-id',
  'in-reply-to',
  'references',
  'date',
  'content-type',
  'mime-version'
]

/** Reads one header block. A From that repeats or names several mailboxes gives `from: null`. Never throws. */
export function readHeader(fields: readonly Field[]): HeaderReading {
  const warnings: WarningCode[] = []
  const named = onlyValue(fields, 'message-id')
  const messageId = findMessageIds(named, 1)[0] ?? parseMessageId(named)
  const from = oneMailbox(quotedName(onlyValue(fields, 'from')))
  const to = allMailboxes(valuesOf(fields, 'to'))
  const cc = allMailboxes(valuesOf(fields, 'cc'))
  const isRepeated =
    SINGLE.some((name) => valuesOf(fields, name).length > 1) ||
    valuesOf(fields, 'from')
      .slice(0, FIELDS_READ_MAX)
      .some((value) => readMailboxes(quotedName(value)).count > 1)
  if (isRepeated) warnings.push('repeated-header')
  if (from === null) warnings.push('no-from')
  if (messageId === null) warnings.push('no-message-id')
  const facts: HeaderFacts = {
    from,
    unreadableFrom:
      from === null ? sanitizeHeaderText(decodeWords(valuesOf(fields, 'from').join(', '))) : '',
    replyTo: oneMailbox(quotedName(onlyValue(fields, 'reply-to'))),
    to: to.contacts,
    cc: cc.contacts,
    hasUnreadableRecipient: to.isPartlyUnreadable || cc.isPartlyUnreadable,
    subject: readSubject(firstValue(fields, 'subject')),
    messageId,
    date: readMailDate(firstValue(fields, 'date')),
    references: readReferences(fields)
  }
  return { facts, subjectShown: '', warnings }
}

/** `Doe, Jane <a@b>` with its name in quotes, as every program reads it though the comma would begin another mailbox. */
function quotedName(value: string): string {
  const [, name = '', address = ''] =
    /^([^<>@"\\()]{0,200},[^<>@"\\()]{0,200})(<[^<>\s]+>)\s*$/.exec(value) ?? []
  return address === '' ? value : `"${name.trim()}" ${address}`
}

/**
 * The header block of the root of a cryptographic payload if it declares itself protected (`hp` of RFC 9788 §2.1, or the older
 * `protected-headers="v1"`); else null.
 */
export function readProtectedHeader(payload: Part): HeaderReading | null {
  const hp = payload.params.get('hp')?.toLowerCase()
  const isMarked = hp === 'clear' || hp === 'cipher'
  const isOlder = payload.params.get('protected-headers')?.toLowerCase() === 'v1'
  if (!isMarked && !isOlder) return null
  const subjectShown = hp === 'cipher' ? recordedSubject(payload.fields) : ''
  return { ...readHeader(payload.fields), subjectShown }
}

function recordedSubject(fields: readonly Field[]): string {
  const [value = ''] = valuesOf(fields, 'hp-outer').flatMap(
    (line) => /^subject[ \t]*:([^]*)$/i.exec(line.trim())?.[1] ?? []
  )
  return readSubject(value)
}

function readSubject(value: string): string {
  return sanitizeHeaderText(decodeWords(value.trim()))
}

/** All Message-IDs in `text`, in order, without duplicates, at most `max`. */
export function findMessageIds(text: string, max: number = REFERENCES_MAX): MessageId[] {
  const found = new Set<MessageId>()
  for (const match of text.matchAll(/<([^<>\s]{3,250})>/g)) {
    const id = parseMessageId(match[1] ?? '')
    if (id !== null) found.add(id)
    if (found.size === max) break
  }
  return [...found]
}

/** The value of a field that occurs once, else ''. */
function onlyValue(fields: readonly Field[], name: string): string {
  const [value = '', ...more] = valuesOf(fields, name)
  return more.length === 0 ? value : ''
}

function oneMailbox(value: string): Contact | null {
  const list = readMailboxes(value)
  return list.count === 1 ? (list.contacts[0] ?? null) : null
}

/** How often a field of addresses is read, which may stand once. */
const FIELDS_READ_MAX = 10

/** `isPartlyUnreadable` also when there are more mailboxes than are read. */
function allMailboxes(values: readonly string[]) {
  const lists = values.slice(0, FIELDS_READ_MAX).map((value) => readMailboxes(value))
  return {
    contacts: lists.flatMap(({ contacts }) => contacts).slice(0, MAILBOXES_MAX),
    isPartlyUnreadable:
      values.length > FIELDS_READ_MAX ||
      lists.some(({ contacts, count }) => count > contacts.length)
  }
}

/** References, then In-Reply-To if it adds something; an overlong list keeps its root and its newest entries. */
function readReferences(fields: readonly Field[]): MessageId[] {
  const everything = findMessageIds(
    [...valuesOf(fields, 'references'), ...valuesOf(fields, 'in-reply-to')].join(' '),
    10_000
  )
  if (everything.length <= REFERENCES_MAX) return everything
  return [...everything.slice(0, 1), ...everything.slice(1 - REFERENCES_MAX)]
}

/** A zone, as an offset or by name, at the end of a date. */
const ZONE = /(?:[+-]\d{4}|[A-Za-z])$/
const LAST_MS = Date.UTC(9999, 11, 31)

/** The instant of a Date field value, which is only a claim of the sender; null when it is malformed. */
export function readMailDate(value: string): Instant | null {
  const plain = value
    .slice(0, 200)
    .replaceAll(/\([^()]*\)/g, ' ')
    .trim()
  // Some programs leave out a blank.
  const spaced = plain
    .replaceAll(/,(?=\S)|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])/g, '$& ')
    .replace(/(?<=:\d\d)(?=[+-]\d{4}$)/, ' ')
  // Without a zone it is UTC (RFC 5322 §4.3).
  const ms = [plain, spaced]
    .map((text) => Date.parse(ZONE.test(text) ? text : `${text} UTC`))
    .find((each) => each <= LAST_MS)
  return ms === undefined ? null : instantFromMs(ms)
}

// Address lists (RFC 5322 §3.4), which nodemailer takes apart *before* encoded words are decoded, so that no encoded word can
// fabricate an address. Gives only strict addresses.

const MAILBOXES_MAX = 200

/** Tokens of one list: a mailbox takes about five. */
const LIST_TOKENS_MAX = 20 * MAILBOXES_MAX

/**
 * Mailboxes with a strict address, groups included, at most 200, and how many are named, readable or not; more than are read
 * count as one. Never throws.
 */
export function readMailboxes(value: string) {
  const { list, isCut } = beginningOf(value)
  const { contacts, count } = readList(list)
  return { contacts, count: count + (isCut ? 1 : 0) }
}

/** Up to the last separator within the limits, so that mailboxes stay whole: the library's time grows faster than the list. */
function beginningOf(value: string): { readonly list: string; readonly isCut: boolean } {
  if (value.length <= MAILBOXES_MAX) return { list: value, isCut: false }
  let [at, end, tokens, separators] = [0, 0, 0, 0]
  for (const { kind, raw } of lex(value)) {
    tokens += 1
    if (tokens > LIST_TOKENS_MAX || separators > MAILBOXES_MAX)
      return { list: value.slice(0, end), isCut: true }
    at += raw.length
    if (kind !== 'other' || !/^[,;]$/.test(raw)) continue
    separators += 1
    end = at
  }
  return { list: value, isCut: false }
}

function readList(value: string) {
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
