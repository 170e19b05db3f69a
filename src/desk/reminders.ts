/**
 * What the clocks say: one composer for each message that a clock can name, a reminder for all others. Reads what it needs and
 * changes nothing. A composer that makes no message for somebody has nothing to say to them.
 */
import { type CaseRecord, isOpen, type Reporter, reporterWith } from '../domain/case.ts'
import { type SendClear, type SendSealed } from '../domain/decision.ts'
import { type Recipient } from '../domain/event.ts'
import { type FactLine } from '../domain/message.ts'
import { KEY_PROBLEMS, UNDELIVERED } from '../domain/outgoing.ts'
import { formatInstant } from '../domain/time.ts'
import { nounOf } from '../messages/catalogue.ts'
import { keyProblem } from '../messages/to-maintainers.ts'
import { memberKeyExpires } from '../messages/to-members.ts'
import { digestMessage } from '../policy/digest.ts'
import { caseFacts } from '../policy/relay.ts'
import { inClearTo, sealedTo } from '../policy/send.ts'
import { waitingName } from '../policy/status.ts'
import { findDue } from '../store/looks.ts'
import { findMember, findMemberByFingerprint } from '../store/members.ts'
import { type Read } from '../store/sql.ts'
import { listWaiting } from '../store/waiting.ts'
import { type Desk } from './desk.ts'
import { digestFacts } from './digest.ts'
import {
  clockJumped,
  copyLate,
  copyWaits,
  noticeHeld,
  noticeLate,
  noticeLeft,
  preflight
} from './notice-alarms.ts'
import { factsOf, late, message, type Occasion, repeated, type Telling } from './occasion.ts'

type Composer = (desk: Desk, read: Read, occasion: Occasion) => readonly Telling[]

/** The messages of one telling. */
export function compose(desk: Desk, read: Read, occasion: Occasion): readonly Telling[] {
  return (COMPOSERS[occasion.clock.message] ?? reminder)(desk, read, occasion)
}

const COMPOSERS: Readonly<Record<string, Composer>> = {
  preflight,
  certificate,
  undelivered,
  missed,
  digest,
  'key-refused': keyRefused,
  'own-key': ownKey,
  'notice-late': noticeLate,
  'notice-left': noticeLeft,
  'copy-waits': copyWaits,
  'copy-late': copyLate,
  'notice-held': noticeHeld,
  'clock-jumped': clockJumped,
  'words-wait': wordsWait
}

/** What the clock itself says: what is at risk and by when, what to do, the facts. What waits for a key is not written again. */
function reminder(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { title, risk, remedy } = occasion.clock
  const waiting = waitingFacts(desk, read, occasion)
  const what = [
    risk,
    ...dueSentence(desk, occasion),
    ...repeated(desk, occasion),
    ...late(occasion)
  ]
  const facts = [...waiting, ...factsOf(desk, occasion)]
  const doNext = waiting.length === 0 ? remedy : KEY_COMES
  return [message(occasion, { title, what: what.join(' '), doNext, facts })]
}

const KEY_COMES =
  'What waits leaves, encrypted, when a key of the reporter is in use. We have asked for one. Please reach the reporter another way; /unsend because REASON withdraws what waits.'

/** What waits for a key of the reporters whom an answer would reach. */
function waitingFacts(desk: Desk, read: Read, { clock, starts, record }: Occasion): FactLine[] {
  if (record === null || !clock.stops.includes('answered')) return []
  const contacts = waitingReporters(starts, record).flatMap(({ contact }) => contact ?? [])
  return listWaiting(
    read,
    contacts.map(({ address }) => address)
  )
    .filter(({ tag }) => tag === record.tag)
    .map((words) => ({ label: 'Waiting for a key', value: waitingName(words, desk.settings) }))
}

function waitingReporters(starts: Occasion['starts'], record: CaseRecord): Reporter[] {
  return starts.flatMap(({ about }) =>
    'reporter' in about ? (reporterWith(record, about.reporter) ?? []) : []
  )
}

