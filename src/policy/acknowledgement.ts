/**
 * Whether and what to acknowledge (RFC 3834, DESIGN §8, M-02, M-06). The text depends on nothing but the clock, the policy
 * and what anybody on the way could see: the same whether opening succeeded, failed or was not tried (G6).
 */
import { type Address, type Contact, isSameAddress, takesNoAnswers } from '../domain/address.ts'
import { type Reporter, type ReporterKey } from '../domain/case.ts'
import { type Decision, type Sending } from '../domain/decision.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type AutomaticKind, isAddressee, type OpenedMail } from '../domain/mail.ts'
import { type FactLine, type Message } from '../domain/message.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { addMs, DAY_MS, dueAt, formatInstant, type Instant, msBetween } from '../domain/time.ts'
import { acknowledgement, furtherReports } from '../messages/to-reporters.ts'
import { judgeSender, type SenderProof } from './authentication.ts'
import { productOutside } from './new-case.ts'
import { earliestRoom } from './rate-limits.ts'
import { inClearTo, sealedTo } from './send.ts'
import { type AnswerHistory, type Moment, type Situation } from './situation.ts'

/** One sender gets an acknowledgement for each of so many reports in a day, and one message a day that lists the further ones. */
const REPORTS_A_DAY = 5

/** `list` waits for the sender's daily list; `hold` is finished and waits for a maintainer's /acknowledge. */
type AcknowledgementVerdict =
  | { readonly kind: 'send' | 'list'; readonly to: Contact; readonly notBefore: Instant }
  | { readonly kind: 'hold'; readonly to: Contact; readonly because: string }
  | { readonly kind: 'none'; readonly because: string }

function decideAcknowledgement(
  opened: OpenedMail,
  history: AnswerHistory,
  settings: Settings,
  moment: Pick<Moment, 'now' | 'begunAt' | 'jitter'>
): AcknowledgementVerdict {
  const proof = judgeSender(opened, settings)
  const to = answerContact(opened, proof)
  if (to === null)
    return { kind: 'none', because: 'the message names no sender that could be answered' }
  const [automatic] = opened.automatic
  if (automatic !== undefined) return { kind: 'none', because: SILENT_BECAUSE[automatic] }
  if (isSameAddress(to.address, settings.desk.address)) {
    return { kind: 'none', because: 'the sender is the desk itself' }
  }
  if (takesNoAnswers(to.address)) {
    return { kind: 'none', because: SILENT_BECAUSE['no-reply-address'] }
  }
  // The sender's address is only a claim: an answer to a forged one is mail that nobody asked for.
  if (proof.kind === 'none') return { kind: 'hold', to, because: proof.because }
  // RFC 3834 §2: a message that came by blind copy or through another address may be no report. Only the outside counts: the
  // answer must not show whether the inside could be read (G6).
  if (!isAddressee(opened.outer, settings.desk.address)) {
    return { kind: 'hold', to, because: 'neither its To nor its Cc names the desk' }
  }
  const departure = drawDeparture(settings, moment)
  if (history.senderAcknowledgements >= REPORTS_A_DAY)
    return { kind: 'list', to, notBefore: departure }
  const notBefore = roomFor(history, settings, departure)
  return notBefore === null
    ? {
        kind: 'hold',
        to,
        because: 'too many other acknowledgements are waiting for the hourly limit'
      }
    : { kind: 'send', to, notBefore }
}

/**
 * Counted from when the desk began to open the message, so that how long opening took does not show (G6, mail.md §2.3): half of
 * the longest delay leaves room for that, the other half is chance. Opening that takes even longer shows as whole delays only.
 */
function drawDeparture(
  { acknowledgement: { jitterMsMax } }: Settings,
  { now, begunAt, jitter }: Pick<Moment, 'now' | 'begunAt' | 'jitter'>
): Instant {
  // The clock may have been set back in between.
  const spentMs = Math.max(0, msBetween(begunAt, now))
  if (jitterMsMax === 0) return now
  const delayMs = Math.floor((jitterMsMax * (1 + jitter)) / 2)
  const more = Math.ceil(Math.max(0, spentMs - delayMs) / jitterMsMax)
  return addMs(now, delayMs + more * jitterMsMax - spentMs)
}

