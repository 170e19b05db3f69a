/** The *read* step: opens a message in a worker and gathers what the decision may depend on. Reads only. */
import { type Address, domainOf, isSameAddress } from '../domain/address.ts'
import { type CaseRecord, numbersOf } from '../domain/case.ts'
import { type CaseTag, findCaseTags, type MessageId, parseMessageId } from '../domain/ids.ts'
import {
  ciphertextMarksOf,
  isFrom,
  isReply,
  type OpenedMail,
  type Signature,
  signaturesIn,
  subjectOf,
  topicOf
} from '../domain/mail.ts'
import { type NamedMessage, quotedCodes } from '../domain/message.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant } from '../domain/time.ts'
import { PUT_OFF_HOURS_MAX } from '../policy/acknowledgement.ts'
import { claimedMaintainer, findBinding, isCase } from '../policy/authority.ts'
import { type ParsedCommands, parseCommands } from '../policy/commands.ts'
import { conversationOf, isMeantForDesk, memberIn } from '../policy/conversation.ts'
import { judged } from '../policy/report.ts'
import {
  type AnswersLeaving,
  type DomainShare,
  type Issued,
  type Moment,
  type Situation
} from '../policy/situation.ts'
import { decideThread, type ThreadFacts } from '../policy/threading.ts'
import { VERBS } from '../policy/verbs/index.ts'
import { casesToShow } from '../policy/verbs/show.ts'
import { type Arrival, inMailbox } from '../store/arrivals.ts'
import * as cases from '../store/cases.ts'
import * as people from '../store/correspondents.ts'
import * as members from '../store/members.ts'
import * as outbox from '../store/outbox.ts'
import { type Read } from '../store/sql.ts'
import * as strangers from '../store/strangers.ts'
import { type Desk } from './desk.ts'
import { messageIdOf } from './prepare.ts'
import { datedOf, listedIn, readBound } from './read-case.ts'
import { candidatesOf, knownKey, mergedCopies } from './read-keys.ts'
import { registrableDomain } from './registrable.ts'

/**
 * Opens the message with the keys of its sender (`keysOf`) and that in its header; a second time where keys of whom a signature
 * names are known besides, or the key of a signature came as a file. `read` gives the bytes anew: a worker keeps them.
 */
export async function openArrival(
  workers: Pick<Desk['workers'], 'open'>,
  read: () => Uint8Array,
  { now, sender }: { readonly now: Instant; readonly sender: Address | null },
  keysOf: (from: Address | null, issuers: readonly string[]) => readonly Uint8Array[]
): Promise<OpenedMail> {
  const before = sender === null ? [] : keysOf(sender, [])
  const first = await workers.open(read(), { now, knownKeys: before })
  const signatures = signaturesIn(first)
  const isUnknown = ({ state }: Signature): boolean => state === 'unknown-key'
  const brought = first.candidateKeys.map(({ fingerprint }) => fingerprint)
  // What is known of a key that the message brings counts beside it, by its primary key, too: it may have been revoked.
  const issuers = signatures
    .filter((one) => isUnknown(one) || brought.some((key) => key === one.fingerprint))
    .flatMap(({ issuer, fingerprint }) => [issuer, fingerprint ?? []].flat())
  if (issuers.length === 0) return first
  // That in the header was tried.
  const isLacking = signatures.some(isUnknown)
  const files = first.candidateKeys.filter(({ source }) => isLacking && source === 'attached')
  const found = keysOf(first.outer.from?.address ?? null, issuers)
  const more = [...found, ...files.map(({ keyData }) => keyData)].filter(
    (key) => !before.some((known) => Buffer.compare(known, key) === 0)
  )
  return more.length === 0 ? first : workers.open(read(), { now, knownKeys: [...before, ...more] })
}

