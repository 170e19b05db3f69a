/**
 * `postern keys generate|list`. A private key is written with mode 0600, protected by the passphrase, and never printed.
 */
import { constants, existsSync } from 'node:fs'
import { access, mkdir, open, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { readSecretFile } from '../config/secrets.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { generateDeskKey } from '../openpgp/generate.ts'
import { inspectKey, unlockSecretKey } from '../openpgp/keyring.ts'
import { UNLOCK_PROBLEMS } from '../settings.ts'
import { type Call, requireAddress, requireName } from './context.ts'
import { CommandError, print, printRows } from './output.ts'

type GenerateOptions = {
  readonly name: string
  readonly address: string
  readonly passphraseFile: string
  readonly out: string
}

/** Somebody who steals the disk could guess a shorter one; it protects the key and the database. */
export const PASSPHRASE_LENGTH_MIN = 12

/** Makes a desk key: `OUT` (private) and `OUT` with `.pub` before its extension (public). Overwrites nothing. */
export async function generate(call: Call<GenerateOptions>): Promise<void> {
  const { options } = call
  const address = requireAddress(options.address)
  const name = requireName(options.name)
  const passphrase = await readPassphrase(options.passphraseFile)
  const out = resolve(options.out)
  const publicOut = out.replace(/(\.[^./]*)?$/, '.pub$1')
  await requireRoom(out, publicOut)
  const key = await generateDeskKey(
    { name, address, passphrase, lifetimeSeconds: null },
    systemClock.now()
  )
  await writeNew(out, key.privateArmored, 0o600)
  try {
    await writeNew(publicOut, key.publicArmored, 0o644)
  } catch (error) {
    // Half a pair would block the next attempt.
    await rm(out, { force: true })
    throw error
  }
  const { fingerprint } = key
  print(
    call,
    { private: out, public: publicOut, fingerprint },
    `private key ${out}\npublic key  ${publicOut}\nfingerprint ${formatFingerprint(fingerprint)}`
  )
}

async function readPassphrase(path: string): Promise<string> {
  const secret = await readSecretFile(path)
  if (typeof secret === 'string') throw new CommandError(`--passphrase-file: ${secret}.`)
  const passphrase = secret.reveal()
  if (passphrase.length < PASSPHRASE_LENGTH_MIN)
    throw new CommandError(
      `--passphrase-file: the passphrase is shorter than ${PASSPHRASE_LENGTH_MIN} characters; "head -c 32 /dev/urandom | base64" makes a good one.`
    )
  return passphrase
}

/** Makes the folder and checks that both files can be written there. */
async function requireRoom(...paths: readonly [string, string]): Promise<void> {
  const folder = dirname(paths[0])
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await access(folder, constants.W_OK | constants.X_OK)
  } catch {
    throw new CommandError(
      `The folder ${folder} cannot be created or written to; check its owner and permissions, or name another file with --out.`
    )
  }
  const taken = paths.find((path) => existsSync(path))
  if (taken !== undefined)
    throw new CommandError(
      `${taken} exists already, so nothing was written; name another file with --out.`
    )
}

/** Writes a file that must not exist yet. Removes it again when its content cannot be written. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const refused = new CommandError(
    `${path} cannot be written; check that it does not exist and that the disk has room. Nothing was overwritten.`
  )
  const file = await open(path, 'wx', mode).catch(() => null)
  if (file === null) throw refused
  try {
    await using made = file
    await made.writeFile(text)
    await made.sync()
  } catch {
    await rm(path, { force: true })
    throw refused
  }
}

/** Lists the configured keys of desk and maintainers; fails after the list when the desk key cannot be unlocked. */
export async function list(call: Call): Promise<void> {
  const { desk, maintainers } = await loadConfig(call.config, process.env)
  const now = systemClock.now()
  const rows: Row[] = []
  const passphrase = desk.passphrase.reveal()
  const unlocked = await unlockSecretKey(desk.key.text, passphrase)
  rows.push(await rowOf('desk', publicPart(unlocked), now))
  for (const { text } of desk.retired_keys) {
    const retired = await unlockSecretKey(text, passphrase)
    rows.push(await rowOf('desk (retired)', publicPart(retired), now))
  }
  for (const { id, key } of maintainers) rows.push(await rowOf(id, key.text, now))
  printRows(call, rows, {
    OWNER: (row) => row.of,
    FINGERPRINT: (row) => (row.fingerprint === null ? '-' : formatFingerprint(row.fingerprint)),
    ALGORITHM: (row) => row.algorithm ?? '-',
    STATE: (row) => row.state,
    EXPIRES: (row) => row.expiresAt ?? 'never'
  })
  if (unlocked.kind !== 'unlocked')
    throw new CommandError(`desk.key: ${UNLOCK_PROBLEMS[unlocked.kind]}.`)
}

type Row = Awaited<ReturnType<typeof rowOf>>

/** Null for a key that cannot be unlocked. */
function publicPart(unlocked: Awaited<ReturnType<typeof unlockSecretKey>>): Uint8Array | null {
  return unlocked.kind === 'unlocked' ? unlocked.key.privateKey.toPublic().write() : null
}

async function rowOf(of: string, data: string | Uint8Array | null, now: Instant) {
  const facts = data === null ? null : await inspectKey(data, now)
  return {
    of,
    fingerprint: facts?.fingerprint ?? null,
    algorithm: facts?.algorithm ?? null,
    state: facts?.state ?? 'unreadable',
    expiresAt: facts?.expiresAt ?? null
  }
}