/** Nothing while all whom it is about have no answer yet and the clock of that promise tells it. */
function wordsWait(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { starts, record, product } = occasion
  if (record === null) return []
  const isPromised = isOpen(record.state) && product?.policy.answer !== null
  const others = waitingReporters(starts, record).filter(({ answeredAt }) => answeredAt !== null)
  return isPromised && others.length === 0 ? [] : reminder(desk, read, occasion)
}

/** By when: the due instant of what rings. */
function dueSentence(desk: Desk, { rings, clock, now }: Occasion): string[] {
  const [ring] = rings
  if (ring === undefined || clock.counts === 'each') return []
  const { dueAt } = ring.run
  const when = formatInstant(dueAt, desk.settings.desk.timezone)
  return [dueAt > now ? `Due by ${when}.` : `Overdue since ${when}.`]
}

/** A key that expires: when, and what stops working then. */
function certificate(desk: Desk, read: Read, occasion: Occasion): readonly Telling[] {
  const { subject, rings, now } = occasion
  const expiresAt = rings[0]?.run.dueAt
  if (expiresAt === undefined) return []
  const maintainer = desk.settings.maintainers.find(({ id }) => id === subject.id)
  const whose = {
    desk: 'the desk',
    maintainer: maintainer?.name ?? subject.id,
    member: `list member ${subject.id}`,
    case: ''
  }[subject.kind]
  const when = formatInstant(expiresAt, desk.settings.desk.timezone)
  const isExpired = expiresAt <= now
  const toMember = occasion.isMemberTold ? keyExpires(read, occasion, when) : []
  if (occasion.recipients.length === 0) return toMember
  return [
    ...toMember,
    message(occasion, {
      // Without a name: it stands outside the encryption, too (B5, G5).
      title: isExpired ? 'A key has expired' : 'A key expires soon',
      what: [
        `The key of ${whose} ${isExpired ? 'expired' : 'expires'} on ${when}.`,
        ...CERTIFICATE_RISK[subject.kind].map(
          (risk) => `${isExpired ? 'Since then' : 'After that'} ${risk}`
        ),
        ...late(occasion)
      ].join(' '),
      doNext: CERTIFICATE_REMEDY[subject.kind],
      facts: factsOf(desk, occasion)
    })
  ]
}

/** To the member alone, encrypted to the key that is still valid (G5). */
function keyExpires(
  read: Read,
  { subject, once, now }: Occasion,
  expiresAt: string
): readonly Telling[] {
  const found = subject.kind === 'member' ? findMember(read, subject.id) : null
  const member = found === null ? null : findMemberByFingerprint(read, found.fingerprint)
  if (member === null) return []
  const { id, name, address, fingerprint, keyData } = member
  const to = { id, name, address, fingerprint, keyData }
  return [sealedTo([to], now, memberKeyExpires({ expiresAt }), { once, tag: null })]
}

const CERTIFICATE_RISK = {
  desk: ['the desk can neither sign nor send anything.'],
  maintainer: ['nothing can be encrypted to this person.'],
  member: ['this member gets no advance notice.'],
  case: []
}
const CERTIFICATE_REMEDY = {
  desk: 'Please have the operator extend the key and publish it again.',
  maintainer:
    'Please extend the key, and give the operator the new public key for keys/maintainers.',
  member: 'Please get a current key from the member; the operator adds it with "postern members".',
  case: ''
}

