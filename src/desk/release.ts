/**
 * Scheduled notices: judged at every tick, released in small committed pieces, so that a crash in the middle goes on where it
 * stopped and nobody gets a notice twice (G2, G7). Keys are judged at this very moment, by sealing.
 */
import { type CaseRecord } from '../domain/case.ts'
import { type Decision, type SendSealed } from '../domain/decision.ts'
import { formatFingerprint, type Sha256 } from '../domain/ids.ts'
import { canonicalNotice, type NoticeRecord } from '../domain/notice.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import {
  decideRelease,
  HOLD_SENTENCES,
  type HoldBecause,
  type ReleaseVerdict
} from '../policy/embargo.ts'
import { noticeParams, noticeSubject } from '../policy/notice-content.ts'
import { reporterPath } from '../policy/recipients.ts'
import { appendAudit } from '../store/audit.ts'
import { findCase } from '../store/cases.ts'
import { findReporterKey } from '../store/correspondents.ts'
import {
  countDeliveries,
  listWaiting,
  markHeld,
  markQueued,
  planDeliveries,
  type WaitingDelivery
} from '../store/deliveries.ts'
import { listRecipients } from '../store/members.ts'
import {
  deleteApprovals,
  findNoticeById,
  listActiveNotices,
  readPatches,
  setNoticeState
} from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import { commit, queue } from './commit.ts'
import { type Desk } from './desk.ts'
import { followRefusals, KEY_PROBLEMS } from './key-problems.ts'
import { prepare } from './prepare.ts'

/** Copies sealed and committed at a time: bounds memory and what a crash repeats. */
const PIECE = 64
const NOTHING = { attachments: [], original: null }

/** Goes through all scheduled and half-sent notices. Returns whether anything was done. */
export async function releaseDue(
  desk: Desk,
  options: { readonly clockTrusted: boolean; readonly signal: AbortSignal }
): Promise<boolean> {
  let worked = false
  for (const notice of desk.db.read(listActiveNotices)) {
    if (options.signal.aborted) return worked
    if (notice.state === 'scheduled')
      worked = (await judge(desk, notice, options.clockTrusted)) || worked
    const current = desk.db.read((read) => findNoticeById(read, notice.id))
    if (current?.state === 'releasing') {
      await sendPieces(desk, current, options.signal)
      worked = true
    }
  }
  return worked
}

/** Begins, holds or leaves one scheduled notice. */
async function judge(desk: Desk, notice: NoticeRecord, clockTrusted: boolean): Promise<boolean> {
  const now = desk.clock.now()
  const known = desk.db.read((read) => about(desk, read, notice))
  if (known === null) return false
  const { record, product, digest } = known
  const verdict = decideRelease({
    notice,
    case: record,
    policy: product.policy,
    digest,
    clockTrusted,
    now
  })
  switch (verdict.kind) {
    case 'wait':
      return false
    case 'hold':
      await hold(desk, notice, record, verdict.because)
      return true
    case 'release':
      await begin(desk, notice, { record, digest, verdict, now })
      return true
  }
}

function about(
  desk: Desk,
  read: Read,
  notice: NoticeRecord
): { readonly record: CaseRecord; readonly product: Product; readonly digest: Sha256 } | null {
  const record = findCase(read, notice.caseTag)
  const product = desk.settings.products.find(({ id }) => id === notice.product)
  if (record === null || product === undefined) return null
  const recipients = listRecipients(read, notice.product)
  return {
    record,
    product,
    digest: desk.sha256(canonicalNotice(notice, record.disclosureAt, recipients))
  }
}

