/**
 * The relay of one message to the maintainers (DESIGN §6): whom a reply would reach first, then the block of facts, then the
 * text and the files. Pure: builds decisions, seals nothing.
 */
import {
  addresseesOf,
  answeredAt,
  type CaseMessage,
  type CaseRecord,
  isOpen,
  type ReporterKey,
  type ReporterKeys,
  reporterKeyOf
} from '../domain/case.ts'
import { type Due } from '../domain/clock.ts'
import { type Decision, type SealedRecipient } from '../domain/decision.ts'
import { formatFingerprint } from '../domain/ids.ts'
import {
  explainSignature,
  FAILURES,
  isDeclaredKey,
  type OpenedMail,
  type Signature,
  WARNINGS
} from '../domain/mail.ts'
import { type Conversation, type FactLine } from '../domain/message.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { relay as relayMessage } from '../messages/to-maintainers.ts'
import { judgeSender, senderWords } from './authentication.ts'
import { promiseWords } from './clocks.ts'
import { reporterIn } from './conversation.ts'
import { subjectOf } from './new-case.ts'
import {
  type AnsweredReporter,
  addressOf,
  allMaintainers,
  memberReach,
  nameOf,
  reachSentence,
  reporterPath
} from './recipients.ts'
import { sealedTo } from './send.ts'
import { stateWords } from './status.ts'

/** What the facts about a case are made from. */
export type CaseAbout = {
  readonly product: Product
  readonly settings: Settings
  /** The promise that is due first. */
  readonly due: Due | null
  readonly now: Instant
}

export type RelayInput = CaseAbout & {
  readonly arrivalId: number
  readonly record: CaseRecord
  readonly opened: OpenedMail
  readonly receivedAt: Instant
  readonly size: number
  readonly reporterKeys: ReporterKeys
  /** Whether the content stays out: `opened` holds none then, and the files of the message do not go along. */
  readonly isWithheld: boolean
  /** Who wrote it. */
  readonly writer: Pick<CaseMessage, 'author' | 'authorId'>
  /** Warnings about keys. They name the owner of the key, so only list admins read those about a member. */
  readonly keyWarnings: readonly string[]
  /** Extra facts, for example what became of the acknowledgement. */
  readonly facts: readonly FactLine[]
  /** Extra warnings in plain words. */
  readonly warnings: readonly string[]
}

/**
 * The messages to all maintainers that forward one arrival. Who a list member is, only list admins read (G5): the others get
 * its id, and neither the message as it came nor a key.
 */
export function relay(input: RelayInput): Decision[] {
  const { settings, writer } = input
  const isHiddenFrom = (id: string): boolean =>
    writer.author === 'member' &&
    !settings.maintainers.some((one) => one.id === id && one.roles.includes('list-admin'))
  const everybody = allMaintainers(settings, null)
  return [false, true].flatMap((isHidden) => {
    const recipients = everybody.filter(({ id }) => isHiddenFrom(id) === isHidden)
    return recipients.length === 0 ? [] : [forwarded(input, recipients, isHidden)]
  })
}

/** One copy for each of `recipients`, who learn only the id of a hidden list member. */
function forwarded(
  input: RelayInput,
  recipients: readonly SealedRecipient[],
  isHidden: boolean
): Decision {
  const { record, product, opened, settings, writer } = input
  const isMember = writer.author === 'member'
  const reporter = answeredIn(input)
  const path = reporterPath(reporter, input.reporterKeys, product)
  const isAnswerable = writer.author === 'reporter' && product.policy.replies === 'reporter'
  const shown = opened.attachments.filter((file) => !isHidden || !isDeclaredKey(file))
  const via = isHidden ? `List member ${writer.authorId}` : senderName(opened)
  return sealedTo(
    recipients,
    relayMessage({
      facts: headFacts(input, isHidden),
      details: [
        ...caseFacts(record, input).filter(({ label }) => !FIRST.includes(label)),
        ...(isHidden ? factsOfMember(input) : mailFacts(input)),
        ...input.facts
      ],
      warnings: [
        ...opened.warnings.map((code) => WARNINGS[code]),
        ...(isHidden ? [] : input.keyWarnings),
        ...input.warnings
      ],
      text: opened.text,
      outsideText: opened.outsideText,
      files: shown.map(
        ({ filename, size, sha256 }) => `${filename} (${size} bytes, SHA-256 ${sha256})`
      ),
      reach: isMember
        ? memberReach(writer.authorId)
        : reachSentence(reporter, path, isAnswerable ? 'reporter' : 'internal')
    }),
    {
      once: isHidden ? `${input.arrivalId}:by-id` : String(input.arrivalId),
      tag: record.tag,
      ...(via === null ? {} : { via }),
      conversation: conversationWith(writer),
      files: input.isWithheld
        ? null
        : {
            from: 'arrival',
            original: !isHidden && input.size <= settings.limits.originalBytes,
            keys: !isHidden
          }
    }
  )
}

function senderName({ outer: { from } }: OpenedMail): string | null {
  return from === null ? null : from.name || from.address
}

function answeredIn({ record, writer }: Pick<RelayInput, 'record' | 'writer'>): AnsweredReporter {
  return reporterIn(record, { kind: 'one', with: conversationWith(writer), isSigned: true })
}

