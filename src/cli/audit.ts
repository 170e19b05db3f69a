/**
 * `postern audit verify`: checks that the record is whole (G8).
 */
import { verifyRecord } from '../store/events.ts'
import { type Call, withDatabase } from './context.ts'
import { CommandError, printJson } from './output.ts'

export async function verify(call: Call): Promise<void> {
  await withDatabase(call, (db) => {
    const verdict = db.read((read) => verifyRecord(read))
    if (call.json) printJson(call.streams, verdict)
    if (!verdict.ok) {
      throw new CommandError(
        `The record is BROKEN from event ${verdict.firstBad ?? 0} on: somebody changed the database. Compare it with a backup.`
      )
    }
    if (!call.json) call.streams.out(`${verdict.count} events, unbroken\n`)
  })
}
