/**
 * Scheduled notices: judged at every tick, released in small committed pieces, so that a crash in the middle goes on where it
 * stopped and nobody gets a notice twice (G2, G7). Keys are judged at this very moment, by sealing.
 */
import { type Decision } from '../domain/decision.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import { errorName } from '../effects/events.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import {
  decideRelease,
  HOLD_SENTENCES,
  type HoldBecause,
  type ReleaseVerdict
} from '../policy/embargo.ts'
import { appendAudit } from '../store/audit.ts'
import { findCase } from '../store/cases.ts'
import { planDeliveries } from '../store/deliveries.ts'
import {
  findNoticeById,
  findReleasedDigest,
  listActiveNotices,
  setNoticeState,
  stopNotice
} from '../store/notices.ts'
import {
  aboutNotice,
  disclosureFacts,
  type KnownNotice,
  presentDigest,
  releasedDigest
} from './about-notice.ts'
import { distrustedBefore, tellOfJump } from './clock-jumps.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { prepare } from './prepare.ts'
import { sendPieces } from './release-pieces.ts'

const NOTHING = { attachments: [], original: null }

/** The desk may fail at one notice so often before it is held. */
const FAILURES_MAX = 3

export type ReleaseOptions = {
  /** Looks at the clock anew: asked before each notice. */
  readonly isClockTrusted: () => boolean
  /** Failures in a row by notice, kept between calls; a new process begins anew. */
  readonly failures: Map<number, number>
  readonly signal: AbortSignal
  /** Called as mails are queued. */
  readonly queued: () => void
}

/**
 * Goes through all scheduled and half-sent notices. Returns whether anything was done. A notice at which the desk itself
 * fails (a bug, a worker that dies of it) stops neither the others nor the mail: it is held after three failures (G9).
 */
export async function releaseDue(desk: Desk, options: ReleaseOptions): Promise<boolean> {
  let worked = await tellOfJumpOrLog(desk)
  for (const notice of desk.db.read(listActiveNotices)) {
    if (options.signal.aborted) return worked
    try {
      worked = (await releaseOne(desk, notice, options)) || worked
      options.failures.delete(notice.id)
    } catch (error) {
      if (!isOfOneThing(error)) throw error
      worked = (await countFailure(desk, notice.id, options, error)) || worked
    }
  }
  return worked
}

/** An alarm that cannot be made stops no notice; it is tried again the next time. */
async function tellOfJumpOrLog(desk: Desk): Promise<boolean> {
  try {
    return await tellOfJump(desk)
  } catch (error) {
    if (!isOfOneThing(error)) throw error
    desk.log({ event: 'bug', where: 'clock', error: errorName(error) })
    return false
  }
}

async function releaseOne(
  desk: Desk,
  notice: NoticeRecord,
  options: ReleaseOptions
): Promise<boolean> {
  const judged = notice.state === 'scheduled' && (await judge(desk, notice, options.isClockTrusted))
  const current = desk.db.read((read) => findNoticeById(read, notice.id))
  if (current?.state !== 'releasing') return judged
  const because = stopReason(desk, current)
  if (because === null) await sendPieces(desk, current, options)
  else await hold(desk, current, because)
  return true
}

/** Returns whether the notice was held now. */
async function countFailure(
  desk: Desk,
  id: number,
  { failures }: ReleaseOptions,
  error: unknown
): Promise<boolean> {
  desk.log({ event: 'bug', where: 'release', error: errorName(error) })
  const count = (failures.get(id) ?? 0) + 1
  failures.set(id, count)
  if (count < FAILURES_MAX) return false
  const current = desk.db.read((read) => findNoticeById(read, id))
  if (current === null) return false
  try {
    await hold(desk, current, 'failed')
  } catch (again) {
    if (!isOfOneThing(again)) throw again
    desk.log({ event: 'bug', where: 'release', error: errorName(again) })
    return false
  }
  failures.delete(id)
  return true
}

/** Why a release that has begun does not go on; a restart may have brought another configuration or wording. */
function stopReason(desk: Desk, notice: NoticeRecord): HoldBecause | null {
  return desk.db.read((read) => {
    const known = aboutNotice(desk, read, notice)
    if (known === null) return 'no-product'
    const began = findReleasedDigest(read, notice.id)
    return began === releasedDigest(desk, notice, known) ? null : 'approval-void'
  })
}

