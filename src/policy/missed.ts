/**
 * What a maintainer is told once their key works again: one sealed mail for each open case of which mails were not sealed to
 * them. Says how many and of which kind and where the case stands now; the mails themselves were never made.
 */
import { type CaseRecord, isOpen } from '../domain/case.ts'
import { type MissedMails, type SendSealed } from '../domain/decision.ts'
import { type FactLine } from '../domain/message.ts'
import { type Maintainer, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { alertMaintainers } from './alerts.ts'
import { maintainerRecipient } from './recipients.ts'
import { caseFacts } from './relay.ts'

/** The mail about one case, or about no case; null when the case is over and there is nothing to make up for. */
export function missedMail(
  settings: Settings,
  maintainer: Maintainer,
  missed: MissedMails & { readonly record: CaseRecord | null },
  now: Instant
): SendSealed | null {
  const { record, kinds, from, to, lastId } = missed
  if (record !== null && !isOpen(record.state)) return null
  const count = kinds.reduce((sum, kind) => sum + kind.count, 0)
  const { timezone } = settings.desk
  const about = record === null ? 'about no case' : 'of this case'
  const notSent: FactLine[] = [
    { label: 'Not sent', value: kinds.map((one) => `${one.count} ${one.kind}`).join(', ') },
    { label: 'First', value: formatInstant(from, timezone) },
    { label: 'Last', value: formatInstant(to, timezone) }
  ]
  const mail = alertMaintainers(settings, now, {
    once: `missed:${record?.tag ?? ''}:${lastId}`,
    tag: record?.tag ?? null,
    title: 'What you missed while your key could not be used',
    what: `Your key works again. ${count === 1 ? 'One mail' : `${count} mails`} ${about} could not be sealed to you before, and the desk cannot send them any more.`,
    doNext:
      record === null
        ? 'Ask another maintainer what it was about. If nobody’s key could be used at that time, nobody has it: then the operator looks into the log of those days.'
        : `Reply with /status for where the case stands. What was said meanwhile the operator reads with "postern show ${record.tag}"; files are in the mails of the processed folder. Or ask another maintainer for it.`,
    facts: [...standing(record, settings), ...notSent]
  })
  return { ...mail, recipients: [maintainerRecipient(maintainer)] }
}

function standing(record: CaseRecord | null, settings: Settings): FactLine[] {
  const product = settings.products.find(({ id }) => id === record?.product)
  return record === null || product === undefined ? [] : caseFacts(record, product, settings)
}