/** Everything that decides about one opened arrival. */
export async function readSituation(
  desk: Desk,
  arrival: Arrival,
  found: OpenedMail,
  given: Moment & Pick<Situation, 'quarantined' | 'bodyMarks'>
): Promise<Situation> {
  const { now } = given
  const written = desk.db.read((read) => byItsSigner(read, found))
  const opened = { ...written, candidateKeys: await candidatesOf(desk, written, now) }
  const from = opened.outer.from
  const senderKey = from === null ? null : await knownKey(desk, from.address, now)
  const mergedKey = senderKey === null ? null : await mergedCopies(desk, senderKey, opened, now)
  // Only a valid signature makes the text worth parsing: anybody can write a quarter of a megabyte of commands.
  const isMaintainers = isSignedByMaintainer(desk, opened)
  const parsed = isMaintainers ? parseCommands(opened.text, VERBS) : null
  const { named, tag } = desk.db.read((read) => {
    const before = arrival.caseId === null ? null : cases.findTag(read, arrival.caseId)
    const again = before === null ? null : cases.findNow(read, before)
    const own = namedBy(read, desk, opened)
    const ownThread = again === null ? own.ownThread : ({ case: again, by: 'again' } as const)
    const named = { ...own, ownThread, senderKey, settings: desk.settings }
    return { named, tag: boundTag(read, desk, named, parsed) }
  })
  const bound = tag === null ? null : await readBound(desk, tag, isMaintainers ? opened : null, now)
  const numbers = (parsed?.commands ?? []).flatMap((one) =>
    one.verb === 'show' ? casesToShow(one.words, given).tags : []
  )
  const listed = parsed === null ? [] : await listedIn(desk, parsed, opened, given)
  return desk.db.read((read) => ({
    ...given,
    listed,
    ...senderFacts(read, opened),
    ...conversationFacts(read, named, bound === null ? null : numbersOf(bound.case)),
    ...named,
    arrivalId: arrival.id,
    receivedAt: arrival.receivedAt,
    arrivedAt: arrival.arrivedAt,
    place: inMailbox(read, arrival),
    size: arrival.size,
    bounced: lastIssued(read, outbox.listNamed(read, returnedIds(desk, opened))),
    ...earlierFacts(read, arrival, opened, given.bodyMarks),
    signatureSeen: opened.signatures.some(({ sha256 }) => people.isSignatureUsed(read, sha256)),
    mergedKey,
    history: answersTo(read, desk, opened, now),
    strangers: {
      ...strangersLately(read, opened, now),
      isUntouched: bound !== null && strangers.isUntouchedCase(read, bound.case.tag)
    },
    shown: numbers.flatMap((one) => cases.findNow(read, one) ?? []),
    unforwarded: strangers.listFurther(read, numbers),
    openCases: hasVerb(parsed, 'cases') || hasVerb(parsed, 'merge') ? cases.list(read, 'open') : [],
    nextTag: cases.nextTag(read, desk.settings.desk.casePrefix, now, desk.settings.desk.timezone),
    bound
  }))
}

/**
 * The message as that of the reporter whose proved key signed all of it, if it answers a message in a case of theirs: people
 * write from another address, and lists put their own into From. Answers go to the address that is known (14).
 */
function byItsSigner(read: Read, opened: OpenedMail): OpenedMail {
  const { outer, signatures } = opened
  const signers = signatures.flatMap(({ state, coversWhole, fingerprint }) =>
    state === 'valid' && coversWhole ? (fingerprint ?? []) : []
  )
  if (signers.length === 0) return opened
  const references = [...outer.references, ...(opened.protected?.references ?? [])]
  const answered = lastIssued(read, outbox.listNamed(read, references))
  const writer = answered?.case.reporters.find(({ contact }) => {
    const key = contact === null ? null : people.findReporterKey(read, contact.address)
    return key?.isProved === true && signers.includes(key.fingerprint)
  })?.contact
  if (writer === undefined || writer === null || isFrom(outer, writer.address)) return opened
  const warnings = opened.warnings.filter((code) => code !== 'from-mismatch')
  return { ...opened, warnings, outer: { ...outer, from: writer, sentBy: outer.from ?? writer } }
}

