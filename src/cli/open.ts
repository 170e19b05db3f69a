/**
 * `postern open FILE`: opens one RFC 5322 file by the daemon's rules and prints the verdict. It does so in this process, without
 * the limits of a worker and without the keys of reporters and members that only the database has. With keys on the command
 * line it needs no configuration.
 */
import { existsSync } from 'node:fs'
import { open as openFile, readFile } from 'node:fs/promises'
import { loadConfig } from '../config/load.ts'
import { sections } from '../config/schema.ts'
import { readSecretFile } from '../config/secrets.ts'
import { type Instant, parseInstant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { HEADER_BYTES_MAX } from '../mime/fields.ts'
import { inspectKey, type SecretKey, unlockSecretKey } from '../openpgp/keyring.ts'
import { openHeadersOnly, openMail, type ReadingKeys } from '../reading/open-mail.ts'
import { toOpenPage } from '../reading/page.ts'
import { toOpenJson } from '../reading/report.ts'
import { type Call } from './context.ts'
import { CommandError, printable, printJson, UsageError } from './output.ts'

export type OpenOptions = {
  readonly secretKey?: string
  readonly passphraseFile?: string
  readonly cert: readonly string[]
  readonly at?: string
}

/** What is needed to read as one desk does. */
type Reader = {
  readonly keys: ReadingKeys
  readonly deskAddress: string
  /** Of a larger mail only the header is read. */
  readonly mailBytes: number
}

export async function open(
  call: Call,
  file: string,
  options: OpenOptions & { readonly isConfigNamed: boolean }
): Promise<void> {
  const now = options.at === undefined ? systemClock.now() : parseInstant(options.at)
  if (now === null)
    throw new UsageError('--at wants an instant with an offset, for example 2026-12-01T13:00:00Z.')
  const { keys, deskAddress, mailBytes } = await readerFor(call, options, now)
  const { raw, isTooLarge } = await readMailFile(file, mailBytes)
  const opened = isTooLarge
    ? openHeadersOnly(raw, now, deskAddress)
    : await openMail(raw, keys, { now, deskAddress })
  if (call.json) printJson(call.streams, toOpenJson(opened))
  else {
    const width = process.stdout.isTTY ? process.stdout.columns : 80
    call.streams.out(printable(toOpenPage(opened, { width, now })))
  }
}

/** The whole file, or where it is larger than the desk would download only its beginning. */
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
    throw new CommandError(`${path} cannot be read.`)
  }
}

async function readerFor(
  call: Call,
  options: OpenOptions & { readonly isConfigNamed: boolean },
  now: Instant
): Promise<Reader> {
  if (options.secretKey !== undefined) return givenKeys(options.secretKey, options, now)
  const needsNoConfig = options.cert.length > 0 && !options.isConfigNamed
  if (!needsNoConfig || existsSync(call.config)) return configuredKeys(call, options, now)
  // To verify what is only signed takes certificates alone.
  const certificates = await readCertificates(options.cert, now)
  return { keys: { secretKeys: [], certificates }, deskAddress: '', mailBytes: defaultMailBytes() }
}

function defaultMailBytes(): number {
  return sections.limits.parse(undefined).mail_size
}

async function configuredKeys(call: Call, options: OpenOptions, now: Instant): Promise<Reader> {
  const loaded = await loadConfig(call.config, process.env)
  const passphrase = loaded.secrets.passphrase.reveal()
  const secretKeys = [await unlock(loaded.keys.desk, passphrase, 'desk.key')]
  for (const [index, text] of loaded.keys.retired.entries()) {
    secretKeys.push(await unlock(text, passphrase, `desk.retired_keys[${index}]`))
  }
  const certificates: Uint8Array[] = []
  for (const text of loaded.keys.maintainers.values()) {
    const facts = await inspectKey(text, now)
    if (facts !== null) certificates.push(facts.keyData)
  }
  certificates.push(...(await readCertificates(options.cert, now)))
  return {
    keys: { secretKeys, certificates },
    deskAddress: loaded.config.desk.address,
    mailBytes: loaded.config.limits.mailBytes
  }
}

async function givenKeys(path: string, options: OpenOptions, now: Instant): Promise<Reader> {
  const armored = await readFile(path, 'utf8').catch(() => null)
  if (armored === null) throw new CommandError(`--secret-key ${path} cannot be read.`)
  const passphrase =
    options.passphraseFile === undefined ? null : await readSecretFile(options.passphraseFile)
  if (typeof passphrase === 'string') throw new CommandError(`--passphrase-file: ${passphrase}.`)
  const secret = await unlock(armored, passphrase?.reveal() ?? '', '--secret-key')
  const facts = await inspectKey(secret.privateKey.toPublic().write(), now)
  return {
    keys: { secretKeys: [secret], certificates: await readCertificates(options.cert, now) },
    deskAddress: facts?.addresses[0] ?? '',
    mailBytes: defaultMailBytes()
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
