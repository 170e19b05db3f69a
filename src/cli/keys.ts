/**
 * `postern keys generate|list`. A private key is written with mode 0600, protected by the passphrase, and never printed.
 */
import { resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { readLimited, readSecretFile } from '../config/secrets.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { type KeyFacts } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { classifyKey, generateDeskKey, inspectKey } from '../openpgp/keyring.ts'
import { readKeys } from '../settings.ts'
import { type Call, requireAddress, requireName } from './context.ts'
import { writeNew } from './new-files.ts'
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
  const passphrase = (await readSecretFile(options.passphraseFile)).reveal()
  if (passphrase.length < PASSPHRASE_LENGTH_MIN)
    throw new CommandError(
      `--passphrase-file: the passphrase is shorter than ${PASSPHRASE_LENGTH_MIN} characters; "head -c 32 /dev/urandom | base64" makes a good one.`
    )
  const out = resolve(options.out)
  const publicOut = out.replace(/(\.[^./]*)?$/, '.pub$1')
  const key = await generateDeskKey({ name, address, passphrase }, systemClock.now())
  await writeNew([out, key.privateArmored, 0o600], [publicOut, key.publicArmored, 0o644])
  const { fingerprint } = key
  const said = `private key ${out}\npublic key  ${publicOut}\nfingerprint ${formatFingerprint(fingerprint)}`
  print(call, { private: out, public: publicOut, fingerprint }, said)
}

/** The certificate in the file that an option names. */
export async function readCertificate(
  option: string,
  path: string,
  now: Instant
): Promise<KeyFacts> {
  const data = await readLimited(path)
  if (classifyKey(data) === 'private')
    throw new CommandError(
      `${option}: ${path} holds a PRIVATE key; please name the file with the public key. If somebody sent you this file, tell them so, and ask for the public key.`
    )
  const facts = await inspectKey(data, now)
  if (facts !== null) return facts
  throw new CommandError(`${option}: ${path} is not exactly one readable OpenPGP public key.`)
}

/** Lists the configured keys of desk and maintainers; fails after the list when the desk key cannot be unlocked. */
export async function list(call: Call): Promise<void> {
  const config = await loadConfig(call.config, process.env)
  const { desk, retired, maintainers } = await readKeys(config, systemClock.now())
  const own = [{ of: 'desk', ...desk }, ...retired.map((key) => ({ of: 'desk (retired)', ...key }))]
  const others = maintainers.map((key) => ({ of: key.id, ...key }))
  const rows = [...own, ...others].map(({ of, facts }) => {
    const { fingerprint = null, algorithm = null, expiresAt = null } = facts ?? {}
    return { of, fingerprint, algorithm, state: facts?.state ?? 'unreadable', expiresAt }
  })
  const problems = own.flatMap(({ of, problem }) => (problem === null ? [] : `${of}: ${problem}.`))
  printRows(call, rows, {
    OWNER: (row) => row.of,
    FINGERPRINT: (row) => (row.fingerprint === null ? '-' : formatFingerprint(row.fingerprint)),
    ALGORITHM: (row) => row.algorithm ?? '-',
    STATE: (row) => row.state,
    EXPIRES: (row) => row.expiresAt ?? (row.state === 'unreadable' ? '-' : 'never')
  })
  if (problems.length > 0) throw new CommandError(problems.join('\n'))
}