async function hold(
  desk: Desk,
  notice: NoticeRecord,
  record: CaseRecord,
  because: HoldBecause
): Promise<void> {
  const now = desk.clock.now()
  const alert = alertMaintainers(desk.settings, now, {
    once: `notice-held:${notice.id}:${notice.version}`,
    tag: notice.caseTag,
    title: 'The notice is HELD',
    what: `The advance notice was not sent, because ${HOLD_SENTENCES[because]}.`,
    doNext:
      'Look at it with /notice preview. Another maintainer than its author lets it go with /notice approve CODE; a new date is set with /embargo.',
    facts: disclosureFacts(desk, record)
  })
  const prepared = await prepare(desk, [alert], NOTHING, now)
  desk.db.transact((tx) => {
    setNoticeState(tx, notice, { state: 'held' })
    deleteApprovals(tx, notice.id)
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
    readonly record: CaseRecord
    readonly digest: Sha256
    readonly verdict: Extract<ReleaseVerdict, { readonly kind: 'release' }>
    readonly now: Instant
  }
): Promise<void> {
  const { digest, verdict, now, record } = options
  const late: Decision[] = verdict.isLate
    ? [
        alertMaintainers(desk.settings, now, {
          once: `notice-late:${notice.id}:${notice.revision}`,
          tag: notice.caseTag,
          title: 'The notice leaves LATE',
          what: `The advance notice leaves ${Math.round(verdict.lateMs / 60_000)} minutes after its instant.`,
          doNext:
            'Find out why the desk was not running at that time. The disclosure instant has not changed.',
          facts: disclosureFacts(desk, record)
        })
      ]
    : []
  const prepared = await prepare(desk, late, NOTHING, now)
  desk.db.transact((tx) => {
    setNoticeState(tx, notice, { state: 'releasing', digest })
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

async function sendPieces(desk: Desk, notice: NoticeRecord, signal: AbortSignal): Promise<void> {
  for (;;) {
    if (signal.aborted) return
    const waiting = desk.db.read((read) => listWaiting(read, notice.id, notice.revision, PIECE))
    if (waiting.length === 0) break
    const goesOn = await sendPiece(desk, notice, waiting)
    if (!goesOn) return
  }
  await finish(desk, notice)
}

/** Seals and queues one piece; false when the notice was held by a maintainer meanwhile. */
async function sendPiece(
  desk: Desk,
  notice: NoticeRecord,
  waiting: readonly WaitingDelivery[]
): Promise<boolean> {
  const now = desk.clock.now()
  const decision = noticeMail(desk, notice, waiting, now)
  if (decision === null) return false
  const prepared = await prepare(desk, [decision], NOTHING, now)
  const extra = await followRefusals(desk, prepared.refused, now)
  const work = { arrivalId: null, mailSha256: null, now }
  return desk.db.transact((tx) => {
    if (findNoticeById(tx, notice.id)?.state !== 'releasing') return false
    for (const mail of prepared.mails) queue(tx, mail, work)
    commit(tx, extra.decisions, { ...extra.prepared, refused: prepared.refused }, work)
    for (const { id, memberId } of waiting) {
      const refusal = prepared.refused.find(({ recipient }) => recipient.id === memberId)
      if (refusal === undefined) markQueued(tx, id, `${decision.once}:${memberId}`, now)
      else markHeld(tx, id, KEY_PROBLEMS[refusal.because], now)
    }
    return true
  })
}

function noticeMail(
  desk: Desk,
  notice: NoticeRecord,
  waiting: readonly WaitingDelivery[],
  now: Instant
): SendSealed | null {
  const read = desk.db.read((handle) => ({
    known: about(desk, handle, notice),
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

/** All members are queued or held: the reporter learns the date in the same job (M-30), and the maintainers how it went. */
async function finish(desk: Desk, notice: NoticeRecord): Promise<void> {
  const now = desk.clock.now()
  const known = desk.db.read((read) => about(desk, read, notice))
  if (known === null) return
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
  desk.db.transact((tx) => {
    const current = findNoticeById(tx, notice.id)
    if (current?.state !== 'releasing') return
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
  })
  desk.log({ event: 'notice.released', notice: notice.id, queued, held, lateMs: 0 })
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
  const key = desk.db.read((read) => findReporterKey(read, reporter.address))
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

function disclosureFacts(
  desk: Desk,
  record: CaseRecord
): { readonly label: string; readonly value: string }[] {
  const { disclosureAt } = record
  return disclosureAt === null
    ? []
    : [{ label: 'Disclosure', value: formatInstant(disclosureAt, desk.settings.desk.timezone) }]
}
