/**
 * Scheduled notices: at every tick each one begins to leave, waits or is held, and one that is leaving goes on piece by piece.
 * Each piece is sealed with the keys of this very moment and committed with its deliveries, so that a crash goes on where it
 * stopped and nobody gets a notice twice (G2, G7). When nobody waits any more, the reporter learns the date in the one
 * transaction that ends it (M-30). Must never let one leave that is not what was approved, nor end a release while a member
 * still waits.
 */

import { assert } from '../domain/assert.ts'
import { type Decision, type SendSealed } from '../domain/decision.ts'
import { aboutCase, BY_DESK, event, type NewEvent, type Particulars } from '../domain/event.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type HoldBecause, isWithheld, type NoticeRecord } from '../domain/notice.ts'
import { KEY_PROBLEMS } from '../domain/outgoing.ts'
import { addMs, HOUR_MS, type Instant } from '../domain/time.ts'
import { embargoEnded, type NoticeParams, notice as noticeMessage } from '../messages/to-members.ts'
import { owedWithNotice, tell, untold } from '../policy/date-talk.ts'
import { decideRelease, type ReleaseVerdict } from '../policy/embargo.ts'
import {
  approvedText,
  dateWords,
  type NoticeSetting,
  noticeParams,
  publicWords
} from '../policy/notice-content.ts'
import { sealedTo } from '../policy/send.ts'
import * as cases from '../store/cases.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import * as members from '../store/members.ts'
import * as notices from '../store/notices.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { commit, queue, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { attempt } from './faults.ts'
import { type Prepared, prepare } from './prepare.ts'
import { knownKeys } from './read-keys.ts'
import { lookAtClock } from './watch.ts'

/** A notice is held after this many failures in a row. */
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
      (await attempt(desk, { where: 'release', at: `hold of ${at}` }, () =>
        desk.db.transact((tx) => {
          const current = notices.findById(tx, id)
          if (current !== null) hold(desk, tx, current, 'failed')
          return current !== null
        })
      ))
    failures.set(id, held === true ? 0 : count)
    worked = (done ?? held === true) || worked
  }
  return worked
}

async function releaseOne(
  desk: Desk,
  { id }: NoticeRecord,
  options: ReleaseOptions
): Promise<boolean> {
  lookAtClock(desk)
  const now = desk.clock.now()
  const look = (read: Read) => {
    const notice = notices.findById(read, id)
    return notice === null ? null : { notice, ...judge(desk, read, notice, now) }
  }
  if ((desk.db.read(look)?.kind ?? 'wait') === 'wait') return false
  // Judged anew: the list may have changed since, from the command line too, and the members on it now get a copy (G5, G7).
  const judged = desk.db.transact((tx) => {
    const verdict = look(tx)
    if (verdict?.kind === 'hold') hold(desk, tx, verdict.notice, verdict.because)
    if (verdict?.kind === 'release') begin(tx, verdict, now)
    return verdict
  })
  if (judged?.kind === 'release')
    desk.log({ event: 'notice.releasing', notice: id, lateMs: Math.max(judged.lateMs, 0) })
  if (judged?.kind === 'release' || judged?.kind === 'go-on')
    await sendPieces(desk, judged.notice, options)
  return true
}

type Verdict =
  | Exclude<ReleaseVerdict, { readonly kind: 'release' }>
  /** `digest` is over what was approved, recipients included; `content` over what each member reads. */
  | (Extract<ReleaseVerdict, { readonly kind: 'release' }> &
      Record<'digest' | 'content', Sha256> & { readonly isDateOwed: boolean })
  /** It is leaving. */
  | { readonly kind: 'go-on' }