/** The author, the case and the messages of the desk that the message itself names. */
function namedBy(read: Read, desk: Desk, opened: OpenedMail) {
  const { from } = opened.outer
  const member = memberOf(read, desk, opened)
  const subject = opened.subjectProtected ? subjectOf(opened) : ''
  const outside = outbox.listNamed(read, opened.outer.references)
  return {
    opened,
    member,
    outside,
    quoted: quotedByAuthor(read, desk, opened),
    ...answeredBy(read, desk, opened, outside),
    ownThread: from === null ? null : ownThreadOf(read, opened, from.address),
    isAnswer: outside.length > 0,
    // A list member who signed it for this desk may name the case in the text.
    tagged: caseNamedIn(read, desk, `${subject}\n${member?.signed === true ? opened.text : ''}`),
    subjectCase: caseNamedIn(read, desk, subjectOf(opened))
  }
}

function earlierFacts(
  read: Read,
  { id: arrivalId }: Arrival,
  opened: OpenedMail,
  bodyMarks: Situation['bodyMarks']
): Pick<Situation, 'earlier' | 'earlierLacks'> {
  const marks = [...ciphertextMarksOf(opened), ...bodyMarks]
  const sender = opened.outer.from?.address ?? null
  const earlier = people.listEarlier(read, marks, { sender, arrivalId })
  const theirs = earlier.flatMap((one) => (one.isSameSender ? (one.tag ?? []) : []))
  const isHeld = outbox.findHeldAnswer(read, theirs) !== null
  const isBare = theirs.length > 0 && !theirs.some((tag) => people.isAcknowledged(read, tag))
  return { earlier, earlierLacks: isHeld ? 'release' : isBare ? 'acknowledgement' : null }
}

/** Which message of the desk is answered: as the header outside names it, and as what is protected does. */
function answeredBy(
  read: Read,
  desk: Desk,
  opened: OpenedMail,
  outside: readonly NamedMessage[]
): Pick<Situation, 'answers' | 'answersInside'> {
  const answers = lastIssued(read, outside)
  const isProtected =
    opened.decrypted ||
    opened.signatures.some(({ state, coversWhole }) => state === 'valid' && coversWhole)
  if (!isProtected) return { answers, answersInside: null }
  const inside = outbox.listNamed(read, opened.protected?.references ?? [])
  const quoted = quotedMessages(read, desk, opened, () => true)
  const isConfirmed = [...inside, ...quoted].some(
    ({ tag }) => tag !== null && cases.findNow(read, tag)?.tag === answers?.case.tag
  )
  return {
    answers: answers && { ...answers, isConfirmed },
    answersInside: lastIssued(read, inside)
  }
}

/** The case of an earlier message from this address that the message names, that it is a copy of, or whose subject it answers. */
function ownThreadOf(read: Read, opened: OpenedMail, address: Address): Situation['ownThread'] {
  const { references, messageId } = opened.outer
  const named = cases.findThread(read, address, references)
  if (named !== null) return { case: named, by: 'message-id' }
  const topic = topicOf(subjectOf(opened))
  if (topic === '') return null
  const isSame = ({ subject }: { readonly subject: string }): boolean => topicOf(subject) === topic
  const copied = messageId === null ? null : cases.findThread(read, address, [messageId])
  const answered = isReply(opened) ? cases.listOf(read, address, TOPICS_MAX).find(isSame) : null
  const tag = copied !== null && isSame(copied) ? copied.tag : answered?.tag
  const found = tag === undefined ? null : cases.find(read, tag)
  return found && { case: found, by: 'subject' }
}

/** The newest open cases of a sender whose subjects are compared. */
const TOPICS_MAX = 100

