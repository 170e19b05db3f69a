/**
 * Decides which case a message belongs to: by the unguessable Message-IDs that the desk itself issued, by those of the sender's
 * own earlier messages or the subject that they answer, then by the tag in the subject. Each of these counts only together with a
 * participant of that case, because a header outside can be written by anybody, and a tag or a subject is no secret.
 */
import { domainOf } from '../domain/address.ts'
import {
  addresseesOf,
  type CaseRecord,
  isOpen,
  isSamePerson,
  type Reporter
} from '../domain/case.ts'
import { findCaseTags } from '../domain/ids.ts'
import { isByProgram, isFrom, isReply, type OpenedMail, subjectOf } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { lackOfProof, senderDoubt } from './authentication.ts'
import { isSignedWith } from './reporter-key.ts'
import { type Issued, type Situation } from './situation.ts'

/** Who writes in a case. `doubt` says why the sender may be somebody else than the reporter; null where nothing says so. */
export type Sender =
  | { readonly kind: 'reporter'; readonly reporter: Reporter; readonly doubt: string | null }
  /** Somebody under the reporter's address whom nothing proves. */
  | { readonly kind: 'unproved'; readonly reporter: Reporter; readonly doubt: string }
  | Member
  | { readonly kind: 'other' }

/** A list member, or whoever answers what the desk wrote to that member. */
type Member = { readonly kind: 'member'; readonly id: string; readonly isSigned: boolean }

/** The case that a message continues, and who its sender is in that case. */
export type JoinedThread = { readonly case: CaseRecord; readonly sender: Sender }

/** Null for a new case; `warnings` say why it does not continue the case that it names. */
export type Thread = {
  readonly joined: JoinedThread | null
  readonly warnings: readonly string[]
}

/** What the thread of a message depends on. */
export type ThreadFacts = Pick<
  Situation,
  | 'opened'
  | 'answers'
  | 'answersInside'
  | 'ownThread'
  | 'tagged'
  | 'subjectCase'
  | 'member'
  | 'senderKey'
  | 'settings'
>

/**
 * The case that the message continues. What its header names outside is only a proposal, because everybody on the way can write
 * there: whoever puts a sealed report into a case of theirs would read the answer to it (B6). It counts if the sender or their
 * key agrees with that case, or the protected inside does.
 */
export function decideThread(situation: ThreadFacts): Thread {
  const joined =
    [situation.answersInside, situation.answers]
      .map((named) => (named === null ? null : threadOf(situation, named)))
      .find((one) => one !== null) ??
    ownThread(situation) ??
    taggedThread(situation)
  return joined === null
    ? { joined, warnings: proposalWarnings(situation) }
    : { joined, warnings: [] }
}

/** The thread of a message of the desk that is named; null where nothing agrees with its case. */
function threadOf(situation: ThreadFacts, named: Issued): JoinedThread | null {
  const member = listMember(situation)
  const sender = senderOf(situation, named)
  // A list member who answers what the desk wrote to them as a reporter writes as the reporter.
  if (member !== null && !(sender.kind === 'reporter' && named.audience === 'reporter'))
    return { case: named.case, sender: member }
  return agrees(situation, named, sender) ? { case: named.case, sender } : null
}

function agrees(situation: ThreadFacts, named: Issued, { kind }: Sender): boolean {
  const { opened, answersInside } = situation
  if (named === answersInside) return kind === 'reporter' && isProvedSender(situation)
  if (kind === 'reporter' || named.isConfirmed === true) return true
  // Sealed words that only seem to answer a list member could be a stolen report.
  if (kind === 'member') return !opened.encrypted || isColleague(opened, named)
  return isByProgram(opened, 'auto-replied', 'auto-generated', 'receipt')
}

/** Whether the sender writes from the domain of whoever got the message that is answered. */
function isColleague({ outer: { from } }: OpenedMail, { envelopeTo }: Issued): boolean {
  return from !== null && domainOf(from.address) === domainOf(envelopeTo)
}

/**
 * The case of an earlier message of this sender that the message names, or whose subject it answers: clients answer what they
 * sent themselves, and some services give a message another Message-ID on the way.
 */
