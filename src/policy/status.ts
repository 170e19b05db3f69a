/**
 * Where a case and its notice stand, in the reader's words: for `/status`, for the answer to commands and for `/cases`. Counts of
 * list members only, never a name (G5).
 */
import { type CaseRecord, type CaseState, contactOf, isOpen } from '../domain/case.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { missingFields, releasePlan } from './notice-content.ts'
import { noticeFaults } from './notice-lint.ts'
import { reporterPath } from './recipients.ts'

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

/** The name of a maintainer, or the id of one who is gone. */
export function nameOf(id: string, { maintainers }: Settings): string {
  return maintainers.find((maintainer) => maintainer.id === id)?.name ?? id
}

/** Where a case stands, on one line. */
export function standing({ case: record, notice }: Draft, { settings }: CommandContext): string {
  return [
    stateWords(record.state),
    ownerWords(record, settings),
    ...(notice === null ? [] : [`advance notice ${NOTICES[notice.state]}`])
  ].join('; ')
}

const NOTICES: Readonly<Record<NoticeRecord['state'], string>> = {
  drafting: 'not approved',
  scheduled: 'approved',
  releasing: 'leaving now',
  released: 'sent',
  held: 'on hold'
}

export function ownerWords({ owner }: CaseRecord, settings: Settings): string {
  return owner === null ? 'no owner' : `owner ${nameOf(owner, settings)}`
}

/** Until when a person answers, or when one did. */
export function answerWords(
  { state, answeredAt, answerDueAt }: CaseRecord,
  { settings, now }: { readonly settings: Settings; readonly now: Instant }
): string {
  const said = (instant: Instant): string => formatInstant(instant, settings.desk.timezone)
  if (answeredAt !== null) return `first answered by a person ${said(answeredAt)}`
  if (!isOpen(state)) return 'never answered by a person'
  if (answerDueAt === null) return 'not answered yet; the policy promises no time'
  return answerDueAt < now
    ? `OVERDUE: an answer was due ${said(answerDueAt)}`
    : `an answer is due ${said(answerDueAt)}`
}

/** A few lines of plain text. */
export function statusBlock(draft: Draft, context: CommandContext): string {
  const { settings, product, bound } = context
  const { timezone } = settings.desk
  const record = draft.case
  return [
    `${record.tag} (${product.name}): ${stateWords(record.state)}`,
    `Received: ${formatInstant(record.receivedAt, timezone)}`,
    `Reporter: ${answerWords(record, context)}`,
    `Answers: ${reachWords(draft, context)}`,
    `Owner: ${record.owner === null ? 'nobody' : nameOf(record.owner, settings)}`,
    ...(bound.messageCount === 0
      ? []
      : [`On record: ${count(bound.messageCount, 'message', 'messages')}`]),
    ...disclosureLines(record, context),
    ...noticeLines(draft, context),
    ...(isOpen(record.state) && record.owner === null ? ['Missing: an owner (/take)'] : [])
  ].join('\n')
}

function reachWords({ case: record, reporterKey }: Draft, { product }: CommandContext): string {
  const address = contactOf(record)?.address ?? ''
  switch (reporterPath(record, reporterKey, product).kind) {
    case 'sealed':
      return `go to ${address}, encrypted`
    case 'clear':
      return `go to ${address}, NOT encrypted, because we have no key`
    case 'no-key':
      return `cannot go to ${address} yet: we have no usable key`
    case 'no-address':
      return 'cannot be sent: the report names no address'
  }
}

function disclosureLines(
  { disclosureAt, state }: CaseRecord,
  { settings, now }: CommandContext
): string[] {
  if (disclosureAt === null) {
    return state === 'accepted' ? ['Disclosure: no date set (/embargo)'] : []
  }
  const said = formatInstant(disclosureAt, settings.desk.timezone)
  return [`Disclosure: ${said}${disclosureAt <= now ? ', which has passed' : ''}`]
}

function noticeLines(draft: Draft, context: CommandContext): string[] {
  const { notice } = draft
  const rule = context.product.policy.notice
  const isLive = isOpen(draft.case.state)
  if (rule === null) return []
  if (notice === null) return isLive ? ['Advance notice: not written yet'] : []
  const { members } = context.bound
  const to =
    members.length === 0 ? 'nobody on the list' : count(members.length, 'member', 'members')
  const lines = [
    `Advance notice: revision ${notice.revision}, ${NOTICES[notice.state]}${whereWords(notice, to, context)}`
  ]
  if (!isLive || (notice.state !== 'drafting' && notice.state !== 'held')) return lines
  const missing = missingFields(draft, context)
  if (missing.length > 0) lines.push(`Missing for the notice: ${missing.join(', ')}`)
  lines.push(...noticeFaults(draft, context))
  const plan = releasePlan(draft, context)
  if (plan.releaseAt !== null) {
    const said = formatInstant(plan.releaseAt, context.settings.desk.timezone)
    lines.push(`Once approved, it leaves ${said} to ${to}`)
  }
  return lines
}

/** When an approved notice leaves or left, and what became of its copies. */
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
