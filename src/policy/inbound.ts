/**
 * What happens to one received mail. The one entry of the pure core for mail: a complete list of decisions comes out,
 * ending in exactly one disposition (G1). Order matters: what only looks like a report is told apart first, then who has
 * authority, then which case it continues.
 */
import { addressKey, isSameAddress } from '../domain/address.ts'
import {
  type CaseRecord,
  type CaseState,
  type ReporterKey,
  type ReporterKeys
} from '../domain/case.ts'
import { type Decision, dispose, recorded } from '../domain/decision.ts'
import { aboutCase, BY_SOMEBODY, DESK, event } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type FactLine } from '../domain/message.ts'
import { type Product, productNamed, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import { dateNotice, dateProposed } from '../messages/to-reporters.ts'
import { acknowledge, acknowledgedWords, decideAcknowledgement } from './acknowledgement.ts'
import { senderDoubt } from './authentication.ts'
import { claimCiphertext, isReused, noteCiphertext, quarantineReused } from './ciphertext.ts'
import { dueOf } from './clocks.ts'
import {
  type Contradiction,
  contradictionOf,
  explainContradiction,
  withholdContent
} from './contradiction.ts'
import { dateAnswer, owedDate } from './date-talk.ts'
import { endedWarnings, joinedEvent, moved, type Writer } from './joined.ts'
import { decideMaintainerMail } from './maintainer-mail.ts'
import { newCase, productOf, productOutside, subjectOf, unstored } from './new-case.ts'
import { relay } from './relay.ts'
import { decideReporterKey, type KeyDecision } from './reporter-key.ts'
import { type Moment, type Situation } from './situation.ts'
import { decideThread, type ThreadSender } from './threading.ts'
import { releasedWords, sealedWith, showsKey, wordsLeave, wordsStay } from './waiting-words.ts'

const QUARANTINED = 'it could not be opened in three tries'
const TOO_LARGE = 'larger than the size limit'

/** Decides everything about one arrival. */
export function decideArrival(
  situation: Situation,
  settings: Settings,
  moment: Moment
): Decision[] {
  const decided = isReused(situation, settings)
    ? quarantineReused(settings, situation)
    : decideKind(situation, settings, moment)
  return [...noteCiphertext(situation, decided), ...decided]
}

function decideKind(situation: Situation, settings: Settings, moment: Moment): Decision[] {
  const { opened } = situation
  if (isOwn(opened, settings)) return [dispose('done', 'own', 'the desk sent it itself')]
  const returnsOurs = opened.bounce !== null && situation.bounced !== null
  if (opened.automatic.includes('bounce') || returnsOurs) {
    return decideBounce(situation)
  }
  // Any other receipt goes on like a report and is not acknowledged: nobody's mail ends unread because of its form (G1).
  if (situation.receiptOf !== null) {
    return [dispose('done', 'receipt', 'a reading receipt', situation.receiptOf.case.tag)]
  }
  const fromMaintainer = decideMaintainerMail(situation, settings, moment)
  if (fromMaintainer !== null) return fromMaintainer
  const contradiction = contradictionOf(situation, settings)
  return decideReport(
    contradiction === null
      ? { ...situation, contradiction }
      : { ...situation, contradiction, opened: withholdContent(opened), mergedKey: null },
    settings,
    moment
  )
}

/** A message whose content is known to be its sender's, or was taken out of it. */
type Judged = Situation & { readonly contradiction: Contradiction | null }

function decideReport(situation: Judged, settings: Settings, moment: Moment): Decision[] {
  const thread = decideThread(situation, settings)
  const joined = thread.kind === 'new' ? null : thread.case.tag
  if (situation.ciphertextCases.some((tag) => tag !== joined)) {
    return quarantineReused(settings, situation)
  }
  // It is shown to nobody, so it claims no ciphertext either.
  if (thread.kind !== 'new' && situation.opened.automatic.includes('auto-replied')) {
    return recordOnly(situation, thread.case, moment)
  }
  const claimed = situation.contradiction === null ? claimCiphertext(situation, settings) : []
  if (thread.kind === 'new') {
    return [...claimed, ...decideNewCase(situation, thread.warnings, settings, moment)]
  }
  return [...claimed, ...joinCase(situation, thread, settings, moment)]
}

function isOwn(opened: OpenedMail, settings: Settings): boolean {
  const { from } = opened.outer
  return (
    from !== null &&
    isSameAddress(from.address, settings.desk.address) &&
    opened.automatic.includes('loop')
  )
}

function decideNewCase(
  situation: Judged,
  remarks: readonly string[],
  settings: Settings,
  moment: Moment
): Decision[] {
  const { nextTag } = situation
  const product = productOf(situation.opened, settings)
  const promised = productOutside(situation.opened, settings)
  const opening = newCase(situation, product, moment.now)
  const doubt = senderDoubt(situation.opened, settings)
  const key = decideReporterKey(situation, { tag: nextTag, doubt }, settings, moment.now)
  const record = withOffers(unstored(opening, situation), key)
  const about = { product: product.id, reporter: record.tag, receivedAt: situation.receivedAt }
  const opened = event('opened', aboutCase(record.tag), BY_SOMEBODY, about)
  const verdict = decideAcknowledgement(situation.opened, situation.history, settings, moment)
  const released = releasedWords(situation, key.key, settings, null)
  const leaving = wordsLeave(released, sealedWith(key.key), moment.now)
  const facts: FactLine[] = [
    { label: 'Acknowledged', value: acknowledgedWords(verdict, settings) },
    ...leftFacts(leaving)
  ]
  return [
    opening,
    message(situation, record.tag, { author: 'reporter', authorId: record.tag }, moment.now),
    ...key.decisions,
    ...relay({
      ...relayInput(situation, product, settings, moment),
      record,
      due: dueOf(record, [], [opened], { settings, now: moment.now }),
      reporterKeys: withSender(new Map(), key, situation),
      facts,
      writer: { author: 'reporter', authorId: record.tag },
      keyWarnings: [...key.warnings, ...wordsStay(situation, key.key, released)],
      warnings: [...remarks, ...otherCases(situation), ...quarantineWarnings(situation)]
    }),
    ...acknowledge(verdict, {
      tag: record.tag,
      product: promised,
      opened: situation.opened,
      receivedAt: situation.receivedAt,
      key: key.key,
      settings,
      now: moment.now,
      begunAt: moment.begunAt
    }),
    { kind: 'record', event: opened },
    ...leaving,
    newCaseEnd(situation, record.tag)
  ]
}

/** Whether the report may belong to a case that is open already, for the maintainers to merge it. */
function otherCases({ senderCases }: Judged): string[] {
  const [newest] = senderCases
  if (newest === undefined) return []
  return [
    `This sender also reported ${listed(senderCases)}. If this message belongs to ${newest}, reply with /merge ${newest}.`
  ]
}

/** A message too large or quarantined stays visible in the held folder; its case goes on like any other. */
function newCaseEnd(situation: Judged, tag: CaseTag): Decision {
  if (situation.contradiction !== null) return withheldEnd(tag)
  if (situation.quarantined) return dispose('held', 'quarantined', QUARANTINED, tag)
  if (situation.opened.warnings.includes('too-large'))
    return dispose('held', 'too-large', TOO_LARGE, tag)
  return dispose('done', 'case-opened', '', tag)
}

function withheldEnd(tag: CaseTag): Decision {
  return dispose('held', 'contradicts-sender', 'its inside contradicts its sender', tag)
}

function joinCase(
  received: Judged,
  thread: JoinedThread,
  settings: Settings,
  moment: Moment
): Decision[] {
  // Whoever is on the list, too, and answers what the desk wrote to the reporter, writes as the reporter.
  const situation = isReportersAnswer(received, thread) ? { ...received, member: null } : received
  const product = productNamed(thread.case.product, settings)
  // Of the keys that come under the reporter's address, policy/reporter-key.ts takes none into use that nothing proves.
  const doubt = thread.sender.kind === 'unproved' ? thread.sender.doubt : null
  const key =
    thread.sender.kind === 'other'
      ? { key: null, decisions: [], warnings: [] }
      : decideReporterKey(situation, { tag: thread.case.tag, doubt }, settings, moment.now)
  const author = authorOf(situation, thread.sender)
  const joined = joinedEvent(thread.case.tag, author, situation)
  const record = withOffers(moved(thread.case, joined, situation, moment.now), key)
  const about = aboutDate(situation, thread)
  const released =
    thread.sender.kind === 'reporter'
      ? releasedWords(situation, key.key, settings, thread.case.tag)
      : []
  const keys = withSender(situation.bound?.reporterKeys ?? new Map(), key, situation)
  const leaving = [
    ...wordsLeave(released, sealedWith(key.key), moment.now),
    ...dateOwed(situation, thread, { record, key: key.key, keys, product, settings, moment })
  ]
  return [
    message(situation, record.tag, author, moment.now),
    ...key.decisions,
    ...caseChange(thread, record.state),
    ...latestMail(situation, thread),
    ...relay({
      ...relayInput(situation, product, settings, moment),
      record,
      due: dueOf(record, situation.bound?.events ?? [], [joined], { settings, now: moment.now }),
      reporterKeys: keys,
      writer: author,
      keyWarnings:
        thread.sender.kind === 'other'
          ? key.warnings
          : [...key.warnings, ...wordsStay(situation, key.key, released)],
      facts: [...about.facts, ...leftFacts(leaving)],
      warnings: [
        ...endedWarnings(thread.case, record),
        ...senderWarnings(situation, thread.sender),
        ...quarantineWarnings(situation)
      ]
    }),
    { kind: 'record', event: joined },
    ...about.decisions,
    ...leaving,
    joinedEnd(situation, record.tag)
  ]
}

function isReportersAnswer({ answers }: Judged, { sender }: JoinedThread): boolean {
  return sender.kind === 'reporter' && answers?.audience === 'reporter'
}

/** The question about the date that waited for the key which this message shows (B19). */
function dateOwed(
  situation: Judged,
  { sender }: JoinedThread,
  {
    key,
    moment: { now },
    ...about
  }: Pick<Parameters<typeof owedDate>[1], 'record' | 'keys' | 'product' | 'settings'> & {
    readonly key: ReporterKey | null
    readonly moment: Moment
  }
): readonly Decision[] {
  const isShown = key?.isUsable === true && showsKey(situation, key)
  if (sender.kind !== 'reporter' || situation.contradiction !== null || !isShown) return []
  const { arrivalId, bound } = situation
  return owedDate(sender.reporter, { ...about, events: bound?.events ?? [], arrivalId, now })
}

/** The keys of reporters with the one that this message leaves in use for its sender. */
function withSender(
  keys: ReporterKeys,
  { key }: KeyDecision,
  { opened: { outer } }: Situation
): ReporterKeys {
  return key === null || outer.from === null
    ? keys
    : new Map([...keys, [addressKey(outer.from.address), key]])
}

/** The case as its maintainers see it once the keys of this message are kept (G3). */
function withOffers(record: CaseRecord, { decisions }: KeyDecision): CaseRecord {
  const offers = decisions.flatMap((one) => (one.kind === 'offer-reporter-key' ? [one] : []))
  const reporters = record.reporters.map((one) => {
    const { contact } = one
    const offered = offers.flatMap(({ address, key: { fingerprint } }) =>
      contact !== null && isSameAddress(address, contact.address) ? [fingerprint] : []
    )
    return { ...one, unusedKeys: [...new Set([...offered, ...one.unusedKeys])] }
  })
  return { ...record, reporters }
}

/** Words that waited for the key that this message brings, for the maintainers to know that they have left. */
function leftFacts(leaving: readonly Decision[]): FactLine[] {
  const tags = leaving.flatMap((one) => {
    if (one.kind === 'words-leave') return [one.words.tag]
    if (one.kind !== 'send-sealed') return []
    return dateProposed.is(one.message) || dateNotice.is(one.message) ? [one.caseTag] : []
  })
  if (tags.length === 0) return []
  const messages = count(tags.length, 'message', 'messages')
  const value = `${messages} to the reporter, encrypted (${[...new Set(tags)].join(', ')})`
  return [{ label: 'Sent now, after waiting for a key', value }]
}

/** What the reporter says of the date, for the maintainers to decide by (B19). Nothing in a message that is withheld. */
function aboutDate(
  { opened, contradiction, bound }: Judged,
  { case: record, sender }: JoinedThread
): { readonly facts: readonly FactLine[]; readonly decisions: readonly Decision[] } {
  const date = record.disclosureAt
  const nothing = { facts: [], decisions: [] }
  if (sender.kind !== 'reporter' || contradiction !== null || date === null) return nothing
  const answer = dateAnswer(opened.text, bound?.events ?? [], record, sender.reporter)
  if (answer === null) return nothing
  const reporter = sender.reporter.id
  const answered = recorded(
    'date-answered',
    aboutCase(record.tag),
    { kind: 'reporter', id: reporter },
    { reporter, date, answer }
  )
  return {
    facts: [
      {
        label: 'About the date',
        value:
          answer === 'agree'
            ? 'the reporter AGREES'
            : 'the reporter OBJECTS; please read why, then answer with /reply or set another date with /embargo'
      }
    ],
    decisions: [answered]
  }
}

type JoinedThread = Extract<ReturnType<typeof decideThread>, { kind: 'case' }>

function joinedEnd(situation: Judged, tag: CaseTag): Decision {
  if (situation.contradiction !== null) return withheldEnd(tag)
  if (situation.quarantined) return dispose('held', 'quarantined', QUARANTINED, tag)
  if (situation.opened.warnings.includes('too-large'))
    return dispose('held', 'too-large', TOO_LARGE, tag)
  return dispose('done', situation.member !== null ? 'member-reply' : 'case-joined', '', tag)
}

/** Where the case stands now. */
function caseChange(
  { case: { tag, version, state: before } }: JoinedThread,
  state: CaseState
): Decision[] {
  return state === before ? [] : [{ kind: 'update-case', tag, version, set: { state } }]
}

/** The reporter's newest mail is the one that answers refer to. */
function latestMail(situation: Judged, thread: JoinedThread): Decision[] {
  const latest = situation.opened.outer.messageId
  if (thread.sender.kind !== 'reporter' || situation.contradiction !== null) return []
  return latest === null ? [] : [{ kind: 'update-reporter', id: thread.sender.reporter.id, latest }]
}

function senderWarnings(situation: Situation, sender: ThreadSender): string[] {
  const { member } = situation
  if (member !== null) {
    return member.signed
      ? []
      : [
          `This message says that it comes from list member ${member.record.id}, but no signature proves that they meant it for this desk.`
        ]
  }
  switch (sender.kind) {
    case 'reporter':
      return []
    case 'unproved':
      return [
        `The message says that it comes from the reporter of this case, but the sender is ${sender.doubt}. It is on the record as another person's. Answers go to the reporter's address, never to another.`
      ]
    case 'other':
      return [
        'The sender is not the reporter of this case. Answers go to the reporter, never to this sender.'
      ]
  }
}

function quarantineWarnings(situation: Judged): string[] {
  if (situation.contradiction !== null) return [explainContradiction(situation.contradiction)]
  return situation.quarantined
    ? [
        'Opening this message failed three times (time or memory). It is in the held folder; please look at it with care.'
      ]
    : []
}

/** Automatic answers on a case are kept on its record and bother nobody. */
function recordOnly(situation: Situation, record: CaseRecord, moment: Moment): Decision[] {
  return [
    message(situation, record.tag, { author: 'other', authorId: '' }, moment.now),
    dispose('done', 'auto-reply', 'an automatic answer', record.tag)
  ]
}

function relayInput(situation: Judged, _product: Product, settings: Settings, moment: Moment) {
  const { arrivalId, opened, receivedAt, size } = situation
  const isWithheld = situation.contradiction !== null
  const { now } = moment
  return { arrivalId, product: _product, opened, receivedAt, size, isWithheld, settings, now }
}

function authorOf({ member }: Situation, sender: ThreadSender): Writer {
  if (member !== null) return { author: 'member', authorId: member.record.id }
  return sender.kind === 'reporter'
    ? { author: 'reporter', authorId: sender.reporter.id }
    : { author: 'other', authorId: '' }
}

function message(
  { opened, arrivalId }: Situation,
  tag: CaseTag,
  writer: Writer,
  now: Instant
): Decision {
  return {
    kind: 'add-message',
    tag,
    message: {
      at: now,
      ...writer,
      audience: writer.author === 'reporter' ? 'reporter' : 'internal',
      subject: subjectOf(opened),
      text: opened.text,
      messageId: opened.outer.messageId,
      arrivalId
    }
  }
}

/** A delivery report moves a delivery only if it returns a Message-ID that the desk issued (mail.md §1.10). */
function decideBounce(situation: Situation): Decision[] {
  const { bounced, opened } = situation
  const action = opened.bounce?.action ?? 'other'
  if (bounced === null) return unmatched()
  const tag = bounced.case.tag
  const done = dispose('done', 'bounce', `a delivery report (${action})`, tag)
  if (action !== 'failed') return [done]
  return [{ kind: 'bounce', messageId: bounced.messageId }, done]
}

/** Nobody's delivery report: kept in sight, and the maintainers told, because it may be a report in disguise. */
function unmatched(): Decision[] {
  return [
    recorded('bounce-unmatched', DESK, BY_SOMEBODY, {}),
    dispose('held', 'bounce-unmatched', 'a delivery report about no mail of the desk')
  ]
}
