/**
 * The release of one notice, piece by piece: each piece is sealed with the keys of this very moment and committed with its
 * deliveries, so that a crash goes on where it stopped and nobody gets a notice twice (G2, G7). When nobody waits any more, the
 * reporter learns the date in the one transaction that ends it (M-30). Must never end a release while a member still waits.
 */
import { addressed, addresseesOf } from '../domain/case.ts'
import {
  type Decision,
  recorded,
  type SealedRecipient,
  type SendSealed
} from '../domain/decision.ts'
import { aboutCase, BY_DESK, event } from '../domain/event.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { KEY_PROBLEMS } from '../domain/outgoing.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { type NoticeParams, notice as noticeMessage } from '../messages/to-members.ts'
import { dateNotice } from '../messages/to-reporters.ts'
import {
  approvedText,
  firstNotice,
  type NoticeSetting,
  noticeParams
} from '../policy/notice-content.ts'
import { reporterPath } from '../policy/recipients.ts'
import { sealedTo, toReporter } from '../policy/send.ts'
import * as cases from '../store/cases.ts'
import * as deliveries from '../store/deliveries.ts'
import * as notices from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import { commit, queue, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { prepare } from './prepare.ts'
import { knownKeys } from './read-keys.ts'

/** Copies sealed and committed at a time: bounds memory and what a crash repeats. */
const PIECE = 64

/** What a decision about a notice depends on; null when the case or the product is gone. */
export function aboutNotice(
  { settings }: Desk,
  read: Read,
  notice: NoticeRecord
): NoticeSetting | null {
  const found = cases.find(read, notice.caseTag)
  const product = settings.products.find(({ id }) => id === notice.product)
  return found === null || product === undefined ? null : { record: found, product, settings }
}

/**
 * The digest over what each member reads, without the list of members: it stays when one is taken off the list during a release,
 * and changes with the content, the configured words and the template.
 */
export function releasedDigest(desk: Desk, notice: NoticeRecord, known: NoticeSetting): Sha256 {
  return desk.sha256(approvedText(notice, known, []))
}

/** Seals and queues everything that still waits, then ends the release. `queued` is called after each piece. */
export async function sendPieces(
  desk: Desk,
  notice: NoticeRecord,
  options: { readonly signal: AbortSignal; readonly queued: () => void }
): Promise<void> {
  while (!options.signal.aborted) {
    const waiting = desk.db.read((read) =>
      deliveries.listWaiting(read, notice.id, notice.revision, PIECE)
    )
    const known = desk.db.read((read) => aboutNotice(desk, read, notice))
    if (known === null) return
    if (waiting.length === 0) return endRelease(desk, notice, known)
    if (!(await sendPiece(desk, notice, known, waiting))) return
    options.queued()
  }
}

/** Queues one piece; false when the notice was held by a maintainer meanwhile. */
async function sendPiece(
  desk: Desk,
  notice: NoticeRecord,
  known: NoticeSetting,
  waiting: readonly deliveries.WaitingDelivery[]
): Promise<boolean> {
  const now = desk.clock.now()
  const digest = releasedDigest(desk, notice, known)
  const prepared = await prepare(desk, copiesFor(desk, notice, known, waiting, now), now)
  return desk.db.transact((tx) => {
    if (notices.findById(tx, notice.id)?.state !== 'releasing') return false
    // Held and released anew while we sealed: what is leaving now may say something else.
    if (notices.findReleasedDigest(tx, notice.id) !== digest) return false
    // A member who was taken off the list while we sealed gets nothing; one with another key or address is sealed anew.
    const present = deliveries.listWaiting(tx, notice.id, notice.revision, PIECE)
    const stillWaiting = waiting.filter((sealed) => present.some((now) => isSameCopy(sealed, now)))
    const wanted = new Map(stillWaiting.map(({ memberId, id }) => [memberId, id]))
    for (const mail of prepared.messages) {
      const id = wanted.get(mail.recipientId)
      if (id === undefined) continue
      queue(tx, mail, { now })
      deliveries.markQueued(tx, id, { once: mail.once, digest }, now)
    }
    for (const { recipient, because } of prepared.refused) {
      const id = wanted.get(recipient.id)
      if (id !== undefined) deliveries.holdWaiting(tx, { id }, KEY_PROBLEMS[because], now)
    }
    commit(tx, [], { ...prepared, messages: [] }, { now })
    return true
  })
}

function isSameCopy(a: deliveries.WaitingDelivery, b: deliveries.WaitingDelivery): boolean {
  return a.id === b.id && a.address === b.address && a.fingerprint === b.fingerprint
}

/** The copies for these members. Those who had no notice yet do not read what changed; one approval covers both forms. */
function copiesFor(
  desk: Desk,
  notice: NoticeRecord,
  known: NoticeSetting,
  ...[waiting, now]: [readonly deliveries.WaitingDelivery[], Instant]
): readonly SendSealed[] {
  const files = desk.db.read((read) => notices.readPatches(read, notice.id))
  const params = noticeParams(notice, known)
  const copies = (had: boolean, what: NoticeParams): SendSealed =>
    sealedTo(
      waiting.filter(({ hadNotice }) => hadNotice === had).map(recipientOf),
      noticeMessage(what),
      {
        once: `${notice.id}:${notice.revision}`,
        tag: notice.caseTag,
        noticeId: notice.id,
        notBefore: notice.releaseAt ?? now,
        notAfter: known.record.disclosureAt,
        files: { from: 'list', files }
      }
    )
  const decisions = [copies(true, params), copies(false, firstNotice(params))]
  return decisions.filter(({ recipients }) => recipients.length > 0)
}

/** The member whose copy it is. */
export function recipientOf({
  memberId: id,
  name,
  address,
  fingerprint,
  keyData
}: Omit<deliveries.WaitingDelivery, 'hadNotice'>): SealedRecipient {
  return { id, name, address, fingerprint, keyData }
}

/** Writes nothing when somebody waits anew: the next round goes on with them. */
async function endRelease(desk: Desk, notice: NoticeRecord, known: NoticeSetting): Promise<void> {
  const now = desk.clock.now()
  const { id, revision, caseTag } = notice
  const decisions = await dateMail(desk, notice, known, now)
  const prepared = await prepare(desk, decisions, now)
  const isOver = desk.db.transact((tx) => {
    const current = notices.findById(tx, id)
    if (current?.state !== 'releasing' || deliveries.listWaiting(tx, id, revision, 1).length > 0)
      return false
    notices.setState(tx, current, { state: 'released', releasedAt: now })
    commit(tx, decisions, prepared, { now })
    const { disclosureAt: date } = known.record
    for (const { recipientId: reporter } of prepared.messages) {
      if (date === null) continue
      const isClear = decisions.some((one) => one.kind === 'send-clear' && one.to.id === reporter)
      const about = { reporter, date, how: isClear ? 'in-clear' : 'encrypted' } as const
      record(tx, event('date-told', aboutCase(caseTag), BY_DESK, about), { now })
    }
    const { held, queued, sent, bounced, 'given-up': lost } = deliveries.count(tx, id, revision)
    const about = { revision, sent: queued + sent + bounced + lost, held }
    record(tx, event('notice-left', aboutCase(caseTag), BY_DESK, about), { now })
    return true
  })
  if (isOver) desk.log({ event: 'notice.released', notice: id })
}

async function dateMail(
  desk: Desk,
  notice: NoticeRecord,
  { record: found, product }: NoticeSetting,
  now: Instant
): Promise<Decision[]> {
  if (product.policy.notice?.reporter_date_mail !== 'with-notice' || found.disclosureAt === null)
    return []
  const before = notice.told?.disclosureAt ?? null
  // New content under the old date: the reporter knows the date already.
  if (before === found.disclosureAt) return []
  const keys = await knownKeys(desk, found, now)
  const says = (at: Instant, zone: string | null = null): string =>
    formatInstant(at, desk.settings.desk.timezone, zone)
  const message = dateNotice({
    product: product.name,
    disclosure: says(found.disclosureAt, found.disclosureZone),
    before: before === null ? '' : says(before, notice.told?.disclosureZone)
  })
  const sending = { once: `${notice.id}:${notice.revision}`, tag: found.tag }
  const others = found.reporters.filter(({ contact }) => contact === null)
  return [...addresseesOf(found), ...others].map((reporter) => {
    const to = addressed(reporter)
    const path = to === null ? null : reporterPath(to, keys, product)
    if (path !== null && path.kind !== 'no-key') return toReporter(path, message, sending)
    // A clock tells the maintainers at once.
    const because = path === null ? 'no-address' : 'no-key'
    const about = { reporter: reporter.id, because } as const
    return recorded('date-untold', aboutCase(found.tag), BY_DESK, about)
  })
}
