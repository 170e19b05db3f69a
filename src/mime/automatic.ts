/**
 * Messages that no human wrote, or that must not be answered: automatic answers (RFC 3834), delivery status notifications (RFC
 * 3464, RFC 6522) with the older forms that many servers still send, and read receipts (RFC 8098). Policy decides what follows.
 * All of it is attacker-controlled text: it may only change the state of a message whose unguessable Message-ID it returns.
 * Must never take a message for a receipt because somebody attached one, or because its header says so.
 */
import { takesNoAnswers } from '../domain/address.ts'
import { type AutomaticKind, type BounceFacts, type HeaderFacts } from '../domain/mail.ts'
import { firstValue, valuesOf } from './fields.ts'
import { findMessageIds } from './header.ts'
import { contentOf } from './leaf.ts'
import { type Part, partsBelow } from './tree.ts'

/** Header field in every message that the desk sends; its value is the desk's address. */
const LOOP_FIELD = 'x-postern-loop'
const RECEIVED_MAX = 30
/** What programs wrote before Auto-Submitted existed, and some still do. */
const OLD_ANSWER_FIELD =
  /^x-(?:auto(?:reply|respond|responder|-reply-from)|mail-autoreply|vacation)$/

/**
 * What the message at `root` says about itself: all marks without duplicates, and the facts of a notification.
 * `deskAddress` is compared without case.
 */
