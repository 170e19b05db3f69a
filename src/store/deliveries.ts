/**
 * One row per member and revision of a notice: who still waits, whose message is queued, who is held and why. How a queued one
 * fared is read from the outbox, so that there is one truth about sending.
 */
import { type Contact } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type CaseTag, type Fingerprint, type Sha256 } from '../domain/ids.ts'
import { type DeliveryState, type NoticeCopies } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import { assignments, type Read, type Sql, type Tx } from './sql.ts'

/** A member whose copy has to be sealed. */
export type WaitingDelivery = Contact & {
  readonly id: number
  readonly memberId: string
  readonly fingerprint: Fingerprint
  readonly keyData: Uint8Array
  /** Whether a copy of an earlier revision left for this member: only then does `what changed` mean anything to them. */
  readonly hadNotice: 0 | 1
}

/** What a release sends to whom. `digest` is over what each member reads. */
export type ReleasePlan = {
  readonly id: number
  readonly revision: number
  readonly product: string
  readonly digest: Sha256
}

/** A random integer `0 ≤ n < limit`. */
type Below = (limit: number) => number

/**
 * Makes every active member of the product wait for this revision, in random order: the order in which copies leave must not
 * tell who is on the list or since when (G5). Those already queued stay so, held ones wait again, and
 * finished copies of it that a hold kept in the outbox go on, if they say what is approved now and the member's address and
 * key are still the ones that they were made for. Any other copy stays here for ever, and a new one is made (G3, G5, G7).
 */
export function planDeliveries(tx: Tx, notice: ReleasePlan, now: Instant, below: Below): void {
  const listed: Sql<{ id: string }> = `
    SELECT members.id AS id FROM members JOIN member_products ON member_products.member_id = members.id
    WHERE member_products.product = ? AND members.state = 'active' ORDER BY members.id`
  for (const { id: memberId } of shuffled(tx.all(listed, [notice.product]), below)) {
    tx.run(
      `INSERT INTO deliveries (notice_id, revision, member_id, state, changed_at)
       VALUES (@id, @revision, @memberId, 'waiting', @now)
       ON CONFLICT (notice_id, revision, member_id) DO UPDATE SET state = 'waiting', because = NULL, changed_at = @now
         WHERE state = 'held'`,
      { id: notice.id, revision: notice.revision, memberId, now }
    )
  }
  replaceOutdated(tx, notice, now)
  holdEarlierRevisions(tx, notice)
  tx.run(
    `UPDATE outbox SET state = 'queued', next_attempt_at = max(@now, not_before)
     WHERE state = 'held' AND id IN (
       SELECT outbox_id FROM deliveries JOIN members ON members.id = deliveries.member_id
       JOIN member_products ON member_products.member_id = members.id AND member_products.product = @product
       WHERE notice_id = @id AND revision = @revision AND deliveries.state = 'queued' AND members.state = 'active')`,
    { id: notice.id, revision: notice.revision, product: notice.product, now }
  )
}

/** Every order is equally likely: each next one goes to a random place among those before it. */
function shuffled<T>(list: readonly T[], below: Below): T[] {
  const mixed: T[] = []
  for (const item of list) mixed.splice(below(mixed.length + 1), 0, item)
  return mixed
}

/**
 * Copies of earlier revisions that have not left: nobody is to read them after this one. One that is on its way at this
 * moment is not tried again, because it does not say what is approved now.
 */
function holdEarlierRevisions(tx: Tx, { id, revision }: ReleasePlan): void {
  tx.run(
    `UPDATE outbox SET state = 'held' WHERE notice_id = @id AND state = 'queued'
       AND id IN (SELECT outbox_id FROM deliveries WHERE notice_id = @id AND revision < @revision)`,
    { id, revision }
  )
}

/**
 * Copies that are not known to have left, and say something else than is approved now or were made for another address or
 * key than the member has: they wait to be made anew. One that is on its way at this moment is not tried again.
 */