/** The address that an answer to this message would go to, to look up what the database knows of it; null when there is none. */
export function answerAddress(opened: OpenedMail, settings: Settings): Address | null {
  return answerContact(opened, judgeSender(opened, settings))?.address ?? null
}

/** From, or the return path where that alone is proved (RFC 3834 §4, mail.md §1.9). */
function answerContact(opened: OpenedMail, proof: SenderProof): Contact | null {
  const { from } = opened.outer
  if (proof.kind !== 'spf' || from === null || isSameAddress(from.address, proof.returnPath)) {
    return from
  }
  return { name: '', address: proof.returnPath }
}

/** The earliest time that the limits allow for one more answer; null when that is more than a day away. */
function roomFor(history: AnswerHistory, settings: Settings, from: Instant): Instant | null {
  const { limits } = settings
  const { desk, domain } = history.answersTaken
  return earliestRoom(
    [
      { taken: desk, perHour: limits.acknowledgementsPerHour },
      { taken: domain, perHour: limits.acknowledgementsPerDomainHour }
    ],
    from,
    addMs(from, DAY_MS)
  )
}

const SILENT_BECAUSE: Readonly<Record<AutomaticKind, string>> = {
  bounce: 'the message is a delivery report',
  'auto-replied': 'the message is an automatic answer',
  'auto-generated': 'a program sent the message',
  list: 'the message came through a mailing list',
  bulk: 'the message is marked as bulk',
  'null-path': 'the message has an empty return path',
  receipt: 'the message is a receipt',
  'no-reply-address': 'the sender address takes no mail',
  'asks-for-silence': 'the message asks not to be answered automatically',
  loop: 'the message has passed the desk before'
}

/** Answers a new report, and tells the maintainers whether and when the answer leaves. */
export function acknowledgeReport(
  situation: Situation,
  about: Pick<Subject, 'tag' | 'key' | 'unusedKeys'>,
  settings: Settings,
  moment: Moment
): { readonly facts: readonly FactLine[]; readonly decisions: readonly Decision[] } {
  const { opened, history } = situation
  const verdict = decideAcknowledgement(opened, history, settings, moment)
  const subject = { ...situation, ...about, ...moment, settings }
  return {
    facts: [{ label: 'Acknowledged', value: acknowledgedWords(verdict, settings) }],
    decisions: acknowledge(verdict, subject)
  }
}

function acknowledgedWords(verdict: AcknowledgementVerdict, settings: Settings): string {
  switch (verdict.kind) {
    case 'none':
      return `no, because ${verdict.because}`
    case 'hold':
      return `NOT YET: ${verdict.because}. /acknowledge sends it to ${verdict.to.address}`
    case 'list':
      return `no, because ${verdict.to.address} sent more than ${REPORTS_A_DAY} reports within 24 hours; one message a day lists the numbers of the further ones`
    case 'send':
      return `yes, to ${verdict.to.address}; it leaves ${formatInstant(verdict.notBefore, settings.desk.timezone)}`
  }
}

type Subject = Pick<Situation, 'opened' | 'receivedAt'> &
  Pick<Moment, 'now' | 'begunAt'> & {
    readonly tag: CaseTag
    /** The key of the address in From. */
    readonly key: ReporterKey | null
    /** While a key of the sender waits to be accepted, the answer announces no unencrypted mail. */
    readonly unusedKeys: Reporter['unusedKeys']
    readonly settings: Settings
  }

/** The decisions that carry a verdict out. An answer counts when it leaves: one put off fills the hour that it leaves in. */
function acknowledge(verdict: AcknowledgementVerdict, subject: Subject): Decision[] {
  if (verdict.kind === 'none') return []
  const { to } = verdict
  if (verdict.kind === 'hold')
    return [answer(subject, to, { notBefore: subject.now, isHeld: true })]
  const { notBefore } = verdict
  return verdict.kind === 'list'
    ? [{ kind: 'list-report', tag: subject.tag, address: to.address, from: notBefore }]
    : [answer(subject, to, { notBefore, isHeld: false }), countAnswer(to.address, notBefore)]
}

