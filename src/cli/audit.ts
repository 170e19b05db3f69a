/**
 * `postern audit verify|export`: checks that nobody changed the record (G8), and prints it. The record holds the reasons that
 * maintainers gave, but no content of a report or notice, no subject and no address, so neither does the output.
 */
import { historySentences } from '../config/texts.ts'
import { count } from '../domain/words.ts'
import { createHistory } from '../messages/history.ts'
import { nameOf } from '../policy/recipients.ts'
import * as events from '../store/events.ts'
import { type Call, withDatabase } from './context.ts'
import { CommandError, print, printable, printJson } from './output.ts'

export async function verify(call: Call): Promise<void> {
  await withDatabase(call, (db) => {
    const verdict = db.read((read) => events.verify(read))
    if (verdict.ok) {
      print(call, verdict, `The record is unbroken: ${count(verdict.count, 'event', 'events')}.`)
      return
    }
    if (call.json) printJson(call.streams, verdict)
    throw new CommandError(
      `The record is BROKEN from event ${verdict.firstBad ?? 0} on: somebody changed the database. Please compare it with a backup.`
    )
  })
}

/** Prints every event, oldest first: as a sentence with its subject, or with `--json` as one JSON object a line. */
export async function exportRecord(call: Call): Promise<void> {
  await withDatabase(call, (db, config) => {
    const say = createHistory(historySentences(), {
      timezone: config.desk.timezone,
      maintainer: (id) => nameOf(id, config),
      reporter: () => null
    })
    db.read((read) => {
      for (const event of events.iterate(read)) {
        const { kind, id } = event.subject
        const about = kind === 'case' ? id : `${kind} ${id}`.trim()
        const line = call.json
          ? JSON.stringify(event)
          : printable(`${event.id} [${about}] ${say(event)}`)
        call.streams.out(`${line}\n`)
      }
    })
  })
}
