/**
 * One row per member and revision of a notice: who still waits, whose message is queued, who is held and why. How a queued one
 * fared is read from the outbox, so that there is one truth about sending.
 */
import { type CaseRecord } from '../domain/case.ts'
import { type SealedRecipient } from '../domain/decision.ts'
import { type CaseTag, type Sha256 } from '../domain/ids.ts'
import { type DeliveryState, type NoticeCopies, type NoticeRecord } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import { assignments, type Read, type Tx } from './sql.ts'

/** A member whose copy has to be sealed. */
export type WaitingDelivery = SealedRecipient & {
  readonly deliveryId: number
  /** Whether a copy of an earlier revision left for this member: only then does `what changed` mean anything to them. */
  readonly hadNotice: boolean
}

/** The condition, for a row of `members`, that a member gets notices about the product that this SQL names. */
export function isOnListOf(product: string): string {
  return `members.state = 'active' AND ${product} IN (SELECT value FROM json_each(members.products))`
}

/** One release. `digest` is over what each member reads. */
export type ReleasePlan = Pick<NoticeRecord, 'id' | 'revision' | 'product'> & {
  readonly digest: Sha256
}

/**
 * Makes every active member of the product wait for this revision, in random order: the order of copies must not tell who is on
 * the list or since when (G5). Held ones wait again. Finished copies that a hold kept in the outbox go on if they say what is
 * approved now, to the member's present address and key; any other stays here, and a new one is made (G3, G5, G7).
 */
export function plan(tx: Tx, notice: ReleasePlan, now: Instant): void {
  const { id, revision, product } = notice
  tx.run(
    `INSERT INTO deliveries (notice_id, revision, member_id, state, changed_at)
     SELECT @id, @revision, members.id, 'waiting', @now FROM members WHERE ${isOnListOf('@product')} ORDER BY random()
     ON CONFLICT (notice_id, revision, member_id) DO UPDATE SET state = 'waiting', because = NULL, changed_at = @now
       WHERE state = 'held'`,
    { id, revision, product, now }
  )
  replaceOutdated(tx, notice, now)
  // Copies of earlier revisions that have not left stay here: nobody may read them after this one. One that is on its way at
  // this moment is not tried again, because it does not say what is approved now.
  tx.run(
    `UPDATE outbox SET state = 'held' WHERE notice_id = @id AND state = 'queued'
       AND id IN (SELECT outbox_id FROM deliveries WHERE notice_id = @id AND revision < @revision)`,
    { id, revision }
  )
  tx.run(
    `UPDATE outbox SET state = 'queued', next_attempt_at = max(@now, not_before) WHERE state = 'held' AND id IN (
       SELECT outbox_id FROM copies WHERE notice_id = @id AND revision = @revision AND own_state = 'queued' AND is_listed)`,
    { id, revision, now }
  )
}

/**
 * Copies that came back; and those that are not known to have left, and say something else than is approved now or were made
 * for another address or key than the member has. They are made anew. One on its way at this moment is not tried again.
 */
function replaceOutdated(tx: Tx, notice: ReleasePlan, now: Instant): void {
  const outdated = tx.all<{ id: number; outboxId: number }>(
    `SELECT id, outbox_id FROM copies WHERE notice_id = @id AND revision = @revision AND own_state = 'queued'
       AND is_listed AND (state = 'bounced' OR sending = 'given-up'
         OR sending <> 'sent' AND (NOT is_addressed OR content_digest <> @digest))`,
    notice
  )
  for (const { id, outboxId } of outdated) {
    // The old message gives its name free, so that the new one is another decision. An attempt under way still has its outcome.
    tx.run(
      `UPDATE outbox SET state = iif(state IN ('sending', 'sent'), state, 'held'),
         once = once || ':outdated:' || id WHERE id = ?`,
      [outboxId]
    )
    tx.run(
      `UPDATE deliveries SET state = 'waiting', because = NULL, outbox_id = NULL, sealed_to = NULL,
         content_digest = NULL, changed_at = ?
       WHERE id = ?`,
      [now, id]
    )
  }
}

