/**
 * The end of a release: nobody waits any more, so the reporter learns the date in the one transaction that ends it. A clock tells
 * the maintainers how it went. Must never end a release while a member still waits.
 */
import { addresseesOf, type CaseRecord } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { aboutCase, BY_DESK, event, type NewEvent } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { dateNotice } from '../messages/to-reporters.ts'
import { reporterPath } from '../policy/recipients.ts'
import { toReporter } from '../policy/send.ts'
import { countDeliveries, listWaiting } from '../store/deliveries.ts'
import { findNoticeById, setNoticeState } from '../store/notices.ts'
import { aboutNotice } from './about-notice.ts'
import { commit, ofNoMail, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { type Prepared, prepare } from './prepare.ts'
import { knownKeys } from './read-keys.ts'

/**
 * All members are queued or held: the reporter learns the date in the same job (M-30).
 * `again` when somebody still waits; nothing is written then.
 */
export async function endRelease(desk: Desk, notice: NoticeRecord): Promise<'again' | 'ended'> {
  const now = desk.clock.now()
  const known = desk.db.read((read) => aboutNotice(desk, read, notice))
  if (known === null) return 'ended'
  const counts = desk.db.read((read) => countDeliveries(read, notice.id, notice.revision))
  const held = counts.held
  const queued = counts.queued + counts.sent + counts.bounced + counts['given-up']
  const decisions = await dateMail(desk, notice, known, now)
  const prepared = await prepare(desk, decisions, now)
  const work = ofNoMail(now)
  const end = desk.db.transact((tx) => {
    const current = findNoticeById(tx, notice.id)
    if (current?.state !== 'releasing') return 'stopped'
    if (listWaiting(tx, notice.id, notice.revision, 1).length > 0) return 'again'
    setNoticeState(tx, current, { state: 'released', releasedAt: now })
    commit(tx, decisions, prepared, work)
    for (const told of datesTold(known.record, decisions, prepared)) record(tx, told, work)
    record(
      tx,
      event('notice-left', aboutCase(notice.caseTag), BY_DESK, {
        revision: notice.revision,
        sent: queued,
        held
      }),
      work
    )
    if (notice.told !== null) {
      const { revision } = notice
      record(tx, event('change-left', aboutCase(notice.caseTag), BY_DESK, { revision }), work)
    }
    return 'released'
  })
  if (end === 'released') desk.log({ event: 'notice.released', notice: notice.id })
  return end === 'again' ? 'again' : 'ended'
}

/** Who learns the date by these messages. */
function datesTold(
  { tag, disclosureAt }: CaseRecord,
  decisions: readonly Decision[],
  { messages }: Prepared
): NewEvent[] {
  if (disclosureAt === null) return []
  const isClear = (reporter: string): boolean =>
    decisions.some(
      (one) => one.kind === 'send-clear' && dateNotice.is(one.message) && one.to.id === reporter
    )
  return messages
    .filter(({ kind }) => kind === dateNotice.kind)
    .map(({ recipientId: reporter }) =>
      event('date-told', aboutCase(tag), BY_DESK, {
        reporter,
        date: disclosureAt,
        how: isClear(reporter) ? 'in-clear' : 'encrypted'
      })
    )
}

async function dateMail(
  desk: Desk,
  notice: NoticeRecord,
  { record, product }: { readonly record: CaseRecord; readonly product: Product },
  now: Instant
): Promise<Decision[]> {
  if (product.policy.notice?.reporter_date_mail !== 'with-notice' || record.disclosureAt === null)
    return []
  const before = notice.told?.disclosureAt ?? null
  // New content under the old date: the reporter knows the date already.
  if (before === record.disclosureAt) return []
  const keys = await knownKeys(desk, record, now)
  const says = (at: Instant, zone: string | null = null): string =>
    formatInstant(at, desk.settings.desk.timezone, zone)
  const message = dateNotice({
    product: product.name,
    disclosure: says(record.disclosureAt, record.disclosureZone),
    before: before === null ? '' : says(before, notice.told?.disclosureZone)
  })
  const sending = { once: `${notice.id}:${notice.revision}`, tag: record.tag }
  const reporters = addresseesOf(record)
  if (reporters.length === 0) return [untold(record.tag, record.tag, 'no-address')]
  return reporters.map((reporter) => {
    const path = reporterPath(reporter, keys, product)
    return path.kind === 'sealed' || path.kind === 'clear'
      ? toReporter(path, now, message, sending)
      : untold(record.tag, reporter.id, 'no-key')
  })
}

/** A clock tells the maintainers at once. */
function untold(tag: CaseTag, reporter: string, because: 'no-key' | 'no-address'): Decision {
  const about = { reporter, because }
  return { kind: 'record', event: event('date-untold', aboutCase(tag), BY_DESK, about) }
}
