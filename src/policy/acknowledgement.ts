/**
 * Whether and what to acknowledge (RFC 3834, DESIGN §8, M-02, M-06). The text depends on nothing but the clock, the policy
 * and what anybody on the way could see: the same whether opening succeeded, failed or was not tried (G6).
 */
import { type Contact } from '../domain/address.ts'
import { type ReporterKey } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { type CaseTag, formatFingerprint, type MessageId } from '../domain/ids.ts'
import { type AutomaticKind, type OpenedMail } from '../domain/mail.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { type AcknowledgementParams } from '../domain/template.ts'
import { addMs, dueAt, formatInstant, type Instant } from '../domain/time.ts'
import { type AnswerHistory } from './situation.ts'

export type AcknowledgementVerdict =
  | { readonly kind: 'send'; readonly to: Contact; readonly notBefore: Instant }
  | { readonly kind: 'none'; readonly because: string }

/** Whether this new report's sender gets an answer, and from when on. `jitter` is 0 ≤ jitter < 1. */
export function decideAcknowledgement(
  opened: OpenedMail,
  history: AnswerHistory,
  settings: Settings,
  { now, jitter }: { readonly now: Instant; readonly jitter: number }
): AcknowledgementVerdict {
  const from = opened.outer.from
  if (from === null)
    return { kind: 'none', because: 'the mail names no sender that could be answered' }
  const [automatic] = opened.automatic
  if (automatic !== undefined) return { kind: 'none', because: SILENT_BECAUSE[automatic] }
  if (from.address.toLowerCase() === settings.desk.address.toLowerCase()) {
    return { kind: 'none', because: 'the sender is the desk itself' }
  }
  if (history.senderAcknowledgedAt !== null) {
    const hours = settings.limits.acknowledgementWindowHours
    return { kind: 'none', because: `this sender got one in the last ${hours} hours` }
  }
  const jittered = addMs(now, Math.floor(jitter * settings.acknowledgement.jitterMsMax))
  const free = history.acknowledgementsFreeAt
  return { kind: 'send', to: from, notBefore: free !== null && free > jittered ? free : jittered }
}

const SILENT_BECAUSE: Readonly<Record<AutomaticKind, string>> = {
  bounce: 'the mail is a delivery report',
  'auto-replied': 'the mail is an automatic answer',
  'auto-generated': 'a program sent the mail',
  list: 'the mail came through a mailing list',
  bulk: 'the mail is marked as bulk',
  'null-path': 'the mail has an empty return path',
  receipt: 'the mail is a receipt',
  'no-reply-address': 'the sender address takes no mail',
  'asks-for-silence': 'the mail asks not to be answered automatically',
  loop: 'the mail has passed the desk before'
}

/** When a person answers by the product's policy; null when it promises nothing. */
export function answerDueAt(
  product: Product,
  receivedAt: Instant,
  timezone: string
): Instant | null {
  const { answer, calendar } = product.policy
  return answer === null ? null : dueAt(receivedAt, answer.within, { ...calendar, timezone })
}

/** The decision that sends it: sealed when the sender's key is known, content-free in clear otherwise. */
export function acknowledge(options: {
  readonly tag: CaseTag
  readonly product: Product
  readonly opened: OpenedMail
  readonly receivedAt: Instant
  readonly key: ReporterKey | null
  readonly to: Contact
  readonly notBefore: Instant
  readonly inReplyTo: MessageId | null
  readonly settings: Settings
}): Decision {
  const { tag, to, notBefore, key, inReplyTo } = options
  const common = {
    once: `acknowledgement:${tag}`,
    mail: 'acknowledgement',
    caseTag: tag,
    subject: `[${tag}] Your report has arrived`,
    autoSubmitted: 'auto-replied',
    via: null,
    notBefore,
    audience: 'reporter',
    template: { name: 'acknowledgement', params: acknowledgementParams(options) }
  } as const
  if (key === null || !key.isUsable) {
    // The display name is the sender's text: repeated in clear, it would carry anybody's words to a forged address (G6).
    const bare = { name: '', address: to.address }
    return { kind: 'send-clear', ...common, recipientId: '', to: bare, inReplyTo }
  }
  const recipient = { ...to, id: '', fingerprint: key.fingerprint, keyData: key.keyData }
  return {
    kind: 'send-sealed',
    ...common,
    noticeId: null,
    recipients: [recipient],
    files: { from: 'nothing' }
  }
}

function acknowledgementParams(options: {
  readonly tag: CaseTag
  readonly product: Product
  readonly opened: OpenedMail
  readonly receivedAt: Instant
  readonly settings: Settings
}): AcknowledgementParams {
  const { desk } = options.settings
  const { policy } = options.product
  const due = answerDueAt(options.product, options.receivedAt, desk.timezone)
  return {
    desk: desk.name,
    tag: options.tag,
    received: formatInstant(options.receivedAt, desk.timezone),
    answerBy: due === null ? '' : formatInstant(due, desk.timezone),
    answerIncludes: policy.answer?.includes ?? '',
    firm: policy.answer?.firmness === 'hard',
    policy: policy.title,
    rules: policy.reporter_rules,
    checklist: policy.report_checklist,
    sealedTo: options.opened.sealedTo,
    keyIds: options.opened.sealedToKeyIds.join(', '),
    fingerprint: formatFingerprint(desk.fingerprint)
  }
}
