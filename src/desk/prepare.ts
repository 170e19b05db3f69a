/**
 * The *prepare* step: decisions that send become finished messages, rendered, sealed and numbered, in memory only. Has no
 * consequences: whatever fails here leaves nothing behind. A key that is refused never turns into clear text (G3).
 */
import { type Address, domainOf, parseAddress } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import {
  type Addressee,
  type Decision,
  type SealedRecipient,
  type SendClear,
  type SendSealed
} from '../domain/decision.ts'
import { type CaseTag, type MessageId, parseCaseTag } from '../domain/ids.ts'
import { CODE_CHARS, type Message, refLine } from '../domain/message.ts'
import {
  type KeyRefusal,
  type OutgoingAttachment,
  type OutgoingBody,
  type OutgoingHeaders,
  SMALL_BYTES
} from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { relay } from '../messages/to-maintainers.ts'
import * as cases from '../store/cases.ts'
import * as outbox from '../store/outbox.ts'
import { type Desk } from './desk.ts'

/** One finished message: what the outbox stores. */
export type PreparedMail = Omit<outbox.NewOutbox, 'caseId'> & { readonly caseTag: CaseTag | null }

/** A copy that was not sealed, and why. */
export type RefusedCopy = {
  readonly recipient: SealedRecipient
  readonly because: KeyRefusal
  readonly decision: SendSealed
}

/** Message-IDs that head the threads of a case opened by these decisions. */
export type Roots = { readonly maintainer: MessageId; readonly reporter: MessageId }

export type Prepared = {
  readonly messages: readonly PreparedMail[]
  readonly refused: readonly RefusedCopy[]
  readonly roots: Roots
}

/** Files of the message being handled, for decisions that pass them on. */
export type Source = {
  /** Null where no message is being handled. */
  readonly arrivalId: number | null
  readonly attachments: readonly OutgoingAttachment[]
  readonly original: (() => Uint8Array) | null
}

/** The facts that all messages of one unit of work share. */
type Job = {
  readonly decisions: readonly Decision[]
  readonly source: Source
  readonly roots: Roots
  readonly now: Instant
}

/** Renders and seals everything that the decisions send. */
export async function prepare(
  desk: Desk,
  decisions: readonly Decision[],
  now: Instant,
  source: Source = { arrivalId: null, attachments: [], original: null }
): Promise<Prepared> {
  const newRoot = (): MessageId => messageIdOf(desk, desk.randomness.token(CODE_CHARS))
  const roots = { maintainer: newRoot(), reporter: newRoot() }
  const job: Job = { decisions, source, roots, now }
  const copies: (PreparedMail | RefusedCopy)[][] = []
  // One after the other: a second thread takes longer to start, and more memory, than one takes for all of them.
  for (const decision of decisions)
    if (decision.kind === 'send-sealed' || decision.kind === 'send-clear')
      copies.push(...(await Promise.all(copiesOf(desk, decision, job))))
  return {
    messages: copies.flat().flatMap((copy) => ('because' in copy ? [] : copy)),
    refused: copies.flat().flatMap((copy) => ('because' in copy ? copy : [])),
    roots
  }
}

/**
 * The Message-ID of the message whose reference line holds this code; of the copy to this recipient, where several have one line.
 * Everybody sees it; it does not give the code away.
 */
export function messageIdOf({ sha256, settings }: Desk, code: string, to = ''): MessageId {
  const digest = sha256(to === '' ? code : `${code} ${to}`)
  return `${digest.slice(0, 32)}@${domainOf(settings.desk.address)}` as MessageId
}

/**
 * Copies that one worker seals one after the other, and of large messages: what they have in common is passed on and encoded
 * once. More threads would each take as long to start and to warm up as some hundred copies take.
 */
const SEALED_TOGETHER = 64
const LARGE_TOGETHER = 8

