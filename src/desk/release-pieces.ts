/**
 * The release of one notice, piece by piece: each piece is sealed with the keys of this very moment and committed with its
 * deliveries, so that a crash goes on where it stopped and nobody gets a notice twice (G2, G7).
 */
import { type CaseRecord } from '../domain/case.ts'
import { type Decision, type SendSealed } from '../domain/decision.ts'
import { formatFingerprint, type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { approvedText, noticeParams, noticeSubject } from '../policy/notice-content.ts'
import { reporterPath } from '../policy/recipients.ts'
import { appendAudit } from '../store/audit.ts'
import { findCase } from '../store/cases.ts'
import { findReporterKey } from '../store/correspondents.ts'
import {
  countDeliveries,
  listWaiting,
  markHeld,
  markQueued,
  type WaitingDelivery
} from '../store/deliveries.ts'
import { listRecipients } from '../store/members.ts'
import { findNoticeById, readPatches, setNoticeState } from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import { commit, queue } from './commit.ts'
import { type Desk } from './desk.ts'
import { followRefusals, KEY_PROBLEMS } from './key-problems.ts'
import { type Prepared, prepare } from './prepare.ts'

/** Copies sealed and committed at a time: bounds memory and what a crash repeats. */
const PIECE = 64
const NOTHING = { attachments: [], original: null }

/** What a decision about a notice depends on. */
export type KnownNotice = {
  readonly record: CaseRecord
  readonly product: Product
  /** Over the present content and recipients. */
  readonly digest: Sha256
}

/** Reads it; null when the case or the product is gone. */
export function aboutNotice(desk: Desk, read: Read, notice: NoticeRecord): KnownNotice | null {
  const record = findCase(read, notice.caseTag)
  const product = desk.settings.products.find(({ id }) => id === notice.product)
  if (record === null || product === undefined) return null
  const recipients = listRecipients(read, notice.product)
  return {
    record,
    product,
    digest: desk.sha256(
      approvedText(notice, { record, product, settings: desk.settings }, recipients)
    )
  }
}

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
    end = (await sendWaiting(desk, notice, options)) ? await finish(desk, notice) : 'ended'
}

/** Until nobody waits; false when the release has to stop here. */
async function sendWaiting(
  desk: Desk,
  notice: NoticeRecord,
  options: { readonly signal: AbortSignal; readonly queued: () => void }
): Promise<boolean> {
  let sealing = sealPiece(desk, notice, 0)
  try {
    for (let piece = await sealing; piece !== 'none'; piece = await sealing) {
      if (piece === 'gone' || options.signal.aborted) return false
      sealing = sealPiece(desk, notice, piece.waiting.length)
      const goesOn = await commitPiece(desk, notice, piece)
      if (!goesOn) return false
      options.queued()
    }
  } finally {
    await Promise.allSettled([sealing])
  }
  return true
}

type Piece = {
  readonly waiting: readonly WaitingDelivery[]
  readonly once: string
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
  const decision = noticeMail(desk, notice, waiting, now)
  if (decision === null) return 'gone'
  const prepared = await prepare(desk, [decision], NOTHING, now)
  return { waiting, once: decision.once, prepared, now }
}

/** Queues one piece; false when the notice was held by a maintainer meanwhile. */
async function commitPiece(
  desk: Desk,
  notice: NoticeRecord,
  { waiting, once, prepared, now }: Piece
): Promise<boolean> {
  const extra = await followRefusals(desk, prepared.refused, now)
  const work = { arrivalId: null, mailSha256: null, now }
  return desk.db.transact((tx) => {
    if (findNoticeById(tx, notice.id)?.state !== 'releasing') return false
    // A member who was taken off the list while we sealed gets nothing; one with another key or address is sealed anew.
    const present = listWaiting(tx, notice.id, notice.revision, 2 * PIECE)
    const stillWaiting = waiting.filter((sealed) => present.some((now) => isSameCopy(sealed, now)))
    const wanted = new Set(stillWaiting.map(({ memberId }) => memberId))
    for (const mail of prepared.mails) if (wanted.has(mail.recipientId)) queue(tx, mail, work)
    commit(tx, extra.decisions, { ...extra.prepared, refused: prepared.refused }, work)
    for (const { id, memberId } of stillWaiting) {
      const refusal = prepared.refused.find(({ recipient }) => recipient.id === memberId)
      if (refusal === undefined) markQueued(tx, id, `${once}:${memberId}`, now)
      else markHeld(tx, id, KEY_PROBLEMS[refusal.because], now)
    }
    return true
  })
}

function isSameCopy(a: WaitingDelivery, b: WaitingDelivery): boolean {
  return a.id === b.id && a.address === b.address && a.fingerprint === b.fingerprint
}

function noticeMail(
  desk: Desk,
  notice: NoticeRecord,
  waiting: readonly WaitingDelivery[],
  now: Instant
): SendSealed | null {
  const read = desk.db.read((handle) => ({
    known: aboutNotice(desk, handle, notice),
    files: readPatches(handle, notice.id)
  }))
  if (read.known === null) return null
  const { record, product } = read.known
  return {
    kind: 'send-sealed',
    once: `notice:${notice.id}:${notice.revision}`,
    mail: 'notice',
    caseTag: notice.caseTag,
    audience: 'member',
    noticeId: notice.id,
    subject: noticeSubject(notice, product),
    autoSubmitted: 'auto-generated',
    via: null,
    notBefore: notice.releaseAt ?? now,
    recipients: waiting.map(({ memberId, name, address, fingerprint, keyData }) => ({
      id: memberId,
      name,
      address,
      fingerprint,
      keyData
    })),
    files: { from: 'list', files: read.files },
    template: { name: 'notice', params: noticeParams(notice, record, product, desk.settings) }
  }
}