function conversationWith({ author, authorId }: RelayInput['writer']): Conversation {
  return author === 'member' || author === 'reporter' ? `${author}:${authorId}` : ''
}

/** What everybody may read of a member's message: nothing that names it but its id. */
function factsOfMember({ opened, receivedAt, settings }: RelayInput): FactLine[] {
  return [
    { label: 'Received', value: formatInstant(receivedAt, settings.desk.timezone) },
    { label: 'Encrypted', value: encryptionWords(opened) }
  ]
}

const FIRST: readonly string[] = ['Case', 'Owner', 'Answered', 'Due']

/** What a reader needs first; all else is in the details. A hidden list member is named by id. */
function headFacts(input: RelayInput, isHidden: boolean): FactLine[] {
  const { record, opened, writer } = input
  const name = isHidden ? `list member ${writer.authorId}` : senderOf(opened)
  return [
    ...caseFacts(record, input).filter(({ label }) => FIRST.includes(label)),
    { label: 'From', value: `${name}, ${signedWords(opened)}` },
    { label: 'Subject', value: subjectOf(opened) === '' ? 'none' : subjectOf(opened) }
  ]
}

function senderOf({ outer: { from } }: OpenedMail): string {
  return from === null ? 'not known' : `${from.name} <${from.address}>`.trim()
}

function signedWords({ signatures: [signature] }: OpenedMail): string {
  if (signature === undefined) return 'not signed'
  return signature.state === 'valid' ? 'signature valid' : 'signature not proved'
}

/** The lines that stand on top of everything about a case. */
export function caseFacts(record: CaseRecord, about: CaseAbout): FactLine[] {
  const { product, settings, due, now } = about
  const { timezone } = settings.desk
  const { tag, state, owner } = record
  const nobody = isOpen(state) ? 'nobody yet (/take makes it yours)' : ''
  const facts = {
    Case: `${tag}, ${stateWords(state)}`,
    Product: `${product.name} (policy ${product.policy.id})`,
    Owner: owner === null ? nobody : nameOf(owner, settings),
    Answered: answeredWords(record, timezone),
    Due: due === null ? '' : promiseWords(due, { case: record, settings, now }),
    Disclosure: disclosureWords(record, timezone)
  }
  return Object.entries(facts).flatMap(([label, value]) => (value === '' ? [] : [{ label, value }]))
}

/** The date as long as it stands, as in /status. */
function disclosureWords(record: CaseRecord, timezone: string): string {
  const { state, disclosureAt, disclosureZone } = record
  if (disclosureAt === null || !isOpen(state)) return ''
  const said = formatInstant(disclosureAt, timezone, disclosureZone)
  return state === 'disclosed' ? `recorded as public; the date was ${said}` : said
}

/** When all reporters were answered; if the case has several, which of them have no answer yet. */
function answeredWords(record: CaseRecord, timezone: string): string {
  const at = answeredAt(record)
  if (at !== null) return formatInstant(at, timezone)
  const waiting = addresseesOf(record).filter((reporter) => reporter.answeredAt === null)
  return record.reporters.length > 1 ? `not yet: ${waiting.map(addressOf).join(', ')}` : ''
}

function mailFacts(input: RelayInput): FactLine[] {
  const { opened, settings } = input
  return [
    { label: 'From', value: senderOf(opened) },
    { label: 'Sender', value: senderWords(judgeSender(opened, settings)) },
    { label: 'Received', value: formatInstant(input.receivedAt, settings.desk.timezone) },
    { label: 'Encrypted', value: encryptionWords(opened) },
    { label: 'Signed', value: signatureWords(opened, keyIn(input)) }
  ]
}

function encryptionWords(opened: OpenedMail): string {
  if (opened.failure !== null) return `could NOT be opened. ${FAILURES[opened.failure]}`
  if (!opened.encrypted) return 'no, anybody on the way could read it'
  return opened.structure === 'inline'
    ? 'yes (inline, without protected headers)'
    : 'yes, to the desk key'
}

function keyIn(input: RelayInput): ReporterKey | null {
  const reporter = answeredIn(input)
  return reporter === 'several' ? null : reporterKeyOf(reporter, input.reporterKeys)
}

function signatureWords(opened: OpenedMail, key: ReporterKey | null): string {
  const [first, ...others] = opened.signatures
  if (first === undefined) return 'no'
  const whose =
    first.fingerprint === null
      ? `key ${first.issuer.toUpperCase()}`
      : `key ${formatFingerprint(first.fingerprint)}`
  const known = first.fingerprint !== null && first.fingerprint === key?.fingerprint
  const more =
    others.length > 0 ? `; ${count(others.length, 'more signature', 'more signatures')}` : ''
  const mark = first.state === 'valid' ? reachWords(first, opened) : 'not proved'
  return `${mark}. ${explainSignature(first)} (${whose}${known ? ', the key used for this reporter' : ''}${more})`
}

/** How much of what the relay shows a valid signature covers. */
function reachWords({ coversWhole }: Signature, { outsideText }: OpenedMail): string {
  if (!coversWhole) return 'in part, not the whole message'
  return outsideText === '' ? 'yes' : 'in part, not the text outside'
}
