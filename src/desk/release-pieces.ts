/**
 * The release of one notice, piece by piece: each piece is sealed with the keys of this very moment and committed with its
 * deliveries, so that a crash goes on where it stopped and nobody gets a notice twice (G2, G7).
 */
import { type SealedRecipient, type SendSealed } from '../domain/decision.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { KEY_PROBLEMS } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { type NoticeParams, notice as noticeMessage } from '../messages/to-members.ts'
import { firstNotice, noticeParams } from '../policy/notice-content.ts'
import { sealedTo } from '../policy/send.ts'
import { holdWaiting, listWaiting, markQueued, type WaitingDelivery } from '../store/deliveries.ts'
import { findNoticeById, findReleasedDigest, readPatches } from '../store/notices.ts'
import { aboutNotice, releasedDigest } from './about-notice.ts'
import { commit, ofNoMail, queue } from './commit.ts'
import { type Desk } from './desk.ts'
import { type Prepared, prepare } from './prepare.ts'
import { endRelease } from './release-end.ts'

/** Copies sealed and committed at a time: bounds memory and what a crash repeats. */
const PIECE = 64

/**
 * Seals and queues everything that still waits, then ends the release. While one piece is committed and sent the workers
 * seal the next; what was sealed and not committed has no consequence. `queued` is called after each piece.
 */
export async function sendPieces(
  desk: Desk,
  notice: NoticeRecord,
  options: { readonly signal: AbortSignal; readonly queued: () => void }
): Promise<void> {
  // A member that is taken out meanwhile shifts the list, and a piece may pass over somebody: then once more.
  for (let end: 'again' | 'ended' = 'again'; end === 'again'; )
    end = (await sendWaiting(desk, notice, options)) ? await endRelease(desk, notice) : 'ended'
}

/** Until nobody waits; false when the release has to stop here. */
async function sendWaiting(
  desk: Desk,
  notice: NoticeRecord,
  options: { readonly signal: AbortSignal; readonly queued: () => void }
): Promise<boolean> {
  let sealing = begun(sealPiece(desk, notice, 0))
  try {
    for (let piece = await sealing; piece !== 'none'; piece = await sealing) {
      if (piece === 'gone' || options.signal.aborted) return false
      sealing = begun(sealPiece(desk, notice, piece.waiting.length))
      const goesOn = commitPiece(desk, notice, piece)
      if (!goesOn) return false
      options.queued()
    }
  } finally {
    await Promise.allSettled([sealing])
  }
  return true
}

/** A piece whose failure is met when it is awaited; until then nobody waits for it, and that must not end the process. */
function begun<T>(piece: Promise<T>): Promise<T> {
  piece.catch(() => undefined)
  return piece
}

type Piece = {
  readonly waiting: readonly WaitingDelivery[]
  readonly once: string
  /** Over what the copies say. */
  readonly digest: Sha256
  readonly prepared: Prepared
  readonly now: Instant
}

/** Seals the next piece; the first `ahead` members that wait are in another one. `gone` when there is nothing to send. */
async function sealPiece(
  desk: Desk,
  notice: NoticeRecord,
  ahead: number
): Promise<Piece | 'none' | 'gone'> {
  const { id, revision } = notice
  const listed = desk.db.read((read) => listWaiting(read, id, revision, ahead + PIECE))
  const waiting = listed.slice(ahead)
  if (waiting.length === 0) return 'none'
  const now = desk.clock.now()
  const written = noticeMail(desk, notice, waiting, now)
  if (written === null) return 'gone'
  const { decisions, once, digest } = written
  const prepared = await prepare(desk, decisions, now)
  return { waiting, once, digest, prepared, now }
}

/** Queues one piece; false when the notice was held by a maintainer meanwhile. */
function commitPiece(
  desk: Desk,
  notice: NoticeRecord,
  { waiting, once, digest, prepared, now }: Piece
): boolean {
  const work = ofNoMail(now)
  return desk.db.transact((tx) => {
    if (findNoticeById(tx, notice.id)?.state !== 'releasing') return false
    // Held and released anew while we sealed: what is leaving now may say something else.
    if (findReleasedDigest(tx, notice.id) !== digest) return false
    // A member who was taken off the list while we sealed gets nothing; one with another key or address is sealed anew.
    const present = listWaiting(tx, notice.id, notice.revision, 2 * PIECE)
    const stillWaiting = waiting.filter((sealed) => present.some((now) => isSameCopy(sealed, now)))
    const wanted = new Set(stillWaiting.map(({ memberId }) => memberId))
    for (const mail of prepared.messages) if (wanted.has(mail.recipientId)) queue(tx, mail, work)
    commit(tx, [], { ...prepared, messages: [] }, work)
    for (const { id, memberId } of stillWaiting) {
      const refusal = prepared.refused.find(({ recipient }) => recipient.id === memberId)
      if (refusal === undefined) markQueued(tx, id, { once: `${once}:${memberId}`, digest }, now)
      else holdWaiting(tx, { id }, KEY_PROBLEMS[refusal.because], now)
    }
    return true
  })
}

function isSameCopy(a: WaitingDelivery, b: WaitingDelivery): boolean {
  return a.id === b.id && a.address === b.address && a.fingerprint === b.fingerprint
}

/** What these members are sent, with the digest over what it says. */
function noticeMail(
  desk: Desk,
  notice: NoticeRecord,
  waiting: readonly WaitingDelivery[],
  now: Instant
): {
  readonly decisions: readonly SendSealed[]
  readonly once: string
  readonly digest: Sha256
} | null {
  const read = desk.db.read((handle) => ({
    known: aboutNotice(desk, handle, notice),
    files: readPatches(handle, notice.id)
  }))
  if (read.known === null) return null
  const { record, product } = read.known
  const params = noticeParams(notice, record, product, desk.settings)
  const once = `${notice.id}:${notice.revision}`
  const copies = (had: 0 | 1, what: NoticeParams): SendSealed =>
    sealedTo(recipientsOf(waiting, had), now, noticeMessage(what), {
      once,
      tag: notice.caseTag,
      noticeId: notice.id,
      notBefore: notice.releaseAt ?? now,
      notAfter: record.disclosureAt,
      files: { from: 'list', files: read.files }
    })
  // One approval covers both: the copies without it only leave out what changed.
  const decisions = [copies(1, params), copies(0, firstNotice(params))]
  return {
    decisions: decisions.filter(({ recipients }) => recipients.length > 0),
    once: `notice:${once}`,
    digest: releasedDigest(desk, notice, read.known)
  }
}

function recipientsOf(waiting: readonly WaitingDelivery[], had: 0 | 1): SealedRecipient[] {
  return waiting
    .filter(({ hadNotice }) => hadNotice === had)
    .map(({ memberId: id, name, address, fingerprint, keyData }) => ({
      id,
      name,
      address,
      fingerprint,
      keyData
    }))
}
