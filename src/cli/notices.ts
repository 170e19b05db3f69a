/**
 * `postern notice list|show|hold`: shows advance notices and lets the operator put one on hold. Only signed mail can write or
 * release a notice.
 */
import { isOpen } from '../domain/case.ts'
import { aboutCase, BY_OPERATOR, event } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { copiesHeld, isAnyHere, isWithheld, type NoticeRecord } from '../domain/notice.ts'
import { systemClock } from '../effects/system.ts'
import { nameOf } from '../policy/recipients.ts'
import { NOTICE_STATES } from '../policy/status.ts'
import * as cases from '../store/cases.ts'
import { type Read } from '../store/database.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import * as notices from '../store/notices.ts'
import { type Call, record, requireCaseTag, withDatabase } from './context.ts'
import { CommandError, print, printRows, tableOf } from './output.ts'
import { page } from './page.ts'

export async function listTheNotices(call: Call): Promise<void> {
  await withDatabase(call, (db) => {
    const rows = db.read((read) =>
      notices.list(read).map((notice) => ({
        ...summary(notice),
        deliveries: deliveries.count(read, notice.id, notice.revision)
      }))
    )
    printRows(call, rows, {
      CASE: (row) => row.case,
      REVISION: (row) => row.revision,
      STATE: (row) => NOTICE_STATES[row.state],
      'LIST HAS': ({ listHas, revision, deliveries: { sent, bounced } }) =>
        listHas?.revision ?? (sent + bounced > 0 ? revision : '-'),
      'RELEASE AT': (row) => row.releaseAt ?? '-',
      RELEASED: (row) => row.releasedAt ?? '-',
      SENT: (row) => row.deliveries.sent,
      HELD: (row) => row.deliveries.held,
      FAILED: ({ deliveries: { bounced, 'given-up': lost } }) => bounced + lost
    })
  })
}

export async function showNotice(call: Call): Promise<void> {
  const tag = requireCaseTag(call)
  await withDatabase(call, (db, config) => {
    const { notice, copies, ...around } = db.read((read) => {
      const found = requireNotice(read, tag)
      const held = events.lastOfKinds(read, aboutCase(tag), ['notice-held'])
      const disclosed = events.lastOfKinds(read, aboutCase(tag), ['disclosed'])
      const ofCase = cases.find(read, tag)
      // A case that ended without disclosure has no date.
      const isDated = ofCase !== null && (isOpen(ofCase.state) || disclosed !== null)
      const { disclosureAt = null, disclosureZone = null } = isDated ? ofCase : {}
      const clockJump = events.openDoubt(read)
      const around = { held, disclosed, clockJump, disclosureAt, disclosureZone }
      return { notice: found, copies: deliveries.list(read, found.id), ...around }
    })
    const value = { ...summary(notice), ...around, fields: notice.fields, deliveries: copies }
    const words = () => NOTICE_STATES[notice.state]
    const maintainer = (id: string) => nameOf(id, config)
    const table = () =>
      tableOf(copies, {
        MEMBER: (row) => row.memberId,
        REVISION: (row) => row.revision,
        STATE: (row) => row.state,
        WHY: (row) => row.because ?? '',
        AT: (row) => row.at
      })
    const filters = { table, words, maintainer }
    print(call, value, page('show-notice', value, config.desk.timezone, filters))
  })
}

/** Puts a notice on hold and withdraws all copies that were not sent; its approvals and previews become void. */
export async function holdNotice(call: Call): Promise<void> {
  const tag = requireCaseTag(call)
  await withDatabase(call, (db) => {
    const now = systemClock.now()
    const copies = db.transact((tx) => {
      const notice = requireNotice(tx, tag)
      const counts = deliveries.countCopies(tx, notice.id)
      if (notice.state === 'released' && !isAnyHere(counts))
        throw new CommandError(`The notice of ${tag} was sent already; no copy is left to hold.`)
      notices.stop(tx, notice, 'withdraw', now)
      const withheldSince = isWithheld(notice, counts) ? now : null
      const why = { because: 'operator', reason: '', copies: counts, withheldSince } as const
      const about = { revision: notice.revision, ...why }
      record(tx, event('notice-held', aboutCase(tag), BY_OPERATOR, about), now)
      return counts
    })
    const said = `The notice of ${tag} is on hold. ${copiesHeld(copies)}`.trim()
    const next = 'To release it, send /notice preview and /notice approve again by mail.'
    print(call, { case: tag, state: 'held', copies }, `${said}\n${next}`)
  })
}

function requireNotice(read: Read, tag: CaseTag): NoticeRecord {
  const notice = notices.find(read, tag)
  if (notice === null)
    throw new CommandError(
      `Case ${tag} has no notice; "postern notice list" lists those that have one.`
    )
  return notice
}

/** `listHas`: the earlier revision that the list has, while no copy of the present one has left. */
export function summary(record: NoticeRecord) {
  const { caseTag, authors, told, product, state, revision, approvals, patches } = record
  const { releaseAt, releasedAt } = record
  const known = { product, state, revision, authors: authors.ids, approvals }
  const had = record.hasLeft ? null : told
  const { disclosureAt = null, disclosureZone = null } = had ?? {}
  const listHas = had && { revision: had.revision, disclosureAt, disclosureZone }
  return { case: caseTag, ...known, releaseAt, releasedAt, patches, listHas }
}
