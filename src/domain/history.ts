/**
 * The record as a history that an auditor understands without the messages (G8): one sentence for every event, who did what,
 * from what to what, why, and on which message. Pure. Must never name a list member otherwise than by id (G5).
 */
import {
  type Actor,
  type DeskEvent,
  type EventKind,
  type Evidence,
  type NewEvent,
  type Particulars,
  type Recipient,
  type ReporterTold,
  type Way
} from './event.ts'
import { formatFingerprint } from './ids.ts'
import { type MessageKind } from './message.ts'
import { KEY_PROBLEMS, UNDELIVERED } from './outgoing.ts'
import { formatInstant, type Instant } from './time.ts'
import { count } from './words.ts'

/** What the sentences call people; a name may have been purged or taken out of the configuration since. */
export type HistoryNames = {
  readonly timezone: string
  /** Full name of a maintainer, or the id where it is not known any more. */
  readonly maintainer: (id: string) => string
  /** Name and address of a reporter of the case at hand; null where they are not kept any more. */
  readonly reporter: (id: string) => string | null
  /** What a message of this kind is called. */
  readonly noun: (kind: MessageKind) => string
}

/** One event in one line: `Sat 28 Nov 2026, 14:02 UTC: Grace Hopper took the case; signed message 4f3a….` */
export function historyLine(event: DeskEvent, names: HistoryNames): string {
  const when = formatInstant(event.at, names.timezone)
  return `${when}: ${historySentence(event, names)}`
}

/** The same without the time. */
export function historySentence(event: DeskEvent, names: HistoryNames): string {
  const who = ACTORS[event.actor.kind](event.actor.id, names)
  return `${who} ${predicate(event, sayer(names))}${evidenceWords(event.evidence)}.`
}

const ACTORS: Readonly<Record<Actor['kind'], (id: string, names: HistoryNames) => string>> = {
  desk: () => 'The desk',
  operator: () => 'The operator',
  somebody: () => 'An unverified sender',
  maintainer: (id, names) => names.maintainer(id),
  member: (id) => `List member ${id}`,
  reporter: (id, names) => names.reporter(id) ?? 'The reporter'
}

function evidenceWords({ messageSha256, signatureSha256 }: Evidence): string {
  if (messageSha256 === null) return ''
  const what = signatureSha256 === null ? 'message' : 'signed message'
  return `; ${what} ${messageSha256.slice(0, 12)}…`
}

/** How particulars are said. */
function sayer(names: HistoryNames) {
  const { maintainer, noun, timezone } = names
  const reporter = (id: string): string => names.reporter(id) ?? 'the reporter'
  return {
    instant: (instant: Instant): string => formatInstant(instant, timezone),
    reporter,
    maintainer,
    noun,
    recipient: ({ audience, recipient }: Recipient): string => {
      if (audience === 'maintainer') return maintainer(recipient)
      if (audience === 'member') return `list member ${recipient}`
      return audience === 'reporter' ? reporter(recipient) : 'an outsider'
    }
  }
}

type Say = ReturnType<typeof sayer>

function predicate<K extends EventKind>({ kind, about }: NewEvent<K>, say: Say): string {
  const words: (about: NewEvent<K>['about'], say: Say) => string = PREDICATES[kind]
  return words(about, say)
}

type Predicates = { readonly [K in EventKind]: (about: NewEvent<K>['about'], say: Say) => string }

