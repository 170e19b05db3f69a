/**
 * Makes the decisions that send: everything that a message's definition does not know is filled in here, once. In charge of who
 * may get what: nothing goes out unencrypted but a message whose definition allows it (G3).
 */
import {
  type Addressee,
  type Files,
  type SealedRecipient,
  type SendClear,
  type SendSealed
} from '../domain/decision.ts'
import { type CaseTag, type MessageId } from '../domain/ids.ts'
import { type Conversation, type Message } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { allMaintainers, type OpenPath } from './recipients.ts'

/** What a message is about and how it leaves, beside what its definition says. */
export type Sending = {
  /** What makes it the only one of its kind; it is sent once (G2). */
  readonly once: string
  readonly tag: CaseTag | null
  readonly via?: string
  readonly notBefore?: Instant
  readonly notAfter?: Instant | null
  readonly isHeld?: boolean
  readonly madeAt?: Instant
  readonly inReplyTo?: MessageId | null
  readonly files?: Files
  readonly noticeId?: number
  readonly conversation?: Conversation
}

/** One encrypted copy for each recipient. */
export function sealedTo(
  recipients: readonly SealedRecipient[],
  now: Instant,
  message: Message,
  sending: Sending
): SendSealed {
  return {
    kind: 'send-sealed',
    ...common(now, message, sending),
    message,
    noticeId: sending.noticeId ?? null,
    recipients,
    files: sending.files ?? { from: 'nothing' }
  }
}

/** To all maintainers, or to all but the one named. */
export function toMaintainers(
  settings: Settings,
  now: Instant,
  message: Message,
  { except, ...sending }: Sending & { readonly except?: string }
): SendSealed {
  return sealedTo(allMaintainers(settings, except ?? null), now, message, sending)
}

/** Readable by everybody on the way. */
export function inClearTo(
  to: Addressee,
  now: Instant,
  message: Message<'content-free' | 'own-words'>,
  sending: Omit<Sending, 'files' | 'noticeId'>
): SendClear {
  return { kind: 'send-clear', ...common(now, message, sending), message, to }
}

/** A maintainer's words to the reporter on the way that is open: files go along encrypted only (G3). */
export function toReporter(
  path: OpenPath,
  now: Instant,
  message: Message<'own-words'>,
  sending: Sending
): SendSealed | SendClear {
  const { files: _files, noticeId: _noticeId, ...bare } = sending
  return path.kind === 'encrypted'
    ? sealedTo([path.recipient], now, message, sending)
    : inClearTo(path.to, now, message, bare)
}

function common(now: Instant, { kind }: Message, sending: Omit<Sending, 'files' | 'noticeId'>) {
  return {
    once: `${kind}:${sending.once}`,
    caseTag: sending.tag,
    via: sending.via ?? null,
    notBefore: sending.notBefore ?? now,
    notAfter: sending.notAfter ?? null,
    isHeld: sending.isHeld ?? false,
    madeAt: sending.madeAt ?? null,
    inReplyTo: sending.inReplyTo ?? null,
    conversation: sending.conversation ?? ''
  }
}
