/**
 * The digest: what nobody is told of when it happens and somebody has to look at. Sealed to every maintainer; no mail at all
 * when there is nothing to say.
 */
import { type CaseRecord } from '../domain/case.ts'
import { type SendSealed } from '../domain/decision.ts'
import { type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant, msBetween } from '../domain/time.ts'
import { digest } from '../messages/to-maintainers.ts'
import { toMaintainers } from './send.ts'

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

/**
 * The digest that was due at `dueAt` and tells of junk mails up to the number `lastId`; null when it would be empty. After the
 * clock was set back the same instant comes once more: it is the same digest only if no mail came since (G1, G2).
 */
export function digestMail(
  settings: Settings,
  facts: DigestFacts,
  {
    now,
    dueAt,
    lastId
  }: { readonly now: Instant; readonly dueAt: Instant; readonly lastId: number }
): SendSealed | null {
  const { unanswered, unansweredTotal, junk, junkTotal } = facts
  if (unansweredTotal === 0 && junkTotal === 0) return null
  const { timezone } = settings.desk
  const message = digest({
    unanswered: unanswered.map((record) => caseLine(record, now, timezone)),
    moreUnanswered: unansweredTotal - unanswered.length,
    junk: junk.map(({ receivedAt, sender, subject, size }) => {
      const from = sender === '' ? 'a sender that cannot be read' : sender
      return `${formatInstant(receivedAt, 'UTC')}, ${from}, ${size} bytes: ${subject === '' ? '(no subject)' : subject}`
    }),
    moreJunk: junkTotal - junk.length
  })
  return toMaintainers(settings, now, message, { once: `${dueAt}:${lastId}`, tag: null })
}

function caseLine(record: CaseRecord, now: Instant, timezone: string): string {
  const { tag, product, state, owner, answerDueAt } = record
  const who = owner === null ? 'nobody has taken it' : `taken by ${owner}`
  const where = `${tag} (${product}, ${state}), ${who}`
  if (answerDueAt === null) return `${where}; no time was promised`
  const isLate = msBetween(answerDueAt, now) > 0
  return `${where}; ${isLate ? 'OVERDUE since' : 'due'} ${formatInstant(answerDueAt, timezone)}`
}
