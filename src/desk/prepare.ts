/**
 * The *prepare* step: decisions that send become finished messages, rendered, sealed and numbered, in memory only. Has no
 * consequences: whatever fails here leaves nothing behind. A key that is refused never turns into clear text (G3).
 */
import { type Address, domainOf, parseAddress } from '../domain/address.ts'
import {
  type Addressee,
  type Decision,
  type SealedRecipient,
  type SendClear,
  type SendSealed
} from '../domain/decision.ts'
import { type CaseTag, type MessageId, parseCaseTag } from '../domain/ids.ts'
import { isDeclaredKey } from '../domain/mail.ts'
import { type Message } from '../domain/message.ts'
import {
  type KeyRefusal,
  type OutgoingAttachment,
  type OutgoingBody,
  type OutgoingHeaders
} from '../domain/outgoing.ts'
import { CODE_CHARS, refLine } from '../domain/reference.ts'
import { type Instant } from '../domain/time.ts'
import * as cases from '../store/cases.ts'
import { type NewOutbox } from '../store/outbox.ts'
import { type Desk } from './desk.ts'

/** One finished message: what the outbox stores. */
export type PreparedMail = Omit<NewOutbox, 'caseId'> & { readonly caseTag: CaseTag | null }

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
  readonly attachments: readonly OutgoingAttachment[]
  readonly original: Uint8Array | null
}

/** Where a message belongs in the client of each recipient, by id: under which root, and in answer to what. */
type Thread = (recipientId: string) => {
  readonly root: MessageId | null
  readonly answerTo: MessageId | null
}

/** What all messages of one unit of work share. */
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
  source: Source = { attachments: [], original: null }
): Promise<Prepared> {
  const roots = { maintainer: newMessageId(desk), reporter: newMessageId(desk) }
  const work: Job = { decisions, source, roots, now }
  // Together, so that the acknowledgement does not wait for the relay's copies.
  const sent = await Promise.all(decisions.map((decision) => prepareOne(desk, decision, work)))
  return {
    messages: sent.flatMap(({ messages }) => messages),
    refused: sent.flatMap(({ refused }) => refused),
    roots
  }
}

type Copies = Pick<Prepared, 'messages' | 'refused'>

async function prepareOne(desk: Desk, decision: Decision, work: Job): Promise<Copies> {
  if (decision.kind === 'send-sealed') return prepareSealed(desk, decision, work)
  if (decision.kind !== 'send-clear') return { messages: [], refused: [] }
  return { messages: [await prepareClear(desk, decision, work)], refused: [] }
}

/** A new, unguessable Message-ID in the desk's domain. */
export function newMessageId(desk: Desk): MessageId {
  return messageIdOf(desk, newCode(desk))
}

function newCode({ randomness }: Desk): string {
  return randomness.token(CODE_CHARS)
}

/** The Message-ID of the message whose reference line holds this code. Everybody sees it; it does not give the code away. */
export function messageIdOf({ sha256, settings }: Desk, code: string): MessageId {
  return `${sha256(code).slice(0, 32)}@${domainOf(settings.desk.address)}` as MessageId
}

async function prepareSealed(desk: Desk, decision: SendSealed, work: Job): Promise<Copies> {
  const thread = threadOf(desk, decision, work.decisions, work.roots)
  const body = bodyOf(desk, decision, work.source)
  const madeAt = decision.madeAt ?? work.now
  const copies = await Promise.all(
    decision.recipients.map(async (recipient) => {
      const code = newCode(desk)
      const messageId = messageIdOf(desk, code)
      const headers = headersOf(desk, decision, { to: recipient, thread, date: madeAt, messageId })
      const { fingerprint, keyData } = recipient
      const to = { headers, lastLine: refLine(shownTag(decision), code), fingerprint, keyData }
      return { recipient, headers, sealed: await desk.workers.seal(body, to, madeAt) }
    })
  )
  const messages: PreparedMail[] = []
  const refused: RefusedCopy[] = []
  for (const { recipient, headers, sealed } of copies) {
    if (sealed.kind === 'refused') refused.push({ recipient, because: sealed.because, decision })
    else
      messages.push(
        finished(desk, decision, headers, {
          recipientId: recipient.id,
          raw: sealed.raw,
          now: work.now
        })
      )
  }
  return { messages, refused }
}