function senderFacts(read: Read, { outer: { from } }: OpenedMail) {
  const addresses = from === null ? [] : [from.address]
  return {
    waitingKeys: addresses.flatMap((one) => people.listOfferedKeys(read, one)),
    waitingWords: cases.listKeptWords(read, addresses),
    dated: datedOf(read, addresses),
    senderCases: addresses.flatMap((one) => cases.listOf(read, one).map(({ tag }) => tag)),
    hasReported: addresses.some((one) => cases.hasReported(read, one))
  }
}

function hasVerb(parsed: ParsedCommands | null, name: string): boolean {
  return parsed !== null && parsed.commands.some(({ verb }) => verb === name)
}

/** The case whose details the decision needs: the one that a maintainer's signed bytes name, else the one the thread names. */
function boundTag(
  read: Read,
  desk: Desk,
  named: ReturnType<typeof namedBy> & ThreadFacts,
  parsed: ParsedCommands | null
): CaseTag | null {
  if (parsed !== null) {
    const goesOnIn = (tag: CaseTag): CaseTag => cases.findNow(read, tag)?.tag ?? tag
    const tag = findBinding(named, parsed, desk.settings, goesOnIn)
    if (isCase(tag)) return cases.find(read, tag)?.tag ?? null
  }
  return decideThread(judged(named)).joined?.case.tag ?? null
}

/** Whether a registered key of a maintainer made one of its signatures. */
export function isSignedByMaintainer(desk: Desk, opened: OpenedMail): boolean {
  return opened.signatures.some(
    ({ state, fingerprint }) =>
      state === 'valid' &&
      desk.settings.maintainers.some((maintainer) => maintainer.fingerprint === fingerprint)
  )
}

function caseNamedIn(read: Read, desk: Desk, text: string): CaseRecord | null {
  const [tag] = findCaseTags(text, desk.settings.desk.casePrefix)
  return tag === undefined ? null : cases.findNow(read, tag)
}

/** The member who signed it for this desk (`signed`), who signed it at all, or from whose address it claims to come. */
function memberOf(read: Read, desk: Desk, opened: OpenedMail): Situation['member'] {
  for (const { state, fingerprint, coversWhole } of opened.signatures) {
    if (state !== 'valid' || fingerprint === null || !coversWhole) continue
    const record = members.findByFingerprint(read, fingerprint)
    if (record !== null) {
      const quoted = quotedMessages(
        read,
        desk,
        opened,
        ({ audience, recipientId }) => audience === 'member' && recipientId === record.id
      )
      return { record, signed: isMeantForDesk(opened, quoted, desk.settings) }
    }
  }
  const from = opened.outer.from
  const record = from === null ? null : members.findByAddress(read, from.address)
  return record === null ? null : { record, signed: false }
}

function answersTo(read: Read, desk: Desk, opened: OpenedMail, now: Instant): Situation['history'] {
  const sender = opened.outer.from?.address ?? null
  const claimed = claimedMaintainer(opened, desk.settings)
  // An answer that would leave later than this was queued before the clock was set back.
  const latest = addMs(now, (PUT_OFF_HOURS_MAX + 1) * HOUR_MS)
  const lastHour = { since: addMs(now, -HOUR_MS), until: latest }
  const today = { ...lastHour, since: addMs(now, -DAY_MS) }
  const kind = 'acknowledgement'
  const all = outbox.countLeaving(read, kind, lastHour.since)
  const leaving = (isProved: boolean): AnswersLeaving => {
    const share = shareOf(sender, all, isProved)
    const whom = sender === null ? null : { kind, to: sender, isProved }
    const toSender = whom === null ? 0 : outbox.countAnswers(read, whom, today)
    return { ...share, toSender }
  }
  const refused = claimed === null ? null : { kind: 'refusal', to: claimed.address }
  return {
    proved: leaving(true),
    unproved: leaving(false),
    refusalsLastHour: refused === null ? 0 : outbox.countAnswers(read, refused, lastHour)
  }
}

