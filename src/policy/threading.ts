/**
 * Which case a message belongs to (DESIGN §6): the unguessable Message-IDs that the desk itself issued, then the tag in the
 * protected subject together with a known participant whom our mail servers or the known key prove. A clear subject alone
 * never joins a message to a case, and a tag is no secret.
 */
import { isSameAddress } from '../domain/address.ts'
import { addresseesOf, type CaseRecord, isSamePerson, type Reporter } from '../domain/case.ts'
import { findCaseTags } from '../domain/ids.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { msOf } from '../domain/time.ts'
import { lackOfProof, senderDoubt } from './authentication.ts'
import { subjectOf } from './new-case.ts'
import { isSignedWith } from './reporter-key.ts'
import { type Issued, type Situation } from './situation.ts'

/** Who writes in a case: its reporter, somebody under the reporter's address whom nothing proves, or another person. */
export type ThreadSender =
  | { readonly kind: 'reporter'; readonly reporter: Reporter }
  | { readonly kind: 'unproved'; readonly doubt: string }
  | { readonly kind: 'other' }

export type Thread =
  | { readonly kind: 'case'; readonly case: CaseRecord; readonly sender: ThreadSender }
  /** `warnings` say why it does not continue the case that it names. */
  | { readonly kind: 'new'; readonly warnings: readonly string[] }

/** The case that the message continues, and who its sender is in that case. */
export function decideThread(situation: Situation, settings: Settings): Thread {
  const { opened, answers, tagged } = situation
  if (answers !== null) {
    return { kind: 'case', case: answers.case, sender: senderOf(situation, answers, settings) }
  }
  const named = tagged !== null && opened.subjectProtected && opened.encrypted ? tagged : null
  const reporter = named === null ? null : writerUnder(named, opened, settings)
  if (reporter === null && isOfMember(situation, tagged)) {
    return { kind: 'case', case: tagged, sender: { kind: 'other' } }
  }
  if (named === null || reporter === null) return { kind: 'new', warnings: [] }
  const doubt = isKnownFor(reporter, situation, settings) ? null : lackOfProof(opened, settings)
  if (doubt === null) return { kind: 'case', case: named, sender: { kind: 'reporter', reporter } }
  return {
    kind: 'new',
    warnings: [
      `The message names the case ${named.tag} and says that it comes from its reporter, but the sender is ${doubt}. It was opened as a new case. If you know that the reporter wrote it, reply with /merge ${named.tag}.`
    ]
  }
}

/**
 * Whether a list member names this case in what they signed for the desk. As a report of its own it would show everybody their
 * name and address, beside what only somebody on the list can know (G5).
 */
function isOfMember({ member }: Situation, named: CaseRecord | null): named is CaseRecord {
  return member?.signed === true && named !== null && member.record.products.includes(named.product)
}

/**
 * A Message-ID of the desk proves which case is meant. It points to a reporter only if that message went to them: other reporters
 * and list members know Message-IDs of their own. Even then it proves no name, because an acknowledgement may go to the return
 * path of a message whose From nothing proves. So where mail servers are asked, they or the known key must vouch for the sender.
 */
function senderOf(situation: Situation, answers: Issued, settings: Settings): ThreadSender {
  const reporter = writerAmong(situation.opened, answers.case)
  if (reporter === null) return { kind: 'other' }
  if (isSignedBySender(situation)) return { kind: 'reporter', reporter }
  const doubt = isAddressedTo(answers, reporter)
    ? senderDoubt(situation.opened, settings)
    : ANSWERS_ANOTHER
  return doubt === null ? { kind: 'reporter', reporter } : { kind: 'unproved', doubt }
}

const ANSWERS_ANOTHER = 'NOT PROVED: it answers a message that we sent to somebody else'

function isAddressedTo(
  { audience, recipientId, case: record }: Issued,
  reporter: Reporter
): boolean {
  const to = record.reporters.find(({ id }) => audience === 'reporter' && id === recipientId)
  return to !== undefined && isSamePerson(to, reporter)
}

/**
 * Whether the signature lets its sender into a case that the message names by the tag alone. Where no mail server is asked,
 * anybody may have had their own key pinned for the reporter a minute ago: there the key must be registered, be older than the
 * case, or have come with the report that opened it.
 */
function isKnownFor(reporter: Reporter, situation: Situation, settings: Settings): boolean {
  const { senderKey } = situation
  if (senderKey === null || !isSignedBySender(situation)) return false
  if (settings.authentication.servers.length > 0 || senderKey.source === 'registered') return true
  return msOf(senderKey.firstSeenAt) <= msOf(reporter.openedAt)
}

function isSignedBySender({ opened, senderKey }: Situation): boolean {
  return senderKey?.isProved === true && isSignedWith(opened, senderKey.fingerprint)
}

/**
 * The reporter under whose address the message comes; in a case with several, only if it names a number of their own. No answer
 * may tell them that another number leads to the same case: it is another reporter's (B14).
 */
function writerUnder(record: CaseRecord, opened: OpenedMail, { desk }: Settings): Reporter | null {
  const writer = writerAmong(opened, record)
  if (writer === null || addresseesOf(record).length < 2) return writer
  const numbers: readonly string[] = findCaseTags(subjectOf(opened), desk.casePrefix)
  const theirs = record.reporters.filter((one) => isSamePerson(one, writer))
  return theirs.some(({ id }) => numbers.includes(id)) ? writer : null
}

/** The reporter of this case whose address is in From, whoever really wrote. */
export function writerAmong(opened: OpenedMail, { reporters }: CaseRecord): Reporter | null {
  const { from } = opened.outer
  if (from === null) return null
  return (
    reporters.find(
      ({ contact }) => contact !== null && isSameAddress(contact.address, from.address)
    ) ?? null
  )
}
