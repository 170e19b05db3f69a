/**
 * Alarms that must reach somebody: one that no maintainer's key can be used for, or that the desk cannot seal or sign, is not
 * made but kept by whoever raises it and made anew later. In charge of when; must never count an alarm that nobody gets as told.
 */
import { type SendSealed } from '../domain/decision.ts'
import { type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { type Prepared, prepare } from './prepare.ts'

const NOTHING = { attachments: [], original: null }

/** The finished mails of an alarm; null when not one maintainer would get it now. */
export async function prepareAlarm(
  desk: Desk,
  alarm: SendSealed,
  now: Instant
): Promise<Prepared | null> {
  try {
    const prepared = await prepare(desk, [alarm], NOTHING, now)
    return prepared.mails.length > 0 ? prepared : null
  } catch (error) {
    if (error instanceof Trouble && error.code === 'desk-key') {
      // On a clock that is far ahead the desk's own key looks expired: no reason to end, for then nobody watches the clock.
      desk.log({ event: 'trouble', code: error.code, where: 'alarm' })
    } else {
      // What the alarm is about goes on without it: a notice is held whether or not its alarm can be made (G7).
      if (!isOfOneThing(error)) throw error
      desk.log({ event: 'bug', where: 'alarm', error: errorName(error) })
    }
    return null
  }
}
