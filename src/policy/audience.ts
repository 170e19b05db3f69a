/**
 * Who a signed message is meant for. A signature says who wrote, not to whom: whoever gets a message that was signed for them
 * can encrypt it anew to the desk. So it counts only where what is signed names this desk, and nobody else instead.
 */
import { type HeaderFacts, isAddressee, type OpenedMail } from '../domain/mail.ts'
import { type MessageKind } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { type NamedMessage } from './conversation.ts'

/** A message of the desk that its own recipient quotes by its reference line. */
export type QuotedMessage = NamedMessage & { readonly kind: MessageKind }

/**
 * Whether every signature of the message is meant for this desk: by the recipients in the signature itself (RFC 9580
 * §5.2.3.36), by the protected To or Cc, by the reference line of a message that the desk had sent to its author (`quoted`), or
 * by a `to:` line above the commands, for clients that protect the subject alone; and none of these names others alone.
 */
export function isMeantForDesk(
  opened: OpenedMail,
  quoted: readonly QuotedMessage[],
  { desk }: Settings
): boolean {
  const inside = opened.protected
  const isAddressed = isAddressee(inside, desk.address)
  if (!isAddressed && inside !== null && namesAnybody(inside)) return false
  const intended = opened.signatures.map(({ intendedRecipients }) => intendedRecipients)
  const isIntended = intended.some((keys) => keys.includes(desk.fingerprint))
  if (intended.some((keys) => keys.length > 0 && !keys.includes(desk.fingerprint))) return false
  const written = writtenTo(opened)
  if (written !== null && written !== desk.address.toLowerCase()) return false
  return isAddressed || isIntended || written !== null || quoted.length > 0
}

const TO_LINE = /^to:\s*<?([^\s<>@]{1,64}@[^\s<>]{1,254})>?$/i

/** Whether a line above the commands says for whom the message is. */
export function isToLine(line: string): boolean {
  return TO_LINE.test(line)
}

/** The address, in lower case, of the `to:` line that the text begins with; null when it begins with something else. */
function writtenTo({ text }: OpenedMail): string | null {
  const first = /\S.*/.exec(text)?.[0].trim() ?? ''
  return TO_LINE.exec(first)?.[1]?.toLowerCase() ?? null
}

function namesAnybody({ to, cc, hasUnreadableRecipient }: HeaderFacts): boolean {
  return to.length > 0 || cc.length > 0 || hasUnreadableRecipient
}
