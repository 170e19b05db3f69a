/**
 * The relay of one message to the maintainers: first whom a reply would reach, then the block of facts, then the text and the
 * files. Pure: builds decisions, encrypts nothing.
 */
import * as cases from '../domain/case.ts'
import { type Due } from '../domain/clock.ts'
import { type Decision } from '../domain/decision.ts'
import { groupBy } from '../domain/group.ts'
import { formatFingerprint } from '../domain/ids.ts'
import * as mail from '../domain/mail.ts'
import { type Conversation, type FactLine } from '../domain/message.ts'
import { type Maintainer } from '../domain/settings.ts'
import { formatInstant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { relay as relayMessage } from '../messages/to-maintainers.ts'
import { judgeSender } from './authentication.ts'
import { type Carried, carry } from './carried.ts'
import { promiseWords } from './clocks.ts'
import { reporterIn } from './conversation.ts'
import { type CommandContext } from './draft.ts'
import { type AnsweredReporter, memberReach, nameOf, reachSentence } from './recipients.ts'
import { sealedTo } from './send.ts'
import { type Situation } from './situation.ts'
import { answerLines, disclosureWords, stateWords } from './status.ts'
import { listMember } from './threading.ts'
import { missingRoles } from './verbs/verb.ts'

/** What the facts about a case are made from. */
export type CaseAbout = Pick<CommandContext, 'product' | 'settings' | 'now'> & {
  /** The promise that is due first. */
  readonly due: Due | null
}

export type RelayInput = CaseAbout &
  Pick<
    Situation,
    'arrivalId' | 'opened' | 'quarantined' | 'member' | 'receivedAt' | 'size' | 'place'
  > & {
    readonly record: cases.CaseRecord
    readonly reporterKeys: cases.ReporterKeys
    /** Whether the content stays out: `opened` holds none then, and the files of the message do not go along. */
    readonly isWithheld: boolean
    /** Who wrote it. */
    readonly writer: Pick<cases.CaseMessage, 'author' | 'authorId'>
    /** Whether it opened the case. */
    readonly isReport: boolean
    /** Extra facts, for example what became of the acknowledgement. */
    readonly facts: readonly FactLine[]
    /** Extra warnings in plain words. */
    readonly warnings: readonly string[]
    /** The maintainer who asked for it and alone gets it; all get it unless given. */
    readonly asked?: { readonly by: Maintainer; readonly once: string }
  }

/**
 * The messages to all maintainers that forward one arrival. Only list admins read who a list member is (G5): the others get the
 * id of the member, but neither the original message nor a key or a visiting card.
 */
export function relay(input: RelayInput): Decision[] {
  const hiddenAs = hiddenName(input)
  const hiddenFrom = ({ roles }: Maintainer) => (roles.includes('list-admin') ? null : hiddenAs)
  // A reply of those who only advise goes nowhere else.
  const to = input.asked === undefined ? input.settings.maintainers : [input.asked.by]
  const groups = groupBy(to, (one) => `${hiddenFrom(one)} ${onlyAdvises(one)}`)
  return [...groups.values()].map((group) => forwarded(input, group, hiddenFrom(group[0])))
}

/**
 * What maintainers who are no list admins read in place of the sender; null where they may read that. An automatic answer may
 * come from the mail system of any member.
 */
function hiddenName(input: RelayInput): string | null {
  const { writer, opened } = input
  if (writer.author === 'member') return `list member ${writer.authorId}`
  return mail.isByProgram(opened, 'auto-replied') ? 'the sender of an automatic answer' : null
}

/** One copy for each of these; `hiddenAs` is what they read in place of a hidden sender. */
function forwarded(
  input: RelayInput,
  to: readonly Maintainer[],
  hiddenAs: string | null
): Decision {
  const { record, opened, settings, writer, arrivalId, isWithheld } = input
  const isHidden = hiddenAs !== null
  const isAdvice = to.some(onlyAdvises)
  const { from } = opened.outer
  const unhidden = <T>(all: readonly T[]): readonly T[] => (isHidden ? [] : all)
  const ofCase = caseFacts(record, input)
  const isFirst = ({ label }: FactLine): boolean => FIRST.includes(label)
  // In the copy for everybody nobody is named as a member.
  const member = writer.author === 'member' ? listMember(input) : null
  const listed = member === null ? '' : `, list member ${member.id}`
  const signed = 'verified, the key of the list member signed this message for the desk'
  const hasNoReader = (): boolean =>
    isHidden && !settings.maintainers.some(({ roles }) => roles.includes('list-admin'))
  const senderProof = (): string =>
    member?.isSigned === true ? signed : judgeSender(opened, settings).says
  const who = hiddenAs ?? `${senderWords(opened)}${listed}`
  const carried = carry(input, isHidden)
  const params = {
    isReport: input.isReport,
    facts: [
      ...[...ofCase, ...input.facts].filter(isFirst),
      fact('From', `${who}, ${signedWords(input, isHidden)}`),
      fact('Subject', mail.subjectOf(opened) || 'none')
    ],
    details: [
      ...ofCase.filter((one) => !isFirst(one)),
      ...unhidden([fact('From', senderWords(opened)), fact('Sender', senderProof())]),
      fact('Received', formatInstant(input.receivedAt, settings.desk.timezone)),
      fact('Encrypted', encryptionWords(opened)),
      ...unhidden([
        fact('Signed', signatureWords(input)),
        ...input.facts.filter((one) => !isFirst(one))
      ]),
      ...heldFacts(input)
    ],
    isUnread: opened.failure !== null,
    isQuarantined: input.quarantined,
    warnings: [...warningsOf(input, carried.isCut), ...input.warnings],
    ...carriedWords(opened, carried, isHidden),
    isTooLarge: false,
    number: arrivalId,
    reach: isAdvice ? '' : replyWords(input, hiddenAs),
    hasNoReader: hasNoReader()
  }
  return sealedTo(to, relayMessage(params), {
    once: input.asked?.once ?? `${arrivalId}:${isHidden}:${isAdvice}`,
    tag: record.tag,
    via: hiddenAs ?? (from && (from.name || from.address)),
    conversation: conversationWith(writer),
    files: isWithheld ? null : { from: 'arrival', ...carried, isSenderHidden: isHidden },
    smaller: relayMessage({ ...params, ...withoutFiles(params, input.size) })
  })
}

/** What a copy shows of the message. */
function carriedWords({ sealedParts }: mail.OpenedMail, carried: Carried, isHidden: boolean) {
  const { text, outsideText, sealedTexts, original } = carried
  return {
    text,
    outsideText,
    sealed: sealedParts.map((part, index) =>
      sealedWords({ ...part, text: sealedTexts[index] ?? '' }, index + 1, isHidden)
    ),
    isInOriginal: original,
    files: carried.files.map(fileLine),
    left: carried.left.map(fileLine)
  }
}

/** What a copy says that goes without its files, because a mail server takes no message of that size. */
function withoutFiles(
  { isInOriginal, files, left }: Parameters<typeof relayMessage>[0],
  size: number
) {
  const original = isInOriginal ? [`original.eml (${size} bytes)`] : []
  const all = [...original, ...files, ...left]
  return { isInOriginal: false, files: [], left: all, isTooLarge: true }
}

function warningsOf({ opened: { warnings } }: RelayInput, isCut: boolean): string[] {
  const isAlsoCut = isCut && !warnings.includes('text-truncated')
  const codes = isAlsoCut ? [...warnings, 'text-truncated' as const] : warnings
  return codes.map((code) => mail.WARNINGS[code])
}

function fileLine({ filename, size, sha256 }: mail.Attachment): string {
  return `${filename} (${size} bytes, SHA-256 ${sha256})`
}

/** Where a message on hold is, and the operator's way to have it handled again. */
function heldFacts({
  arrivalId: id,
  opened,
  quarantined,
  isWithheld,
  place
}: RelayInput): FactLine[] {
  if (!quarantined && !isWithheld && !opened.warnings.includes('too-large')) return []
  const where = `UID ${place.uid} in ${place.mailbox} when it came`
  const way = `The operator types "postern received show ${id}" to see how to have it handled again.`
  return [fact('On hold', `${where}. ${way}`)]
}

function onlyAdvises(one: Maintainer): boolean {
  return missingRoles(one).length > 0
}

function senderWords({ outer: { from, sentBy } }: mail.OpenedMail): string {
  if (from === null) return 'not known'
  const through = sentBy === undefined ? '' : ` (through ${sentBy.address})`
  return `${`${from.name} <${from.address}>`.trim()}${through}`
}

function conversationWith({ author, authorId }: RelayInput['writer']): Conversation {
  return author === 'member' || author === 'reporter' ? `${author}:${authorId}` : ''
}

function answeredIn({ record, writer }: RelayInput): AnsweredReporter {
  return reporterIn(record, { kind: 'one', with: conversationWith(writer), isSigned: true })
}

function replyWords(input: RelayInput, hiddenAs: string | null): string {
  const { writer, product, reporterKeys } = input
  if (writer.author === 'member') return memberReach(writer.authorId)
  const plain = writer.author === 'reporter' ? product.policy.replies : 'internal'
  const reporter = answeredIn(input)
  const says = reachSentence(reporter, reporterKeys, product, plain)
  if (hiddenAs === null || reporter === null || reporter === 'several') return says
  return says.replaceAll(reporter.contact.address, hiddenAs)
}

/** What a reader needs first; all else is in the details. */
const FIRST: readonly string[] = ['Case', 'Owner', 'Reporter', 'Due', 'About the date']

function fact(label: string, value: string): FactLine {
  return { label, value }
}

/** The lines that stand on top of everything about a case. */
export function caseFacts(
  record: cases.CaseRecord,
  { product, settings, due, now }: CaseAbout
): FactLine[] {
  const { timezone } = settings.desk
  const { tag, state, owner } = record
  const nobody = cases.isOpen(state) ? 'nobody yet (/take makes it yours)' : ''
  return [
    fact('Case', `${tag}, ${stateWords(record)}`),
    fact('Product', `${product.name} (policy ${product.policy.id})`),
    fact('Owner', owner === null ? nobody : nameOf(owner, settings)),
    fact('Reporter', answerLines(record, timezone).join('; ')),
    fact('Due', due === null ? '' : promiseWords(due, { case: record, settings, now })),
    fact('Disclosure', disclosureWords(record, timezone, state === 'disclosed'))
  ].filter(({ value }) => value !== '')
}

/** A further sealed part, with how sure the desk is of it. */
function sealedWords(part: mail.SealedPart, number: number, isHidden: boolean) {
  const { place, filename, encrypted, failure, header, signatures, text, attachments } = part
  const name = filename === '' ? '' : ` (${filename})`
  const from = header === null || isHidden ? '' : `, which says it is from ${headerWords(header)}`
  const [signature] = signatures
  const key = signature?.fingerprint ?? null
  const signed = signature === undefined ? 'It is not signed.' : mail.explainSignature(signature)
  const whose = key === null ? '' : ` Key: ${formatFingerprint(key)}.`
  const opened = encrypted ? 'It was encrypted to the desk and was opened here.' : ''
  const says =
    failure === null
      ? [opened, `${signed}${whose}`, UNPROVED[place === 'message' ? 'message' : 'part']]
      : ['It could NOT be opened.', mail.FAILURES[failure]]
  return {
    title: `${place === 'message' ? 'Attached message' : 'Sealed part'} ${number}${name}${from}`,
    says: says.filter((one) => one !== '').join(' '),
    text,
    files: attachments.filter((file) => !isHidden || !mail.namesSender(file)).map(fileLine)
  }
}

const UNPROVED = {
  part: 'Nothing proves that its author wrote the rest of this message.',
  message:
    'The person who sent it on need not be its author: please tell them nothing of it that they may not know.'
} as const

function headerWords({ from, unreadableFrom, subject }: mail.HeaderFacts): string {
  const who = from === null ? unreadableFrom : `${from.name} <${from.address}>`.trim()
  return `${who || 'nobody'}, about “${subject}”`
}

function encryptionWords(opened: mail.OpenedMail): string {
  const { failure, encrypted, structure, sealedTo, warnings } = opened
  if (warnings.includes('too-large')) return 'not known, because only the header was read'
  if (failure !== null) return `could NOT be opened. ${mail.FAILURES[failure]}`
  if (!encrypted && sealedTo !== 'nobody')
    return 'in part: some of it is encrypted, and anybody on the way could read the rest'
  if (!encrypted) return 'no, anybody on the way could read it'
  return structure === 'inline' ? 'yes (inline, without protected headers)' : 'yes, to the desk key'
}

/** With whose key it is, where From is another; who may not read the sender does not read that either. */
function signedWords(input: RelayInput, isHidden: boolean): string {
  const [signature] = input.opened.signatures
  if (signature === undefined) return 'not signed'
  if (signature.state !== 'valid') return 'signature not proved'
  return `signature valid${isHidden ? '' : anotherSigner(signature, input)}`
}

/** Only maintainers and the reporters of the case are named: whoever else has a key here may be a member of the list (G5). */
function anotherSigner({ signer }: mail.Signature, input: RelayInput): string {
  const isSame = input.opened.outer.from?.address.toLowerCase() === signer.toLowerCase()
  if (signer === '' || isSame) return ''
  const { maintainers } = input.settings
  const reporters = input.record.reporters.flatMap(({ contact }) => contact ?? [])
  const isNamed = [...maintainers, ...reporters].some(
    ({ address }) => address.toLowerCase() === signer.toLowerCase()
  )
  return `, but by the key of ${isNamed ? signer : 'another address'}`
}

function signatureWords(input: RelayInput): string {
  const { opened, reporterKeys } = input
  const reporter = answeredIn(input)
  const key = reporter === 'several' ? null : cases.reporterKeyOf(reporter, reporterKeys)
  const [first, ...others] = opened.signatures
  if (first === undefined) return 'no'
  const { fingerprint, issuer, state } = first
  const whose = fingerprint === null ? issuer.toUpperCase() : formatFingerprint(fingerprint)
  const isKnown = fingerprint !== null && fingerprint === key?.fingerprint
  const known = isKnown ? ', the key used for this reporter' : ''
  const more =
    others.length > 0 ? `; ${count(others.length, 'more signature', 'more signatures')}` : ''
  const mark = state === 'valid' ? coverWords(first, opened) : 'not proved'
  return `${mark}. ${mail.explainSignature(first)} (key ${whose}${known}${more})`
}

/** How much of what the relay shows a valid signature covers. */
function coverWords({ coversWhole }: mail.Signature, { outsideText }: mail.OpenedMail): string {
  if (!coversWhole) return 'in part, not the whole message'
  return outsideText === '' ? 'yes' : 'in part, not the text outside'
}
