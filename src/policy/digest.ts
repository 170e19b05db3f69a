/**
 * The digest: what nobody is told of when it happens and somebody has to look at. Pure; must say nothing when there is nothing
 * to say.
 */
import { type CaseRecord } from '../domain/case.ts'
import { type Message } from '../domain/message.ts'
import { formatInstant, type Instant, msBetween } from '../domain/time.ts'
import { digest } from '../messages/to-maintainers.ts'
import { stateWords } from './status.ts'

/** What a digest is made from; of both lists there may be more than is told one by one. */
export type DigestFacts = {
  /** Open cases that no person has answered, the most urgent first. */
  readonly unanswered: readonly CaseRecord[]
  readonly unansweredTotal: number
  /** Mails in the junk folder that were not taken, newest first, as their headers claim. */
  readonly junk: readonly {
    readonly receivedAt: Instant
    readonly sender: string
    readonly subject: string
    readonly size: number
  }[]
  readonly junkTotal: number
}

/** What a digest says; null when it would be empty. */
export function digestMessage(
  { unanswered, unansweredTotal, junk, junkTotal }: DigestFacts,
  {
    now,
    timezone,
    isLate
  }: { readonly now: Instant; readonly timezone: string; readonly isLate: boolean }
): Message | null {
  if (unansweredTotal === 0 && junkTotal === 0) return null
  return digest({
    isLate,
    unanswered: unanswered.map((record) => caseLine(record, now, timezone)),
    moreUnanswered: unansweredTotal - unanswered.length,
    junk: junk.map(({ receivedAt, sender, subject, size }) => {
      const from = sender === '' ? 'a sender that cannot be read' : sender
      return `${formatInstant(receivedAt, timezone)}, ${from}, ${size} bytes: ${subject === '' ? '(no subject)' : subject}`
    }),
    moreJunk: junkTotal - junk.length
  })
}

function caseLine(record: CaseRecord, now: Instant, timezone: string): string {
  const { tag, product, state, owner, answerDueAt } = record
  const who = owner === null ? 'nobody has taken it' : `taken by ${owner}`
  const where = `${tag} (${product}, ${stateWords(state)}), ${who}`
  if (answerDueAt === null) return `${where}; no time was promised`
  const isLate = msBetween(answerDueAt, now) > 0
  return `${where}; ${isLate ? 'OVERDUE since' : 'due'} ${formatInstant(answerDueAt, timezone)}`
}