/** Whether a notice begins to leave, waits, is held, or goes on: a restart may have brought another configuration or wording. */
function judge(desk: Desk, read: Read, notice: NoticeRecord, now: Instant): Verdict {
  const known = aboutNotice(desk, read, notice)
  if (known === null) return { kind: 'hold', because: 'no-product' }
  // Without the list: it stays when a member is taken off the list during a release.
  const content = desk.sha256(approvedText(notice, known, []))
  if (notice.state === 'released')
    return isInVain(read, notice) ? { kind: 'hold', because: 'unreached' } : { kind: 'wait' }
  if (notice.state === 'releasing')
    return notices.findReleasedDigest(read, notice.id) === content
      ? { kind: 'go-on' }
      : { kind: 'hold', because: 'approval-void' }
  const digest = desk.sha256(approvedText(notice, known, members.listActive(read, notice.product)))
  const verdict = decideRelease({
    notice,
    case: known.case,
    policy: known.product.policy,
    maintainers: desk.settings.maintainers,
    digest,
    clockJump: events.openDoubt(read),
    now
  })
  if (verdict.kind !== 'release') return verdict
  const owed = owedWithNotice(notice, dateAbout(read, notice, known, now))
  return { ...verdict, digest, content, isDateOwed: owed.some(({ word }) => word === 'date') }
}

/** From here on the release goes on by itself, whatever happens to the process. */
function begin(
  tx: Tx,
  verdict: Extract<Verdict, { readonly kind: 'release' }> & { readonly notice: NoticeRecord },
  now: Instant
): void {
  const { notice, digest, content, lateMs, isDateOwed } = verdict
  notices.setState(tx, notice, { state: 'releasing', releasedDigest: content })
  deliveries.plan(tx, { ...notice, digest: content }, now)
  const about = { revision: notice.revision, digest, lateMs, isDateOwed }
  record(tx, event('notice-leaving', aboutCase(notice.caseTag), BY_DESK, about), { now })
}

/** Stops a notice and, where it was leaving, what is still here. Deferred copies of a release before go on. */
function hold(desk: Desk, tx: Tx, notice: NoticeRecord, because: HoldBecause): void {
  const now = desk.clock.now()
  const { id, revision, caseTag, state } = notice
  const copies = deliveries.countCopies(tx, id)
  notices.stop(tx, notice, state === 'scheduled' ? 'go-on' : 'withdraw', now)
  const isLacking = copies.left === 0 || deliveries.countUnreached(tx, id) > 0
  const withheldSince = isWithheld(notice, copies) && isLacking ? now : null
  const about = { revision, because, reason: '', copies, withheldSince }
  record(tx, event('notice-held', aboutCase(caseTag), BY_DESK, about), { now })
  desk.log({ event: 'notice.held', notice: id, because })
}

/**
 * Copies sealed and committed at a time, and about how many bytes of them: bounds memory, what a crash repeats, and how long
 * others, such as a hold from the command line, wait for the database (A3).
 */
const PIECE = 64
/** The first is smaller, and each larger than the one before: a thread that begins takes longer for each copy. */
const FIRST_PIECE = 8
const PIECE_BYTES = 4 * 1024 * 1024

/** Reads what a decision about a notice depends on; null when the case or the product is gone. */
function aboutNotice({ settings }: Desk, read: Read, notice: NoticeRecord): NoticeSetting | null {
  const found = cases.find(read, notice.caseTag)
  const product = settings.products.find(({ id }) => id === notice.product)
  return found === null || product === undefined ? null : { case: found, product, settings }
}

/** Copies that are sealed, and with what they say. */
type Piece = {
  readonly known: NoticeSetting
  readonly now: Instant
  readonly waiting: readonly deliveries.WaitingDelivery[]
  readonly prepared: Prepared
}

/**
 * Seals and queues everything that still waits, then ends the release. The next piece is sealed while the one before is queued.
 * `queued` is called after each piece.
 */