/** How many of these are the sender's registrable domain's, and each other domain's, of proved senders or of the others. */
function shareOf(
  sender: Address | null,
  all: readonly outbox.DomainCount[],
  isProved: boolean
): DomainShare {
  const counts = new Map<string, number>()
  for (const one of all.filter((each) => each.isProved === isProved)) {
    const name = registrableDomain(one.domain)
    counts.set(name, (counts.get(name) ?? 0) + one.count)
  }
  const domain = sender === null ? '' : registrableDomain(domainOf(sender))
  const toDomain = counts.get(domain) ?? 0
  counts.delete(domain)
  return { toDomain, toOthers: [...counts.values()] }
}

function strangersLately(
  read: Read,
  { outer: { from } }: OpenedMail,
  now: Instant
): Omit<Situation['strangers'], 'isUntouched'> {
  const sender = from?.address ?? null
  const all = strangers.countForwarded(read, addMs(now, -HOUR_MS))
  return {
    proved: shareOf(sender, all, true),
    unproved: shareOf(sender, all, false),
    wasAnswered: sender !== null && cases.wasAnswered(read, sender)
  }
}

// Which of the desk's own messages a received message names.

/** The last of these messages that belongs to a case. */
function lastIssued(read: Read, messages: readonly NamedMessage[]): Issued | null {
  const named = messages.findLast(({ tag }) => tag !== null)
  const record = named?.tag ? cases.findNow(read, named.tag) : null
  return named === undefined || record === null ? null : { ...named, case: record }
}

/** Message-IDs that a bounce returns, or whose token a bounce address in To names, where the host supports such addresses. */
export function returnedIds(desk: Desk, { bounce, outer }: OpenedMail): readonly MessageId[] {
  const { bounceAddress, address } = desk.settings.desk
  const [before, after] = bounceAddress?.toLowerCase().split('{token}') ?? []
  const returned = bounce?.returnedMessageIds ?? []
  if (before === undefined || after === undefined) return returned
  const tokens = outer.to.flatMap((to) => {
    const text = to.address.toLowerCase()
    if (!text.startsWith(before) || !text.endsWith(after)) return []
    const token = text.slice(before.length, text.length - after.length)
    return parseMessageId(`${token}@${domainOf(address)}`) ?? []
  })
  return [...returned, ...tokens]
}

function conversationFacts(
  read: Read,
  { opened, quoted, outside }: ReturnType<typeof namedBy>,
  numbers: readonly string[] | null
): Pick<Situation, 'conversation' | 'answeredMember'> {
  const inside = [...quoted, ...outbox.listNamed(read, opened.protected?.references ?? [])]
  const conversation = conversationOf({ outside, inside }, numbers)
  const id = memberIn(conversation)
  const member = id === null ? null : members.find(read, id)
  return { conversation, answeredMember: member?.state === 'active' ? member : null }
}

/** The desk's messages to one person that a text quotes. A message to somebody else proves nothing: they may have sent it on. */
function quotedMessages(
  read: Read,
  desk: Desk,
  { text }: OpenedMail,
  isTheirs: (own: NamedMessage) => boolean
): NamedMessage[] {
  const copies = ['', ...desk.settings.maintainers.map(({ id }) => id)]
  const ids = quotedCodes(text).flatMap((code) => copies.map((to) => messageIdOf(desk, code, to)))
  return outbox.listNamed(read, ids).filter(isTheirs)
}

/** The desk's messages that the author quotes: those to a maintainer, and those to a reporter at the same address. */
function quotedByAuthor(read: Read, desk: Desk, opened: OpenedMail): NamedMessage[] {
  const maintainer = claimedMaintainer(opened, desk.settings)
  const address = (maintainer ?? opened.outer.from)?.address
  return quotedMessages(read, desk, opened, ({ audience, recipientId, envelopeTo }) =>
    audience === 'reporter'
      ? address !== undefined && isSameAddress(envelopeTo, address)
      : audience === 'maintainer' && recipientId === maintainer?.id
  )
}
