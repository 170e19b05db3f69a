/**
 * `postern cases` and `postern show CASE`: the cases and their history, for the operator. They print subjects and texts of
 * reports, because the operator asked for them; list members appear by id only (G5).
 */
import { type Config } from '../config/load.ts'
import { historySentences } from '../config/texts.ts'
import { addresseesOf, type CaseRecord, type ListedCase, type Reporter } from '../domain/case.ts'
import { type Due } from '../domain/clock.ts'
import { aboutCase, type DeskEvent, EVENT_KINDS } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type NoticeState } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { createHistory } from '../messages/history.ts'
import { promiseWords } from '../policy/clocks.ts'
import { nameOf } from '../policy/recipients.ts'
import { dateAnswer, NOTICE_STATES, stateWords } from '../policy/status.ts'
import * as caseStore from '../store/cases.ts'
import { type Read } from '../store/database.ts'
import * as events from '../store/events.ts'
import * as looks from '../store/looks.ts'
import * as notices from '../store/notices.ts'
import * as outbox from '../store/outbox.ts'
import { type Call, requireCaseTag, withDatabase, withoutMemberAddress } from './context.ts'
import { summary as noticeSummary } from './notices.ts'
import { CommandError, print, printRows } from './output.ts'
import { page } from './page.ts'

export async function cases(call: Call<{ readonly all?: boolean }>): Promise<void> {
  await withDatabase(call, (db, settings) => {
    const now = systemClock.now()
    const rows = db.read((read) => caseStore.list(read, call.options.all === true ? 'all' : 'open'))
    const everybody = new Map(
      rows.flatMap(({ reporters }) => reporters.map((one) => [one.id, one] as const))
    )
    const summaries = rows.map(({ due, ...row }) => {
      const says = due && promiseWords(due, { case: row, settings, now })
      return { ...summary(row, everybody.get(row.tag) ?? null), due: due && { ...due, says } }
    })
    printRows(call, summaries, {
      CASE: (row) => row.tag,
      // The reason would widen the column for all of them.
      STATE: ({ decided, ...row }) =>
        stateWords({ ...row, decided: decided && { ...decided, reason: '' } }),
      PRODUCT: (row) => row.product,
      OWNER: (row) => row.owner ?? '-',
      DUE: ({ due }) => due?.says ?? '-',
      REPORTER: (row) => row.reporters.join(', ') || '-',
      SUBJECT: (row) => row.subject
    })
  })
}

/** `own` sent the report that opened the case. */
function summary(record: Omit<ListedCase, 'due'>, own: Reporter | null) {
  const { tag, product, state, decided, mergedInto, receivedAt, owner, subject } = record
  const disclosureAt = record.hasDate === true ? record.disclosureAt : null
  const reporters = addresseesOf(named(record, own)).map(({ contact }) => contact.address)
  const answeredAt = own?.answeredAt ?? null
  const dates = { receivedAt, answeredAt, owner, disclosureAt }
  return { tag, product, state, decided, mergedInto, ...dates, reporters, subject }
}

/** The case with its reporters, or after a merge with its own, who belongs to another case now. */
function named(record: CaseRecord, own: Reporter | null): CaseRecord {
  return record.mergedInto === null || own === null ? record : { ...record, reporters: [own] }
}

function readCase(read: Read, tag: CaseTag) {
  const record = caseStore.find(read, tag)
  if (record === null)
    throw new CommandError(`There is no case ${tag}; "postern cases --all" lists all cases.`)
  const notice = notices.find(read, tag)
  const own = caseStore.findNow(read, tag)?.reporters.find(({ id }) => id === tag) ?? null
  return {
    case: named(record, own),
    /** The promise that is due first. */
    due: looks.findDue(read, aboutCase(tag)),
    notice: notice && noticeSummary(notice),
    /** Approvals with lower numbers do not count; null where the clock is not in doubt. */
    clockJump: events.openDoubt(read),
    history: events.list(read, aboutCase(tag), { kinds: EVENT_KINDS }),
    messages: caseStore.listMessages(read, record.id),
    outbox: outbox.list(read, { caseId: record.id }).reverse().map(withoutMemberAddress)
  }
}

type Found = ReturnType<typeof readCase>

export async function show(call: Call): Promise<void> {
  const tag = requireCaseTag(call)
  await withDatabase(call, (db, config) => {
    const found = db.read((read) => readCase(read, tag))
    const now = systemClock.now()
    print(call, found, pageOf(found, config, now))
  })
}

function pageOf(value: Found, config: Config, now: Instant): string {
  const { case: record, outbox } = value
  const { timezone } = config.desk
  const maintainer = (id: string): string => nameOf(id, config)
  const reporter = (id: string): string | null => {
    const contact = record.reporters.find((one) => one.id === id)?.contact ?? null
    return contact === null ? null : `${contact.name} <${contact.address}>`.trim()
  }
  return page('show-case', value, timezone, {
    state: stateWords,
    noticeState: (state: NoticeState) => NOTICE_STATES[state],
    maintainer,
    reporter: (id: string) => reporter(id) ?? 'not known',
    author: (id: string, kind: string) =>
      kind === 'maintainer' ? maintainer(id) : (reporter(id) ?? `${kind} ${id}`.trim()),
    promise: (due: Due) => promiseWords(due, { case: record, settings: config, now }),
    dates: (events: readonly DeskEvent[]) =>
      addresseesOf(record).flatMap(
        (one) => dateAnswer({ record, events, now }, one, timezone) || []
      ),
    said: createHistory(historySentences(), { timezone, maintainer, reporter }),
    unsent: () => outbox.filter(({ state }) => state !== 'sent')
  })
}
