/**
 * One row per member and revision of a notice: who still waits, whose mail is queued, who is held and why. How a queued one
 * fared is read from the outbox, so that there is one truth about sending.
 */
import { type Contact } from '../domain/address.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { type DeliveryState } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import { type Read, type Sql, type Tx } from './sql.ts'

/** A member whose copy has to be sealed. */
export type WaitingDelivery = Contact & {
  readonly id: number
  readonly memberId: string
  readonly fingerprint: Fingerprint
  readonly keyData: Uint8Array
}

/**
 * Makes every active member of the product wait for this revision; those already queued stay so, held ones wait again, and
 * finished copies of it that a hold kept in the outbox go on, if the member's address and key are still the ones that
 * the copy was made for. A copy for an old address or key stays here for ever, and a new one is made (G3, G5).
 */
export function planDeliveries(
  tx: Tx,
  notice: { readonly id: number; readonly revision: number; readonly product: string },
  now: Instant
): void {
  tx.run(
    `INSERT INTO deliveries (notice_id, revision, member_id, state, changed_at)
     SELECT @id, @revision, members.id, 'waiting', @now
     FROM members JOIN member_products ON member_products.member_id = members.id
     WHERE member_products.product = @product AND members.state = 'active'
     ORDER BY members.id
     ON CONFLICT (notice_id, revision, member_id) DO UPDATE SET state = 'waiting', because = NULL, changed_at = @now
       WHERE state = 'held'`,
    { id: notice.id, revision: notice.revision, product: notice.product, now }
  )
  replaceOutdated(tx, notice, now)
  tx.run(
    `UPDATE outbox SET state = 'queued', next_attempt_at = max(@now, not_before)
     WHERE state = 'held' AND id IN (
       SELECT outbox_id FROM deliveries JOIN members ON members.id = deliveries.member_id
       WHERE notice_id = @id AND revision = @revision AND deliveries.state = 'queued' AND members.state = 'active')`,
    { id: notice.id, revision: notice.revision, now }
  )
}

/** Copies that never left and were made for another address or key than the member has now: they wait to be made anew. */
function replaceOutdated(
  tx: Tx,
  notice: { readonly id: number; readonly revision: number },
  now: Instant
): void {
  const sql: Sql<{ id: number; outboxId: number }> = `
    SELECT deliveries.id AS id, outbox.id AS outboxId FROM deliveries
    JOIN members ON members.id = deliveries.member_id JOIN outbox ON outbox.id = deliveries.outbox_id
    WHERE deliveries.notice_id = ? AND revision = ? AND deliveries.state = 'queued' AND members.state = 'active'
      AND outbox.state IN ('held', 'given-up')
      AND (outbox.envelope_to <> members.address OR deliveries.sealed_to IS NOT members.fingerprint)`
  for (const { id, outboxId } of tx.all(sql, [notice.id, notice.revision])) {
    // The old mail gives its name free, so that the new one is another decision.
    tx.run("UPDATE outbox SET state = 'held', once = once || ':outdated:' || id WHERE id = ?", [
      outboxId
    ])
    tx.run(
      `UPDATE deliveries SET state = 'waiting', because = NULL, outbox_id = NULL, sealed_to = NULL, changed_at = ?
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
  const sql: Sql<WaitingDelivery> = `
    SELECT deliveries.id AS id, member_id AS memberId, name, address, fingerprint, key_data AS keyData
    FROM deliveries JOIN members ON members.id = deliveries.member_id
    WHERE notice_id = ? AND revision = ? AND deliveries.state = 'waiting' ORDER BY deliveries.id LIMIT ?`
  return read.all(sql, [noticeId, revision, limit])
}

/** Joins a delivery to the outbox row with this `once`, which must be sealed to the key that the member has now. */
export function markQueued(tx: Tx, id: number, once: string, now: Instant): void {
  tx.run(
    `UPDATE deliveries SET state = 'queued', because = NULL, changed_at = ?,
       outbox_id = (SELECT id FROM outbox WHERE once = ?),
       sealed_to = (SELECT fingerprint FROM members WHERE members.id = member_id)
     WHERE id = ? AND state = 'waiting'`,
    [now, once, id]
  )
}

export function markHeld(tx: Tx, id: number, because: string, now: Instant): void {
  tx.run(
    "UPDATE deliveries SET state = 'held', because = ?, changed_at = ? WHERE id = ? AND state = 'waiting'",
    [because, now, id]
  )
}

/** Stops what was not sealed yet. */
export function holdWaiting(tx: Tx, noticeId: number, because: string, now: Instant): void {
  tx.run(
    "UPDATE deliveries SET state = 'held', because = ?, changed_at = ? WHERE notice_id = ? AND state = 'waiting'",
    [because, now, noticeId]
  )
}

/** Copies of one revision by where they are. */
export type NoticeCopies = {
  /** Not sealed yet, or queued here. */
  readonly here: number
  /** Sent, or on their way at this moment. */
  readonly left: number
}

export function countCopies(read: Read, noticeId: number, revision: number): NoticeCopies {
  const sql: Sql<NoticeCopies> = `
    SELECT coalesce(sum(deliveries.state = 'waiting' OR outbox.state = 'queued'), 0) AS here,
      coalesce(sum(outbox.state IN ('sending', 'sent')), 0) AS left
    FROM deliveries LEFT JOIN outbox ON outbox.id = deliveries.outbox_id
    WHERE deliveries.notice_id = ? AND revision = ?`
  return read.get(sql, [noticeId, revision]) ?? { here: 0, left: 0 }
}

/** One delivery as people see it. */
export type DeliveryRow = {
  readonly memberId: string
  readonly revision: number
  readonly state: DeliveryState
  readonly because: string | null
  readonly at: Instant
}

/** Deliveries of a notice with what became of their mails, by revision and member. */
export function listDeliveries(read: Read, noticeId: number): DeliveryRow[] {
  const sql: Sql<DeliveryRow> = `
    SELECT member_id AS memberId, revision, because,
      coalesce(outbox.sent_at, deliveries.changed_at) AS at,
      CASE WHEN deliveries.state <> 'queued' THEN deliveries.state
           WHEN outbox.bounced_at IS NOT NULL THEN 'bounced'
           WHEN outbox.state = 'sent' THEN 'sent'
           WHEN outbox.state = 'given-up' THEN 'given-up'
           WHEN outbox.state = 'held' THEN 'held'
           ELSE 'queued' END AS state
    FROM deliveries LEFT JOIN outbox ON outbox.id = deliveries.outbox_id
    WHERE deliveries.notice_id = ? ORDER BY revision, member_id`
  return read.all(sql, [noticeId])
}

/** How many members hold each state of the present revision. */
export function countDeliveries(
  read: Read,
  noticeId: number,
  revision: number
): Readonly<Record<DeliveryState, number>> {
  const counts = { waiting: 0, queued: 0, sent: 0, held: 0, bounced: 0, 'given-up': 0 }
  for (const row of listDeliveries(read, noticeId))
    if (row.revision === revision) counts[row.state] += 1
  return counts
}
