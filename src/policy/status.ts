/**
 * Where a case and its notice stand, in the reader's words: for `/status`, for the answer to commands and for `/cases`. Counts of
 * list members only, never a name (G5).
 */
import {
  type Addressed,
  addresseesOf,
  type CaseRecord,
  type CaseState,
  isOpen,
  type ListedCase,
  type ReporterKeys,
  reporterOf,
  type WaitingWords
} from '../domain/case.ts'
import { type Due } from '../domain/clock.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { nounOf } from '../messages/catalogue.ts'
import { dueOf, promiseParts, promisesOpen, promiseWords } from './clocks.ts'
import { answerOf, owedWord } from './date-talk.ts'
import { type CommandContext, type Draft, happening } from './draft.ts'
import { approvalRule } from './embargo.ts'
import { missingFields, releasePlan, standingPreview, willLeave } from './notice-content.ts'
import { noticeFaults } from './notice-lint.ts'
import { keyChoice, nameOf, reporterPath } from './recipients.ts'

const STATES: Readonly<Record<CaseState, string>> = {
  received: 'new',
  triaging: 'being examined',
  'needs-info': 'waiting for the reporter',
  accepted: 'accepted',
  planned: 'accepted, with a disclosure date',
  noticed: 'accepted, and the list has been told',
  disclosed: 'disclosed',
  rejected: 'rejected',
  merged: 'merged into another case',
  closed: 'closed'
}

/** A state in words. */
export function stateWords(state: CaseState): string {
  return STATES[state]
}

/** A state in words, with the code of a rejection (B9). */
function stateIn(draft: Draft, { bound }: CommandContext): string {
  const { state } = draft.case
  const rejected = [...bound.events, ...happening(draft)].findLast(
    ({ kind }) => kind === 'rejected'
  )
  return state === 'rejected' && rejected?.kind === 'rejected'
    ? `${STATES[state]} (${rejected.about.code})`
    : STATES[state]
}

/** Where a case stands, on one line. */
export function standing(draft: Draft, context: CommandContext): string {
  const { case: record, notice } = draft
  const { settings } = context
  return [
    stateIn(draft, context),
    ownerWords(record, settings),
    ...(notice === null || isMoot(record, notice)
      ? []
      : [`advance notice ${NOTICES[notice.state]}`])
  ].join('; ')
}

/** A notice that never left is nobody's business once the case is public or over. */
function isMoot({ state }: CaseRecord, notice: NoticeRecord): boolean {
  return (!isOpen(state) || state === 'disclosed') && notice.state !== 'released'
}

const NOTICES: Readonly<Record<NoticeRecord['state'], string>> = {
  drafting: 'not approved',
  scheduled: 'approved',
  releasing: 'leaving now',
  released: 'sent',
  held: 'on hold'
}

/** One case of a list: number, state, owner, reporters, subject and what is due (B15). */
export function caseLines(
  { case: record, due }: ListedCase,
  { settings, now }: Pick<CommandContext, 'settings' | 'now'>
): string {
  const from = addresseesOf(record).map(({ contact }) => contact.address)
  return [
    `${record.tag}  ${stateWords(record.state)}; ${ownerWords(record, settings)}`,
    [from.join(', '), record.subject.replaceAll(/\s+/g, ' ')].filter(Boolean).join(': '),
    due === null ? 'nothing is due' : promiseWords(due, { case: record, settings, now })
  ].join('\n    ')
}

function ownerWords({ owner }: CaseRecord, settings: Settings): string {
  return owner === null ? 'no owner' : `owner ${nameOf(owner, settings)}`
}

/** Whether each reporter was answered; the address is named only if there are several. */
function answerLines(record: CaseRecord, timezone: string): string[] {
  const reporters = addresseesOf(record)
  if (reporters.length < 2)
    return [
      `Reporter: ${answerWords((reporters[0] ?? reporterOf(record))?.answeredAt ?? null, record, timezone)}`
    ]
  return reporters.map(
    ({ contact, answeredAt }) =>
      `Reporter: ${contact.address}, ${answerWords(answeredAt, record, timezone)}`
  )
}

function answerWords(at: Instant | null, { state }: CaseRecord, timezone: string): string {
  if (at !== null) return `first answered by a person ${formatInstant(at, timezone)}`
  return isOpen(state) ? 'not answered by a person yet' : 'never answered by a person'
}

