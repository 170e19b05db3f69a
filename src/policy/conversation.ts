/**
 * Which conversation a maintainer's message continues: an answer reaches the person whose message it answers, and nobody else
 * (G5). What answers two people at once reaches neither. Also whether a signed message is meant for this desk: a signature says
 * who wrote it, not to whom, so it counts only if the signed part names this desk, and not only others.
 */
import { addressed, addresseesOf, type CaseRecord, reporterWith } from '../domain/case.ts'
import { type CaseTag } from '../domain/ids.ts'
import { isToDesk, type OpenedMail } from '../domain/mail.ts'
import { type Conversation, type NamedMessage } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { type AnsweredReporter } from './recipients.ts'

/**
 * `isSigned`: the signed part names the conversation, by a quoted reference line or protected headers. Anybody can write the
 * header outside: it can keep words from leaving, but never choose who gets them.
 */
export type ConversationOf =
  | { readonly kind: 'one'; readonly with: Conversation; readonly isSigned: boolean }
  | { readonly kind: 'mixed' }

/**
 * The conversation of the desk's messages that the header fields outside name, and of those that the signed part names or quotes.
 * `numbers` are those of the case that the words are for, null where no case is named: words that answer somebody in another case
 * mix two conversations, too.
 */
export function conversationOf(
  named: Readonly<Record<'outside' | 'inside', readonly NamedMessage[]>>,
  numbers: readonly string[] | null
): ConversationOf {
  const isSomebodys = ({ conversation }: NamedMessage): boolean => conversation !== ''
  const signed = named.inside.filter(isSomebodys)
  const all = [...signed, ...named.outside.filter(isSomebodys)]
  const [only = '', ...others] = new Set(all.map(({ conversation }) => conversation))
  const isElsewhere =
    numbers !== null && all.some(({ tag }) => tag === null || !numbers.includes(tag))
  return others.length > 0 || isElsewhere
    ? { kind: 'mixed' }
    : { kind: 'one', with: only, isSigned: signed.length > 0 }
}

/**
 * The conversation of the copies that the other maintainers get: what one of them writes about a list member's message stays in
 * the conversation with that member, however often maintainers answer each other (B1).
 */
export function conversationAbout(answered: ConversationOf): Conversation {
  return answered.kind === 'one' && answered.with.startsWith('member:') ? answered.with : ''
}

/** The id of the list member whose conversation it is, or null. */
export function memberIn(answered: ConversationOf): string | null {
  return conversationAbout(answered).slice('member:'.length) || null
}

/**
 * The reporter whom words in this conversation reach: the one whose message is answered, else the only one. Where a case has
 * several, only the signed part chooses among them.
 */
export function reporterIn(record: CaseRecord, conversation: ConversationOf): AnsweredReporter {
  const [only, ...others] = addresseesOf(record)
  const isNamed = conversation.kind === 'one' && (conversation.isSigned || others.length === 0)
  const named = isNamed ? reporterWith(record, conversation.with.replace(/^reporter:/, '')) : null
  if (named !== null) return addressed(named)
  return others.length > 0 ? 'several' : (only ?? null)
}

/** A message that answers nobody: a note, or what the desk writes by itself. */
export const NOBODYS: ConversationOf = { kind: 'one', with: '', isSigned: false }

export const MIXED =
  'This message answers two conversations at once, so nothing was sent. Please reply to one message at a time and quote only that one.'

/** Why words for the reporter must not leave in this conversation; null when they may. */
export function conversationComplaint(conversation: ConversationOf): string | null {
  if (conversation.kind === 'mixed') return MIXED
  const id = memberIn(conversation)
  return id === null
    ? null
    : `This message answers list member ${id}, so nothing goes to the reporter. To answer the member, write /member in place of this command; to write to the reporter, reply to one of the reporter's messages.`
}

/**
 * Whether every signature of the message is meant for this desk, by one of these: the recipients in the signature itself (RFC
 * 9580 §5.2.3.36), the protected To or Cc, the reference line of a message that the desk had sent to its author (`quoted`), or a
 * `to:` line above the commands, for clients that protect only the subject. None of them may name only others.
 */
export function isMeantForDesk(
  opened: OpenedMail,
  quoted: readonly NamedMessage[],
  { desk }: Settings
): boolean {
  const inside = opened.protected
  const isAddressed = isToDesk(inside, desk)
  const isToAnybody =
    inside !== null && (inside.to.length + inside.cc.length > 0 || inside.hasUnreadableRecipient)
  if (isToAnybody && !isAddressed) return false
  // Clients that have not learned the new key yet name a retired one.
  const keys: readonly string[] = [desk.fingerprint, ...desk.retiredFingerprints]
  const intended = opened.signatures.flatMap(({ intendedRecipients: named }) =>
    named.length === 0 ? [] : named.some((key) => keys.includes(key))
  )
  const written = writtenTo(opened).map((to) =>
    [desk.address, ...desk.aliases].some((own) => own.toLowerCase() === to)
  )
  if ([...intended, ...written].includes(false)) return false
  return isAddressed || intended.length + written.length + quoted.length > 0
}

export const CASE_LINE = /^case:\s*(\S+)\s*$/i
/** Says for whom the message is. */
export const TO_LINE = /^to:\s*<?([^\s<>@]{1,64}@[^\s<>]{1,254})>?$/i

/** How a message that answers none has to begin. Each of its first lines stands alone, so that it can be copied. */
export function firstLines({ desk }: Pick<Settings, 'desk'>, tag: CaseTag | 'NUMBER'): string {
  const whole = tag === 'NUMBER' ? `${desk.casePrefix}-YEAR-NUMBER` : tag
  return `begins with these lines:\n        to: ${desk.address}\n        case: ${whole}`
}

/** The addresses, in lower case, of the `to:` lines that the text begins with; a `case:` line may stand among them. */
function writtenTo({ text }: OpenedMail): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim())
  const end = lines.findIndex((line) => line !== '' && !TO_LINE.test(line) && !CASE_LINE.test(line))
  const first = end === -1 ? lines : lines.slice(0, end)
  return first.flatMap((line) => TO_LINE.exec(line)?.[1]?.toLowerCase() ?? [])
}
