/**
 * Which case a message belongs to: the unguessable Message-IDs that the desk itself issued, then the tag in the protected
 * subject together with a known participant whom our mail servers or the known key prove. A clear subject alone never joins a
 * message to a case, and a tag is no secret.
 */
import {
  addresseesOf,
  type CaseRecord,
  isOpen,
  isSamePerson,
  type Reporter
} from '../domain/case.ts'
import { findCaseTags } from '../domain/ids.ts'
import { isFrom, type OpenedMail, subjectOf } from '../domain/mail.ts'
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

/** The case that the message continues. */
export function decideThread(situation: Situation): Thread {
  const { opened, answers, tagged, settings } = situation
  const member = listMember(situation)
  if (answers !== null) {
    const sender = senderOf(situation, answers)
    // A list member who answers what the desk wrote to them as a reporter writes as the reporter.
    const isReporters = sender.kind === 'reporter' && answers.audience === 'reporter'
    return joins(answers.case, isReporters ? null : member, sender)
  }
  const reporter = tagged === null ? null : writerUnder(tagged, opened, settings)
  if (tagged === null || (reporter === null && !isOfMember(situation, tagged)))
    return { joined: null, warnings: namedWarnings(situation) }
  if (reporter === null) return joins(tagged, member, { kind: 'other' })
  const doubt = isKnownFor(reporter, situation) ? null : lackOfProof(opened, settings)
  if (doubt === null) return joins(tagged, member, { kind: 'reporter', reporter, doubt })
  return {
    joined: null,
    warnings: [
      `The message names the case ${tagged.tag} and says that it comes from its reporter, but the sender is ${doubt}. It was opened as a new case. If you know that the reporter wrote it, reply with /merge ${tagged.tag}.`
    ]
  }
}

/** A subject alone proves nothing, but it may say where the message belongs. */
function namedWarnings({ subjectCase: named, opened, settings }: Situation): string[] {
  if (named === null) return []
  const { tag, state } = named
  const [written = tag] = findCaseTags(subjectOf(opened), settings.desk.casePrefix)
  const where = written === tag ? tag : `${written}, which was merged into ${tag}`
  const first = isOpen(state) ? '' : 'first send /reopen because REASON there, then '
  return [
    `The subject names the case ${where}. That alone proves nothing, so the message was opened as a new case. If it belongs there, ${first}reply with /merge ${tag}.`
  ]
}

function joins(record: CaseRecord, member: Sender | null, sender: Sender): Thread {
  return { joined: { case: record, sender: member ?? sender }, warnings: [] }
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
function isOfMember({ member }: Situation, { product }: CaseRecord): boolean {
  return member?.signed === true && member.record.products.includes(product)
}

/**
 * A Message-ID of the desk proves which case is meant. It points to a reporter only if that message went to them: other reporters
 * and list members know Message-IDs of their own. Even then it proves no name, because every server on the way can read it. So
 * where mail servers are asked, they or the known key must vouch for the sender.
 */
function senderOf(situation: Situation, answers: Issued): Sender {
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
function isKnownFor(reporter: Reporter, situation: Situation): boolean {
  const { senderKey, settings } = situation
  if (senderKey === null || !isSignedBySender(situation)) return false
  if (settings.authentication.servers.length > 0 || senderKey.source === 'registered') return true
  return senderKey.firstSeenAt <= reporter.openedAt
}

function isSignedBySender({ opened, senderKey }: Situation): boolean {
  return senderKey?.isProved === true && isSignedWith(opened, senderKey.fingerprint)
}

/**
 * The reporter from whose address an encrypted message comes, if its protected subject names the case. In a case with several
 * reporters, it must name a number of their own: no answer may tell one of them that another reporter's number leads to the same
 * case (B14).
 */
function writerUnder(record: CaseRecord, opened: OpenedMail, { desk }: Settings): Reporter | null {
  if (!opened.subjectProtected || !opened.encrypted) return null
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