/** What happened, for every kind of event; the subject of the sentence is whoever did it. */
const PREDICATES: Predicates = {
  opened: ({ product, receivedAt }, { instant }) =>
    `sent the report that opened the case (product ${product}, received ${instant(receivedAt)})`,
  'reporter-wrote': ({ receivedAt }, { instant }) => `wrote (received ${instant(receivedAt)})`,
  'member-wrote': ({ member, isSigned }) =>
    isSigned
      ? 'wrote, with a valid signature'
      : `wrote in the name of list member ${member}, without a valid signature`,
  'other-wrote': () => 'wrote into the case',
  'message-refused': ({ because }) =>
    `wrote in the name of this maintainer; nothing was done (${because})`,
  'refused-unanswered': ({ because }) =>
    `wrote in the name of this maintainer; nothing was done (${because}) and nobody was answered, because there were too many`,
  'ciphertext-reused': ({ cases }) =>
    `sent a message whose encrypted content came before${listed('into', cases)}; it is on hold`,
  'bounce-unmatched': () => 'sent a delivery report about no message of the desk; it is on hold',
  'message-unread': ({ bytes }) =>
    `sent a message of ${bytes} bytes that could not be read; it is on hold`,
  'commands-ran': ({ verbs }) =>
    `gave ${commandWords(verbs)}, and the desk carried ${them(verbs)} out`,
  'commands-refused': ({ verbs }) => `gave ${commandWords(verbs)}, and nothing was done`,
  taken: ({ from }, { maintainer }) =>
    from === null ? 'took the case' : `took the case from ${maintainer(from)}`,
  noted: () => 'wrote a note to the maintainers',
  'moved-product': ({ from, to }) => `moved the case from product ${from} to product ${to}`,
  answered: ({ reporter, with: message, how }, { noun, reporter: name }) =>
    `answered ${name(reporter)} (${noun(message)}, ${WAYS[how]})`,
  'plan-told': ({ reporter, how }, { reporter: name }) =>
    `told ${name(reporter)} the plan and the workarounds (${WAYS[how]})`,
  'info-asked': ({ reporter, how }, { reporter: name }) =>
    `asked ${name(reporter)} for more information (${WAYS[how]})`,
  'words-wait': ({ reporter, with: message }, { noun, reporter: name }) =>
    `wrote to ${name(reporter)} (${noun(message)}); the words wait, because no key of theirs is known`,
  'words-dropped': (
    { reporter, with: message, author, date, because: why, reason },
    { reporter: name, maintainer, instant, noun }
  ) =>
    `withdrew what ${maintainer(author)} wrote to ${name(reporter)} on ${instant(date)} (${noun(message)}); it had waited for a key${why === 'unsent' ? '' : `, and the case was ${why}`}${because(reason)}`,
  'member-answered': ({ member }) => `answered list member ${member} (encrypted)`,
  'acknowledgement-released': () => 'let the acknowledgement leave that was on hold',
  accepted: () => 'accepted the report as a security issue',
  rejected: ({ code, told }) => `rejected the report (${code}); ${TOLD[told]}`,
  merged: ({ into, told }) => `merged the case into ${into}; ${TOLD[told]}`,
  'merged-in': ({ from, reporter, receivedAt }, { reporter: name }) =>
    `merged case ${from} of ${name(reporter)} into this one${receivedAt === null ? '' : '; nobody has answered them yet'}`,
  reopened: ({ reason }) => `reopened the case${because(reason)}`,
  disclosed: ({ date, reason }, { instant }) =>
    `recorded the disclosure (public since ${instant(date)})${because(reason)}`,
  closed: ({ disposition, reason, told }) =>
    `closed the case (${disposition})${because(reason)}; ${TOLD[told]}`,
  'embargo-set': ({ oldDate, date, written, reason }, { instant }) =>
    `${oldDate === null ? 'set the disclosure to' : `moved the disclosure from ${instant(oldDate)} to`} ${instant(date)}${written === '' ? '' : ` (written: ${written})`}${because(reason)}`,
  'date-untold': ({ reporter, because }, { reporter: name }) =>
    `could not tell ${name(reporter)} the disclosure date, because ${because === 'no-key' ? 'we have no usable key of theirs' : 'the report names no address'}`,
  'date-told': ({ reporter, date, how }, { reporter: name, instant }) =>
    `told ${name(reporter)} the disclosure date ${instant(date)} (${WAYS[how]})`,
  'date-answered': ({ date, answer }, { instant }) =>
    `${answer === 'agree' ? 'agreed' : 'objected'} to the disclosure date ${instant(date)}`,
  'notice-drafted': ({ revision, fields, patches }) =>
    `wrote the advance notice, revision ${revision}${listed('fields', fields)}${listed(
      'patches',
      patches.map((sha256) => `SHA-256 ${sha256.slice(0, 12)}…`)
    )}`,
  'notice-previewed': ({ revision, digest, code }) =>
    `previewed the advance notice, revision ${revision} (code ${code}, content ${digest.slice(0, 12)}…)`,
  'notice-approved': ({ revision, digest, code }) =>
    `approved the advance notice, revision ${revision} (code ${code}, content ${digest.slice(0, 12)}…)`,
  'notice-scheduled': ({ revision, leavesAt }, { instant }) =>
    `scheduled the advance notice, revision ${revision}, for ${instant(leavesAt)}`,
  'notice-held': ({ revision, because: why, copies }) =>
    `put the advance notice, revision ${revision}, on hold (${why})${copyWords(copies)}`,
  'notice-leaving': ({ revision, digest, lateMs }) =>
    `began to send the advance notice, revision ${revision} (content ${digest.slice(0, 12)}…)${lateMs >= 60_000 ? `, ${Math.round(lateMs / 60_000)} minutes late` : ''}`,
  'notice-left': ({ revision, sent, held }) =>
    `sent the advance notice, revision ${revision}: ${count(sent, 'copy', 'copies')} sent${held === 0 ? '' : `, ${count(held, 'copy', 'copies')} on hold`}`,
  'change-proposed': ({ oldDate, date }, { instant }) =>
    oldDate === date
      ? 'changed the advance notice that the list has had'
      : `changed the date that the list was told from ${instant(oldDate)} to ${instant(date)}`,
  'copy-waits': ({ member, leavesAt }, { instant }) =>
    `had a copy of the notice waiting for list member ${member} (due ${instant(leavesAt)})`,
  'copy-left': ({ member }) => `delivered the copy of list member ${member}`,
  'copy-dropped': ({ member, because: why }) =>
    `took back the copy of list member ${member}, because ${why === 'not-listed' ? 'the member is not active on the list any more' : 'the date in it has come'}`,
  told: ({ message, ...whom }, { noun, recipient }) =>
    `sent ${recipient(whom)} the ${noun(message)}`,
  'not-encrypted': ({ message, because: why, ...whom }, { noun, recipient }) =>
    `could not encrypt the ${noun(message)} to ${recipient(whom)}, because ${KEY_PROBLEMS[why]}; it was not sent`,
  undelivered: ({ message, because: why, code, attempts, ...whom }, { noun, recipient }) =>
    `could not deliver the ${noun(message)} to ${recipient(whom)}, because ${UNDELIVERED[why]} (${code === 0 ? '' : `code ${code}, `}${count(attempts, 'attempt', 'attempts')})`,
  retried: ({ outbox }) => `had message ${outbox} sent again`,
  rang: ({ clock, dueAt, isLate }, { instant }) =>
    `reminded people of ${clock} (due ${instant(dueAt)}${isLate ? '; late, because the desk was not running' : ''})`,
  'key-asked': ({ reporter }, { reporter: name }) => `asked ${name(reporter)} for an OpenPGP key`,
  'key-pinned': ({ reporter, fingerprint, source, replaced, isUsable }, { reporter: name }) =>
    `took the key ${formatFingerprint(fingerprint)} into use for ${name(reporter)} (${source}${replaced === null ? '' : `, in place of ${formatFingerprint(replaced)}`}${isUsable ? '' : ', it cannot be used now'})`,
  'key-offered': ({ reporter, fingerprint, isKept }, { reporter: name }) =>
    `received another key for ${name(reporter)}, ${formatFingerprint(fingerprint)}, and did not take it into use${isKept ? '' : ' (it was not kept)'}`,
  'key-refused': ({ reporter, fingerprint, reason }, { reporter: name }) =>
    `refused the key ${formatFingerprint(fingerprint)}, which is not that of ${name(reporter)}${because(reason)}`,
  'certificate-seen': ({ fingerprint, expiresAt }, { instant }) =>
    `saw the key${fingerprint === null ? '' : ` ${formatFingerprint(fingerprint)}`} (${expiresAt === null ? 'it does not expire' : `it expires ${instant(expiresAt)}`})`,
  'member-added': ({ products }) => `added the list member (${products.join(', ')})`,
  'member-removed': () => 'removed the list member',
  'desk-failed': ({ at, error }) => `failed at ${at} (${error})`,
  'clock-doubted': ({ ms }) =>
    `saw the clock of the machine jump ${ms < 0 ? 'back' : 'forward'} by ${Math.round(Math.abs(ms) / 60_000)} minutes; scheduled notices wait`,
  'clock-trusted': () => 'trusts the clock of the machine again',
  'digest-planned': ({ date }, { instant }) => `planned the next digest for ${instant(date)}`,
  'digest-dropped': ({ date }, { instant }) => `dropped the digest of ${instant(date)}`
}