/** The promise that is due first once this message is carried out. */
export function dueInDraft(draft: Draft, context: CommandContext): Due | null {
  return dueOf(draft.case, context.bound.events, happening(draft), context)
}

/** Whether a promise waits that a plan keeps and another answer does not (M-08). */
export function isPlanDue(draft: Draft, context: CommandContext): boolean {
  return promisesOpen(draft.case, context.bound.events, happening(draft), context).some(
    ({ clock: { stops } }) => stops.includes('plan-told') && !stops.includes('answered')
  )
}

function dueLine(draft: Draft, context: CommandContext): string {
  const { settings, now } = context
  const due = dueInDraft(draft, context)
  if (due === null) return 'nothing'
  const { when, what } = promiseParts(due, { case: draft.case, settings, now })
  // These lines are not wrapped when the message is rendered.
  return `${when}:\n  ${what}`
}

/** What waits: what it is, whose, to whom and from when; never what it says. */
export function waitingName(words: WaitingWords, settings: Settings): string {
  const { authorId, at, mail, reporter } = words
  const when = formatInstant(at, settings.desk.timezone)
  return `${nounOf(mail)} by ${nameOf(authorId, settings)} to ${reporter.contact.address}, ${when}`
}

function waitingLines({ waitingWords, case: record }: Draft, settings: Settings): string[] {
  const waiting = waitingWords.filter(({ tag }) => tag === record.tag)
  if (waiting.length === 0) return []
  const messages = count(waiting.length, 'message', 'messages')
  const isSeveral = addresseesOf(record).length > 1
  const what = waiting.length === 1 ? 'it' : 'them'
  return [
    isSeveral
      ? `Waiting for a key: ${messages}; /unsend in a reply to a reporter's message withdraws what waits for that reporter`
      : `Waiting for a key of the reporter: ${messages}; /unsend withdraws ${what}`,
    ...waiting.map((words) => `  ${waitingName(words, settings)}`)
  ]
}

/** A few lines of plain text. */
export function statusBlock(draft: Draft, context: CommandContext): string {
  const { settings, product, bound } = context
  const { timezone } = settings.desk
  const record = draft.case
  return [
    ...(bound.named === record.tag
      ? []
      : [`${bound.named} was merged into ${record.tag}; please go on there.`]),
    `${record.tag} (${product.name}): ${stateIn(draft, context)}`,
    `Received: ${formatInstant(record.receivedAt, timezone)}`,
    ...answerLines(record, timezone),
    `Due: ${dueLine(draft, context)}`,
    ...reachLines(draft, context),
    ...waitingLines(draft, settings),
    `Owner: ${record.owner === null ? 'nobody' : nameOf(record.owner, settings)}`,
    ...(bound.messageCount === 0
      ? []
      : [`On record: ${count(bound.messageCount, 'message', 'messages')}`]),
    ...disclosureLines(draft, context),
    ...dateLines(draft, context),
    ...noticeLines(draft, context),
    ...(isOpen(record.state) && record.owner === null ? ['Missing: an owner (/take)'] : [])
  ].join('\n')
}

function reachLines({ case: record, reporterKeys }: Draft, { product }: CommandContext): string[] {
  const reporters = addresseesOf(record)
  if (reporters.length === 0) return ['Answers: cannot be sent: the report names no address.']
  return reporters.map((one) => `Answers: ${reachWords(one, reporterKeys, product)}`)
}

/** How answers reach this reporter, behind the word `Answers`. */
export function reachWords(
  reporter: Addressed,
  keys: ReporterKeys,
  product: CommandContext['product']
): string {
  const { address } = reporter.contact
  const path = reporterPath(reporter, keys, product)
  if (path.kind === 'encrypted') return `go to ${address}, encrypted.`
  if (path.kind === 'in-clear') return `go to ${address}, NOT encrypted, because we have no key.`
  return `cannot go to ${address} yet: we have no usable key, and what you write waits for one.${keyChoice(path)}`
}

/** The date while it holds: a case that ended without disclosure has none. */
function disclosureLines(
  { case: { disclosureAt, disclosureZone, state }, known }: Draft,
  { settings, now }: CommandContext
): string[] {
  if (disclosureAt === null)
    return state === 'accepted' ? ['Missing: a disclosure date (/embargo)'] : []
  const said = formatInstant(disclosureAt, settings.desk.timezone, disclosureZone)
  if (known.wasDisclosed || state === 'disclosed')
    return [`Disclosure: recorded as public; the date was ${said}`]
  if (!isOpen(state)) return []
  return disclosureAt > now
    ? [`Disclosure: due ${said}`]
    : [`Disclosure: OVERDUE since ${said}; if it is public, record that with /disclosed`]
}

