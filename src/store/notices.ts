/**
 * Notices, patches, previews and approvals. An edit deletes the approvals in the same transaction, so that no approved
 * content can ever differ from the content that is sent (G7).
 */
import { assert } from '../domain/assert.ts'
import { AUTHORING, authorsOf } from '../domain/authors.ts'
import { type SaveNotice } from '../domain/decision.ts'
import { aboutCase } from '../domain/event.ts'
import { type CaseTag, type Sha256 } from '../domain/ids.ts'
import {
  type NoticeFields,
  type NoticeRecord,
  type NoticeState,
  type Patch,
  type Preview,
  type ToldNotice
} from '../domain/notice.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { holdWaiting } from './deliveries.ts'
import { listEvents, recordHead } from './events.ts'
import { holdQueuedOfNotice } from './outbox.ts'
import { conflict, insert, type Read, type Sql, type Tx } from './sql.ts'

type Row = {
  readonly hasLeft: number
  readonly id: number
  readonly caseTag: CaseTag
  readonly product: string
  readonly state: NoticeState
  readonly revision: number
  readonly fields: string
  readonly told: string | null
  readonly releaseAt: Instant | null
  readonly releasedAt: Instant | null
  readonly version: number
}

const SELECT = `SELECT notices.id AS id, cases.tag AS caseTag, notices.product AS product, notices.state AS state, revision,
  fields, told, release_at AS releaseAt, released_at AS releasedAt, notices.version AS version,
  EXISTS (SELECT 1 FROM deliveries WHERE deliveries.notice_id = notices.id AND deliveries.revision = notices.revision
    AND deliveries.state = 'queued') AS hasLeft
  FROM notices JOIN cases ON cases.id = notices.case_id`

/** The notice of a case, or null. */
export function findNotice(read: Read, tag: CaseTag): NoticeRecord | null {
  const sql: Sql<Row> = `${SELECT} WHERE cases.tag = ?`
  return recordOf(read, read.get(sql, [tag]))
}

export function findNoticeById(read: Read, id: number): NoticeRecord | null {
  const sql: Sql<Row> = `${SELECT} WHERE notices.id = ?`
  return recordOf(read, read.get(sql, [id]))
}

/** Notices that are approved or partly queued. */
export function listActiveNotices(read: Read): NoticeRecord[] {
  const sql: Sql<Row> = `${SELECT} WHERE notices.state IN ('scheduled', 'releasing') ORDER BY notices.id`
  return read.all(sql).flatMap((row) => recordOf(read, row) ?? [])
}

/** All notices, newest first. */
export function listNotices(read: Read, limit: number): NoticeRecord[] {
  const sql: Sql<Row> = `${SELECT} ORDER BY notices.id DESC LIMIT ?`
  return read.all(sql, [limit]).flatMap((row) => recordOf(read, row) ?? [])
}

/** Whether there is a notice that its release has not ended. */
export function hasUnreleasedNotice(read: Read): boolean {
  const sql: Sql<{ one: number }> =
    "SELECT 1 AS one FROM notices WHERE state IN ('drafting', 'scheduled', 'releasing', 'held') LIMIT 1"
  return read.get(sql) !== undefined
}

/** When the earliest scheduled notice is due; null when none is. */
export function nextReleaseAt(read: Read): Instant | null {
  const sql: Sql<{ at: Instant | null }> =
    "SELECT min(release_at) AS at FROM notices WHERE state = 'scheduled'"
  return read.get(sql)?.at ?? null
}

/** Stores the whole next content; `Trouble` `conflict` when the notice has changed since it was read. Returns its id. */
export function saveNotice(tx: Tx, caseId: number, save: SaveNotice): number {
  const values = {
    caseId,
    product: save.product,
    state: save.state,
    revision: save.revision,
    fields: JSON.stringify(save.fields),
    told: save.told === null ? null : JSON.stringify(save.told),
    releaseAt: save.releaseAt,
    version: save.version
  }
  const sql =
    save.version === 0
      ? `INSERT INTO notices (case_id, product, state, revision, fields, told, release_at)
         SELECT @caseId, @product, @state, @revision, @fields, @told, @releaseAt WHERE @version = 0`
      : `UPDATE notices SET product = @product, state = @state, fields = @fields, told = @told,
           release_at = @releaseAt, released_at = CASE WHEN revision = @revision THEN released_at END,
           revision = @revision, version = version + 1
         WHERE case_id = @caseId AND version = @version`
  const { changes } = tx.run(sql, values)
  if (changes !== 1) throw conflict()
  const { id } = tx.get<{ id: number }>('SELECT id FROM notices WHERE case_id = ?', [caseId]) ?? {
    id: 0
  }
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
  const sql: Sql<OutgoingAttachment> = `
    SELECT filename, content_type AS contentType, content FROM patches WHERE notice_id = ? ORDER BY id`
  return read.all(sql, [noticeId])
}

