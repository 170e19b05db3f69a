/**
 * `postern notice list|show`: how advance notices stand. Writing, approving and holding them is done by signed mail only.
 */

import { type NoticeRecord } from '../domain/notice.ts'
import { formatInstant } from '../domain/time.ts'
import { countDeliveries, listDeliveries } from '../store/deliveries.ts'
import { findNotice, listNotices } from '../store/notices.ts'
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
      ['CASE', 'REVISION', 'STATE', 'LEAVES', 'LEFT', 'SENT', 'HELD'],
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
      out(`Leaves: ${formatInstant(notice.releaseAt, config.desk.timezone)}\n`)
    for (const [key, value] of Object.entries(notice.fields))
      out(`\n${key}:\n${printable(value)}\n`)
    for (const patch of notice.patches)
      out(`\npatch ${patch.filename}, ${patch.size} bytes, SHA-256 ${patch.sha256}\n`)
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

function summary(notice: NoticeRecord) {
  const { caseTag, product, state, revision, authorId, approvals, releaseAt, releasedAt, patches } =
    notice
  return {
    case: caseTag,
    product,
    state,
    revision,
    author: authorId,
    approvals,
    releaseAt,
    releasedAt,
    patches
  }
}