/**
 * All members are queued or held: the reporter learns the date in the same job (M-30), and the maintainers how it went.
 * `again` when somebody still waits; nothing is written then.
 */
async function finish(desk: Desk, notice: NoticeRecord): Promise<'again' | 'ended'> {
  const now = desk.clock.now()
  const known = desk.db.read((read) => aboutNotice(desk, read, notice))
  if (known === null) return 'ended'
  const counts = desk.db.read((read) => countDeliveries(read, notice.id, notice.revision))
  const held = counts.held
  const queued = counts.queued + counts.sent + counts.bounced + counts['given-up']
  const decisions: Decision[] = [
    ...dateMail(desk, notice, known, now),
    alertMaintainers(desk.settings, now, {
      once: `notice-released:${notice.id}:${notice.revision}:${notice.version}`,
      tag: notice.caseTag,
      title: held === 0 ? 'The notice has left' : `The notice has left; ${held} HELD`,
      what: `${queued} members are being sent their own sealed copy; ${held} are held because their key cannot be used.`,
      doNext:
        held === 0
          ? 'Nothing; the desk tells you of every copy that cannot be delivered.'
          : 'See the mails about the held members.',
      facts: disclosureFacts(desk, known.record)
    })
  ]
  const moved: Decision[] =
    known.record.state === 'closed'
      ? []
      : [
          {
            kind: 'update-case',
            tag: known.record.tag,
            version: known.record.version,
            set: { state: 'noticed' }
          }
        ]
  const prepared = await prepare(desk, decisions, NOTHING, now)
  const extra = await followRefusals(desk, prepared.refused, now)
  const work = { arrivalId: null, mailSha256: null, now }
  const end = desk.db.transact((tx) => {
    const current = findNoticeById(tx, notice.id)
    if (current?.state !== 'releasing') return 'stopped'
    if (listWaiting(tx, notice.id, notice.revision, 1).length > 0) return 'again'
    setNoticeState(tx, current, { state: 'released', releasedAt: now })
    commit(tx, [...decisions, ...moved], prepared, work)
    commit(tx, extra.decisions, extra.prepared, work)
    const detail = { revision: notice.revision, queued, held }
    appendAudit(tx, {
      at: now,
      actor: 'desk',
      action: 'notice.released',
      caseTag: notice.caseTag,
      detail,
      mailSha256: null
    })
    return 'released'
  })
  if (end === 'released')
    desk.log({ event: 'notice.released', notice: notice.id, queued, held, lateMs: 0 })
  return end === 'again' ? 'again' : 'ended'
}

function dateMail(
  desk: Desk,
  notice: NoticeRecord,
  { record, product }: { readonly record: CaseRecord; readonly product: Product },
  now: Instant
): Decision[] {
  if (product.policy.notice?.reporter_date_mail !== 'with-notice' || record.disclosureAt === null)
    return []
  const { reporter } = record
  if (reporter === null) return [untold(desk, notice, 'the report names no address', now)]
  const pinned = desk.db.read((read) => findReporterKey(read, reporter.address))
  // A key that cannot be used now is refused when the mail is sealed, and the maintainers are told.
  const key = pinned === null ? null : { ...pinned, isUsable: true }
  const path = reporterPath(record, key, product)
  if (path.kind !== 'sealed') return [untold(desk, notice, 'no key of the reporter is known', now)]
  const { timezone, name, fingerprint } = desk.settings.desk
  return [
    {
      kind: 'send-sealed',
      once: `date-notice:${notice.id}:${notice.revision}`,
      mail: 'date-notice',
      caseTag: record.tag,
      audience: 'reporter',
      noticeId: null,
      subject: `[${record.tag}] The date on which we make it public`,
      autoSubmitted: 'auto-generated',
      via: null,
      notBefore: now,
      recipients: [path.recipient],
      files: { from: 'nothing' },
      template: {
        name: 'date-notice',
        params: {
          desk: name,
          tag: record.tag,
          product: product.name,
          disclosure: formatInstant(record.disclosureAt, timezone),
          fingerprint: formatFingerprint(fingerprint)
        }
      }
    }
  ]
}

function untold(desk: Desk, notice: NoticeRecord, because: string, now: Instant): Decision {
  return alertMaintainers(desk.settings, now, {
    once: `date-notice-missing:${notice.id}:${notice.revision}`,
    tag: notice.caseTag,
    title: 'The reporter was NOT told the date',
    what: `The policy wants the reporter to learn the date together with the notice, but ${because}.`,
    doNext: 'Tell the reporter another way now, or ask for a key with /ask.',
    facts: []
  })
}

/** The disclosure instant as a fact line. */
export function disclosureFacts(
  desk: Desk,
  record: CaseRecord
): { readonly label: string; readonly value: string }[] {
  const { disclosureAt } = record
  return disclosureAt === null
    ? []
    : [{ label: 'Disclosure', value: formatInstant(disclosureAt, desk.settings.desk.timezone) }]
}