function replaceOutdated(tx: Tx, notice: ReleasePlan, now: Instant): void {
  const sql: Sql<{ id: number; outboxId: number }> = `
    SELECT deliveries.id AS id, outbox.id AS outboxId FROM deliveries
    JOIN members ON members.id = deliveries.member_id JOIN outbox ON outbox.id = deliveries.outbox_id
    JOIN member_products ON member_products.member_id = members.id AND member_products.product = @product
    WHERE deliveries.notice_id = @id AND revision = @revision AND deliveries.state = 'queued'
      AND members.state = 'active' AND outbox.state <> 'sent'
      AND (outbox.envelope_to <> members.address OR deliveries.sealed_to <> members.fingerprint
        OR deliveries.content_digest <> @digest)`
  const { id: noticeId, revision, product, digest } = notice
  for (const { id, outboxId } of tx.all(sql, { id: noticeId, revision, product, digest })) {
    // The old message gives its name free, so that the new one is another decision. Whoever sends it still reports an outcome.
    tx.run(
      `UPDATE outbox SET state = CASE state WHEN 'sending' THEN 'sending' ELSE 'held' END,
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
  const sql: Sql<WaitingDelivery> = `
    SELECT deliveries.id AS id, member_id AS memberId, name, address, fingerprint, key_data AS keyData,
      EXISTS (SELECT 1 FROM deliveries AS earlier JOIN outbox ON outbox.id = earlier.outbox_id
        WHERE earlier.notice_id = deliveries.notice_id AND earlier.member_id = deliveries.member_id
          AND earlier.revision < deliveries.revision AND outbox.state = 'sent') AS hadNotice
    FROM deliveries JOIN members ON members.id = deliveries.member_id
    WHERE notice_id = ? AND revision = ? AND deliveries.state = 'waiting' ORDER BY deliveries.id LIMIT ?`
  return read.all(sql, [noticeId, revision, limit])
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

/**
 * Whether this message is a copy that the approvals let its member have: the member is on the list now, with the address and the
 * key that it was made for (G5), and it says what was released last (G7). That is withdrawn by a hold for good; a draft of the
 * next revision leaves it, and that one's release puts its own words (which name the revision) in its place.
 */
export function isApprovedCopy(read: Read, outboxId: number): boolean {
  const sql: Sql<{ one: number }> =
    `SELECT 1 AS one FROM outbox JOIN notices ON notices.id = outbox.notice_id
    JOIN deliveries ON deliveries.member_id = outbox.recipient_id AND deliveries.outbox_id = outbox.id
    JOIN members ON members.id = deliveries.member_id AND members.address = outbox.envelope_to
      AND members.fingerprint = deliveries.sealed_to AND members.state = 'active'
    JOIN member_products ON member_products.member_id = members.id AND member_products.product = notices.product
    WHERE outbox.id = ? AND deliveries.content_digest = notices.released_digest`
  return read.get(sql, [outboxId]) !== undefined
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

/** A copy that did not leave before the disclosure that it names. */
export type LateCopy = WaitingDelivery & {
  readonly outboxId: number | null
  readonly noticeId: number
  readonly revision: number
  readonly caseTag: CaseTag
  readonly product: string
  readonly disclosureAt: Instant | null
  readonly disclosureZone: string | null
  readonly isListed: 0 | 1
}

/**
 * Copies that must not leave any more: finished ones that waited too long, those of a release that the disclosure caught up
 * with, and those of members who are not active on the list any more. One that is on its way at this moment is not among them.
 */
export function listLateCopies(read: Read, now: Instant, limit: number): LateCopy[] {
  const about = `deliveries.id AS id, deliveries.outbox_id AS outboxId, deliveries.notice_id AS noticeId,
    deliveries.revision AS revision, cases.tag AS caseTag, notices.product AS product, cases.disclosure_at AS disclosureAt,
    cases.disclosure_zone AS disclosureZone, member_id AS memberId, name, address, fingerprint, key_data AS keyData,
    0 AS hadNotice, members.state = 'active' AS isListed`
  const joins = `JOIN notices ON notices.id = deliveries.notice_id JOIN cases ON cases.id = notices.case_id
    JOIN members ON members.id = deliveries.member_id`
  const sql: Sql<LateCopy> = `
    SELECT ${about} FROM outbox JOIN deliveries ON deliveries.outbox_id = outbox.id ${joins}
    WHERE outbox.not_after <= @now AND outbox.state IN ('queued', 'sending')
      AND (outbox.state = 'queued' OR outbox.next_attempt_at <= @now)
    UNION ALL
    SELECT ${about} FROM outbox JOIN deliveries ON deliveries.outbox_id = outbox.id ${joins}
    WHERE outbox.not_after > @now AND outbox.state IN ('queued', 'held') AND members.state <> 'active'
    UNION ALL
    SELECT ${about} FROM deliveries ${joins}
    WHERE deliveries.state = 'waiting' AND notices.state = 'releasing' AND cases.disclosure_at <= @now
    LIMIT @limit`
  return read.all(sql, { now, limit })
}

/** Takes a late copy back for good. Returns whether it was still here. */
export function dropLateCopy(tx: Tx, { id, outboxId, isListed }: LateCopy, now: Instant): boolean {
  if (outboxId !== null && isListed === 0) return dropUnlisted(tx, { id, outboxId }, now)
  const changes =
    outboxId === null
      ? holdWaiting(tx, { id }, 'disclosed', now)
      : tx.run(
          "UPDATE outbox SET state = 'held' WHERE id = ? AND (state = 'queued' OR state = 'sending' AND next_attempt_at <= ?)",
          [outboxId, now]
        ).changes
  return changes === 1
}

/** Its message stays here for good, and the delivery says why. */
function dropUnlisted(
  tx: Tx,
  { id, outboxId }: { readonly id: number; readonly outboxId: number },
  now: Instant
): boolean {
  const { changes } = tx.run(
    "UPDATE outbox SET state = 'held' WHERE id = ? AND (state IN ('queued', 'held') OR state = 'sending' AND next_attempt_at <= ?)",
    [outboxId, now]
  )
  if (changes !== 1) return false
  tx.run(
    "UPDATE deliveries SET state = 'held', because = 'removed', outbox_id = NULL, changed_at = ? WHERE id = ?",
    [now, id]
  )
  return true
}

/** A copy that is finished and has not left. */
export type WaitingCopy = {
  readonly noticeId: number
  readonly revision: number
  readonly caseTag: CaseTag
  readonly product: string
  readonly memberId: string
  /** When it could have left first. */
  readonly since: Instant
}

/** Finished copies that have not left, but for those of which the record says so already. */
export function listWaitingCopies(read: Read): WaitingCopy[] {
  const sql: Sql<WaitingCopy> = `
    SELECT deliveries.notice_id AS noticeId, deliveries.revision AS revision, cases.tag AS caseTag, notices.product AS product,
      member_id AS memberId, max(outbox.not_before, outbox.created_at) AS since
    FROM outbox JOIN deliveries ON deliveries.outbox_id = outbox.id
    JOIN notices ON notices.id = deliveries.notice_id JOIN cases ON cases.id = notices.case_id
    WHERE outbox.state IN ('queued', 'sending') AND outbox.not_after IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = cases.tag AND kind = 'copy-waits'
        AND about ->> 'member' = member_id AND about ->> 'revision' = deliveries.revision)
    ORDER BY deliveries.notice_id, member_id`
  return read.all(sql)
}

/** The case whose record says that this member's copy waits; null when none does. */
export function waitingCopyOf(read: Read, outboxId: number): CaseTag | null {
  const sql: Sql<{ tag: CaseTag }> = `
    SELECT cases.tag AS tag FROM deliveries JOIN notices ON notices.id = deliveries.notice_id
    JOIN cases ON cases.id = notices.case_id
    WHERE outbox_id = ? AND EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = cases.tag
      AND kind = 'copy-waits' AND about ->> 'member' = member_id AND about ->> 'revision' = deliveries.revision)`
  return read.get(sql, [outboxId])?.tag ?? null
}

/** Where the copies of a notice are; zeros for no notice and for one that was never released. */
export function countCopies(read: Read, noticeId: number | null): NoticeCopies {
  const sql: Sql<NoticeCopies> = `
    SELECT coalesce(max(revision), 0) AS revision,
      coalesce(sum(deliveries.state = 'waiting'), 0) +
        (SELECT count(*) FROM outbox WHERE notice_id = @noticeId AND state = 'queued') AS here,
      (SELECT count(*) FROM outbox WHERE notice_id = @noticeId AND state = 'sending') AS onTheWay,
      coalesce(sum(outbox.state = 'given-up'), 0) AS givenUp,
      coalesce(sum(outbox.state = 'sent'), 0) AS left
    FROM deliveries LEFT JOIN outbox ON outbox.id = deliveries.outbox_id
    WHERE deliveries.notice_id = @noticeId
      AND revision = (SELECT max(revision) FROM deliveries WHERE notice_id = @noticeId)`
  const counts = read.get(sql, { noticeId })
  assert(counts !== undefined, 'a sum without a row')
  return counts
}

/** Active members for whom {@link planDeliveries} would have this revision sealed or go on. */
export function countUnreached(
  read: Read,
  { id, revision, product }: Omit<ReleasePlan, 'digest'>
): number {
  const sql: Sql<{ count: number }> = `
    SELECT count(*) AS count FROM members JOIN member_products ON member_products.member_id = members.id
    WHERE member_products.product = @product AND members.state = 'active' AND NOT EXISTS (
      SELECT 1 FROM deliveries JOIN outbox ON outbox.id = deliveries.outbox_id
      WHERE deliveries.notice_id = @id AND revision = @revision AND deliveries.member_id = members.id
        AND (outbox.state = 'sent' OR (outbox.state <> 'held' AND deliveries.sealed_to = members.fingerprint
          AND outbox.envelope_to = members.address)))`
  return read.get(sql, { id, revision, product })?.count ?? 0
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
