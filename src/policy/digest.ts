/**
 * The digest: what somebody has to look at although nobody is told of it when it happens. Pure; there is none when there is
 * nothing to say.
 */
import { type ListedCase } from '../domain/case.ts'
import { type Message } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { digest } from '../messages/to-maintainers.ts'
import { promiseWords } from './clocks.ts'
import { ownerWords, stateWords } from './status.ts'

/** What a digest is made from; of both lists there may be more than is told one by one. */
export type DigestFacts = {
  /** Cases in which a reporter waits to hear from a person, the most urgent first. */
  readonly unanswered: readonly ListedCase[]
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
    settings,
    isLate
  }: { readonly now: Instant; readonly settings: Settings; readonly isLate: boolean }
): Message | null {
  const { timezone } = settings.desk
  if (unansweredTotal === 0 && junkTotal === 0) return null
  return digest({
    isLate,
    unanswered: unanswered.map((one) => caseLine(one, settings, now)),
    moreUnanswered: unansweredTotal - unanswered.length,
    junk: junk.map(({ receivedAt, sender, subject, size }) => {
      const from = sender === '' ? 'a sender that cannot be read' : sender
      return `${formatInstant(receivedAt, timezone)}, ${from}, ${size} bytes: ${subject === '' ? '(no subject)' : subject}`
    }),
    moreJunk: junkTotal - junk.length
  })
}

function caseLine({ case: record, due }: ListedCase, settings: Settings, now: Instant): string {
  const { tag, product: name, state } = record
  const where = `${tag} (${name}, ${stateWords(state)}), ${ownerWords(record, settings)}`
  return due === null
    ? `${where}; nothing is due`
    : `${where}; due ${promiseWords(due, { case: record, settings, now })}`
}
