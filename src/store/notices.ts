/**
 * Notices, patches, previews and approvals. An edit deletes the approvals in the same transaction, so that no approved
 * content can ever differ from the content that is sent (G7).
 */
import { assert } from '../domain/assert.ts'
import { AUTHORING, authorsOf } from '../domain/authors.ts'
import { type SaveNotice } from '../domain/decision.ts'
import { aboutCase } from '../domain/event.ts'
import { type CaseTag, type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord, type NoticeState, type Preview } from '../domain/notice.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { holdWaiting } from './deliveries.ts'
import { listEvents, recordHead } from './events.ts'
import { holdQueuedOfNotice } from './outbox.ts'
import { assignments, conflict, insert, type Read, type Tx } from './sql.ts'

/** A notice without its authors: the record names them. */
type Row = Omit<NoticeRecord, 'authors'>

const SELECT = `SELECT notices.id, cases.tag AS case_tag, notices.product, notices.state, revision, fields AS fields_json,
  told AS told_json, release_at, released_at, notices.version,
  EXISTS (SELECT 1 FROM deliveries WHERE deliveries.notice_id = notices.id AND deliveries.revision = notices.revision
    AND deliveries.state = 'queued') AS has_left,
  (SELECT json_group_array(json_object('filename', filename, 'contentType', content_type, 'size', length(content),
    'sha256', sha256) ORDER BY id) FROM patches WHERE notice_id = notices.id) AS patches_json,
  (SELECT json_group_array(json_object('maintainerId', maintainer_id, 'digest', digest, 'at', at, 'eventId', event_id)
    ORDER BY at) FROM approvals WHERE notice_id = notices.id) AS approvals_json
  FROM notices JOIN cases ON cases.id = notices.case_id`

/** The notice of a case, or null. */
export function findNotice(read: Read, tag: CaseTag): NoticeRecord | null {
  return recordsOf(read, read.all<Row>(`${SELECT} WHERE cases.tag = ?`, [tag]))[0] ?? null
}

export function findNoticeById(read: Read, id: number): NoticeRecord | null {
  return recordsOf(read, read.all<Row>(`${SELECT} WHERE notices.id = ?`, [id]))[0] ?? null
}

/** Notices that are approved or partly queued. */
export function listActiveNotices(read: Read): NoticeRecord[] {
  const where = "WHERE notices.state IN ('scheduled', 'releasing') ORDER BY notices.id"
  return recordsOf(read, read.all<Row>(`${SELECT} ${where}`))
}

/** All notices, newest first. */
export function listNotices(read: Read, limit: number): NoticeRecord[] {
  return recordsOf(read, read.all<Row>(`${SELECT} ORDER BY notices.id DESC LIMIT ?`, [limit]))
}

function recordsOf(read: Read, rows: readonly Row[]): NoticeRecord[] {
  return rows.map((row) => {
    const events = listEvents(read, aboutCase(row.caseTag), { kinds: AUTHORING })
    return { ...row, authors: authorsOf(events) }
  })
}

/** Whether there is a notice that its release has not ended. */
export function hasUnreleasedNotice(read: Read): boolean {
  const states = "('drafting', 'scheduled', 'releasing', 'held')"
  return read.value(`SELECT 1 FROM notices WHERE state IN ${states} LIMIT 1`) !== null
}

/** When the earliest scheduled notice is due; null when none is. */
export function nextReleaseAt(read: Read): Instant | null {
  return read.value<Instant>("SELECT min(release_at) FROM notices WHERE state = 'scheduled'")
}

/** Stores the whole next content; `Trouble` `conflict` when the notice has changed since it was read. Returns its id. */
export function saveNotice(tx: Tx, caseId: number, save: SaveNotice): number {
  const { product, state, revision, fields, told, releaseAt, version } = save
  const values = { product, state, revision, fields, told, releaseAt }
  const { changes } =
    version === 0
      ? insert(tx, 'notices', { caseId, ...values }, 'ON CONFLICT (case_id) DO NOTHING')
      : tx.run(
          `UPDATE notices SET ${assignments(values)}, version = version + 1,
             released_at = CASE WHEN revision = @revision THEN released_at END
           WHERE case_id = @caseId AND version = @version`,
          { caseId, version, ...values }
        )
  if (changes !== 1) throw conflict()
  const id = tx.value<number>('SELECT id FROM notices WHERE case_id = ?', [caseId]) ?? 0
  if (save.approvals === 'void') voidApprovals(tx, id)
  if (save.patches !== null) replacePatches(tx, id, save.patches)
  return id
}

/**
 * Takes back every copy that has not left, sealed or not: no revision that was released is approved any more, whatever the
 * notice becomes next. One that is on its way at this moment is not tried again (G7).
 */
