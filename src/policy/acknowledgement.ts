/**
 * Whether and what to acknowledge (RFC 3834, M-02, M-06). The text depends on nothing but the clock, the policy and what
 * anybody on the way could see: the same whether opening succeeded, failed or was not tried (G6).
 */
import { type Address, type Contact, domainOf, isSameAddress } from '../domain/address.ts'
import { type CaseRecord, type ReporterKey } from '../domain/case.ts'
import { type Decision, type Sending } from '../domain/decision.ts'
import { type Promised } from '../domain/event.ts'
import { type CaseTag, formatFingerprint } from '../domain/ids.ts'
import {
  type AutomaticKind,
  type CandidateKey,
  isDesks,
  isToDesk,
  type OpenedMail,
  subjectOf
} from '../domain/mail.ts'
import { type FactLine, type Message } from '../domain/message.ts'
import { type PinnedCertificate } from '../domain/outgoing.ts'
import { type Policy, type Product, promisedAnswer, type Settings } from '../domain/settings.ts'
import { addMs, dueAt, formatInstant, HOUR_MS, type Instant, msBetween } from '../domain/time.ts'
import { acknowledgement, furtherReports } from '../messages/to-reporters.ts'
import { senderDoubt } from './authentication.ts'
import { encryptedTo } from './recipients.ts'
import { inClearTo, toReporter } from './send.ts'
import { type DomainShare, type Moment, type Situation } from './situation.ts'
import { isProvedSender } from './threading.ts'

/** So many reports of one sender are acknowledged one by one in a day; one message a day lists the further ones. */
const REPORTS_A_DAY = 5

/** `list`: the report goes into the sender's daily list. `hold`: the answer is made and waits for a maintainer's /acknowledge. */
type Verdict =
  | { readonly kind: 'send' | 'list'; readonly to: Contact; readonly notBefore: Instant }
  | { readonly kind: 'hold'; readonly to: Contact; readonly because: string }
  | { readonly kind: 'none'; readonly because: string }

function judge(situation: Situation): Verdict {
  const { opened, history, settings } = situation
  const to = opened.outer.from
  if (to === null)
    return { kind: 'none', because: 'the message names no sender that could be answered' }
  const silent = silence(to, opened, settings)
  if (silent !== null) return { kind: 'none', because: silent }
  // The sender's address is only a claim: an answer to a forged one is mail that nobody asked for.
  const doubt = senderDoubt(opened, settings)
  if (doubt !== null) return { kind: 'hold', to, because: `the sender is ${doubt}` }
  // RFC 3834 §2: a message that came by blind copy or through another address may be no report. Only the outside counts: the
  // answer must not show whether the inside could be read (G6).
  if (!isToDesk(opened.outer, settings.desk))
    return {
      kind: 'hold',
      to,
      because: `neither its To nor its Cc names the desk${aliasHint(situation)}`
    }
  const departure = drawDeparture(situation)
  const leaving = isProvedSender(situation) ? history.proved : history.unproved
  if (leaving.toSender >= REPORTS_A_DAY) return { kind: 'list', to, notBefore: departure }
  const hours = hoursOff(leaving, settings.acknowledgement)
  const because = 'too many other acknowledgements are waiting for the hourly limit'
  return hours > PUT_OFF_HOURS_MAX
    ? { kind: 'hold', to, because }
    : { kind: 'send', to, notBefore: addMs(departure, hours * HOUR_MS) }
}

/**
 * How many hours an answer waits, because each hour has room for so many (RFC 3834 §2). The share is fair by domain: in front of
 * the next one of a domain stand only as many of each other domain.
 */
export function hoursOff(
  { toDomain, toOthers }: DomainShare,
  { per_hour, per_domain_hour }: Settings['forwarding']
): number {
  const before = toOthers.reduce((sum, count) => sum + Math.min(count, toDomain + 1), toDomain)
  return Math.floor(Math.max(before / per_hour, toDomain / per_domain_hour))
}

/** Why a message must get no automatic answer; null when it may. */
function silence({ address }: Contact, { automatic: [kind] }: OpenedMail, { desk }: Settings) {
  if (kind !== undefined) return SILENT_BECAUSE[kind]
  return isDesks(address, desk) ? 'the sender is the desk itself' : null
}

/** How an address of the desk is made known that is not yet; '' where the message names none of its domain. */
function aliasHint({ opened: { outer }, settings: { desk, maintainers } }: Situation): string {
  const isPersons = (one: Address): boolean =>
    maintainers.some(({ address }) => isSameAddress(address, one))
  const named = [...outer.to, ...outer.cc].map(({ address }) => address)
  const alias = named.find((one) => domainOf(one) === domainOf(desk.address) && !isPersons(one))
  return alias === undefined
    ? ''
    : ` (if ${alias} is an address of the desk, the operator adds it to desk.aliases)`
}