function ownThread(situation: ThreadFacts): JoinedThread | null {
  const { ownThread: own, opened, settings } = situation
  const reporter = own === null ? null : writerAmong(opened, own.case)
  if (own === null || reporter === null) return null
  if (isProvedSender(situation)) return asReporter(own.case, reporter)
  if (own.by === 'again') return asReporter(own.case, reporter, senderDoubt(opened, settings))
  // Whether the inside could be read must not show in whether an acknowledgement comes (G6).
  const isSeen = own.by === 'message-id' || !opened.encrypted
  if (!isSeen || senderDoubt(opened, settings) !== null) return null
  const doubt = own.by === 'message-id' ? null : lackOfProof(opened, settings)
  return asReporter(own.case, reporter, doubt)
}

/** The case whose number stands in the subject, if its sender is proved: the number is no secret. */
function taggedThread(situation: ThreadFacts): JoinedThread | null {
  const { tagged, subjectCase, opened, settings } = situation
  const reporter = tagged === null ? null : writerUnder(tagged, opened, settings)
  if (tagged !== null && reporter !== null)
    return isKnownFor(reporter, situation) ? asReporter(tagged, reporter) : null
  if (tagged !== null && isOfMember(situation, tagged))
    return { case: tagged, sender: listMember(situation) ?? { kind: 'other' } }
  if (subjectCase === null || !isReply(opened) || !isProvedSender(situation)) return null
  const writer = numberedWriter(subjectCase, opened, settings)
  return writer === null ? null : asReporter(subjectCase, writer)
}

function asReporter(
  record: CaseRecord,
  reporter: Reporter,
  doubt: string | null = null
): JoinedThread {
  return { case: record, sender: { kind: 'reporter', reporter, doubt } }
}

/** Whether our servers or the known key prove the sender. */
export function isProvedSender(
  situation: Pick<Situation, 'opened' | 'settings' | 'senderKey'>
): boolean {
  const { opened, settings } = situation
  return lackOfProof(opened, settings) === null || isSignedBySender(situation)
}

/** Which case the message may belong to, and why it did not go there by itself. */
function proposalWarnings(situation: ThreadFacts): string[] {
  const { tagged, opened, settings } = situation
  const record = proposed(situation)
  if (record !== null) {
    const isReporters = writerAmong(opened, record) !== null
    const who = isReporters
      ? `the sender is ${doubtOf(situation)}`
      : 'its sender is not a reporter of that case'
    const isCopy = situation.ownThread?.case.tag === record.tag && !isAnswer(situation)
    const does = isCopy ? 'bears the Message-ID of' : 'answers'
    return [
      `The message ${does} one of the case ${record.tag}, but anybody on the way can write that, and ${who}. It was opened as a new case, so that no answer about it goes to the reporter of ${record.tag}. If you know that it belongs there, ${mergeInto(record)}.`
    ]
  }
  if (tagged === null || writerUnder(tagged, opened, settings) === null)
    return namedWarnings(situation)
  return [
    `The message names the case ${tagged.tag} and says that it comes from its reporter, but the sender is ${doubtOf(situation)}. It was opened as a new case. If you know that the reporter wrote it, reply with /merge ${tagged.tag}.`
  ]
}

/** Whether it says itself that it answers something: a copy has the Message-ID of what it is a copy of. */
function isAnswer({ opened, answers, answersInside, ownThread }: ThreadFacts): boolean {
  return (answersInside ?? answers) !== null || ownThread?.by !== 'subject' || isReply(opened)
}

/** Null where the message answers what a list member got: only list admins may learn that its sender could be of theirs (G5). */
function proposed({ answersInside, answers, ownThread }: ThreadFacts): CaseRecord | null {
  const named = answersInside ?? answers
  if (named?.audience === 'member') return null
  return named?.case ?? ownThread?.case ?? null
}

function doubtOf({ opened, settings }: ThreadFacts): string {
  return lackOfProof(opened, settings) ?? ANSWERS_ANOTHER
}

function mergeInto({ tag, state }: CaseRecord): string {
  const first = isOpen(state) ? '' : 'first send /reopen because REASON there, then '
  return `${first}reply with /merge ${tag}`
}

/** A subject alone proves nothing, but it may say where the message belongs. */
function namedWarnings({ subjectCase: named, opened, settings }: ThreadFacts): string[] {
  if (named === null) return []
  const { tag } = named
  const [written = tag] = findCaseTags(subjectOf(opened), settings.desk.casePrefix)
  const where = written === tag ? tag : `${written}, which was merged into ${tag}`
  return [
    `The subject names the case ${where}. That alone proves nothing, so the message was opened as a new case. If it belongs there, ${mergeInto(named)}.`
  ]
}