export function withdrawCopies(tx: Tx, noticeId: number, because: string, now: Instant): void {
  tx.run('UPDATE notices SET released_digest = NULL WHERE id = ?', [noticeId])
  holdWaiting(tx, { noticeId }, because, now)
  holdQueuedOfNotice(tx, noticeId)
}

function replacePatches(
  tx: Tx,
  noticeId: number,
  patches: NonNullable<SaveNotice['patches']>
): void {
  tx.run('DELETE FROM patches WHERE notice_id = ?', [noticeId])
  for (const { filename, contentType, sha256, content } of patches)
    insert(tx, 'patches', { noticeId, filename, contentType, sha256, content })
}

/** Patches with their bytes, in the order in which they were attached. */
export function readPatches(read: Read, noticeId: number): OutgoingAttachment[] {
  const sql = 'SELECT filename, content_type, content FROM patches WHERE notice_id = ? ORDER BY id'
  return read.all<OutgoingAttachment>(sql, [noticeId])
}

/** The digest of what members read in the release that has begun last; null before the first one and after a hold. */
export function findReleasedDigest(read: Read, id: number): Sha256 | null {
  return read.value<Sha256>('SELECT released_digest FROM notices WHERE id = ?', [id])
}

/** Moves a notice to another state under the version check. */
export function setNoticeState(
  tx: Tx,
  { id, version }: Pick<NoticeRecord, 'id' | 'version'>,
  change: {
    readonly state: NoticeState
    readonly releaseAt?: null
    readonly releasedAt?: Instant
    readonly releasedDigest?: Sha256
  }
): void {
  const { changes } = tx.run(
    `UPDATE notices SET ${assignments(change)}, version = version + 1 WHERE id = @id AND version = @version`,
    { id, version, ...change }
  )
  if (changes !== 1) throw conflict()
}

/** Records a preview and its place in the record. */
export function insertPreview(tx: Tx, noticeId: number, preview: Omit<Preview, 'eventId'>): void {
  insert(tx, 'previews', { noticeId, ...preview, eventId: recordHead(tx).id })
}

/** Previews issued for a notice, newest first, at most 50. */
export function listPreviews(read: Read, noticeId: number): Preview[] {
  return read.all<Preview>(
    `SELECT code, digest, issued_at, event_id FROM previews
     WHERE notice_id = ? ORDER BY event_id DESC LIMIT 50`,
    [noticeId]
  )
}

/**
 * Records an approval with the place of its preview in the record: the maintainer has read nothing later. Their
 * newer approval takes the place of the older.
 */
export function insertApproval(
  tx: Tx,
  noticeId: number,
  approval: {
    readonly maintainerId: string
    readonly digest: Sha256
    /** The code of the approved preview. */
    readonly code: string
    readonly at: Instant
  }
): void {
  const { changes } = tx.run(
    `INSERT INTO approvals (notice_id, maintainer_id, digest, at, event_id)
     SELECT notice_id, @maintainerId, @digest, @at, event_id FROM previews
     WHERE notice_id = @noticeId AND code = @code
     ON CONFLICT (notice_id, maintainer_id)
       DO UPDATE SET digest = excluded.digest, at = excluded.at, event_id = excluded.event_id`,
    { noticeId, ...approval }
  )
  assert(changes === 1, 'an approval without its preview')
}

/** The approvals of what was previewed after this entry of the record, whatever the clock showed at them. */
export function listApprovalsAfter(
  read: Read,
  noticeId: number,
  eventId: number
): NoticeRecord['approvals'] {
  return read.all<NoticeRecord['approvals'][number]>(
    `SELECT maintainer_id, digest, at, event_id FROM approvals
     WHERE notice_id = ? AND event_id >= ? ORDER BY event_id`,
    [noticeId, eventId]
  )
}

/** Takes all approvals back, and the codes with which another could be given: both were about what was before. */
function voidApprovals(tx: Tx, noticeId: number): void {
  tx.run('DELETE FROM approvals WHERE notice_id = ?', [noticeId])
  tx.run('DELETE FROM previews WHERE notice_id = ?', [noticeId])
}

/**
 * Stops a notice under the version check: approvals and previews are void, and only new ones let it go on. Copies that have
 * not left are withdrawn, sealed or not, or go on where the stop is about a release that has not begun.
 */
export function stopNotice(
  tx: Tx,
  notice: Pick<NoticeRecord, 'id' | 'version'>,
  stop: { readonly because: string; readonly copies: SaveNotice['copies'] },
  now: Instant
): void {
  setNoticeState(tx, notice, { state: 'held', releaseAt: null })
  voidApprovals(tx, notice.id)
  if (stop.copies === 'withdraw') withdrawCopies(tx, notice.id, stop.because, now)
}