function answer(
  { tag, opened, settings, receivedAt, now, begunAt: madeAt, key: known, unusedKeys }: Subject,
  to: Contact,
  when: Pick<Sending, 'notBefore' | 'isHeld'>
): Decision {
  // The key is the one of the address in From: at a return path elsewhere nobody could read the answer.
  const isFrom = opened.outer.from !== null && isSameAddress(opened.outer.from.address, to.address)
  const key = isFrom && known?.isUsable === true ? known : null
  const { timezone } = settings.desk
  const product = productOutside(opened, settings)
  const params = acknowledgementParams(product, opened, { receivedAt, now }, timezone)
  const isClearAllowed = params.isClearAllowed && known === null && unusedKeys.length === 0
  const message = acknowledgement({ ...params, isClearAllowed })
  const inReplyTo = key === null ? opened.outer.messageId : null
  return toSender(to, key, message, { once: tag, tag, ...when, madeAt, inReplyTo })
}

/** The daily list of one sender's further reports: their numbers alone (B11, G6). */
export function listReports(
  tags: readonly CaseTag[],
  to: Address,
  key: ReporterKey | null,
  now: Instant
): Decision[] {
  const [tag] = tags
  if (tag === undefined) return []
  const message = furtherReports({ tags, reportsADay: REPORTS_A_DAY })
  return [
    toSender({ name: '', address: to }, key, message, { once: tag, tag }),
    { kind: 'count-answer', address: to, answer: 'further-reports', at: now },
    { kind: 'forget-listed', tags }
  ]
}

/** Sealed when the sender's key is known, content-free in clear otherwise. */
function toSender(
  { name, address }: Contact,
  key: ReporterKey | null,
  message: Message<'content-free'>,
  { tag, ...sending }: Sending & { readonly tag: CaseTag }
): Decision {
  // The display name is the sender's text: repeated in clear, it would carry anybody's words to a forged address (G6).
  if (key?.isUsable !== true)
    return inClearTo({ name: '', address, id: tag }, message, { tag, ...sending })
  const { fingerprint, keyData } = key
  const recipient = { name, address, id: tag, fingerprint, keyData }
  return sealedTo([recipient], message, { tag, ...sending })
}

/** Counts one that leaves `at`, for the limits of its sender, its domain and the desk. */
export function countAnswer(address: Address, at: Instant): Decision {
  return { kind: 'count-answer', address, answer: 'acknowledgement', at }
}

/** By when it promises that a person answers; null where it promises nothing. */
export function promisedAnswer(
  { policy: { answer }, calendar }: Pick<Product, 'policy' | 'calendar'>,
  receivedAt: Instant
): Instant | null {
  return answer === null ? null : dueAt(receivedAt, answer.within, calendar)
}

/** What it says: nothing but what anybody outside could work out (G6). */
export function acknowledgementParams(
  product: Pick<Product, 'policy' | 'calendar'>,
  opened: Pick<OpenedMail, 'sealedTo' | 'sealedToKeyIds'>,
  { receivedAt, now }: { readonly receivedAt: Instant; readonly now: Instant },
  timezone: string
): Parameters<typeof acknowledgement>[0] {
  const { policy } = product
  const { answer } = policy
  const due = promisedAnswer(product, receivedAt)
  return {
    received: formatInstant(receivedAt, timezone),
    answerBy: due === null ? '' : formatInstant(due, timezone),
    isLate: due !== null && due <= now,
    answerIncludes: answer?.includes ?? '',
    isFirm: answer?.firmness === 'hard',
    policy: policy.title,
    rules: policy.reporter_rules,
    checklist: policy.report_checklist,
    sealedTo: opened.sealedTo,
    keyIds: opened.sealedToKeyIds.join(', '),
    isClearAllowed: policy.reporters.cleartext === 'allow'
  }
}
