/**
 * Puts members and an approved notice straight into the database, as commands and messages would have, so that the benchmark
 * of its release begins at the instant itself.
 */
import { requireSettings } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { addMs, type Instant } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import { sha256 } from '../../src/openpgp/packets.ts'
import { openDatabase } from '../../src/store/database.ts'
import { seedNotice as seed, seedMember } from '../support/seeded.ts'
import { type BenchKey } from './keys.ts'
import { PASSPHRASE } from './stage.ts'

const PATCH = Buffer.alloc(8192, '- memcpy(buffer, chunk, length);\n')
const FIELDS = {
  title: 'Heap overflow in the parser',
  description: 'A negative chunk length makes the parser write beyond its buffer. '.repeat(20),
  affected_versions: '4.0 to 4.2',
  remedy_steps: 'Apply the patch and restart every service that parses untrusted input.'
}

/** Makes `people` members and schedules a notice to them for `inMs` after the last of them is in. Returns its instant. */
export async function seedNotice(
  desk: {
    readonly databaseFile: string
    readonly configFile: string
    readonly imapPassword: string
  },
  people: readonly BenchKey[],
  inMs: number
): Promise<Instant> {
  const environment = { BENCH_PASSWORD: desk.imapPassword }
  const settings = await requireSettings(await loadConfig(desk.configFile, environment))
  using db = openDatabase({
    path: desk.databaseFile,
    passphrase: PASSPHRASE
  })
  for (const [index, person] of people.entries()) {
    const exportPublicKey = () => Promise.resolve(person.publicArmored)
    await seedMember(db, `member-${index}`, { ...person, exportPublicKey })
  }
  const releaseAt = addMs(systemClock.now(), inMs)
  const patch = { filename: 'fix.patch', contentType: 'text/x-diff', content: PATCH }
  const patches = [{ ...patch, sha256: sha256(PATCH) }]
  db.transact((tx) => seed(tx, settings, releaseAt, { fields: FIELDS, patches }, 'm1'))
  return releaseAt
}
