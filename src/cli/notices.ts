/**
 * `postern notice list|show|hold`: shows advance notices and lets the operator put one on hold. Only signed mail can write or
 * release a notice.
 */

import { aboutCase, BY_OPERATOR, event, NO_EVIDENCE } from '../domain/event.ts'
import { copiesHeld, isAnyHere, type NoticeRecord } from '../domain/notice.ts'
import { formatInstant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { systemClock } from '../effects/system.ts'
import { countCopies, countDeliveries, listDeliveries } from '../store/deliveries.ts'
import { appendEvent } from '../store/events.ts'
import { findNotice, listNotices, stopNotice } from '../store/notices.ts'
import { type Call, requireCaseTag, withDatabase } from './context.ts'
import { CommandError, printable, printJson, printTable } from './output.ts'

const NOTICES_MAX = 1000

export async function listTheNotices(call: Call): Promise<void> {
  await withDatabase(call, (db) => {
    const rows = db.read((read) =>
      listNotices(read, NOTICES_MAX).map((notice) => ({
        notice,
        deliveries: countDeliveries(read, notice.id, notice.revision)
      }))
    )
    if (call.json) {
      printJson(
        call.streams,
        rows.map(({ notice, deliveries }) => ({ ...summary(notice), deliveries }))
      )
      return
    }
    printTable(
      call.streams,
      ['CASE', 'REVISION', 'STATE', 'RELEASE AT', 'RELEASED', 'SENT', 'HELD'],
      rows.map(({ notice, deliveries }) => [
        notice.caseTag,
        String(notice.revision),
        notice.state,
        notice.releaseAt ?? '-',
        notice.releasedAt ?? '-',
        String(deliveries.sent),
        String(deliveries.held)
      ])
    )
  })
}

export async function showNotice(call: Call, name: string): Promise<void> {
  const tag = requireCaseTag(name)
  await withDatabase(call, (db, { config }) => {
    const found = db.read((read) => {
      const notice = findNotice(read, tag)
      return notice === null ? null : { notice, deliveries: listDeliveries(read, notice.id) }
    })
    if (found === null) throw new CommandError(`Case ${tag} has no notice.`)
    if (call.json) {
      printJson(call.streams, {
        ...summary(found.notice),
        fields: found.notice.fields,
        deliveries: found.deliveries
      })
      return
    }
    const { out } = call.streams
    const { notice } = found
    out(`${notice.caseTag}  revision ${notice.revision}  ${notice.state}\n`)
    if (notice.releaseAt !== null)
      out(`To be sent: ${formatInstant(notice.releaseAt, config.desk.timezone)}\n`)
    for (const [key, value] of Object.entries(notice.fields))
      out(`\n${key}:\n${printable(value)}\n`)
    for (const patch of notice.patches)
      out(
        `\npatch ${patch.filename}, ${count(patch.size, 'byte', 'bytes')}, SHA-256 ${patch.sha256}\n`
      )
    out('\n')
    printTable(
      call.streams,
      ['MEMBER', 'REVISION', 'STATE', 'WHY', 'AT'],
      found.deliveries.map((row) => [
        row.memberId,
        String(row.revision),
        row.state,
        row.because ?? '',
        row.at
      ])
    )
  })
}

/** Puts a notice on hold and withdraws all copies that were not sent; its approvals and previews become void. */
export async function holdNotice(call: Call, name: string): Promise<void> {
  const tag = requireCaseTag(name)
  await withDatabase(call, (db) => {
    const now = systemClock.now()
    const copies = db.transact((tx) => {
      const notice = findNotice(tx, tag)
      if (notice === null) throw new CommandError(`Case ${tag} has no notice.`)
      const counts = countCopies(tx, notice.id)
      if (notice.state === 'released' && !isAnyHere(counts))
        throw new CommandError(`The notice of ${tag} was sent already; no copy is left to hold.`)
      stopNotice(tx, notice, { because: 'notice-held', copies: 'withdraw' }, now)
      const about = { revision: notice.revision, because: 'operator', copies: counts } as const
      appendEvent(tx, event('notice-held', aboutCase(tag), BY_OPERATOR, about), {
        at: now,
        evidence: NO_EVIDENCE
      })
      return counts
    })
    if (call.json) printJson(call.streams, { case: tag, state: 'held', copies })
    else
      call.streams.out(
        `${`The notice of ${tag} is on hold. ${copiesHeld(copies)}`.trim()}\n` +
          'To release it, send /notice preview and /notice approve again by mail.\n'
      )
  })
}

function summary(notice: NoticeRecord) {
  const { caseTag, product, state, revision, authors, approvals, releaseAt, releasedAt, patches } =
    notice
  return {
    case: caseTag,
    product,
    state,
    revision,
    authors: authors.ids,
    approvals,
    releaseAt,
    releasedAt,
    patches
  }
}
