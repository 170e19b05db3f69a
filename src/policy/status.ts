/**
 * The answer to `/status`: where a case and its notice stand and what is missing. Counts of list members only, never a
 * name (G5).
 */
import { isOpen } from '../domain/case.ts'
import { formatInstant } from '../domain/time.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { missingFields, releasePlan } from './notice-content.ts'

/** A few lines of plain text. */
export function statusBlock(draft: Draft, context: CommandContext): string {
  const { timezone } = context.settings.desk
  const record = draft.case
  const lines = [
    `${record.tag}: ${record.state}, ${context.product.name}`,
    `Received ${formatInstant(record.receivedAt, timezone)}; ${answerWords(draft, context)}`,
    `Owner: ${record.owner ?? 'nobody'}`,
    `Mails on record: ${context.bound.messageCount}`,
    record.disclosureAt === null
      ? 'Disclosure: no instant set'
      : `Disclosure: ${formatInstant(record.disclosureAt, timezone)}`
  ]
  if (context.product.policy.notice !== null) lines.push(...noticeLines(draft, context))
  if (isOpen(record.state) && record.owner === null)
    lines.push('Missing: somebody who takes it (/take)')
  return lines.join('\n')
}

function answerWords(draft: Draft, context: CommandContext): string {
  const { answeredAt, answerDueAt } = draft.case
  const { timezone } = context.settings.desk
  if (answeredAt !== null) return `answered by a person ${formatInstant(answeredAt, timezone)}`
  if (answerDueAt === null) return 'the policy promises no time'
  const late = answerDueAt < context.now ? ' (OVERDUE)' : ''
  return `a person answers by ${formatInstant(answerDueAt, timezone)}${late}`
}

function noticeLines(draft: Draft, context: CommandContext): string[] {
  const { notice } = draft
  if (notice === null) return ['Notice: none drafted']
  const lines = [
    `Notice: revision ${notice.revision}, ${notice.state}, ${context.bound.members.length} members`
  ]
  const missing = missingFields(draft, context)
  if (missing.length > 0) lines.push(`Missing for the notice: ${missing.join(', ')}`)
  const plan = releasePlan(draft, context)
  if (plan.releaseAt !== null && notice.state !== 'released') {
    lines.push(
      `It leaves ${formatInstant(plan.releaseAt, context.settings.desk.timezone)} once approved`
    )
  }
  return lines
}
