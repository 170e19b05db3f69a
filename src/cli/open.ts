/**
 * `postern open FILE`: opens one RFC 5322 file by the daemon's rules, in a worker with its limits, and prints what it finds.
 * With keys on the command line it needs no configuration; with a configuration it also uses the sender's keys from the
 * database. A key that only the message brings proves nothing. Must never use the network, nor parse a byte of the message
 * outside the worker.
 */
import { existsSync } from 'node:fs'
import { type Config, loadConfig } from '../config/load.ts'
import { limits } from '../config/schema.ts'
import { readLimited, readSecretFile, readStart } from '../config/secrets.ts'
import { keysOf } from '../desk/read-keys.ts'
import { openArrival } from '../desk/read-situation.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Instant, readInstant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { HEADER_BYTES_MAX } from '../mime/fields.ts'
import { inspectKey, UNLOCK_PROBLEMS, unlockSecretKey } from '../openpgp/keyring.ts'
import { openDatabase } from '../store/database.ts'
import { createWorkers } from '../worker/pool.ts'
import { type WorkerStart } from '../worker/tasks.ts'
import { type Call, requireAddress } from './context.ts'
import { readCertificate } from './keys.ts'
import { toOpenJson, toOpenPage } from './open-page.ts'
import { CommandError, print, UsageError } from './output.ts'

type OpenOptions = {
  readonly secretKey?: string
  readonly passphraseFile?: string
  readonly cert: readonly string[]
  readonly at?: string
}

type Reader = {
  readonly start: WorkerStart
  readonly limits: Config['limits']
  /** The keys that the database knows for this address. */
  readonly keysOf: Parameters<typeof openArrival>[3]
}

/** Stands in when no address of the desk is known; belongs to nobody (RFC 2606 §2). */
const NOBODY = requireAddress('nobody@desk.invalid')

export async function open(call: Call<OpenOptions>): Promise<void> {
  const { options, argument: file } = call
  const at = options.at === undefined ? null : readInstant(options.at, 'UTC')
  if (typeof at === 'string') throw new UsageError(`--at: ${at}`)
  const now = at?.instant ?? systemClock.now()
  const reader = await readerFor(call, now)
  const opened = await openWith(reader, await readStart(file, reader.limits.mail_size), now)
  print(call, toOpenJson(opened), toOpenPage(opened, now))
}

/** Opens a message that the database holds. */
export async function openStored(call: Call, raw: Uint8Array, now: Instant): Promise<OpenedMail> {
  return openWith(await readerFor({ ...call, options: { cert: [] } }, now), raw, now)
}

/** Applies the limits of the daemon, which would hold a message that exceeds them. */
async function openWith(reader: Reader, raw: Uint8Array, now: Instant): Promise<OpenedMail> {
  const { limits, start } = reader
  const workers = await createWorkers({
    start,
    onEvent: () => undefined,
    maxThreads: 1,
    memoryMegabytes: limits.worker_memory,
    taskMs: limits.open_seconds * 1000
  })
  const opening =
    raw.length > limits.mail_size
      ? workers.openHeaders(raw.subarray(0, HEADER_BYTES_MAX))
      : openArrival(workers, () => new Uint8Array(raw), { now, sender: null }, reader.keysOf)
  return opening.finally(() => workers.close())
}

async function readerFor(call: Call<OpenOptions>, now: Instant): Promise<Reader> {
  const { options, isConfigNamed } = call
  const given: Uint8Array[] = []
  for (const path of options.cert) given.push((await readCertificate('--cert', path, now)).keyData)
  const nobody = { deskKeys: [], passphrase: '', deskName: '', deskAddress: NOBODY }
  const start = { ...nobody, maintainerKeys: given }
  const reader: Reader = { start, limits: limits.parse({}), keysOf: () => [] }
  if (options.secretKey !== undefined)
    return { ...reader, start: { ...start, ...(await givenKey(options, now)) } }
  // A message that is only signed needs nothing but certificates.
  if (given.length > 0 && !isConfigNamed && !existsSync(call.config)) return reader
  const config = await loadConfig(call.config, process.env)
  const { desk, maintainers, storage } = config
  const passphrase = desk.passphrase.reveal()
  const facts = await Promise.all(maintainers.map(({ key }) => inspectKey(key.text, now)))
  return {
    start: {
      ...start,
      deskKeys: [desk.key, ...desk.retired_keys].map((key) => key.reveal()),
      passphrase,
      deskAddress: desk.address,
      deskAliases: desk.aliases,
      maintainerKeys: [...facts.flatMap((found) => found?.keyData ?? []), ...given]
    },
    limits: config.limits,
    keysOf: (address, issuers) => {
      // A desk that was never started has no keys of senders.
      if (!existsSync(storage.path)) return []
      using db = openDatabase({ path: storage.path, passphrase, ifMissing: 'refuse' })
      return db.read((read) => keysOf(read, address, issuers))
    }
  }
}

async function givenKey({ secretKey = '', passphraseFile: from }: OpenOptions, now: Instant) {
  const armored = (await readLimited(secretKey)).toString('utf8')
  const passphrase = from === undefined ? '' : (await readSecretFile(from)).reveal()
  const unlocked = await unlockSecretKey(armored, passphrase)
  if (typeof unlocked === 'string')
    throw new CommandError(`--secret-key: ${UNLOCK_PROBLEMS[unlocked]}.`)
  const facts = await inspectKey(unlocked.privateKey.toPublic().write(), now)
  return { deskKeys: [armored], passphrase, deskAddress: facts?.addresses[0] ?? NOBODY }
}