/** The digest of what members read in the release that has begun last; null before the first one and after a hold. */
export function findReleasedDigest(read: Read, id: number): Sha256 | null {
  const sql: Sql<{ digest: Sha256 | null }> =
    'SELECT released_digest AS digest FROM notices WHERE id = ?'
  return read.get(sql, [id])?.digest ?? null
}

/** Moves a notice to another state under the version check. */
export function setNoticeState(
  tx: Tx,
  notice: Pick<NoticeRecord, 'id' | 'version'>,
  change: { readonly state: NoticeState; readonly releasedAt?: Instant; readonly digest?: Sha256 }
): void {
  const { changes } = tx.run(
    `UPDATE notices SET state = @state, released_at = coalesce(@releasedAt, released_at),
       released_digest = coalesce(@digest, released_digest), version = version + 1
     WHERE id = @id AND version = @version`,
    {
      state: change.state,
      releasedAt: change.releasedAt ?? null,
      digest: change.digest ?? null,
      id: notice.id,
      version: notice.version
    }
  )
  if (changes !== 1) throw conflict()
}

/** Records a preview and its place in the record. */
export function insertPreview(tx: Tx, noticeId: number, preview: Omit<Preview, 'eventId'>): void {
  insert(tx, 'previews', { noticeId, ...preview, eventId: recordHead(tx).id })
}

/** Previews issued for a notice, newest first, at most 50. */
export function listPreviews(read: Read, noticeId: number): Preview[] {
  const sql: Sql<Preview> = `
    SELECT code, digest, issued_at AS issuedAt, event_id AS eventId FROM previews
    WHERE notice_id = ? ORDER BY event_id DESC LIMIT 50`
  return read.all(sql, [noticeId])
}

/**
 * Records an approval with the place of its preview in the record: whoever approves has read nothing later. The same
 * maintainer's newer one takes the place of the older.
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
  const sql: Sql<NoticeRecord['approvals'][number]> = `
    SELECT maintainer_id AS maintainerId, digest, at, event_id AS eventId FROM approvals
    WHERE notice_id = ? AND event_id >= ? ORDER BY event_id`
  return read.all(sql, [noticeId, eventId])
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
  setNoticeState(tx, notice, { state: 'held' })
  tx.run('UPDATE notices SET release_at = NULL WHERE id = ?', [notice.id])
  voidApprovals(tx, notice.id)
  if (stop.copies === 'withdraw') withdrawCopies(tx, notice.id, stop.because, now)
}

function recordOf(read: Read, row: Row | undefined): NoticeRecord | null {
  if (row === undefined) return null
  const patchSql: Sql<Patch> = `
    SELECT filename, content_type AS contentType, length(content) AS size, sha256 FROM patches
    WHERE notice_id = ? ORDER BY id`
  const approvalSql: Sql<NoticeRecord['approvals'][number]> = `
    SELECT maintainer_id AS maintainerId, digest, at, event_id AS eventId FROM approvals WHERE notice_id = ? ORDER BY at`
  return {
    ...row,
    fields: fieldsOf(row.fields),
    // Only saveNotice writes it.
    told: row.told === null ? null : (JSON.parse(row.told) as ToldNotice),
    authors: authorsOf(listEvents(read, aboutCase(row.caseTag), { kinds: AUTHORING })),
    hasLeft: row.hasLeft === 1,
    patches: read.all(patchSql, [row.id]),
    approvals: read.all(approvalSql, [row.id])
  }
}

function fieldsOf(json: string): NoticeFields {
  const parsed: unknown = JSON.parse(json)
  if (typeof parsed !== 'object' || parsed === null) return {}
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => typeof value === 'string'))
}