function copiesOf(
  desk: Desk,
  decision: SendSealed | SendClear,
  job: Job
): Promise<(PreparedMail | RefusedCopy)[]>[] {
  const { message, madeAt = job.now } = decision
  const tag = shownTag(decision)
  const isClear = decision.kind === 'send-clear'
  const text = desk.render(message, { tag, inClear: isClear })
  const newCode = (): string => desk.randomness.token(CODE_CHARS)
  const newCopy = (to: Addressee, common?: string) => {
    const code = common ?? newCode()
    const messageId = messageIdOf(desk, code, common === undefined ? '' : to.id)
    const headers = headersOf(desk, decision, to, { ...job, messageId })
    return { headers, lastLine: refLine(tag, code) }
  }
  const finish = (to: Addressee, headers: OutgoingHeaders, bytes: Bytes): PreparedMail =>
    finished(desk, decision, job, { to, headers, ...bytes })
  const signFor = async (to: Addressee) => {
    const { headers } = newCopy(to)
    const raw = await desk.workers.signClear(text, headers, madeAt)
    return [finish(to, headers, { raw, smaller: null })]
  }
  if (isClear) return [signFor(decision.to)]
  const { recipients } = decision
  const content = { text, ...filesOf(decision, job.source) }
  const isShared = isLarge(content) && mayShare(decision)
  const body = { ...content, isShared }
  const smallBody = isLarge(body) ? smallerBody(desk, decision) : null
  const together = isShared ? recipients.length : isLarge(body) ? LARGE_TOGETHER : SEALED_TOGETHER
  const code = isShared ? newCode() : undefined
  const sealTogether = async (recipients: readonly SealedRecipient[]) => {
    const copies = recipients.map((recipient) => {
      const { fingerprint, keyData } = recipient
      return { recipient, to: { ...newCopy(recipient, code), fingerprint, keyData } }
    })
    const all = copies.map(({ to }) => to)
    const small = smallBody === null ? [] : await desk.workers.seal(smallBody, all, madeAt)
    const sealed = await desk.workers.seal(body, all, madeAt)
    return copies.map(({ recipient, to }, index) => {
      const [one, same] = [sealed[index], small[index]]
      assert(one !== undefined, 'a copy without a result')
      if (one.kind === 'refused') return { recipient, because: one.because, decision }
      const smaller = same?.kind === 'sealed' ? same.raw : null
      const { kind: _, ...bytes } = one
      return finish(recipient, to.headers, { ...bytes, smaller })
    })
  }
  const groups = Math.ceil(recipients.length / together)
  return Array.from({ length: groups }, (_, group) =>
    sealTogether(recipients.slice(group * together, (group + 1) * together))
  )
}

type Bytes = Pick<PreparedMail, 'raw' | 'smaller' | 'shared'>

/**
 * Whether all copies may have one encrypted content: those of a message with its files to several maintainers, who know of each
 * other. Never what goes to the list, where nobody may see that two people got the same (G5).
 */
function mayShare({ message, recipients, files }: SendSealed): boolean {
  return message.audience === 'maintainer' && files?.from === 'arrival' && recipients.length > 1
}

/** What the outbox stores of one copy. */
function finished(
  desk: Desk,
  decision: SendSealed | SendClear,
  job: Job,
  { to: { id }, headers, ...bytes }: Bytes & { to: Addressee; headers: OutgoingHeaders }
): PreparedMail {
  const { message, conversation = '', notAfter = null } = decision
  const { isHeld = false, isProved = false } = decision
  return {
    once: id === '' ? decision.once : `${decision.once}:${id}`,
    kind: message.kind,
    caseTag: decision.tag,
    noticeId: decision.kind === 'send-clear' ? null : (decision.noticeId ?? null),
    audience: message.audience,
    recipientId: id,
    // An automatic answer that cannot be delivered must not come back (RFC 3834 §3.3).
    envelopeFrom:
      message.autoSubmitted === 'auto-replied' ? '' : bounceAddress(desk, headers.messageId),
    envelopeTo: headers.to.address,
    messageId: headers.messageId,
    conversation,
    ...bytes,
    ...askable(decision, job.source),
    forwards: message.kind === relay.kind ? job.source.arrivalId : null,
    notBefore: decision.notBefore ?? job.now,
    notAfter,
    isHeld,
    isProved
  }
}

/** The stored message whose files the reader of this forwarded message may ask for; null for other messages. */
function askable(decision: SendSealed | SendClear, { arrivalId }: Source) {
  const files = decision.kind === 'send-sealed' ? decision.files : null
  return files?.from === 'arrival'
    ? { filesOf: arrivalId, isSenderHidden: files.isSenderHidden }
    : { filesOf: null, isSenderHidden: false }
}

/** Whether a body is large enough for a server to refuse it. */
function isLarge({ attachments, original }: OutgoingBody): boolean {
  const files = attachments.reduce((sum, { content }) => sum + content.byteLength, 0)
  return files + (original?.byteLength ?? 0) > SMALL_BYTES
}

/** The body of the same message without its files; null where it has no such form. */
function smallerBody(desk: Desk, decision: SendSealed): OutgoingBody | null {
  const { smaller } = decision
  if (smaller === undefined) return null
  const text = desk.render(smaller, { tag: shownTag(decision), inClear: false })
  return { text, attachments: [], original: null }
}

