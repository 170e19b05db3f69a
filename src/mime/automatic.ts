/**
 * Messages that no human wrote, or that must not be answered: automatic answers (RFC 3834), delivery status notifications (RFC
 * 3464, RFC 6522) with the older forms that many servers still send, and read receipts (RFC 8098); mail.md §1.9. Policy decides
 * what follows. All of it is attacker-controlled text: it may only change the state of a message whose unguessable Message-ID
 * it returns. Must never take a message for a receipt because somebody attached one.
 */
import { takesNoAnswers } from '../domain/address.ts'
import { type MessageId } from '../domain/ids.ts'
import {
  type AutomaticKind,
  type BounceFacts,
  type HeaderFacts,
  type ReceiptFacts
} from '../domain/mail.ts'
import { type Field, firstValue, readFields, valuesOf } from './fields.ts'
import { findMessageIds } from './header.ts'
import { contentOf } from './leaf.ts'
import { type MimeTree, type Part, partsBelow } from './tree.ts'

/** Header field in every message that the desk sends; its value is the desk's address. */
const LOOP_FIELD = 'x-postern-loop'
const RECEIVED_MAX = 30
/** What programs wrote before Auto-Submitted existed, and some still do. */
const OLD_ANSWER_FIELDS = [
  'x-autoreply',
  'x-autorespond',
  'x-autoresponder',
  'x-auto-reply-from',
  'x-mail-autoreply',
  'x-vacation'
]

