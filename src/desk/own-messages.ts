/**
 * Which of the desk's own messages a received message names: by its header fields, by the reference lines that it quotes, by the
 * token of a bounce address. Reads only.
 */
import { domainOf, isSameAddress } from '../domain/address.ts'
import { type MessageId, parseMessageId } from '../domain/ids.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { quotedCodes } from '../domain/message.ts'
import { claimedMaintainer } from '../policy/authority.ts'
import { conversationOf, memberIn, type QuotedMessage } from '../policy/conversation.ts'
import { type Issued, type Situation } from '../policy/situation.ts'
import * as cases from '../store/cases.ts'
import * as members from '../store/members.ts'
import * as outbox from '../store/outbox.ts'
import { type Read } from '../store/sql.ts'
import { type Desk } from './desk.ts'
import { messageIdOf } from './prepare.ts'

/** The first of these Message-IDs, newest first, under which the desk sent a message of a case. */
export function findIssued(read: Read, ids: readonly MessageId[]): Issued | null {
  for (const id of [...ids].reverse()) {
    const row = outbox.findByMessageId(read, id)
    const tag = row && cases.tagOf(read, row.caseId)
    const record = tag && cases.findNow(read, tag)
    if (row === null || record === null) continue
    const { kind, audience, recipientId, messageId } = row
    return { case: record, kind, audience, recipientId, messageId }
  }
  return null
}

/** Message-IDs whose token a bounce address in To names, where the mail host supports such addresses. */
export function tokenIds(desk: Desk, opened: OpenedMail): MessageId[] {
  const { bounceAddress, address } = desk.settings.desk
  const [before, after] = bounceAddress?.toLowerCase().split('{token}') ?? []
  if (before === undefined || after === undefined) return []
  return opened.outer.to.flatMap((to) => {
    const text = to.address.toLowerCase()
    if (!text.startsWith(before) || !text.endsWith(after)) return []
    const token = text.slice(before.length, text.length - after.length)
    return parseMessageId(`${token}@${domainOf(address)}`) ?? []
  })
}

/** A message that came, and which of the desk's messages its author quotes. */
export type Quoting = Pick<Situation, 'opened' | 'quoted'>

export function conversationFacts(
  read: Read,
  { opened, quoted }: Quoting,
  numbers: readonly string[] | null
): Pick<Situation, 'conversation' | 'answeredMember'> {
  const outside = issuedMessages(read, opened.outer.references)
  const inside = [...quoted, ...issuedMessages(read, opened.protected?.references ?? [])]
  const conversation = conversationOf({ outside, inside }, numbers)
  const id = memberIn(conversation)
  const record = id === null ? null : members.find(read, id)
  const answeredMember =
    record?.state === 'active' ? members.findByFingerprint(read, record.fingerprint) : null
  return { conversation, answeredMember }
}

/** The desk's messages with these Message-IDs, if `isWanted` takes them. */
function issuedMessages(
  read: Read,
  ids: readonly MessageId[],
  isWanted: (row: outbox.OutboxRow) => boolean = () => true
): QuotedMessage[] {
  return ids.flatMap((id) => {
    const row = outbox.findByMessageId(read, id)
    if (row === null || !isWanted(row)) return []
    const { caseId, conversation, kind } = row
    return [{ tag: cases.tagOf(read, caseId), conversation, kind }]
  })
}

/** The desk's messages to one person that a text quotes. What it wrote to others proves nothing: they may have sent it on. */
export function quotedMessages(
  read: Read,
  desk: Desk,
  { text }: OpenedMail,
  isTheirs: (row: outbox.OutboxRow) => boolean
): QuotedMessage[] {
  const ids = quotedCodes(text).map((code) => messageIdOf(desk, code))
  return issuedMessages(read, ids, isTheirs)
}

/** The desk's messages that the author quotes: a maintainer those to them, others those to a reporter at the same address. */
export function quotedByAuthor(read: Read, desk: Desk, opened: OpenedMail): QuotedMessage[] {
  const id = claimedMaintainer(opened, desk.settings)?.id
  const from = opened.outer.from?.address
  return quotedMessages(read, desk, opened, ({ audience, recipientId, envelopeTo }) =>
    id === undefined
      ? audience === 'reporter' && from !== undefined && isSameAddress(envelopeTo, from)
      : audience === 'maintainer' && recipientId === id
  )
}