export async function sendPieces(
  desk: Desk,
  notice: NoticeRecord,
  options: { readonly signal: AbortSignal; readonly queued: () => void }
): Promise<void> {
  const bytes = desk.db.read((read) => notices.patchBytes(read, notice.id))
  const most = Math.max(Math.min(Math.floor(PIECE_BYTES / (bytes + 1)), PIECE), 1)
  let size = Math.min(FIRST_PIECE, most)
  let sealed: Piece | null = null
  while (!options.signal.aborted) {
    const next: Promise<Piece | null> = sealPiece(desk, notice, size, sealed?.waiting ?? [])
    // Where queueing fails, that failure is the one to tell.
    next.catch(() => undefined)
    if (sealed !== null) {
      if (!queuePiece(desk, notice, sealed)) return
      options.queued()
    }
    const wasLast = sealed === null
    sealed = await next
    size = Math.min(size * 2, most)
    if (sealed === null) return
    if (sealed.waiting.length === 0) {
      if (wasLast) return endRelease(desk, notice, sealed.known)
      sealed = null
    }
  }
}

/** Seals the copies that come after those `ahead` of them; null when the case or the product is gone. */
async function sealPiece(
  desk: Desk,
  notice: NoticeRecord,
  size: number,
  ahead: Piece['waiting']
): Promise<Piece | null> {
  const now = desk.clock.now()
  const { listed, known } = desk.db.read((read) => ({
    listed: deliveries.listWaiting(read, notice.id, notice.revision, ahead.length + size),
    known: aboutNotice(desk, read, notice)
  }))
  if (known === null) return null
  const isAhead = new Set(ahead.map(sealedFor))
  const waiting = listed.filter((one) => !isAhead.has(sealedFor(one))).slice(0, size)
  const prepared = await prepare(desk, copiesFor(desk, notice, known, { waiting, now }), now)
  return { known, now, waiting, prepared }
}

/** Queues one piece; false when a maintainer has held the notice meanwhile. */
function queuePiece(desk: Desk, notice: NoticeRecord, piece: Piece): boolean {
  const { known, now, waiting, prepared } = piece
  const digest = desk.sha256(approvedText(notice, known, []))
  return desk.db.transact((tx) => {
    if (notices.findById(tx, notice.id)?.state !== 'releasing') return false
    // Held and released anew while we sealed: what is leaving now may say something else.
    if (notices.findReleasedDigest(tx, notice.id) !== digest) return false
    // A member who was taken off the list while we sealed gets nothing. A copy for another key or address is sealed anew.
    const sealed = new Set(waiting.map(sealedFor))
    const present = deliveries
      .listWaiting(tx, notice.id, notice.revision, PIECE)
      .filter((one) => sealed.has(sealedFor(one)))
    const wanted = new Map(present.map(({ id, deliveryId }) => [id, deliveryId]))
    for (const mail of prepared.messages) {
      const id = wanted.get(mail.recipientId)
      if (id === undefined) continue
      assert(queue(tx, mail, { now }) === 'queued', 'an older copy has the name of this one')
      deliveries.markQueued(tx, id, { once: mail.once, digest }, now)
    }
    for (const { recipient, because } of prepared.refused) {
      const id = wanted.get(recipient.id)
      if (id !== undefined) deliveries.holdWaiting(tx, { id }, KEY_PROBLEMS[because], now)
    }
    commit(tx, [], { ...prepared, messages: [] }, { now })
    return true
    // What leaves is on the disk before, and a piece that a power cut took back is sealed anew.
  }, 'later')
}

function sealedFor({ deliveryId, address, fingerprint }: deliveries.WaitingDelivery): string {
  return `${deliveryId} ${address} ${fingerprint}`
}

/** So long after it has begun, all messages of a release bear the time of its beginning. */
const SAME_TIME_MS = HOUR_MS

/**
 * One time for all copies and for what tells reporters the date: their own would show how many members there are (G5). Not where
 * keys may have changed since.
 */
function timeOfRelease(read: Read, { caseTag }: NoticeRecord, now: Instant): Instant {
  const begun = events.lastOfKinds(read, aboutCase(caseTag), ['notice-leaving'])?.at ?? now
  return addMs(begun, SAME_TIME_MS) > now ? begun : now
}

