/** Notices and patches. Authors, previews and approvals are read from the record, where an edit voids them (G7). */
import { type SaveNotice } from '../domain/decision.ts'
import { aboutCase } from '../domain/event.ts'
import { type CaseTag, type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord, type NoticeState } from '../domain/notice.ts'
import { type NoticeHistory, noticeHistory } from '../domain/notice-history.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import * as deliveries from './deliveries.ts'
import * as events from './events.ts'
import { conflict, insert, type Read, type Tx, updateVersion } from './sql.ts'

type Row = Omit<NoticeRecord, keyof NoticeHistory>

const SELECT = 'SELECT * FROM notice_records'

/** The notice of a case, or null. `happened` are the events of the case, for who has read them already. */
export function find(
  read: Read,
  tag: CaseTag,
  happened = events.list(read, aboutCase(tag))
): NoticeRecord | null {
  const row = read.get<Row>(`${SELECT} WHERE case_tag = ?`, [tag])
  return row && { ...row, ...noticeHistory(happened) }
}

export function findById(read: Read, id: number): NoticeRecord | null {
  return recordsOf(read, read.all<Row>(`${SELECT} WHERE id = ?`, [id]))[0] ?? null
}

/** Notices that are approved or partly queued, and those that were released in vain. */
export function listActive(read: Read): NoticeRecord[] {
  const vain = 'SELECT id FROM released_in_vain'
  const where = `WHERE state IN ('scheduled', 'releasing') OR id IN (${vain}) ORDER BY id`
  return recordsOf(read, read.all<Row>(`${SELECT} ${where}`))
}

/** All notices, newest first. */
export function list(read: Read): NoticeRecord[] {
  return recordsOf(read, read.all<Row>(`${SELECT} ORDER BY id DESC`))
}

function recordsOf(read: Read, rows: readonly Row[]): NoticeRecord[] {
  return rows.map((row) => {
    return { ...row, ...noticeHistory(events.list(read, aboutCase(row.caseTag))) }
  })
}

/** Whether there is a notice whose release has not ended, or a copy of one that has not left. */
export function hasUnsent(read: Read): boolean {
  const sql = `SELECT 1 FROM notices WHERE state IN ('drafting', 'scheduled', 'releasing', 'held')
    UNION ALL SELECT 1 FROM outbox WHERE not_after IS NOT NULL AND state IN ('queued', 'sending') LIMIT 1`
  return read.value(sql) !== null
}

/** When the earliest scheduled notice is due; null when none is. */
export function nextReleaseAt(read: Read): Instant | null {
  return read.value<Instant>("SELECT min(release_at) FROM notices WHERE state = 'scheduled'")
}

/** Stores the whole next content; `Trouble` `conflict` when the notice has changed since it was read. Returns its id. */
export function save(tx: Tx, caseId: number, save: SaveNotice): number {
  const { product, state, revision, fields, told, releaseAt, releasedAt, version } = save
  const values = { product, state, revision, fields, told, releaseAt, releasedAt }
  if (version > 0) updateVersion(tx, 'notices', { caseId, version }, values)
  else {
    const made = insert(tx, 'notices', { caseId, ...values }, 'ON CONFLICT (case_id) DO NOTHING')
    if (made.changes !== 1) throw conflict()
  }
  const id = tx.value<number>('SELECT id FROM notices WHERE case_id = ?', [caseId]) ?? 0
  if (save.patches !== null) replacePatches(tx, id, save.patches)
  return id
}

/**
 * Takes back every copy that has not left, sealed or not: no revision that was released is approved any more, whatever the
 * notice becomes next. One that is on its way at this moment is not tried again (G7).
 */
export function withdrawCopies(tx: Tx, noticeId: number, now: Instant): void {
  tx.run('UPDATE notices SET released_digest = NULL WHERE id = ?', [noticeId])
  deliveries.holdWaiting(tx, { noticeId }, 'notice-held', now)
  tx.run("UPDATE outbox SET state = 'held' WHERE notice_id = ? AND state = 'queued'", [noticeId])
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

/** How many bytes of patches one copy carries. */
export function patchBytes(read: Read, noticeId: number): number {
  const sql = 'SELECT total(length(content)) FROM patches WHERE notice_id = ?'
  return read.value<number>(sql, [noticeId]) ?? 0
}

/** The digest of what members read in the release that has begun last; null before the first one and after a hold. */
export function findReleasedDigest(read: Read, id: number): Sha256 | null {
  return read.value<Sha256>('SELECT released_digest FROM notices WHERE id = ?', [id])
}

/** Moves a notice to another state under the version check. */
export function setState(
  tx: Tx,
  { id, version }: Pick<NoticeRecord, 'id' | 'version'>,
  change: {
    readonly state: NoticeState
    readonly releaseAt?: null
    readonly releasedAt?: Instant
    readonly releasedDigest?: Sha256
  }
): void {
  updateVersion(tx, 'notices', { id, version }, change)
}

/**
 * Stops a notice under the version check, beside the event that voids its approvals. Copies that have not left are withdrawn,
 * sealed or not, or go on where the stop is about a release that has not begun.
 */
export function stop(
  tx: Tx,
  notice: Pick<NoticeRecord, 'id' | 'version'>,
  copies: SaveNotice['copies'],
  now: Instant
): void {
  setState(tx, notice, { state: 'held', releaseAt: null })
  if (copies === 'withdraw') withdrawCopies(tx, notice.id, now)
}
