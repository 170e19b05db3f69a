/**
 * `postern keys generate|list`. A private key is written with mode 0600, protected by the passphrase, and never printed.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { readSecretFile } from '../config/secrets.ts'
import { parseAddress } from '../domain/address.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { systemClock } from '../effects/system.ts'
import { generateDeskKey } from '../openpgp/generate.ts'
import { inspectKey, unlockSecretKey } from '../openpgp/keyring.ts'
import { type Call } from './context.ts'
import { CommandError, printJson, printTable } from './output.ts'

export type GenerateOptions = {
  readonly name: string
  readonly address: string
  readonly passphraseFile: string
  readonly out: string
}

/** Makes a new desk key: `OUT` (private) and `OUT` with `.pub` before its extension (public). Overwrites nothing. */
export async function generate(call: Call, options: GenerateOptions): Promise<void> {
  const address = parseAddress(options.address)
  if (address === null)
    throw new CommandError('--address is not a plain mail address such as security@example.org.')
  if (/[\p{Cc}<>]/u.test(options.name))
    throw new CommandError('--name must not hold control characters or "<" and ">".')
  const passphrase = await readSecretFile(options.passphraseFile)
  if (typeof passphrase === 'string') throw new CommandError(`--passphrase-file: ${passphrase}.`)
  const out = resolve(options.out)
  const publicOut = out.replace(/(\.[^./]*)?$/, '.pub$1')
  const key = await generateDeskKey(
    { name: options.name, address, passphrase: passphrase.reveal(), lifetimeSeconds: null },
    systemClock.now()
  )
  await mkdir(dirname(out), { recursive: true, mode: 0o700 })
  await writeNew(out, key.privateArmored, 0o600)
  await writeNew(publicOut, key.publicArmored, 0o644)
  const made = { private: out, public: publicOut, fingerprint: formatFingerprint(key.fingerprint) }
  if (call.json) printJson(call.streams, made)
  else
    call.streams.out(
      `private key ${made.private}\npublic key  ${made.public}\nfingerprint ${made.fingerprint}\n`
    )
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { mode, flag: 'wx' })
  } catch {
    throw new CommandError(
      `${path} cannot be written; it exists already or its folder is not writable. Nothing was overwritten.`
    )
  }
}

/** The desk key and the maintainers' keys as configured. */
export async function list(call: Call): Promise<void> {
  const loaded = await loadConfig(call.config, process.env)
  const now = systemClock.now()
  const unlocked = await unlockSecretKey(loaded.keys.desk, loaded.secrets.passphrase.reveal())
  const desk = unlocked.kind === 'unlocked' ? unlocked.key.privateKey.toPublic().write() : null
  const sources = [
    { of: 'desk', data: desk },
    ...loaded.config.maintainers.map(({ id }) => ({
      of: id,
      data: loaded.keys.maintainers.get(id) ?? null
    }))
  ]
  const rows = []
  for (const { of, data } of sources) {
    const facts = data === null ? null : await inspectKey(data, now)
    rows.push({
      of,
      fingerprint: facts === null ? null : formatFingerprint(facts.fingerprint),
      algorithm: facts?.algorithm ?? null,
      state: facts?.state ?? 'unreadable',
      expiresAt: facts?.expiresAt ?? null
    })
  }
  if (call.json) printJson(call.streams, rows)
  else {
    printTable(
      call.streams,
      ['OF', 'FINGERPRINT', 'ALGORITHM', 'STATE', 'EXPIRES'],
      rows.map((row) => [
        row.of,
        row.fingerprint ?? '-',
        row.algorithm ?? '-',
        row.state,
        row.expiresAt ?? 'never'
      ])
    )
  }
}
