/**
 * For whom a signed message is meant. A signature says who wrote, not to whom: whoever gets a message that was signed for them
 * can encrypt it anew to the desk. So it counts only where what is signed names this desk, and nobody else instead.
 */
import { findCaseTags } from '../domain/ids.ts'
import { type HeaderFacts, isAddressee, type OpenedMail } from '../domain/mail.ts'
import { type Conversation } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'

/** A forwarded message says whose it is, and by a last word that a plain answer to it reaches the reporter. */
const REF_LINE =
  /^[>\s]*Ref: (\S{1,40}) (\S{1,254}?)(?: ((?:reporter|member):\S{1,60}))?( relay)?\s*$/

export type RefLine = {
  readonly tag: string
  readonly conversation: Conversation
  readonly isRelay: boolean
}

/** The `Ref: TAG address` lines of the text, quoted or not, that name this desk: each message of the desk ends with one. */
export function refLines({ text }: OpenedMail, { address }: Settings['desk']): RefLine[] {
  // Line by line: `^` of a multi-line pattern also matches after characters that a reporter can put inside a line.
  return text.split('\n').flatMap((line) => {
    const [, tag = '', named = '', conversation = '', relay = ''] = REF_LINE.exec(line) ?? []
    return named.toLowerCase() === address.toLowerCase()
      ? [{ tag, conversation: conversation as Conversation, isRelay: relay !== '' }]
      : []
  })
}

/**
 * Whether every signature of the message is meant for this desk: by the recipients in the signature itself (RFC 9580
 * §5.2.3.36), by the protected To or Cc, by the quoted reference line of a message of the desk, or by a `to:` line above the
 * commands, for clients that protect the subject alone; and none of these names others alone.
 */
export function isMeantForDesk(opened: OpenedMail, { desk }: Settings): boolean {
  const inside = opened.protected
  const isAddressed = isAddressee(inside, desk.address)
  if (!isAddressed && inside !== null && namesAnybody(inside)) return false
  const intended = opened.signatures.map(({ intendedRecipients }) => intendedRecipients)
  const isIntended = intended.some((keys) => keys.includes(desk.fingerprint))
  if (intended.some((keys) => keys.length > 0 && !keys.includes(desk.fingerprint))) return false
  const written = writtenTo(opened)
  if (written !== null && written !== desk.address.toLowerCase()) return false
  return isAddressed || isIntended || written !== null || quotesDesk(opened, desk)
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

/** Advance notices have a reference line of their own. */
const NOTICE_LINE = /^[>\s]*Reference: +(\S{1,40}), revision \d+\s*$/

function quotesDesk(opened: OpenedMail, desk: Settings['desk']): boolean {
  const notices = opened.text.split('\n').map((line) => NOTICE_LINE.exec(line)?.[1] ?? '')
  return [...refLines(opened, desk).map(({ tag }) => tag), ...notices].some(
    (tag) => findCaseTags(tag, desk.casePrefix).length > 0
  )
}