/** Begins, holds or leaves one scheduled notice. */
async function judge(
  desk: Desk,
  notice: NoticeRecord,
  isClockTrusted: () => boolean
): Promise<boolean> {
  const isTrusted = isClockTrusted()
  const now = desk.clock.now()
  const known = desk.db.read((read) => {
    const about = aboutNotice(desk, read, notice)
    return about && { ...about, digest: presentDigest(desk, read, notice, about) }
  })
  if (known === null) {
    await hold(desk, notice, 'no-product')
    return true
  }
  const { record, product, digest } = known
  const verdict = decideRelease({
    notice,
    case: record,
    policy: product.policy,
    maintainers: desk.settings.maintainers,
    digest,
    distrustedBefore: isTrusted ? null : (desk.db.read(distrustedBefore) ?? now),
    now
  })
  switch (verdict.kind) {
    case 'wait':
      return false
    case 'hold':
      await hold(desk, notice, verdict.because)
      return true
    case 'release':
      await begin(desk, notice, { known, digest, verdict, now })
      return true
  }
}

async function hold(desk: Desk, notice: NoticeRecord, because: HoldBecause): Promise<void> {
  const now = desk.clock.now()
  const record = desk.db.read((read) => findCase(read, notice.caseTag))
  const alert = alertMaintainers(desk.settings, now, {
    once: `notice-held:${notice.id}:${notice.version}`,
    tag: notice.caseTag,
    title: 'The notice is HELD',
    what: `The advance notice ${notice.state === 'releasing' ? 'was stopped while it was leaving' : 'was not sent'}, because ${HOLD_SENTENCES[because]}.`,
    doNext:
      'Look at it with /notice preview. Another maintainer than its author lets it go with /notice approve CODE; a new date is set with /embargo.',
    facts: record === null ? [] : disclosureFacts(desk, record)
  })
  const prepared = await prepare(desk, [alert], NOTHING, now)
  desk.db.transact((tx) => {
    stopNotice(tx, notice, 'notice-held', now)
    appendAudit(tx, {
      at: now,
      actor: 'desk',
      action: 'notice.held',
      caseTag: notice.caseTag,
      detail: { because },
      mailSha256: null
    })
    commit(tx, [alert], prepared, { arrivalId: null, mailSha256: null, now })
  })
  desk.log({ event: 'notice.held', notice: notice.id, because })
}

/** From here on the release goes on by itself, whatever happens to the process. */
async function begin(
  desk: Desk,
  notice: NoticeRecord,
  options: {
    readonly known: KnownNotice
    /** What was approved, recipients included. */
    readonly digest: Sha256
    readonly verdict: Extract<ReleaseVerdict, { readonly kind: 'release' }>
    readonly now: Instant
  }
): Promise<void> {
  const { digest, verdict, now, known } = options
  const late: Decision[] = verdict.isLate
    ? [
        alertMaintainers(desk.settings, now, {
          once: `notice-late:${notice.id}:${notice.revision}`,
          tag: notice.caseTag,
          title: 'The notice leaves LATE',
          what: `The advance notice leaves ${Math.round(verdict.lateMs / 60_000)} minutes after its instant.`,
          doNext:
            'Find out why the desk was not running at that time. The disclosure instant has not changed.',
          facts: disclosureFacts(desk, known.record)
        })
      ]
    : []
  const prepared = await prepare(desk, late, NOTHING, now)
  desk.db.transact((tx) => {
    setNoticeState(tx, notice, {
      state: 'releasing',
      digest: releasedDigest(desk, notice, known)
    })
    planDeliveries(tx, notice, now)
    const detail = { revision: notice.revision, digest, lateMs: verdict.lateMs }
    appendAudit(tx, {
      at: now,
      actor: 'desk',
      action: 'notice.releasing',
      caseTag: notice.caseTag,
      detail,
      mailSha256: null
    })
    commit(tx, late, prepared, { arrivalId: null, mailSha256: null, now })
  })
}