/**
 * Counted from when the desk began to open the message, so that how long opening took does not show (G6): half of the longest
 * delay leaves room for that, the other half is chance. Opening that takes even longer shows as whole delays only.
 */
function drawDeparture({ settings, now, begunAt, jitter }: Moment): Instant {
  const { acknowledgement } = settings
  // The clock may have been set back in between.
  const spentMs = Math.max(0, msBetween(begunAt, now))
  if (acknowledgement.jitter === 0) return now
  const jitterMsMax = acknowledgement.jitter * 1000
  const delayMs = Math.floor((jitterMsMax * (1 + jitter)) / 2)
  const more = Math.ceil(Math.max(0, spentMs - delayMs) / jitterMsMax)
  return addMs(now, delayMs + more * jitterMsMax - spentMs)
}

/** An answer that would be put off for longer waits for /acknowledge instead. */
export const PUT_OFF_HOURS_MAX = 7 * 24

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

/** Why the acknowledgement of a report, which is read once more, was put on hold: for the limit, if not for the report itself. */
export function whyOnHold(situation: Situation): string {
  const verdict = judge(situation)
  return verdict.kind === 'hold'
    ? verdict.because
    : 'too many other acknowledgements were waiting for the hourly limit when it came'
}

/** Whether an answer would leave by itself. */
export function isAnswerable(situation: Situation): boolean {
  return ['send', 'list'].includes(judge(situation).kind)
}

/**
 * Answers a new report, and tells the maintainers whether and when the answer leaves. `key` is that of the address in From,
 * `brought` what the message brings of keys, withheld or not.
 */
export function acknowledgeReport(
  situation: Situation,
  { record, key, brought }: Answered
): { readonly facts: readonly FactLine[]; readonly decisions: readonly Decision[] } {
  const verdict = judge(situation)
  const does = (value: string, ...decisions: Decision[]) => ({
    facts: [{ label: 'Acknowledged', value }],
    decisions
  })
  if (verdict.kind === 'none') return does(`no, because ${verdict.because}`)
  const { opened, settings, now, begunAt: madeAt } = situation
  const { tag } = record
  const { to } = verdict
  const { timezone } = settings.desk
  const products = productsOutside(opened, settings)
  const params = acknowledgementParams(products, opened, situation, timezone)
  const sealTo = answerKey(situation, key, brought.candidateKeys)
  // While a key of the sender is known or waits to be accepted, the answer announces no unencrypted mail.
  const isKeyless = brought.candidateKeys.length + brought.unusableKeys.length === 0
  const isClearAllowed = params.isClearAllowed && isKeyless
  const yourKey = sealTo === null ? '' : formatFingerprint(sealTo.fingerprint)
  const inReplyTo = sealTo === null ? opened.outer.messageId : null
  const answer = (when: Pick<Sending, 'isHeld'> & { readonly notBefore: Instant }): Decision =>
    toSender(to, sealTo, acknowledgement({ ...params, ...late(when), isClearAllowed, yourKey }), {
      ...{ once: tag, tag, madeAt, inReplyTo, isProved: isProvedSender(situation) },
      ...when
    })
  const late = (when: { readonly notBefore: Instant }) => ({
    isDelayed: msBetween(situation.receivedAt, when.notBefore) > HOUR_MS
  })
  if (verdict.kind === 'hold')
    return does(
      `NOT YET: ${verdict.because}. /acknowledge sends it to ${to.address}`,
      answer({ notBefore: now, isHeld: true })
    )
  const { notBefore } = verdict
  if (verdict.kind === 'list')
    return does(
      `no, because ${to.address} sent more than ${REPORTS_A_DAY} reports within 24 hours; one message a day lists the numbers of the further ones`,
      { kind: 'list-report', tag, address: to.address, from: notBefore }
    )
  return does(
    `not yet; planned to leave to ${to.address} ${formatInstant(notBefore, timezone)}${late(verdict).isDelayed ? ', late; it says so' : ''}`,
    answer({ notBefore, isHeld: false })
  )
}

type Answered = {
  readonly record: Pick<CaseRecord, 'tag'>
  readonly key: ReporterKey | null
  readonly brought: Pick<OpenedMail, 'candidateKeys' | 'unusableKeys'>
}

/**
 * The key that an automatic answer is encrypted to: the known one of a proved sender, else the one that this message brings.
 * Everybody sees whether it is encrypted, so nothing that the desk knows of an address may show in it to whoever only claims that
 * address (B7).
 */