/** Every kind of event, for what reads them from a file. */
export const EVENT_KINDS = Object.keys(PREDICATES) as EventKind[]

const WAYS: Readonly<Record<Way, string>> = { encrypted: 'encrypted', 'in-clear': 'unencrypted' }
const TOLD: Readonly<Record<ReporterTold, string>> = {
  told: 'the reporter was told',
  'waits-for-key': 'the reporter will be told when a key comes',
  'no-address': 'the reporter could not be told, because the report names no address',
  'silent-by-policy': 'the reporter was not told, as the policy allows'
}

/** What became of the copies, as a clause; '' where there are none. */
function copyWords({ left, here, onTheWay }: Particulars['notice-held']['copies']): string {
  const said = [
    [left, 'had left'],
    [here, 'stayed here'],
    [onTheWay, 'may have been leaving']
  ] as const
  const counted = said.flatMap(([number, what]) =>
    number === 0 ? [] : [`${count(number, 'copy', 'copies')} ${what}`]
  )
  return counted.length === 0 ? '' : `; ${counted.join(', ')}`
}

function because(reason: string): string {
  return reason === '' ? '' : `, because: ${reason}`
}

function listed(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `; ${title}: ${items.join(', ')}`
}

function commandWords(verbs: readonly string[]): string {
  const names = verbs.map((verb) => `/${verb}`).join(', ')
  return `${verbs.length === 1 ? 'the command' : 'the commands'} ${names}`
}

function them(verbs: readonly string[]): string {
  return verbs.length === 1 ? 'it' : 'them'
}
