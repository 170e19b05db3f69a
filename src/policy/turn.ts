/**
 * Decides in which order messages are opened (A3), by the outer header alone. Must never believe what anybody can write: a
 * sender whom nothing proves is a stranger. Decides nothing but the order.
 */
import { isSameAddress } from '../domain/address.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type NamedMessage } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { acknowledgement, furtherReports } from '../messages/to-reporters.ts'
import { judgeSender } from './authentication.ts'

/**
 * The order of turns. `claimed` is encrypted mail in a maintainer's name: only opening it shows whose it is. A sender whose
 * message was killed comes after all strangers, each time one place later.
 */
export const TURNS = { maintainer: 0, known: 1, claimed: 2, stranger: 3 } as const

export type TurnFacts = {
  readonly opened: OpenedMail
  /** Whether it was read to its end: it is no longer than what is read for its turn. */
  readonly isWhole: boolean
  /** Messages of the desk that it answers, and those that it returns as a bounce: nobody can guess their names. */
  readonly answered: readonly NamedMessage[]
  readonly returned: readonly NamedMessage[]
  /** Whether a maintainer answered or accepted a report from this address, or it is on the list. */
  readonly isKnown: boolean
  /** Whether mail in this name lately proved to be somebody else's. */
  readonly isDoubted: boolean
}

/** The turn of a message that was not opened yet. */
export function turnOf(facts: TurnFacts, settings: Settings): number {
  const { opened, answered, returned, isKnown, isDoubted } = facts
  const from = opened.outer.from?.address ?? null
  const { isProved } = judgeSender(opened, settings)
  const isMaintainers =
    from !== null && settings.maintainers.some(({ address }) => isSameAddress(address, from))
  if (isMaintainers) {
    if (isProved || [...answered, ...returned].some(({ audience }) => audience === 'maintainer'))
      return TURNS.maintainer
    return opened.encrypted && !isDoubted ? TURNS.claimed : TURNS.stranger
  }
  return (isKnown && isProved) || isTalk(facts) ? TURNS.known : TURNS.stranger
}

/** Whether it goes on with something of the desk that does not come to anybody who reports something. */
function isTalk(facts: TurnFacts): boolean {
  const { answered, returned } = facts
  return [...answered, ...returned].some((one) => !isAutomatic(one)) || isFirstReturn(facts)
}

/** Whether it came by itself. All else that the desk sends a reporter follows from what a maintainer did. */
function isAutomatic({ kind }: NamedMessage): boolean {
  return kind === acknowledgement.kind || kind === furtherReports.kind
}

/**
 * Whether it is a short delivery report that returns an automatic answer for the first time. Whoever got that can make such
 * reports: no second one counts, and none whose end could return another message (A1).
 */
function isFirstReturn({ opened, isWhole, returned }: TurnFacts): boolean {
  const { bounce, automatic } = opened
  // As the work finds the message to which it belongs (policy/inbound.ts).
  const last = returned.findLast(({ tag }) => tag !== null)
  const isReport = bounce?.hasFailed === true && !automatic.includes('loop')
  return isReport && isWhole && last?.bouncedAt === null
}

/** The share of the room in the database against which a message of this turn counts (A1). */
export function shareOf(opened: OpenedMail, turn: number, settings: Settings) {
  if (turn < TURNS.claimed) return 'free'
  if (turn === TURNS.claimed) return 'claimed'
  return judgeSender(opened, settings).isProved ? 'proved' : 'unproved'
}
