/**
 * `postern open FILE`: opens one RFC 5322 file exactly as the daemon would and prints the verdict. With keys on the command
 * line it needs no configuration.
 */
import { readFile } from 'node:fs/promises'
import { loadConfig } from '../config/load.ts'
import { readSecretFile } from '../config/secrets.ts'
import { type Instant, parseInstant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { inspectKey, type SecretKey, unlockSecretKey } from '../openpgp/keyring.ts'
import { openMail, type ReadingKeys } from '../reading/open-mail.ts'
import { toOpenJson, toOpenPage } from '../reading/report.ts'
import { type Call } from './context.ts'
import { CommandError, printable, printJson } from './output.ts'

export type OpenOptions = {
  readonly secretKey?: string
  readonly passphraseFile?: string
  readonly cert: readonly string[]
  readonly at?: string
}

export async function open(call: Call, file: string, options: OpenOptions): Promise<void> {
  const now = options.at === undefined ? systemClock.now() : parseInstant(options.at)
  if (now === null)
    throw new CommandError(
      '--at wants an instant with an offset, for example 2026-12-01T13:00:00Z.'
    )
  const raw = await readFile(file).catch(() => null)
  if (raw === null) throw new CommandError(`${file} cannot be read.`)
  const { keys, deskAddress } =
    options.secretKey === undefined
      ? await configuredKeys(call, options, now)
      : await givenKeys(options.secretKey, options, now)
  const opened = await openMail(raw, keys, { now, deskAddress })
  if (call.json) printJson(call.streams, toOpenJson(opened))
  else
    call.streams.out(
      `${printable(toOpenPage(opened, process.stdout.isTTY ? process.stdout.columns : 80))}\n`
    )
}

async function configuredKeys(
  call: Call,
  options: OpenOptions,
  now: Instant
): Promise<{ readonly keys: ReadingKeys; readonly deskAddress: string }> {
  const loaded = await loadConfig(call.config, process.env)
  const secret = await unlock(loaded.keys.desk, loaded.secrets.passphrase.reveal(), 'desk.key')
  const certificates: Uint8Array[] = []
  for (const text of loaded.keys.maintainers.values()) {
    const facts = await inspectKey(text, now)
    if (facts !== null) certificates.push(facts.keyData)
  }
  certificates.push(...(await readCertificates(options.cert, now)))
  return { keys: { secretKeys: [secret], certificates }, deskAddress: loaded.config.desk.address }
}

async function givenKeys(
  path: string,
  options: OpenOptions,
  now: Instant
): Promise<{ readonly keys: ReadingKeys; readonly deskAddress: string }> {
  const armored = await readFile(path, 'utf8').catch(() => null)
  if (armored === null) throw new CommandError(`--secret-key ${path} cannot be read.`)
  const passphrase =
    options.passphraseFile === undefined ? null : await readSecretFile(options.passphraseFile)
  if (typeof passphrase === 'string') throw new CommandError(`--passphrase-file: ${passphrase}.`)
  const secret = await unlock(armored, passphrase?.reveal() ?? '', '--secret-key')
  const facts = await inspectKey(secret.privateKey.toPublic().write(), now)
  return {
    keys: { secretKeys: [secret], certificates: await readCertificates(options.cert, now) },
    deskAddress: facts?.addresses[0] ?? ''
  }
}

async function unlock(armored: string, passphrase: string, where: string): Promise<SecretKey> {
  const unlocked = await unlockSecretKey(armored, passphrase)
  switch (unlocked.kind) {
    case 'unlocked':
      return unlocked.key
    case 'wrong-passphrase':
      throw new CommandError(`${where}: the passphrase does not unlock the key.`)
    case 'public':
      throw new CommandError(`${where} is a public key; give the private one.`)
    case 'unreadable':
      throw new CommandError(`${where} is not exactly one readable OpenPGP private key.`)
  }
}

async function readCertificates(paths: readonly string[], now: Instant): Promise<Uint8Array[]> {
  const certificates: Uint8Array[] = []
  for (const path of paths) {
    const data = await readFile(path).catch(() => null)
    const facts = data === null ? null : await inspectKey(data, now)
    if (facts === null)
      throw new CommandError(`--cert ${path} is not exactly one readable OpenPGP public key.`)
    certificates.push(facts.keyData)
  }
  return certificates
}