/** All marks found, without duplicates. `deskAddress` is compared without case. */
export function readAutomatic(
  tree: MimeTree,
  facts: HeaderFacts,
  deskAddress: string
): AutomaticKind[] {
  const { fields, children, type } = tree.root
  const has = (name: string, pattern: RegExp): boolean =>
    valuesOf(fields, name).some((value) => pattern.test(value))
  const isAnswer =
    has('auto-submitted', /^auto-replied(?:[;\s(]|$)/i) ||
    has('precedence', /auto.?reply/i) ||
    OLD_ANSWER_FIELDS.some((name) => has(name, /^(?!(?:no|false|0)$)./i))
  const isKnown = isBounce(tree, facts) || isAnswer || looksLikeReceipt(tree)
  // A report about abuse, TLS, DMARC or the like (RFC 5965, RFC 6522) is never answered, but people read it.
  const isReport =
    type === 'multipart/report' || children.some((part) => part.type === 'message/feedback-report')
  const own = deskAddress.trim().toLowerCase()
  const isOwn = valuesOf(fields, LOOP_FIELD).some((value) => value.trim().toLowerCase() === own)
  const marks: Readonly<Record<AutomaticKind, boolean>> = {
    bounce: isBounce(tree, facts),
    'auto-replied': isAnswer,
    'auto-generated':
      has('auto-submitted', /^(?!(?:no|auto-replied)(?:[;\s(]|$))/i) || (isReport && !isKnown),
    receipt: looksLikeReceipt(tree),
    list: fields.some(({ name }) => name.startsWith('list-') || name === 'mailing-list'),
    bulk: has('precedence', /\b(?:bulk|list|junk)\b/i),
    'null-path': has('return-path', /^<\s*>$/),
    'no-reply-address': facts.from !== null && takesNoAnswers(facts.from.address),
    'asks-for-silence': has(
      'x-auto-response-suppress',
      /(?:^|[,;\s])(?:all|autoreply|oof|dr)(?:[,;\s]|$)/i
    ),
    loop: isOwn || valuesOf(fields, 'received').length > RECEIVED_MAX
  }
  return (Object.keys(marks) as AutomaticKind[]).filter((kind) => marks[kind])
}

// Delivery status notifications.

const RETURNED = new Set([
  'message/rfc822',
  'message/global',
  'text/rfc822-headers',
  'message/rfc822-headers',
  'message/global-headers'
])
const STATUS_TYPES = new Set(['message/delivery-status', 'message/global-delivery-status'])
/** How subjects of the older forms begin; a person's subject that only mentions mail delivery does not. */
const OLD_SUBJECT =
  /^(?:undeliver(?:able|ed)\b|delivery (?:status|failure|failed|has failed|problem|report)|(?:mail|message) delivery (?:failed|failure|has failed|problem|status|report)|mail system error|returned mail\b|failure notice|there was an error sending your mail|nicht zugestellt|unzustellbar|メッセージを配信できません|メールエラー通知)/i
const DAEMON = /^(?:mailer-daemon|mail-daemon|mdaemon)(?:[@ ]|$)/i
/** A reply code, a status code or the fields of a returned message: what servers say about a failed delivery. */
const SERVER_WORDS =
  /\b[45]\.\d{1,3}\.\d{1,3}\b|\b[45]\d\d[ -]|^[> \t]{0,20}(?:Message-ID|Received|Return-Path):/im
/** An enhanced status code (RFC 3463) in a text, but not part of an IP address. */
const OLD_STATUS = /(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)/
/** A field that never occurs in a server's own text. */
const RETURNED_FIELD = /^[> \t]{0,20}(?:Message-ID|Received|Return-Path):/i
/** Any field of a quoted header or its continuation. */
const ANY_FIELD = /^[> \t]{0,20}[A-Za-z][A-Za-z0-9-]{0,60}:|^>*[ \t]+\S/
/** How servers announce the copy: `--- Below this line is a copy of the message.`, `------ Original message ------`. */
const COPY_BEGINS =
  /^[> \t]{0,20}[-=*_]{2,}(?![-=*_]).{0,60}\b(?:copy|original|returned|undelivered|unsent|headers?)\b/i
const COPIED_ID = /^[> \t]{0,20}Message-ID:[ \t\r\n]{0,20}<[^<>\s]{3,250}>/gim
const GROUPS_MAX = 50
const TEXT_BYTES_MAX = 64 * 1024
const IDS_MAX = 20

/**
 * Whether the message is a delivery status notification. In doubt it is not: a report mistaken for a bounce is lost, while a
 * bounce mistaken for a report only opens a case. So it must be an RFC 6522 report with its status part, or come from no person
 * (empty return path, mailer-daemon) and also look and read like a notification.
 */
function isBounce(tree: MimeTree, facts: HeaderFacts): boolean {
  const { root } = tree
  const hasStatus = root.children.some((child) => STATUS_TYPES.has(child.type))
  if (root.type === 'multipart/report' && hasStatus) return true
  if (!isFromDaemon(root, facts) || isProtected(root)) return false
  // Its status part may have been lost on the way.
  if (hasStatus || isReportOf(root, 'delivery-status')) return true
  const isNamed =
    OLD_SUBJECT.test(facts.subject.trim()) || firstValue(root.fields, 'x-failed-recipients') !== ''
  return isNamed && !beginsWithArmor(tree) && (hasEmptyPath(root) || hasServerWords(tree))
}

/**
 * Whether it only looks like a notification: in an older form, from postmaster or an address that nobody reads. People write
 * from such addresses too, so it counts as a bounce only if it returns a message of the desk, and is otherwise treated like any
 * message.
 */
function mayBeBounce(tree: MimeTree, facts: HeaderFacts): boolean {
  const { root } = tree
  if (facts.from === null || !takesNoAnswers(facts.from.address) || isProtected(root)) return false
  // A person's answer refers to the message it answers; a server's notification in an older form does not.
  if (facts.references.length > 0 || beginsWithArmor(tree)) return false
  return OLD_SUBJECT.test(facts.subject.trim()) && hasServerWords(tree)
}

/** An empty return path, or mailer-daemon as the sender. Postmaster proves nothing: people write from it. */
function isFromDaemon(root: Part, facts: HeaderFacts): boolean {
  const sender = facts.from?.address ?? firstValue(root.fields, 'from').trim()
  return hasEmptyPath(root) || [...returnPaths(root), sender].some((name) => DAEMON.test(name))
}

/** A sender that no person uses (RFC 5321 §4.5.5). */
function hasEmptyPath(root: Part): boolean {
  return returnPaths(root).includes('')
}

function returnPaths(root: Part): string[] {
  return valuesOf(root.fields, 'return-path')
    .filter((value) => value.trim() !== '')
    .map((value) => value.replaceAll(/[<>\s]/g, ''))
}

/** Servers neither encrypt nor sign. */
function isProtected(root: Part): boolean {
  return root.type === 'multipart/encrypted' || root.type === 'multipart/signed'
}

function isReportOf({ type, params }: Part, kind: string): boolean {
  return type === 'multipart/report' && params.get('report-type')?.toLowerCase() === kind
}

/** Whether the text reads like a server's, or the returned message is there as a part. */
function hasServerWords(tree: MimeTree): boolean {
  return (
    partsBelow(tree.root).some((part) => RETURNED.has(part.type)) ||
    textsOf(tree).some((text) => SERVER_WORDS.test(text))
  )
}

/** A person's inline PGP; below a server's text it is the copy of a message that the desk encrypted. */
function beginsWithArmor(tree: MimeTree): boolean {
  return textsOf(tree).some((text) => text.trimStart().startsWith('-----BEGIN PGP '))
}

function textsOf(tree: MimeTree, parts: readonly Part[] = partsBelow(tree.root)): string[] {
  return parts
    .filter((part) => part.children.length === 0 && part.type === 'text/plain')
    .map((part) => contentOf(tree, part).toString('latin1', 0, TEXT_BYTES_MAX))
}

/** The facts of a bounce; null when the message is not one and does not look like one. */
export function readBounce(tree: MimeTree, facts: HeaderFacts): BounceFacts | null {
  const isSure = isBounce(tree, facts)
  if (!isSure && !mayBeBounce(tree, facts)) return null
  const parts = partsBelow(tree.root)
  // A status part further inside belongs to a forwarded message, not to this report.
  const status = tree.root.children.find((part) => STATUS_TYPES.has(part.type))
  const groups = status === undefined ? [] : readGroups(contentOf(tree, status))
  // Some servers leave the status part empty and give the status only in the text.
  const worst = worstGroup(groups) ?? oldStatus(tree, parts, facts)
  const returnedMessageIds = returnedIds(tree, parts)
  if (!isSure && returnedMessageIds.length === 0) return null
  return { returnedMessageIds, ...worst }
}

/** RFC 3464 §2.1: groups of fields, separated by empty lines. */
function readGroups(content: Buffer): (readonly Field[])[] {
  const groups: (readonly Field[])[] = []
  let at = 0
  while (at < content.length && groups.length < GROUPS_MAX) {
    const block = readFields(content, at, content.length)
    groups.push(block.fields)
    at = Math.max(block.bodyStart, at + 1)
  }
  return groups
}

function worstGroup(
  groups: readonly (readonly Field[])[]
): Pick<BounceFacts, 'action' | 'status'> | null {
  const order: readonly BounceFacts['action'][] = ['failed', 'delayed', 'other', 'delivered']
  const found = groups
    .filter((fields) => firstValue(fields, 'action') !== '')
    .map((fields) => ({
      action: toAction(firstValue(fields, 'action')),
      status: /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(firstValue(fields, 'status'))?.[0] ?? ''
    }))
    .toSorted((a, b) => order.indexOf(a.action) - order.indexOf(b.action))
  return found[0] ?? null
}

/** Older forms give the status in the text: a status code, and a failure unless the subject speaks of a delay. */
function oldStatus(
  tree: MimeTree,
  parts: readonly Part[],
  facts: HeaderFacts
): Pick<BounceFacts, 'action' | 'status'> {
  const returned = parts.findIndex((part) => RETURNED.has(part.type))
  const above = returned < 0 ? parts : parts.slice(0, returned)
  const [text = ''] = textsOf(tree, above)
  const status = OLD_STATUS.exec(ownWords(text))?.[0] ?? ''
  const isDelay = /delay|warning|still trying/i.test(facts.subject)
  return { action: isDelay ? 'delayed' : 'failed', status }
}

/**
 * The server's own text without the copy of the returned message below it: the sender controls that copy, which may contain
 * something that looks like a status.
 */
function ownWords(text: string): string {
  const lines = text.split(/\r?\n/)
  const cut = lines.findIndex((line) => COPY_BEGINS.test(line))
  const field = lines.findIndex((line) => RETURNED_FIELD.test(line))
  let end = field < 0 ? lines.length : field
  // The copy begins with the first field of its header; only some field names are unmistakable.
  while (end > 0 && ANY_FIELD.test(lines[end - 1] ?? '')) end -= 1
  return lines.slice(0, cut < 0 ? end : Math.min(cut, end)).join('\n')
}

function toAction(value: string): BounceFacts['action'] {
  const word = value.trim().toLowerCase()
  if (word === 'failed' || word === 'delayed' || word === 'delivered') return word
  return word === 'relayed' || word === 'expanded' ? 'delivered' : 'other'
}

/** Message-IDs of the returned header; in the older forms, of a copy within the text. */
function returnedIds(tree: MimeTree, parts: readonly Part[]): MessageId[] {
  const returned = parts.filter(({ type, children }) => RETURNED.has(type) && children.length === 0)
  const values = returned.flatMap((part) => {
    const content = contentOf(tree, part)
    // Some servers leave empty lines above the returned header.
    const start = content.findIndex((byte) => byte !== 10 && byte !== 13)
    const { fields } = readFields(content, Math.max(start, 0), content.length)
    return valuesOf(fields, 'message-id')
  })
  const copied = textsOf(tree, parts).flatMap((text) => text.match(COPIED_ID) ?? [])
  return findMessageIds([...values, ...copied].join(' '), IDS_MAX)
}

// Read receipts.

/** RFC 8098 §3.1, and RFC 6533 §6 for addresses in other scripts. */
const NOTIFICATIONS = new Set([
  'message/disposition-notification',
  'message/global-disposition-notification'
])

/**
 * The facts of a receipt in its only valid form (RFC 8098 §3): a multipart/report of that report-type with the notification
 * among its parts. Null for everything else, also for a report about a receipt that has one attached.
 */
export function readReceipt(tree: MimeTree): ReceiptFacts | null {
  if (!isReportOf(tree.root, 'disposition-notification')) return null
  const part = tree.root.children.find((child) => NOTIFICATIONS.has(child.type))
  if (part === undefined) return null
  const content = contentOf(tree, part)
  const { fields } = readFields(content, 0, content.length)
  const [returnedMessageId = null] = findMessageIds(firstValue(fields, 'original-message-id'), 1)
  return { returnedMessageId }
}

/** Whether the root of the message declares a receipt: such a message is never answered (RFC 3834 §2). */
function looksLikeReceipt(tree: MimeTree): boolean {
  return (
    isReportOf(tree.root, 'disposition-notification') ||
    tree.root.children.some((child) => NOTIFICATIONS.has(child.type))
  )
}
