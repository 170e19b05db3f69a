/**
 * Scheduled notices: at every tick each one begins to leave, waits or is held, and one that is leaving goes on
 * (release-pieces.ts). Must never let one leave that is not what was approved (G7).
 */
import { aboutCase, BY_DESK, event } from '../domain/event.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type HoldBecause, type NoticeRecord } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import { decideRelease, type ReleaseVerdict } from '../policy/embargo.ts'
import { approvedText, type NoticeSetting } from '../policy/notice-content.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import * as members from '../store/members.ts'
import * as notices from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import { ofNoMail, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { attempt } from './faults.ts'
import { lookAfterCopies } from './late-copies.ts'
import { aboutNotice, releasedDigest, sendPieces } from './release-pieces.ts'
import { lookAtClock } from './watch.ts'

/** The desk may fail at one notice so often before it is held. */
const FAILURES_MAX = 3

export type ReleaseOptions = {
  /** Failures in a row by notice, kept between calls; a new process begins anew. */
  readonly failures: Map<number, number>
  readonly signal: AbortSignal
  /** Called as messages are queued. */
  readonly queued: () => void
}

/**
 * Goes through all scheduled and half-sent notices. Returns whether anything was done. A notice at which the desk itself
 * fails (a bug, a worker that dies of it) stops neither the others nor the message: it is held after three failures (G9).
 */
export async function releaseDue(desk: Desk, options: ReleaseOptions): Promise<boolean> {
  let worked = await lookAfterCopies(desk)
  for (const notice of desk.db.read(notices.listActive)) {
    if (options.signal.aborted) return worked
    const about = { where: 'release', at: `notice ${notice.id}` }
    const done = await attempt(desk, about, () => releaseOne(desk, notice, options))
    if (done !== null) options.failures.delete(notice.id)
    worked = (done ?? (await countFailure(desk, notice.id, options))) || worked
  }
  return worked
}

async function releaseOne(
  desk: Desk,
  notice: NoticeRecord,
  options: ReleaseOptions
): Promise<boolean> {
  const judged = notice.state === 'scheduled' && judge(desk, notice)
  const current = desk.db.read((read) => notices.findById(read, notice.id))
  if (current?.state !== 'releasing') return judged
  const because = stopReason(desk, current)
  if (because === null) await sendPieces(desk, current, options)
  else hold(desk, current, because)
  return true
}

/** Returns whether the notice was held now. */
async function countFailure(
  desk: Desk,
  id: number,
  { failures }: ReleaseOptions
): Promise<boolean> {
  const count = (failures.get(id) ?? 0) + 1
  failures.set(id, count)
  const current = desk.db.read((read) => notices.findById(read, id))
  if (count < FAILURES_MAX || current === null) return false
  const held = await attempt(desk, { where: 'release', at: `hold of notice ${id}` }, () => {
    hold(desk, current, 'failed')
    return true
  })
  if (held === null) return false
  failures.delete(id)
  return true
}

/** Why a release that has begun does not go on; a restart may have brought another configuration or wording. */
function stopReason(desk: Desk, notice: NoticeRecord): HoldBecause | null {
  return desk.db.read((read) => {
    const known = aboutNotice(desk, read, notice)
    if (known === null) return 'no-product'
    const began = notices.findReleasedDigest(read, notice.id)
    return began === releasedDigest(desk, notice, known) ? null : 'approval-void'
  })
}

/** Begins, holds or leaves one scheduled notice. */
function judge(desk: Desk, notice: NoticeRecord): boolean {
  lookAtClock(desk)
  const now = desk.clock.now()
  const known = desk.db.read((read) => {
    const about = aboutNotice(desk, read, notice)
    const digest = about && presentDigest(desk, read, notice, about)
    return about && digest && { ...about, digest, clockJump: events.openDoubt(read) }
  })
  if (known === null) {
    hold(desk, notice, 'no-product')
    return true
  }
  const { product, digest } = known
  const verdict = decideRelease({
    notice,
    case: known.record,
    policy: product.policy,
    maintainers: desk.settings.maintainers,
    digest,
    clockJump: known.clockJump,
    now
  })
  switch (verdict.kind) {
    case 'wait':
      return false
    case 'hold':
      hold(desk, notice, verdict.because)
      return true
    case 'release':
      // One that did not begin is judged again at once, on what is there then.
      begin(desk, notice, { digest, verdict, now })
      return true
  }
}

/** The digest over the present content and recipients: reads the whole list of members, so once for each release. */
function presentDigest(desk: Desk, read: Read, notice: NoticeRecord, known: NoticeSetting): Sha256 {
  return desk.sha256(approvedText(notice, known, members.listActive(read, notice.product)))
}

/**
 * From here on the release goes on by itself, whatever happens to the process. Does nothing when content or recipients are
 * no longer what was judged.
 */
function begin(
  desk: Desk,
  notice: NoticeRecord,
  options: {
    /** What was approved, recipients included. */
    readonly digest: Sha256
    readonly verdict: Extract<ReleaseVerdict, { readonly kind: 'release' }>
    readonly now: Instant
  }
): void {
  const { digest, verdict, now } = options
  const work = ofNoMail(now)
  const begun = desk.db.transact((tx) => {
    // The list may have changed since, from the command line too: the members on it now get a copy (G5, G7).
    const present = aboutNotice(desk, tx, notice)
    if (present === null || presentDigest(desk, tx, notice, present) !== digest) return false
    const content = releasedDigest(desk, notice, present)
    notices.setState(tx, notice, { state: 'releasing', releasedDigest: content })
    deliveries.plan(tx, { ...notice, digest: content }, now, (limit) =>
      desk.randomness.below(limit)
    )
    record(
      tx,
      event('notice-leaving', aboutCase(notice.caseTag), BY_DESK, {
        revision: notice.revision,
        digest,
        lateMs: verdict.lateMs
      }),
      work
    )
    return true
  })
  if (begun) {
    desk.log({ event: 'notice.releasing', notice: notice.id, lateMs: Math.max(verdict.lateMs, 0) })
  }
}

/** Stops a notice and, where it was leaving, what is still here. Deferred copies of a release before go on. */
function hold(desk: Desk, notice: NoticeRecord, because: HoldBecause): void {
  const now = desk.clock.now()
  desk.db.transact((tx) => {
    const isLeaving = notice.state === 'releasing'
    const { revision, hasLeft } = notice
    const withheldSince = hasLeft ? now : null
    const about = {
      revision,
      because,
      copies: deliveries.countCopies(tx, notice.id),
      withheldSince
    }
    const stop = { because: 'notice-held', copies: isLeaving ? 'withdraw' : 'go-on' } as const
    notices.stop(tx, notice, stop, now)
    const work = ofNoMail(now)
    record(tx, event('notice-held', aboutCase(notice.caseTag), BY_DESK, about), work)
  })
  desk.log({ event: 'notice.held', notice: notice.id, because })
}