function answerKey(
  situation: Situation,
  key: ReporterKey | null,
  candidates: readonly CandidateKey[]
): PinnedCertificate | null {
  if (isProvedSender(situation) && key !== null) return key.isUsable ? key : null
  const [brought, ...others] = candidates
  return others.length === 0 ? (brought ?? null) : null
}

/** The daily list of one sender's further reports: their numbers alone (B11, G6), to an address that may only be claimed (B7). */
export function listReports(tags: readonly CaseTag[], to: Address): Decision[] {
  const [tag] = tags
  if (tag === undefined) return []
  const message = furtherReports({ tags, reportsADay: REPORTS_A_DAY })
  return [
    toSender({ name: '', address: to }, null, message, { once: tag, tag }),
    { kind: 'forget-listed', tags }
  ]
}

/** Sealed where there is a key, content-free in clear otherwise. */
function toSender(
  { name, address }: Contact,
  key: PinnedCertificate | null,
  message: Message<'content-free'>,
  sending: Sending & { readonly tag: CaseTag }
): Decision {
  const id = sending.tag
  if (key !== null) return toReporter(encryptedTo({ name, address, id }, key), message, sending)
  // The display name is the sender's text: repeated in clear, it would carry anybody's words to a forged address (G6).
  return inClearTo({ name: '', address, id }, message, sending)
}

/** What all of these products promise the reporter: by when at the latest, by its clock. */
export function promisedBy(products: readonly Promising[], receivedAt: Instant): Promised {
  const clocks = products[0]?.policy.clocks ?? []
  const all = clocks.flatMap(({ id, starts, key }) => {
    if (id !== 'answer' && (key !== 'reporter' || !starts.includes('opened'))) return []
    const dues = products.flatMap(({ policy, calendar }) => {
      const due = policy.clocks.find((one) => one.id === id)?.due
      return due && 'within' in due ? dueAt(receivedAt, due.within, calendar) : []
    })
    return dues.length < products.length ? [] : [[id, dues.sort().at(-1)]]
  })
  return Object.fromEntries(all) as Promised
}

type Promising = Pick<Product, 'policy' | 'calendar'>

/**
 * The product that the subject outside names, or else all of them: an automatic answer says only what holds for each, so that its
 * text cannot depend on what only the desk could read (G6).
 */
export function productsOutside({ outer }: OpenedMail, settings: Settings): readonly Product[] {
  const named = productIn(outer.subject, settings)
  return named === null ? settings.products : [named]
}

/** The product of the case: by the subject as its author meant it, then the text, then what is seen outside. */
export function productOf(opened: OpenedMail, settings: Settings): Product {
  const named = productIn(subjectOf(opened), settings) ?? productIn(opened.text, settings)
  const [product] = named === null ? productsOutside(opened, settings) : [named]
  if (product === undefined) throw new RangeError('a desk without products')
  return product
}

/** The one product that these words name; null for none or several. */
function productIn(text: string, { products }: Settings): Product | null {
  const words = ` ${text.toLowerCase().replaceAll(/[^\p{L}\p{N}-]+/gu, ' ')} `
  const named = products.filter(({ id, name }) =>
    [id, name].some((word) => words.includes(` ${word.toLowerCase()} `))
  )
  return named.length === 1 ? (named[0] ?? null) : null
}

/** What the acknowledgement says: nothing but what anybody outside could work out (G6). */
export function acknowledgementParams(
  products: readonly Promising[],
  opened: Pick<OpenedMail, 'sealedTo' | 'sealedToKeyIds'>,
  { receivedAt, now }: { readonly receivedAt: Instant; readonly now: Instant },
  timezone: string
): Parameters<typeof acknowledgement>[0] {
  const policies = products.map(({ policy }) => policy)
  const shared = (of: (policy: Policy) => readonly string[]): readonly string[] => {
    const [first = [], ...others] = policies.map(of)
    return first.filter((one) => others.every((other) => other.includes(one)))
  }
  const [title = ''] = shared((policy) => [policy.title])
  const [answer_includes = ''] = shared((policy) => [policy.answer_includes])
  const reporter_rules = shared((policy) => policy.reporter_rules)
  const report_checklist = shared((policy) => policy.report_checklist)
  const due = promisedBy(products, receivedAt)?.['answer'] ?? null
  return {
    received: formatInstant(receivedAt, timezone),
    answerBy: due === null ? '' : formatInstant(due, timezone),
    isLate: due !== null && due <= now,
    isFirm: policies.every((policy) => promisedAnswer(policy)?.firmness === 'hard'),
    policy: { title, answer_includes, reporter_rules, report_checklist },
    sealedTo: opened.sealedTo,
    keyIds: opened.sealedToKeyIds.join(', '),
    isDelayed: false,
    isClearAllowed: policies.every(({ reporters }) => reporters.cleartext === 'allow'),
    yourKey: ''
  }
}
