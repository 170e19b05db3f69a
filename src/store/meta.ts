/** Small state by name that outlives the process. Must never hold what has a table of its own. */
import { type Read, type Tx, upsert } from './sql.ts'

/**
 * The names in use. `clock-look` is the wall clock and the uptime at the last look. `junk-seen` is the last message of the junk
 * folder looked at, `junk-trying` the one being looked at ('' for none): generation and UID. `inbox-listed` is when all of the
 * inbox was listed and stored last. `moves-failed` is how handled mail could not be moved, '' where it can.
 */
export type MetaKey = 'junk-seen' | 'junk-trying' | 'clock-look' | 'inbox-listed' | 'moves-failed'

/** The stored value, or null. */
export function read(read: Read, key: MetaKey): string | null {
  return read.value<string>('SELECT value FROM meta WHERE key = ?', [key])
}

/** Stores a value in place of the former one. */
export function write(tx: Tx, key: MetaKey, value: string): void {
  upsert(tx, 'meta', { key }, { value })
}
