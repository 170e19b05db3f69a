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
import { record } from './commit.ts'
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
  const { failures, signal } = options
  let worked = await lookAfterCopies(desk)
  for (const notice of desk.db.read(notices.listActive)) {
    if (signal.aborted) return worked
    const { id } = notice
    const at = `notice ${id}`
    const done = await attempt(desk, { where: 'release', at }, () =>
      releaseOne(desk, notice, options)
    )
    const count = done === null ? (failures.get(id) ?? 0) + 1 : 0
    const held =
      count >= FAILURES_MAX &&
      (await attempt(desk, { where: 'release', at: `hold of ${at}` }, () => {
        const current = desk.db.read((read) => notices.findById(read, id))
        if (current !== null) hold(desk, current, 'failed')
        return current !== null
      }))
    failures.set(id, held === true ? 0 : count)
    worked = (done ?? held === true) || worked
  }
  return worked
}

async function releaseOne(
  desk: Desk,
  notice: NoticeRecord,
  options: ReleaseOptions
): Promise<boolean> {
  lookAtClock(desk)
  const now = desk.clock.now()
  const verdict = desk.db.read((read) => judge(desk, read, notice, now))
  if (verdict.kind === 'wait') return false
  if (verdict.kind === 'hold') hold(desk, notice, verdict.because)
  // One that did not begin is judged again at once, on what is there then.
  else if (verdict.kind === 'go-on' || begin(desk, notice, verdict, now))
    await sendPieces(desk, notice, options)
  return true
}

type Verdict =
  | Exclude<ReleaseVerdict, { readonly kind: 'release' }>
  /** `digest` is over what was approved, recipients included. */
  | { readonly kind: 'release'; readonly lateMs: number; readonly digest: Sha256 }
  /** It is leaving. */
  | { readonly kind: 'go-on' }

/** Whether a notice begins to leave, waits, is held, or goes on: a restart may have brought another configuration or wording. */
function judge(desk: Desk, read: Read, notice: NoticeRecord, now: Instant): Verdict {
  const known = aboutNotice(desk, read, notice)
  if (known === null) return { kind: 'hold', because: 'no-product' }
  if (notice.state === 'releasing') {
    const began = notices.findReleasedDigest(read, notice.id)
    return began === releasedDigest(desk, notice, known)
      ? { kind: 'go-on' }
      : { kind: 'hold', because: 'approval-void' }
  }
  const digest = presentDigest(desk, read, notice, known)
  const verdict = decideRelease({
    notice,
    case: known.record,
    policy: known.product.policy,
    maintainers: desk.settings.maintainers,
    digest,
    clockJump: events.openDoubt(read),
    now
  })
  return verdict.kind === 'release' ? { ...verdict, digest } : verdict
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
  { digest, lateMs }: Extract<Verdict, { readonly kind: 'release' }>,
  now: Instant
): boolean {
  const { id, revision, caseTag } = notice
  const begun = desk.db.transact((tx) => {
    // The list may have changed since, from the command line too: the members on it now get a copy (G5, G7).
    const present = aboutNotice(desk, tx, notice)
    if (present === null || presentDigest(desk, tx, notice, present) !== digest) return false
    const content = releasedDigest(desk, notice, present)
    notices.setState(tx, notice, { state: 'releasing', releasedDigest: content })
    const below = (limit: number): number => desk.randomness.below(limit)
    deliveries.plan(tx, { ...notice, digest: content }, now, below)
    const about = { revision, digest, lateMs }
    record(tx, event('notice-leaving', aboutCase(caseTag), BY_DESK, about), { now })
    return true
  })
  if (begun) desk.log({ event: 'notice.releasing', notice: id, lateMs: Math.max(lateMs, 0) })
  return begun
}

/** Stops a notice and, where it was leaving, what is still here. Deferred copies of a release before go on. */
function hold(desk: Desk, notice: NoticeRecord, because: HoldBecause): void {
  const now = desk.clock.now()
  const { id, revision, hasLeft, caseTag, state } = notice
  desk.db.transact((tx) => {
    const copies = deliveries.countCopies(tx, id)
    const about = { revision, because, copies, withheldSince: hasLeft ? now : null }
    const goOn = state === 'releasing' ? 'withdraw' : 'go-on'
    notices.stop(tx, notice, { because: 'notice-held', copies: goOn }, now)
    record(tx, event('notice-held', aboutCase(caseTag), BY_DESK, about), { now })
  })
  desk.log({ event: 'notice.held', notice: id, because })
}