async function prepareClear(desk: Desk, decision: SendClear, work: Job): Promise<PreparedMail> {
  const thread = threadOf(desk, decision, work.decisions, work.roots)
  const madeAt = decision.madeAt ?? work.now
  const messageId = newMessageId(desk)
  const headers = headersOf(desk, decision, { to: decision.to, thread, date: madeAt, messageId })
  const raw = await desk.workers.signClear(
    desk.render(decision.message, { tag: shownTag(decision), inClear: true }),
    headers,
    madeAt
  )
  return finished(desk, decision, headers, { recipientId: decision.to.id, raw, now: work.now })
}

function finished(
  desk: Desk,
  decision: SendSealed | SendClear,
  headers: OutgoingHeaders,
  { now, ...copy }: Pick<Job, 'now'> & { readonly recipientId: string; readonly raw: Uint8Array }
): PreparedMail {
  return {
    once: copy.recipientId === '' ? decision.once : `${decision.once}:${copy.recipientId}`,
    kind: decision.message.kind,
    caseTag: decision.tag,
    noticeId: decision.kind === 'send-sealed' ? (decision.noticeId ?? null) : null,
    audience: decision.message.audience,
    recipientId: copy.recipientId,
    // An automatic answer that cannot be delivered must not come back (RFC 3834 §3.3).
    envelopeFrom:
      decision.message.autoSubmitted === 'auto-replied'
        ? ''
        : bounceAddress(desk, headers.messageId),
    envelopeTo: headers.to.address,
    messageId: headers.messageId,
    conversation: decision.conversation ?? '',
    raw: copy.raw,
    notBefore: decision.notBefore ?? now,
    notAfter: decision.notAfter ?? null,
    isHeld: decision.isHeld ?? false
  }
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
  options: {
    readonly to: Addressee
    readonly thread: Thread
    readonly date: Instant
    readonly messageId: MessageId
  }
): OutgoingHeaders {
  const { thread, to, messageId } = options
  const { name, casePrefix } = desk.settings.desk
  const { message, via } = decision
  const caseTag = shownTag(decision)
  const { root, answerTo } = thread(to.id)
  const answered = decision.inReplyTo ?? answerTo
  const references = [root, answered].filter((id) => id !== null)
  const subject = oneLine(`[${caseTag ?? casePrefix}] ${message.subject}`)
  return {
    messageId,
    date: options.date,
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
 * What everybody on the way reads: the case number alone, so that an inbox can be read, or the neutral words where there is no
 * case (B5). A member's case number is nobody's business there: it would tell that two organisations hear of one thing (G5).
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
  decision: SendSealed | SendClear,
  decisions: readonly Decision[],
  roots: Roots
): Thread {
  const { tag: caseTag } = decision
  const { audience } = decision.message
  const alone: Thread = () => ({ root: null, answerTo: null })
  if (caseTag === null || audience === 'outsider') return alone
  const opening = decisions.find(
    (candidate) => candidate.kind === 'open-case' && candidate.case.tag === caseTag
  )
  if (opening?.kind === 'open-case') {
    const { root, latest } = opening.reporter
    return audience === 'maintainer'
      ? () => ({ root: roots.maintainer, answerTo: null })
      : () => ({ root: root ?? roots.reporter, answerTo: latest })
  }
  return desk.db.read((read) => {
    const record = cases.find(read, caseTag)
    if (record === null) return alone
    if (audience === 'maintainer') return () => ({ root: record.maintainerRoot, answerTo: null })
    // Members see a thread of their own; nothing in it may link to the reporter's or the maintainers'.
    if (audience === 'member') {
      const first = cases.firstMessageIds(read, record.id)
      return (id) => ({ root: first.get(id) ?? null, answerTo: null })
    }
    return (id) => {
      const reporter = record.reporters.find((one) => one.id === id)
      return { root: reporter?.root ?? null, answerTo: reporter?.latest ?? null }
    }
  })
}

function bodyOf(desk: Desk, decision: SendSealed, source: Source): OutgoingBody {
  const { files } = decision
  const text = desk.render(decision.message, { tag: shownTag(decision), inClear: false })
  if (files?.from !== 'arrival') return { text, attachments: files?.files ?? [], original: null }
  return {
    text,
    attachments: source.attachments.filter((file) => files.keys || !isDeclaredKey(file)),
    original: files.original ? source.original : null
  }
}
