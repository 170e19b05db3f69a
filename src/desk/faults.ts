/**
 * Tells the cause of an error: the outside world (database, disk, stopping), or the item at hand (a bug that it triggers, a
 * worker that dies of it). Decides nothing.
 */
import { Trouble } from '../domain/trouble.ts'

/** Whether the item at hand caused the error, so that the next one may well succeed (G9). */
export function isOfOneThing(error: unknown): boolean {
  return (
    !(error instanceof Trouble) || error.code === 'worker-limit' || error.code === 'worker-crash'
  )
}