/** What did not arrive, person by person. */
function undelivered(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const lost = occasion.starts.flatMap((start) => (start.kind === 'undelivered' ? [start] : []))
  const [first] = lost
  if (first === undefined) return []
  const { clock, record } = occasion
  const about = record === null ? '' : ` about ${record.tag}`
  const whats = [
    ...new Set(
      lost.map(({ about: { message: kind, because, code, ...whom } }) => {
        const server = code === 0 ? '' : ` (code ${code})`
        return `${capitalized(whoIs(desk, whom))} did not get the ${nounOf(kind)}${about}: ${UNDELIVERED[because]}${server}.`
      })
    )
  ]
  return [
    message(occasion, {
      title: clock.title,
      what: [...whats, ...repeated(desk, occasion), ...late(occasion)].join(' '),
      doNext: clock.remedy.replace('ID', String(first.about.outbox)),
      facts: factsOf(desk, occasion)
    })
  ]
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

function whoIs(desk: Desk, { audience, recipient }: Recipient): string {
  if (audience === 'reporter') return 'the reporter'
  if (audience === 'member') return `list member ${recipient}`
  const maintainer = desk.settings.maintainers.find(({ id }) => id === recipient)
  return maintainer?.name ?? 'somebody outside'
}

/** Messages that were not sent because of a key, and what to do. */
function keyRefused(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const refused = occasion.starts.flatMap((one) => (one.kind === 'not-encrypted' ? one.about : []))
  const said = refused.map(
    ({ message: kind, because, ...whom }) =>
      `The ${nounOf(kind)} to ${whoIs(desk, whom)} was not sent, because ${KEY_PROBLEMS[because]}.`
  )
  const next = refused.map(({ audience }) => KEY_REMEDIES[audience])
  const { title, risk } = occasion.clock
  return [
    message(occasion, {
      title,
      what: [...new Set(said), risk, ...repeated(desk, occasion), ...late(occasion)].join(' '),
      doNext: [...new Set(next)].join(' '),
      facts: factsOf(desk, occasion)
    })
  ]
}

const KEY_REMEDIES = {
  maintainer:
    'Please give the operator a current public key of that maintainer for keys/maintainers.',
  member:
    'Please get a current key from the member, then preview and approve the notice again: only those who lack it get it then.',
  reporter: 'Please ask the reporter for a current key with /ask, then send it again.',
  outsider: 'Please reach the person another way.'
} as const

/** To the maintainer whose key refused a message: in clear, at most once a day however many cases there are (G3). */
function ownKey(_desk: Desk, _read: Read, occasion: Occasion): readonly SendClear[] {
  const { recipients, starts, now } = occasion
  const start = starts.at(-1)
  if (start?.kind !== 'not-encrypted') return []
  const problem = `Your key cannot be used: ${KEY_PROBLEMS[start.about.because]}.`
  return recipients.map(({ id, name, address }) =>
    inClearTo({ id, name, address }, now, keyProblem({ problem }), {
      once: now.slice(0, 10),
      tag: null
    })
  )
}

/** What could not be encrypted to one maintainer, who can be reached again; nothing when the case is over. */
function missed(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { clock, record, starts } = occasion
  if (record !== null && !isOpen(record.state)) return []
  const kinds = starts.flatMap((start) =>
    start.kind === 'not-encrypted' ? start.about.message : []
  )
  const [first, last] = [starts[0], starts.at(-1)]
  if (first === undefined || last === undefined) return []
  const { timezone } = desk.settings.desk
  const counts = [...new Set(kinds)].map(
    (kind) => `${nounOf(kind)} (${kinds.filter((one) => one === kind).length})`
  )
  const many = kinds.length === 1 ? 'One message' : `${kinds.length} messages`
  const about = record === null ? 'about no case' : `about ${record.tag}`
  return [
    message(occasion, {
      title: clock.title,
      what: `Your key works again. ${many} ${about} could not be encrypted to you before, and the desk cannot send ${kinds.length === 1 ? 'it' : 'them'} any more.`,
      doNext:
        record === null
          ? clock.remedy
          : `Reply with /status to see where the case stands. To see what you missed, ask another maintainer; the operator reads it with "postern show ${record.tag}".`,
      facts: [
        ...(record === null || occasion.product === null
          ? []
          : caseFacts(record, {
              product: occasion.product,
              settings: desk.settings,
              due: findDue(read, occasion.subject),
              now: occasion.now
            })),
        { label: 'Not sent', value: counts.join(', ') },
        { label: 'First', value: formatInstant(first.at, timezone) },
        { label: 'Last', value: formatInstant(last.at, timezone) }
      ]
    })
  ]
}

/** What nobody was told of when it happened; nothing when there is nothing. */
function digest(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { recipients, rings, once, now } = occasion
  const isLate = rings.some((ring) => ring.isLate)
  const said = digestMessage(digestFacts(read), { now, settings: desk.settings, isLate })
  return said === null ? [] : [sealedTo(recipients, now, said, { once, tag: null })]
}
