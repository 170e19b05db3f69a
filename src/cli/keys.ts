/**
 * `postern keys generate|list`. A private key is written with mode 0600, protected by the passphrase, and never printed.
 */
import { mkdir, open, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { readLimited, readSecretFile } from '../config/secrets.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { type KeyFacts } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { generateDeskKey } from '../openpgp/generate.ts'
import { classifyKey, inspectKey, UNLOCK_PROBLEMS, unlockSecretKey } from '../openpgp/keyring.ts'
import { type Call, named, requireAddress, requireName } from './context.ts'
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
  const key = await generateDeskKey(
    { name, address, passphrase, lifetimeSeconds: null },
    systemClock.now()
  )
  await writeNew([out, key.privateArmored, 0o600], [publicOut, key.publicArmored, 0o644])
  const { fingerprint } = key
  print(
    call,
    { private: out, public: publicOut, fingerprint },
    `private key ${out}\npublic key  ${publicOut}\nfingerprint ${formatFingerprint(fingerprint)}`
  )
}

async function readPassphrase(path: string): Promise<string> {
  const passphrase = named('--passphrase-file', await readSecretFile(path)).reveal()
  if (passphrase.length < PASSPHRASE_LENGTH_MIN)
    throw new CommandError(
      `--passphrase-file: the passphrase is shorter than ${PASSPHRASE_LENGTH_MIN} characters; "head -c 32 /dev/urandom | base64" makes a good one.`
    )
  return passphrase
}

type NewFile = readonly [path: string, text: string, mode: number]

/** Writes files that must not exist yet, all of them or none: half a pair would block the next attempt. */
async function writeNew(...files: readonly NewFile[]): Promise<void> {
  const made: string[] = []
  for (const [path, text, mode] of files) {
    try {
      // Without its folder the file cannot be opened, which says why.
      await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(() => undefined)
      await using file = await open(path, 'wx', mode)
      made.push(path)
      await file.writeFile(text)
      await file.sync()
    } catch (error) {
      for (const one of made) await rm(one, { force: true })
      const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
      throw new CommandError(
        isThere
          ? `${path} exists already, so nothing was written; name another file with --out.`
          : `${path} cannot be written; check the owner and permissions of its folder, and that the disk has room. Nothing was overwritten.`
      )
    }
  }
}

/** The certificate in the file that an option names. */
export async function readCertificate(
  option: string,
  path: string,
  now: Instant
): Promise<KeyFacts> {
  const data = named(option, await readLimited(path))
  if (classifyKey(data) === 'private')
    throw new CommandError(
      `${option}: ${path} is a PRIVATE key; delete this file and ask its owner for the public key.`
    )
  const facts = await inspectKey(data, now)
  if (facts !== null) return facts
  throw new CommandError(`${option}: ${path} is not exactly one readable OpenPGP public key.`)
}

/** Lists the configured keys of desk and maintainers; fails after the list when the desk key cannot be unlocked. */
export async function list(call: Call): Promise<void> {
  const { desk, maintainers } = await loadConfig(call.config, process.env)
  const now = systemClock.now()
  const rows: Row[] = []
  const passphrase = desk.passphrase.reveal()
  const unlocked = await unlockSecretKey(desk.key.reveal(), passphrase)
  rows.push(await rowOf('desk', publicPart(unlocked), now))
  for (const key of desk.retired_keys) {
    const retired = await unlockSecretKey(key.reveal(), passphrase)
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