/** The next members to seal to, with the keys they have now. */
export function listWaiting(
  read: Read,
  noticeId: number,
  revision: number,
  limit: number
): WaitingDelivery[] {
  return read.all<WaitingDelivery>(
    `SELECT id AS delivery_id, member_id AS id, name, address, fingerprint, key_data, had_notice
     FROM copies WHERE notice_id = ? AND revision = ? AND own_state = 'waiting' ORDER BY copies.id LIMIT ?`,
    [noticeId, revision, limit]
  )
}

/**
 * Joins a delivery to the outbox row with this `once`, which must be sealed to the key that the member has now. `digest` is
 * over what it says.
 */
export function markQueued(
  tx: Tx,
  id: number,
  copy: { readonly once: string; readonly digest: Sha256 },
  now: Instant
): void {
  tx.run(
    `UPDATE deliveries SET state = 'queued', because = NULL, changed_at = @now, content_digest = @digest,
       outbox_id = (SELECT id FROM outbox WHERE once = @once),
       sealed_to = (SELECT fingerprint FROM members WHERE members.id = member_id)
     WHERE id = @id AND state = 'waiting'`,
    { id, now, ...copy }
  )
}

/** Stops what was not sealed yet: one delivery, or those of a notice or a member. Returns how many. */
export function holdWaiting(
  tx: Tx,
  which: { readonly id: number } | { readonly noticeId: number } | { readonly memberId: string },
  because: string,
  now: Instant
): number {
  return tx.run(
    `UPDATE deliveries SET state = 'held', because = @because, changed_at = @now
     WHERE state = 'waiting' AND ${assignments(which)}`,
    { ...which, because, now }
  ).changes
}

/** A copy that must not leave any more. */
export type LateCopy = Omit<WaitingDelivery, 'hadNotice'> & {
  readonly outboxId: number | null
  readonly noticeId: number
  readonly caseTag: CaseTag
  readonly isActive: boolean
} & Pick<CaseRecord, 'product' | 'disclosureAt' | 'disclosureZone'>

/**
 * Copies that must not leave any more: finished ones that waited too long, those of a release that the disclosure caught up
 * with, and those of members who are not active on the list any more. One that is on its way is late once its outcome is known.
 */
export function listLateCopies(read: Read, now: Instant, limit: number): LateCopy[] {
  const about = `SELECT id AS delivery_id, outbox_id, notice_id, case_tag, product, disclosure_zone,
    member_id AS id, name, address, fingerprint, key_data, is_active, is_time_known, public_at AS disclosure_at
    FROM copies`
  return read.all<LateCopy>(
    `SELECT * FROM (${about} WHERE ${isIn('outbox', "not_after <= @now AND state IN ('queued', 'sending')")}
       AND sending = 'queued'
     UNION ALL ${about} WHERE ${isIn('member', "state <> 'active'")} AND not_after > @now AND sending IN ('queued', 'held')
     UNION ALL ${about} WHERE ${isIn('notice', RELEASING)} AND own_state = 'waiting' AND copies.disclosure_at <= @now)
     WHERE is_time_known LIMIT @limit`,
    { now, limit }
  )
}

/** Written with the condition of the index `notices_due`, without which SQLite would read every notice ever made. */
const RELEASING = "state IN ('scheduled', 'releasing') AND state = 'releasing'"

/** The condition that this is true of a copy's message, member or notice. It keeps SQLite from reading every copy ever made. */
function isIn(what: 'outbox' | 'member' | 'notice', condition: string): string {
  const table = what === 'outbox' ? what : `${what}s`
  return `${what}_id IN (SELECT id FROM ${table} WHERE ${condition})`
}

/**
 * Active members to whom a copy of any revision left, or leaves at this moment, in random order: the order of what they are
 * sent must not tell who is on the list (G5).
 */
export function listTold(read: Read, noticeId: number): SealedRecipient[] {
  return read.all<SealedRecipient>(
    `SELECT member_id AS id, name, address, fingerprint, key_data FROM copies
     WHERE notice_id = ? AND is_active AND sending IN ('sent', 'sending') GROUP BY member_id ORDER BY random()`,
    [noticeId]
  )
}

/** The case was disclosed before its date: its copies that have not left are late from now on. */
export function endEmbargo(tx: Tx, tag: string, now: Instant): void {
  tx.run(
    `UPDATE outbox SET not_after = @now
     WHERE case_id = (SELECT id FROM cases WHERE tag = @tag) AND not_after > @now AND state <> 'sent'`,
    { tag, now }
  )
}