/** Where a bounce goes: the token is the unguessable part of the Message-ID, so it says which message came back. */
function bounceAddress(desk: Desk, messageId: MessageId): Address {
  const { bounceAddress: pattern, address } = desk.settings.desk
  const token = messageId.slice(0, messageId.indexOf('@'))
  return (pattern === null ? null : parseAddress(pattern.replace('{token}', token))) ?? address
}

function headersOf(
  desk: Desk,
  decision: SendSealed | SendClear,
  to: Addressee,
  job: Job & { readonly messageId: MessageId }
): OutgoingHeaders {
  const { name, casePrefix } = desk.settings.desk
  const { message, via } = decision
  const caseTag = shownTag(decision)
  const { root, answerTo } = threadOf(desk, decision, to.id, job)
  const answered = decision.inReplyTo ?? answerTo
  const references = [root, answered].filter((id) => id !== null)
  const subject = oneLine(`[${caseTag ?? casePrefix}] ${message.subject}`)
  return {
    messageId: job.messageId,
    date: decision.madeAt ?? job.now,
    fromName: oneLine(via === undefined ? name : `${via} via ${name}`),
    to: { name: oneLine(to.name), address: to.address },
    subject,
    outerSubject: outerSubjectOf(message, caseTag, subject),
    inReplyTo: answered ?? root,
    // Root first and nothing between: threads stay flat.
    references: [...new Set(references)],
    autoSubmitted: message.autoSubmitted
  }
}

/**
 * The subject that everybody on the way reads: the case number alone, so that people can find their way in an inbox, or the
 * neutral words where there is no case (B5). A member's message shows no case number: it would tell that two organisations hear
 * of the same issue (G5).
 */
function outerSubjectOf({ audience }: Message, caseTag: CaseTag | null, subject: string): string {
  if (audience === 'member') return HIDDEN_SUBJECT
  return caseTag === null ? subject : `[${caseTag}]`
}

/**
 * The number that the recipient reads. A reporter reads the number of their own report, whatever it was merged into: another
 * number would tell that somebody else reported, too (B14).
 */
function shownTag(decision: SendSealed | SendClear): CaseTag | null {
  const { tag: caseTag, message } = decision
  const to: readonly Addressee[] =
    decision.kind === 'send-clear' ? [decision.to] : decision.recipients
  const isReporters = caseTag !== null && message.audience === 'reporter'
  return isReporters ? (parseCaseTag(to[0]?.id ?? '') ?? caseTag) : caseTag
}

/** RFC 9788 §3.2.1. */
const HIDDEN_SUBJECT = '[...]'

/** Header text is one line: whatever people wrote into a title, a name or a reason must not keep a message from being sent. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, 200)
}

/** The thread that a message continues in its recipient's client: one per case and audience. */
function threadOf(
  desk: Desk,
  { tag, message: { audience } }: SendSealed | SendClear,
  recipientId: string,
  { decisions, roots }: Job
): { readonly root: MessageId | null; readonly answerTo: MessageId | null } {
  if (tag === null || audience === 'outsider') return { root: null, answerTo: null }
  const opening = decisions.find((one) => one.kind === 'open-case' && one.case.tag === tag)
  if (opening?.kind === 'open-case') {
    const answerTo = opening.case.reporters[0]?.latest ?? null
    return audience === 'maintainer'
      ? { root: roots.maintainer, answerTo: null }
      : { root: answerTo ?? roots.reporter, answerTo }
  }
  return desk.db.read((read) => {
    // Members see a thread of their own; nothing in it may link to the reporter's or the maintainers'.
    if (audience === 'member')
      return { root: outbox.firstToMember(read, tag, recipientId), answerTo: null }
    const record = cases.find(read, tag)
    if (audience === 'maintainer') return { root: record?.maintainerRoot ?? null, answerTo: null }
    const reporter = record?.reporters.find((one) => one.id === recipientId)
    return { root: reporter?.root ?? null, answerTo: reporter?.latest ?? null }
  })
}

function filesOf({ files }: SendSealed, source: Source): Omit<OutgoingBody, 'text'> {
  if (files?.from !== 'arrival') return { attachments: files?.files ?? [], original: null }
  return {
    attachments: source.attachments.filter(
      (_, position) => files.parts === 'all' || files.parts.includes(position)
    ),
    original: files.original ? (source.original?.() ?? null) : null
  }
}