/**
 * The list member who wrote, if a signature or our mail servers say so. An address that nothing proves counts as anybody's: what
 * becomes of a forged message must not show who is on the list (G5).
 */
export function listMember({
  member,
  opened,
  settings
}: Pick<Situation, 'member' | 'opened' | 'settings'>): Member | null {
  if (member === null) return null
  const { signed: isSigned, record } = member
  const isTheirs = isFrom(opened.outer, record.address)
  const isProved = isSigned || (isTheirs && lackOfProof(opened, settings) === null)
  return isProved ? { kind: 'member', id: record.id, isSigned } : null
}

/**
 * Whether a list member names this case in what they signed for the desk. If that became a report of its own, every maintainer
 * would read their name and address beside what only somebody on the list can know (G5).
 */
function isOfMember({ member }: ThreadFacts, { product }: CaseRecord): boolean {
  return member?.signed === true && member.record.products.includes(product)
}

/**
 * A Message-ID of the desk proves which case is meant. It points to a reporter only if that message went to them: other reporters
 * and list members know Message-IDs of their own. Even then it proves no name, because every server on the way can read it. So
 * where mail servers are asked, they or the known key must vouch for the sender.
 */
function senderOf(situation: ThreadFacts, answers: Issued): Sender {
  const { opened, settings } = situation
  const { audience, recipientId, case: record } = answers
  const reporter = writerAmong(opened, record)
  // A colleague of a list member writes from an address of their own: what they answer shows whose words these are.
  if (reporter === null)
    return audience === 'member'
      ? { kind: 'member', id: recipientId, isSigned: false }
      : { kind: 'other' }
  const to = record.reporters.find(({ id }) => audience === 'reporter' && id === recipientId)
  const isTheirs = to !== undefined && isSamePerson(to, reporter)
  const doubt = isTheirs ? senderDoubt(opened, settings) : ANSWERS_ANOTHER
  return doubt === null || isSignedBySender(situation)
    ? { kind: 'reporter', reporter, doubt: null }
    : { kind: 'unproved', reporter, doubt }
}

const ANSWERS_ANOTHER = 'NOT PROVED: it answers a message that we sent to somebody else'

/**
 * Whether the signature lets its sender into a case that the message names by the tag alone. Where no mail server is asked,
 * anybody may have had their own key pinned for the reporter a minute ago: there the key must be registered, be older than the
 * case, or have come with the report that opened it.
 */
function isKnownFor(reporter: Reporter, situation: ThreadFacts): boolean {
  const { senderKey, settings, opened } = situation
  if (lackOfProof(opened, settings) === null) return true
  if (senderKey === null || !isSignedBySender(situation)) return false
  if (settings.authentication.servers.length > 0 || senderKey.source === 'registered') return true
  return senderKey.firstSeenAt <= reporter.openedAt
}

function isSignedBySender({ opened, senderKey }: Pick<Situation, 'opened' | 'senderKey'>): boolean {
  return senderKey?.isProved === true && isSignedWith(opened, senderKey.fingerprint)
}

/**
 * The reporter from whose address an encrypted message comes, if its protected subject names the case. In a case with several
 * reporters, it must name a number of their own: no answer may tell one of them that another reporter's number leads to the same
 * case (B14).
 */
function writerUnder(record: CaseRecord, opened: OpenedMail, settings: Settings): Reporter | null {
  const isInside = opened.subjectProtected && opened.encrypted
  return isInside ? numberedWriter(record, opened, settings) : null
}

function numberedWriter(
  record: CaseRecord,
  opened: OpenedMail,
  { desk }: Settings
): Reporter | null {
  const writer = writerAmong(opened, record)
  if (writer === null || addresseesOf(record).length < 2) return writer
  const numbers: readonly string[] = findCaseTags(subjectOf(opened), desk.casePrefix)
  const theirs = record.reporters.filter((one) => isSamePerson(one, writer))
  return theirs.some(({ id }) => numbers.includes(id)) ? writer : null
}

/** The reporter of this case whose address is in From, whoever really wrote. */
function writerAmong({ outer }: OpenedMail, { reporters }: CaseRecord): Reporter | null {
  return reporters.find(({ contact }) => contact !== null && isFrom(outer, contact.address)) ?? null
}