/** What each reporter said about the date, and which of them will be told it when we have a key of theirs (B19). */
function dateLines(draft: Draft, context: CommandContext): string[] {
  const { product, bound, now, settings } = context
  const { case: record, reporterKeys } = draft
  const about = { record, events: [...bound.events, ...happening(draft)], now }
  return addresseesOf(record).flatMap((reporter) => {
    const { address } = reporter.contact
    const said = answerOf(record, reporter, context)
    if (said !== null) {
      const when = formatInstant(said.at, settings.desk.timezone)
      if (said.kind === 'date-told') return `Date: ${address} has not answered; told ${when}`
      return `Date: ${address} ${said.about.answer === 'agree' ? 'agreed' : 'OBJECTED'} ${when}`
    }
    const word = owedWord(about, reporter)
    if (word === null || reporterPath(reporter, reporterKeys, product).kind !== 'no-key') return []
    return word === 'question'
      ? `Question about the date: waits for a key of ${address}`
      : `Message that says the date: waits for a key of ${address}`
  })
}

function noticeLines(draft: Draft, context: CommandContext): string[] {
  const { notice } = draft
  const isLive = isNoticeDue(draft, context)
  if (context.product.policy.notice === null) return []
  if (notice === null) return isLive ? ['Advance notice: not written yet'] : []
  const { members } = context.bound
  const to =
    members.length === 0 ? 'nobody on the list' : count(members.length, 'member', 'members')
  const line = `Advance notice: revision ${notice.revision}, ${NOTICES[notice.state]}${whereWords(notice, to, context)}`
  const isUnfinished = notice.state === 'drafting' || notice.state === 'held'
  return [line, ...(isLive && isUnfinished ? unfinishedLines(draft, notice, to, context) : [])]
}

function isNoticeDue(
  { case: { state, disclosureAt }, known }: Draft,
  { now }: CommandContext
): boolean {
  const isPast = disclosureAt !== null && disclosureAt <= now
  return isOpen(state) && state !== 'disclosed' && !known.wasDisclosed && !isPast
}

function unfinishedLines(
  draft: Draft,
  notice: NoticeRecord,
  to: string,
  context: CommandContext
): string[] {
  const missing = missingFields(draft, context)
  const faults = noticeFaults(draft, context)
  const lines = missing.length > 0 ? [`Missing for the notice: ${missing.join(', ')}`] : []
  lines.push(...faults)
  if (missing.length === 0 && faults.length === 0) lines.push(approvalLine(draft, notice, context))
  const { releaseAt } = releasePlan(draft, context)
  if (releaseAt === null) return lines
  return [...lines, willLeave(releaseAt, context, ` to ${to}`)]
}

function approvalLine(draft: Draft, { approvals }: NoticeRecord, context: CommandContext): string {
  const preview = standingPreview(draft, context)
  if (preview === null) return 'Missing for the notice: a preview (/notice preview)'
  const { needed } = approvalRule(context.product.policy)
  const given = approvals.filter(({ digest }) => digest === preview.digest).length
  const lacking = count(Math.max(needed - given, 1), 'approval', 'approvals')
  return `Missing for the notice: ${lacking} (/notice approve with the code of the preview)`
}

function whereWords(notice: NoticeRecord, to: string, { settings, bound }: CommandContext): string {
  const { left, here, onTheWay, givenUp } = bound.copies
  const said = (at: Instant | null): string =>
    at === null ? '' : ` ${formatInstant(at, settings.desk.timezone)}`
  if (notice.state === 'scheduled') return `; it leaves${said(notice.releaseAt)} to ${to}`
  if (notice.state === 'drafting') return ''
  const copies = [
    ...(left === 0 ? [] : [`${count(left, 'copy', 'copies')} sent`]),
    ...(here + onTheWay === 0 ? [] : [`${count(here + onTheWay, 'copy', 'copies')} not sent yet`]),
    ...(givenUp === 0 ? [] : [`${count(givenUp, 'copy', 'copies')} not accepted`])
  ]
  return `${notice.state === 'released' ? said(notice.releasedAt) : ''}${copies.length === 0 ? '' : `; ${copies.join(', ')}`}`
}
