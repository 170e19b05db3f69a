/**
 * Whose fault an error is: what the outside does to everybody (database, disk, stopping), or what one thing does to the desk
 * (a bug that it shows, a worker that dies of it). Decides nothing.
 */
import { Trouble } from '../domain/trouble.ts'

/** Whether the error comes from the one thing at hand, so that the next thing may well succeed (G9). */
export function isOfOneThing(error: unknown): boolean {
  return (
    !(error instanceof Trouble) || error.code === 'worker-limit' || error.code === 'worker-crash'
  )
}