export function readAutomatic(root: Part, facts: HeaderFacts, deskAddress: string) {
  const { fields, type } = root
  const has = (name: string, pattern: RegExp): boolean =>
    valuesOf(fields, name).some((value) => pattern.test(value))
  const isAnswer =
    has('auto-submitted', /^auto-replied(?:[;\s(]|$)/i) ||
    has('precedence', /auto.?reply/i) ||
    fields.some(
      ({ name, value }) => OLD_ANSWER_FIELD.test(name) && /^(?!(?:no|false|0)$)./i.test(value)
    )
  const isNoReply = facts.from !== null && takesNoAnswers(facts.from.address)
  const { bounce, receipt, returned } = readNotification(root, facts, isNoReply)
  // A report about abuse, TLS, DMARC or the like (RFC 5965, RFC 6522), and one with a receipt among its parts (RFC 3834 §2), is
  // never answered, but people read it.
  const isReport =
    type === 'multipart/report' || [REPORT, RECEIPT].some((kind) => hasPart(root, kind))
  const isByRobot = isReport || DAEMON.test(facts.from?.address ?? '')
  const own = deskAddress.trim().toLowerCase()
  const isOwn = valuesOf(fields, LOOP_FIELD).some((value) => value.trim().toLowerCase() === own)
  const marks: Readonly<Record<AutomaticKind, boolean>> = {
    bounce,
    'auto-replied': isAnswer,
    'auto-generated':
      has('auto-submitted', /^(?!(?:no|auto-replied)(?:[;\s(]|$))/i) ||
      (isByRobot && ![bounce, isAnswer, receipt].includes(true)),
    receipt,
    list: fields.some(({ name }) => name.startsWith('list-') || name === 'mailing-list'),
    bulk: has('precedence', /\b(?:bulk|list|junk)\b/i),
    'null-path': has('return-path', /^<\s*>$/),
    'no-reply-address': isNoReply,
    'asks-for-silence': has(
      'x-auto-response-suppress',
      /(?:^|[,;\s])(?:all|autoreply|oof|dr)(?:[,;\s]|$)/i
    ),
    loop: isOwn || valuesOf(fields, 'received').length > RECEIVED_MAX
  }
  return {
    automatic: (Object.keys(marks) as AutomaticKind[]).filter((kind) => marks[kind]),
    bounce: returned
  }
}

const RECEIPT = /^message\/(?:global-)?disposition-notification$/
const REPORT = /^message\/feedback-report$/

function isReportOf({ type, params }: Part, kind: string): boolean {
  return type === 'multipart/report' && params.get('report-type')?.toLowerCase() === kind
}

function hasPart({ children }: Part, type: RegExp): boolean {
  return children.some((child) => type.test(child.type))
}

// Delivery status notifications.

/** Where a returned message, or its header, may stand. */
const RETURNED = /^(?:text\/(?:plain|rfc822-headers)|message\/(?:rfc822|global)(?:-headers)?)$/
const STATUS = /^message\/(?:global-)?delivery-status$/
/** How subjects of the older forms begin; a person's subject that only mentions mail delivery does not. */
const OLD_SUBJECT =
  /^(?:undeliver(?:able|ed)\b|delivery (?:status|failure|failed|has failed|problem|report)|(?:mail|message) delivery (?:failed|failure|has failed|problem|status|report)|mail system error|returned mail\b|failure notice|there was an error sending your mail|nicht zugestellt|unzustellbar|メッセージを配信できません|メールエラー通知)/i
const DAEMON = /^(?:mailer-?daemon|mail-?daemon|mdaemon|ndr|mail-?delivery)(?:[@ ]|$)/i
const COPIED_ID = /^[> \t]{0,20}(?:Original-)?Message-ID:[ \t\r\n]{0,20}<[^<>\s]{3,250}>/gim
const TEXT_BYTES_MAX = 64 * 1024
const IDS_MAX = 20
/** A person's inline PGP; below a server's text it is the copy of a message that the desk encrypted. */
const ARMOR_FIRST = /^\s*-----BEGIN PGP /

/** What the message reports. One that only looks like a bounce is read as well if its sender's address takes no mail. */
function readNotification(root: Part, facts: HeaderFacts, isNoReply: boolean) {
  const form = bounceForm(root, facts)
  const bounce = form === 'standard' || (form === 'old' && isFromDaemon(root, facts))
  const receipt = isReportOf(root, 'disposition-notification') && hasPart(root, RECEIPT)
  const isRead = bounce || receipt || (form === 'old' && isNoReply)
  return { bounce, receipt, returned: isRead ? readBounce(root, facts) : null }
}

/**
 * Which form of a delivery status notification the message has, if any: an RFC 6522 report with its status part, or one that only
 * looks like a notification. The old form proves nothing if a person may have sent it.
 */
function bounceForm(root: Part, facts: HeaderFacts): 'standard' | 'old' | null {
  const hasStatus = hasPart(root, STATUS)
  if (root.type === 'multipart/report' && hasStatus) return 'standard'
  // Servers neither encrypt nor sign.
  if (root.type === 'multipart/encrypted' || root.type === 'multipart/signed') return null
  // Its status part may have been lost on the way.
  if (hasStatus || isReportOf(root, 'delivery-status')) return 'old'
  const isNamed =
    OLD_SUBJECT.test(facts.subject.trim()) || firstValue(root.fields, 'x-failed-recipients') !== ''
  return isNamed && !ARMOR_FIRST.test(beginningOf(root)) ? 'old' : null
}

/**
 * An empty return path, as no person has (RFC 5321 §4.5.5), or mailer-daemon as the sender. Postmaster proves nothing: people
 * write from it.
 */
function isFromDaemon({ fields }: Part, facts: HeaderFacts): boolean {
  const sender = facts.from?.address ?? firstValue(fields, 'from').trim()
  const paths = valuesOf(fields, 'return-path')
    .filter((value) => value.trim() !== '')
    .map((value) => value.replaceAll(/[<>\s]/g, ''))
  return paths.includes('') || [...paths, sender].some((name) => DAEMON.test(name))
}

function readBounce(root: Part, facts: HeaderFacts): BounceFacts {
  // Message-IDs of the returned message; in the older forms, of a copy within the text.
  const copies = partsBelow(root)
    .filter(
      ({ type, children }) =>
        children.length === 0 && [RETURNED, RECEIPT].some((kind) => kind.test(type))
    )
    .flatMap((part) => beginningOf(part).match(COPIED_ID) ?? [])
  return {
    returnedMessageIds: findMessageIds(copies.join(' '), IDS_MAX),
    ...readStatus(root, facts)
  }
}

/** Too large for the server or for the mailbox (RFC 3463); some servers say it only in what the other server answered. */
const TOO_LARGE =
  /^(?:status:[ \t]*5\.(?:3\.4|2\.3)|diagnostic-code:[^\r\n]{0,500}\b5\d\d[ -]5\.(?:3\.4|2\.3))\b/im

/** What it says of some recipient (RFC 3464 §2.3.3); in the older forms it failed, unless the subject speaks of a delay. */
function readStatus({ children }: Part, { subject }: HeaderFacts) {
  // A status part further inside belongs to a forwarded message, not to this report.
  const status = children.find((part) => STATUS.test(part.type))
  const text = status === undefined ? '' : beginningOf(status).replaceAll(/\r?\n[ \t]+/g, ' ')
  const actions = text.match(/^action:[ \t]*[a-z]+/gim) ?? []
  const says = (what: RegExp): boolean => actions.some((action) => what.test(action))
  const isReceipt = status === undefined && children.some(({ type }) => RECEIPT.test(type))
  const isUnsaid = actions.length === 0 && !/delay|warning|still trying/i.test(subject)
  const hasFailed = !isReceipt && (isUnsaid || says(/\Wfailed$/i))
  return {
    hasFailed,
    isTooLarge: hasFailed && TOO_LARGE.test(text),
    hasArrived: !hasFailed && (isReceipt || says(/\Wdelivered$/i))
  }
}

function beginningOf(part: Part): string {
  return contentOf(part).toString('latin1', 0, TEXT_BYTES_MAX)
}