/** Takes a late copy back for good. Returns whether it was still here. */
export function dropLateCopy(
  tx: Tx,
  { deliveryId: id, outboxId, isActive }: LateCopy,
  now: Instant
): boolean {
  if (outboxId === null) return holdWaiting(tx, { id }, 'disclosed', now) === 1
  const { changes } = tx.run(
    `UPDATE outbox SET state = 'held', once = iif(@isActive, once, once || ':outdated:' || id) WHERE id = @outboxId
       AND (state = 'queued' OR state = 'held' AND NOT @isActive)`,
    { outboxId, isActive }
  )
  // The message stays here for good, under another name, and the delivery says why: who comes back gets a new one.
  if (changes === 1 && !isActive)
    tx.run(
      "UPDATE deliveries SET state = 'held', because = 'removed', outbox_id = NULL, changed_at = ? WHERE id = ?",
      [now, id]
    )
  return changes === 1
}

/** A copy that is finished and has not left. */
export type WaitingCopy = Pick<NoticeRecord, 'revision' | 'caseTag' | 'product'> & {
  readonly memberId: string
  /** When it could have left first. */
  readonly since: Instant
}

/** Finished copies that have not left, except those that are on the record as waiting. */
export function listWaitingCopies(read: Read): WaitingCopy[] {
  return read.all<WaitingCopy>(
    `SELECT revision, case_tag, product, member_id, since FROM copies
     WHERE ${isIn('outbox', "not_after IS NOT NULL AND state IN ('queued', 'sending')")} AND NOT is_on_record
     ORDER BY notice_id, member_id`
  )
}

/** The copy that this message is, and whether the record of its case says that it waits; null for one that was made anew. */
export function copyIn(read: Read, outboxId: number) {
  const sql = 'SELECT revision, case_tag, is_on_record FROM copies WHERE outbox_id = ?'
  return read.get<{ revision: number; caseTag: CaseTag; isOnRecord: boolean }>(sql, [outboxId])
}

/** How many copies of a notice are where; zeros for no notice and for one that was never released. */
export function countCopies(read: Read, noticeId: number | null): NoticeCopies {
  const sql =
    'SELECT revision, here, on_the_way, given_up, left FROM copy_counts WHERE notice_id = ?'
  const none = { revision: 0, here: 0, onTheWay: 0, givenUp: 0, left: 0 }
  return read.get<NoticeCopies>(sql, [noticeId]) ?? none
}

/** How many active members {@link plan} would still reach with the present revision. */
export function countUnreached(read: Read, noticeId: number): number {
  return read.value<number>('SELECT count(*) FROM unreached WHERE notice_id = ?', [noticeId]) ?? 0
}

/** Active members who came, or came back, after the list was told and before the date, and are not on the record as such. */
export function listMissing(read: Read, now: Instant) {
  const sql = `SELECT case_tag, revision, member_id AS member FROM unreached
    WHERE is_told AND is_new AND NOT is_on_record AND disclosure_at > ? ORDER BY case_tag, member_id`
  return read.all<{ caseTag: CaseTag; revision: number; member: string }>(sql, [now])
}

/** One delivery as people see it. */
export type DeliveryRow = {
  readonly memberId: string
  readonly revision: number
  readonly state: DeliveryState
  readonly because: string | null
  readonly at: Instant
}

/** Deliveries of a notice with the outcome of their messages, by revision and member. */
export function list(read: Read, noticeId: number): DeliveryRow[] {
  const sql = `SELECT member_id, revision, why AS because, at, state FROM copies
    WHERE notice_id = ? ORDER BY revision, member_id`
  return read.all<DeliveryRow>(sql, [noticeId])
}

/** How many copies of this revision are in each state. */
export function count(
  read: Read,
  noticeId: number,
  revision: number
): Readonly<Record<DeliveryState, number>> {
  const none = { waiting: 0, queued: 0, sent: 0, held: 0, bounced: 0, 'given-up': 0 }
  const sql = `SELECT state, count(*) AS copies FROM copies
    WHERE notice_id = ? AND revision = ? GROUP BY state`
  const rows = read.all<{ state: DeliveryState; copies: number }>(sql, [noticeId, revision])
  return { ...none, ...Object.fromEntries(rows.map(({ state, copies }) => [state, copies])) }
}
