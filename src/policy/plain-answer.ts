/**
 * Where a maintainer's plain answer goes when the policy sends such answers to the reporter (`replies: reporter`). Only the
 * relays say that it does, so only an answer to a relay is sent on; every other one stays among the maintainers, and its
 * author is told. In doubt it must stay: what was written to colleagues cannot be taken back.
 */
import { addresseesOf, answeredAt, type CaseRecord, numbersOf } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { hint as hintMessage, relay } from '../messages/to-maintainers.ts'
import { type CommandContext } from './draft.ts'
import { maintainerRecipient } from './recipients.ts'
import { sealedTo } from './send.ts'
import { type Situation } from './situation.ts'

/**
 * Whether a message answers a relay of its case, and what was signed says so, too. The fields outside stand under no signature:
 * whoever hands the message on could put a relay there in place of a colleague's note. The newest reference counts alone, for a
 * server that replaced the Message-ID of the answered message left older ones of the thread.
 */
export function answersRelay(
  {
    opened,
    answers,
    conversation,
    quoted
  }: Pick<Situation, 'opened' | 'answers' | 'conversation' | 'quoted'>,
  record: CaseRecord
): boolean {
  if (answers?.kind !== relay.kind || answers.case.tag !== record.tag) return false
  if (opened.outer.references.at(-1) !== answers.messageId) return false
  // A list member's words, or those of two people: what answers them is not the reporter's to read (G5).
  if (conversation.kind === 'mixed' || !conversation.with.startsWith('reporter:')) return false
  const newest = opened.protected?.references.at(-1)
  return newest === undefined
    ? quoted.some(
        ({ kind, tag }) => kind === relay.kind && tag !== null && numbersOf(record).includes(tag)
      )
    : newest === answers.messageId
}

/** The transcript of a plain answer that stayed a note. */
export function stayedInside(context: CommandContext): Decision {
  return toAuthor(context, {
    once: String(context.arrivalId),
    title: 'Your reply stayed among the maintainers',
    what: 'A plain reply goes to the reporter only if it answers a forwarded message of the reporter, and its signed part shows that: by the quoted last line (Ref: …) of that message. Yours does not, so it stayed a note among the maintainers.',
    doNext:
      'If it was for the reporter, send it again with /reply on its first line. If it was for the maintainers, you need do nothing.'
  })
}

/** Said once per case: how to reach a reporter who is still waiting. */
export function hint(context: CommandContext): Decision[] {
  const { bound } = context
  if (bound.hintGiven || answeredAt(bound.case) !== null || addresseesOf(bound.case).length === 0)
    return []
  return [
    toAuthor(context, {
      once: bound.case.tag,
      title: 'Your note stayed among the maintainers',
      what: 'The reporter is still waiting for an answer and has not seen your note.',
      doNext:
        'To answer the reporter, reply to a message of theirs with /reply on the first line, and write your text below it.'
    })
  ]
}

type Words = Readonly<Record<'once' | 'title' | 'what' | 'doNext', string>>

function toAuthor(context: CommandContext, { once, ...words }: Words): Decision {
  const { bound, author, now, message } = context
  return sealedTo([maintainerRecipient(author)], now, hintMessage(words), {
    once,
    tag: bound.case.tag,
    inReplyTo: message.id
  })
}
