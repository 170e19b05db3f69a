/**
 * Decides in which order messages are opened (A3), by the outer header alone. Must never believe what anybody can write: a
 * sender whom nothing proves is a stranger. Decides nothing but the order.
 */
import { isSameAddress } from '../domain/address.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type NamedMessage } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { judgeSender } from './authentication.ts'

/**
 * The order of turns. `claimed` is encrypted mail in a maintainer's name: only opening it shows whose it is. A sender whose
 * message was killed comes after all strangers, each time one place later.
 */
export const TURNS = { maintainer: 0, known: 1, claimed: 2, stranger: 3 } as const

export type TurnFacts = {
  readonly opened: OpenedMail
  /** Messages of the desk that it answers: nobody can guess their names. */
  readonly named: readonly NamedMessage[]
  /** Whether a report came from this address, or it is on the list. */
  readonly isKnown: boolean
  /** Whether mail in this name lately proved to be somebody else's. */
  readonly isDoubted: boolean
}

/** The turn of a message that was not opened yet. */
export function turnOf(
  { opened, named, isKnown, isDoubted }: TurnFacts,
  settings: Settings
): number {
  const from = opened.outer.from?.address ?? null
  const { isProved } = judgeSender(opened, settings)
  const isMaintainers =
    from !== null && settings.maintainers.some(({ address }) => isSameAddress(address, from))
  if (isMaintainers) {
    if (isProved || named.some(({ audience }) => audience === 'maintainer')) return TURNS.maintainer
    return opened.encrypted && !isDoubted ? TURNS.claimed : TURNS.stranger
  }
  return (isKnown && isProved) || named.length > 0 ? TURNS.known : TURNS.stranger
}