/** The copies for these members. Those who had no notice yet do not read what changed; one approval covers both forms. */
function copiesFor(
  desk: Desk,
  notice: NoticeRecord,
  known: NoticeSetting,
  at: { readonly waiting: readonly deliveries.WaitingDelivery[]; readonly now: Instant }
): readonly SendSealed[] {
  const { waiting, now } = at
  const { files, madeAt } = desk.db.read((read) => ({
    files: notices.readPatches(read, notice.id),
    madeAt: timeOfRelease(read, notice, now)
  }))
  const params = noticeParams(notice, known)
  const copies = (had: boolean, what: NoticeParams): SendSealed =>
    sealedTo(
      waiting.filter(({ hadNotice }) => hadNotice === had),
      noticeMessage(what),
      {
        once: `${notice.id}:${notice.revision}`,
        tag: notice.caseTag,
        noticeId: notice.id,
        notBefore: notice.releaseAt,
        notAfter: known.case.disclosureAt,
        madeAt,
        files: { from: 'list', files },
        smaller: noticeMessage({ ...what, isWithoutFiles: true })
      }
    )
  const decisions = [copies(true, params), copies(false, { ...params, since: 0, changes: [] })]
  return decisions.filter(({ recipients }) => recipients.length > 0)
}

/** Whether no copy of a release whose copies are all made has left, and none still may. */
function isInVain(read: Read, { id, revision }: NoticeRecord): boolean {
  const { queued, sent, bounced } = deliveries.count(read, id, revision)
  return queued + sent + bounced === 0
}

/** Writes nothing when somebody waits anew: the next round goes on with them. Where no copy could be made, it is held. */
async function endRelease(desk: Desk, notice: NoticeRecord, known: NoticeSetting): Promise<void> {
  const now = desk.clock.now()
  const { id, revision, caseTag } = notice
  const written = await dateMessages(desk, notice, known, now)
  desk.db.transact((tx) => {
    const current = notices.findById(tx, id)
    if (current?.state !== 'releasing' || deliveries.listWaiting(tx, id, revision, 1).length > 0)
      return
    // Messages are handled meanwhile: one may have set another date than reporters would read here. The next round sees it.
    if (cases.find(tx, caseTag)?.version !== known.case.version) return
    if (isInVain(tx, notice)) {
      hold(desk, tx, current, 'unreached')
      return
    }
    notices.setState(tx, current, { state: 'released', releasedAt: now })
    for (const { decisions, prepared } of written) commit(tx, decisions, prepared, { now })
    const { held, queued, sent, bounced, 'given-up': lost } = deliveries.count(tx, id, revision)
    const about = { revision, sent: queued + sent + bounced + lost, held }
    record(tx, event('notice-left', aboutCase(caseTag), BY_DESK, about), { now })
  })
}

/** What a message about the date to any reporter depends on, besides their keys. */
function dateAbout(
  read: Read,
  { id, revision }: NoticeRecord,
  { case: record, ...known }: NoticeSetting,
  now: Instant
) {
  const happened = events.ofCase(read, record)
  return { ...known, record, events: happened, arrivalId: `${id}:${revision}`, now }
}

/**
 * The messages about the date, each by itself: what fails at one reporter keeps no other from being told. No copy of the notice
 * waits for them; where none can be made, alarms say so (A3).
 */
