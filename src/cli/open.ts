/**
 * `postern open FILE`: opens one RFC 5322 file by the daemon's rules, in a worker with its limits, and prints what it finds.
 * With keys on the command line it needs no configuration; with a configuration it also uses the sender's keys from the
 * database. A key that only the message brings proves nothing. Must never use the network, nor parse a byte of the message
 * outside the worker.
 */
import { existsSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { type Config, loadConfig } from '../config/load.ts'
import { limits } from '../config/schema.ts'
import { readLimited, readSecretFile } from '../config/secrets.ts'
import { keysOf } from '../desk/read-situation.ts'
import { type Address } from '../domain/address.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Instant, readInstant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { systemClock } from '../effects/system.ts'
import { HEADER_BYTES_MAX } from '../mime/fields.ts'
import { inspectKey, type SecretKey, UNLOCK_PROBLEMS, unlockSecretKey } from '../openpgp/keyring.ts'
import { openDatabase } from '../store/database.ts'
import { createWorkers } from '../worker/pool.ts'
import { type WorkerStart } from '../worker/tasks.ts'
import { type Call, named, requireAddress } from './context.ts'
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
  readonly keysOf: (address: Address) => readonly Uint8Array[]
}

/** Stands in when no address of the desk is known; belongs to nobody (RFC 2606 §2). */
const NOBODY = requireAddress('nobody@desk.invalid')

export async function open(call: Call<OpenOptions>): Promise<void> {
  const { options, argument: file } = call
  const at = options.at === undefined ? null : readInstant(options.at, 'UTC')
  if (typeof at === 'string') throw new UsageError(`--at: ${at}`)
  const now = at?.instant ?? systemClock.now()
  const opened = await openFileWith(await readerFor(call, now), file, now)
  print(call, toOpenJson(opened), toOpenPage(opened, now))
}

/** Applies the limits of the daemon, which would hold a message that exceeds them. */
async function openFileWith(reader: Reader, file: string, now: Instant): Promise<OpenedMail> {
  const { limits, start } = reader
  const { raw, isTooLarge } = await readMailFile(file, limits.mail_size)
  const workers = await createWorkers({
    start,
    onEvent: () => undefined,
    maxThreads: 1,
    memoryMegabytes: limits.worker_memory,
    taskMs: limits.open_seconds * 1000
  })
  try {
    if (isTooLarge) return await workers.openHeaders(raw)
    const first = await workers.open(raw, { now, knownKeys: [] })
    const { from } = first.outer
    const isUnknown = first.signatures.some(({ state }) => state === 'unknown-key')
    const knownKeys = isUnknown && from !== null ? reader.keysOf(from.address) : []
    return knownKeys.length === 0 ? first : await workers.open(raw, { now, knownKeys })
  } catch (error) {
    const isLimitOrCrash =
      error instanceof Trouble && (error.code === 'worker-limit' || error.code === 'worker-crash')
    if (!isLimitOrCrash) throw error
    throw new CommandError(
      `${file} could not be opened: ${error.message}. The daemon would put it on hold.`
    )
  } finally {
    await workers.close()
  }
}

/** The whole file; only its beginning when it is larger than the desk would download. */
async function readMailFile(
  path: string,
  bytesMax: number
): Promise<{ readonly raw: Buffer; readonly isTooLarge: boolean }> {
  try {
    await using file = await openFile(path)
    if ((await file.stat()).size > bytesMax) {
      const head = Buffer.alloc(HEADER_BYTES_MAX)
      const { bytesRead } = await file.read(head, 0, head.length, 0)
      return { raw: head.subarray(0, bytesRead), isTooLarge: true }
    }
    const raw = await file.readFile()
    return { raw, isTooLarge: raw.length > bytesMax }
  } catch {
    throw new CommandError(`${path} cannot be read; check that it exists and its permissions.`)
  }
}

async function readerFor(call: Call<OpenOptions>, now: Instant): Promise<Reader> {
  const { options, isConfigNamed } = call
  const given: Uint8Array[] = []
  for (const path of options.cert) given.push((await readCertificate('--cert', path, now)).keyData)
  const reader: Reader = {
    start: {
      ...{ isReader: true, deskKeys: [], passphrase: '', deskName: '', deskAddress: NOBODY },
      maintainerKeys: given
    },
    limits: limits.parse({}),
    keysOf: () => []
  }
  if (options.secretKey !== undefined)
    return { ...reader, start: { ...reader.start, ...(await givenKey(options, now)) } }
  // A message that is only signed needs nothing but certificates.
  const needsNoConfig = given.length > 0 && !isConfigNamed && !existsSync(call.config)
  return needsNoConfig ? reader : await configuredReader(call.config, reader, now)
}

async function configuredReader(file: string, reader: Reader, now: Instant): Promise<Reader> {
  const config = await loadConfig(file, process.env)
  const { desk, maintainers, storage } = config
  const passphrase = desk.passphrase.reveal()
  await unlock(desk.key.reveal(), passphrase, 'desk.key')
  for (const [index, key] of desk.retired_keys.entries())
    await unlock(key.reveal(), passphrase, `desk.retired_keys[${index}]`)
  const deskKeys = [desk.key, ...desk.retired_keys].map((key) => key.reveal())
  const facts = await Promise.all(maintainers.map(({ key }) => inspectKey(key.text, now)))
  const certificates = facts.flatMap((found) => (found === null ? [] : [found.keyData]))
  const maintainerKeys = [...certificates, ...reader.start.maintainerKeys]
  return {
    start: { ...reader.start, deskKeys, passphrase, deskAddress: desk.address, maintainerKeys },
    limits: config.limits,
    keysOf: (address) => {
      // A desk that was never started has no keys of senders.
      if (!existsSync(storage.path)) return []
      using db = openDatabase({ path: storage.path, passphrase, ifMissing: 'refuse' })
      return db.read((read) => keysOf(read, address))
    }
  }
}

async function givenKey({ secretKey = '', passphraseFile: from }: OpenOptions, now: Instant) {
  const armored = named('--secret-key', await readLimited(secretKey)).toString('utf8')
  const passphrase =
    from === undefined ? '' : named('--passphrase-file', await readSecretFile(from)).reveal()
  const { privateKey } = await unlock(armored, passphrase, '--secret-key')
  const facts = await inspectKey(privateKey.toPublic().write(), now)
  return { deskKeys: [armored], passphrase, deskAddress: facts?.addresses[0] ?? NOBODY }
}

async function unlock(armored: string, passphrase: string, where: string): Promise<SecretKey> {
  const unlocked = await unlockSecretKey(armored, passphrase)
  if (unlocked.kind === 'unlocked') return unlocked.key
  throw new CommandError(`${where}: ${UNLOCK_PROBLEMS[unlocked.kind]}.`)
}