async function dateMessages(desk: Desk, notice: NoticeRecord, known: NoticeSetting, now: Instant) {
  const { about, madeAt } = desk.db.read((read) => ({
    about: dateAbout(read, notice, known, now),
    madeAt: timeOfRelease(read, notice, now)
  }))
  const make = async (decided: readonly Decision[]) => {
    const decisions = decided.map((one) => ('message' in one ? { ...one, madeAt } : one))
    return { decisions, prepared: await prepare(desk, decisions, now) }
  }
  const act = { by: BY_DESK, tag: notice.caseTag }
  return Promise.all(
    owedWithNotice(notice, about).map(async (one) => {
      const write = () =>
        attempt(desk, { where: 'release', at: `date message of ${act.tag}` }, async () => {
          const keys = await knownKeys(desk, known.case, now)
          return make(tell(one, { ...about, keys }, act).decisions)
        })
      return (await write()) ?? (await write()) ?? make(untold(one, about, 'failed', act))
    })
  )
}

/** Late copies taken back before other work has its turn. */
const AT_ONCE = 64

/**
 * Takes back copies that are late, and tells their members that the embargo is over (B22), while the clock is in doubt only where
 * a decision since says the time. Puts those that wait too long or are missing on the record. Returns whether there were any.
 */
async function lookAfterCopies(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const { late, waiting } = desk.db.read((read) => ({
    late: deliveries.listLateCopies(read, now, AT_ONCE),
    waiting: [
      ...newlyWaiting(desk, read, now),
      ...deliveries
        .listMissing(read, now)
        .map(({ caseTag, ...about }) => event('copy-missing', aboutCase(caseTag), BY_DESK, about))
    ]
  }))
  let worked = waiting.length > 0
  if (worked) desk.db.transact((tx) => waiting.forEach((one) => record(tx, one, { now })))
  for (const copy of late) {
    const at = `copies of the notice of ${copy.caseTag}`
    const done = await attempt(desk, { where: 'copies', at }, () => drop(desk, copy, now))
    worked = worked || done !== null
  }
  return worked
}

async function drop(desk: Desk, copy: deliveries.LateCopy, now: Instant): Promise<void> {
  const { noticeId, caseTag: tag, id: member, disclosureAt } = copy
  const date = desk.db.read((read) => cases.find(read, tag))?.disclosureAt
  const decisions: SendSealed[] = []
  let because: Particulars['copy-dropped']['because'] = 'not-listed'
  // A date that was moved to later and is not approved yet: then nothing is public, and only the maintainers are told.
  if (copy.isActive) because = 'date-moved'
  if (copy.isActive && disclosureAt !== null && disclosureAt <= now) {
    because = 'public'
    const product = desk.settings.products.find(({ id }) => id === copy.product)
    const notice = desk.db.read((read) => notices.findById(read, noticeId))
    const once = `${noticeId}:${notice?.revision ?? 0}:${disclosureAt}`
    const message = embargoEnded({
      product: product?.name ?? copy.product,
      disclosure: dateWords(copy, desk.settings.desk.timezone),
      had: 'nothing',
      issue: publicWords(notice)
    })
    decisions.push(sealedTo([copy], message, { once, tag }))
  }
  const prepared = await prepare(desk, decisions, now)
  desk.db.transact((tx) => {
    // Messages are handled meanwhile: one may have set another date than this member would read. The next round sees it.
    if (cases.find(tx, tag)?.disclosureAt !== date) return
    // A copy that left meanwhile was not late after all: its member is told nothing.
    if (!deliveries.dropLateCopy(tx, copy, now)) return
    record(tx, event('copy-dropped', aboutCase(tag), BY_DESK, { member, because }), { now })
    commit(tx, decisions, prepared, { now })
  })
}

/** The events of copies that wait longer than their policy takes for late, and are not on the record as such. */
function newlyWaiting({ settings }: Desk, read: Read, now: Instant): NewEvent[] {
  return deliveries.listWaitingCopies(read).flatMap((copy) => {
    const { product: name, since: leavesAt, caseTag, memberId: member, revision } = copy
    const notice = settings.products.find(({ id }) => id === name)?.policy.notice ?? null
    if (notice === null || addMs(leavesAt, notice.late_after_minutes * 60_000) > now) return []
    return event('copy-waits', aboutCase(caseTag), BY_DESK, { member, revision, leavesAt })
  })
}
