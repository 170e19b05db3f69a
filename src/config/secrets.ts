/**
 * Reads the secrets of the configuration. A secret is a `Secret` from the moment it is read, so that printing, logging or
 * serialising anything that holds it shows `[secret]`. Must never put a secret, or a part of one, into a message.
 */
import { createReadStream } from 'node:fs'
import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { refusedConfig } from './problems.ts'

/** Where a secret is kept. `credential` is a file of systemd's $CREDENTIALS_DIRECTORY. */
export type SecretRef =
  | { readonly file: string }
  | { readonly env: string }
  | { readonly credential: string }

/** Environment variables; the process's own or a test's. */
export type Environment = Readonly<Record<string, string | undefined>>

const SECRET_BYTES_MAX = 64 * 1024
const KEY_BYTES_MAX = 256 * 1024

/** A value that prints as `[secret]`. */
export class Secret {
  readonly #value: string
  /** The file it was read from; null when it came from elsewhere. */
  readonly path: string | null
  constructor(value: string, path: string | null = null) {
    this.#value = value
    this.path = path
  }
  /** The value itself, for the one call that needs it. */
  reveal(): string {
    return this.#value
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

/**
 * Reads one secret; a line end at its end is cut. Relative files are relative to `baseDir`. Throws `Trouble` `config`, without
 * the secret, when it is missing, empty or not text.
 */
export async function readSecret(
  ref: SecretRef,
  baseDir: string,
  env: Environment
): Promise<Secret> {
  if ('file' in ref) return readSecretFile(resolve(baseDir, ref.file))
  if ('env' in ref) {
    const name = `the environment variable ${ref.env}`
    const value = env[ref.env]
    if (value === undefined)
      throw refusedConfig(`${name} is not set: set it, or use { file: PATH }`)
    return checked(value, name)
  }
  const folder = env['CREDENTIALS_DIRECTORY'] ?? ''
  if (folder === '')
    throw refusedConfig(
      `$CREDENTIALS_DIRECTORY is not set: start under systemd with LoadCredential=${ref.credential}:PATH, or use { file: PATH }`
    )
  // systemd guards the file, so `check` does not look at its mode.
  return new Secret((await readSecretFile(join(folder, ref.credential))).reveal())
}

/** Reads a secret from a file of one line, as {@link readSecret} does. */
export async function readSecretFile(path: string): Promise<Secret> {
  const bytes = await readLimited(path, SECRET_BYTES_MAX)
  return checked(bytes.toString('utf8'), path, path)
}

/** The content of a file of at most `bytesMax`. Throws `Trouble` `config` that says why it cannot be read. */
export async function readLimited(path: string, bytesMax = KEY_BYTES_MAX): Promise<Buffer> {
  const bytes = await readStart(path, bytesMax)
  if (bytes.byteLength <= bytesMax) return bytes
  throw refusedConfig(`${path} is larger than ${bytesMax} bytes: check that it is the right file`)
}

/** As much of a file as shows whether it has more than `bytesMax`, whatever its size. Throws like {@link readLimited}. */
export async function readStart(path: string, bytesMax: number): Promise<Buffer> {
  return await buffer(createReadStream(path, { end: bytesMax })).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (code === 'ENOENT')
      throw refusedConfig(`there is no file ${path}: create it, or correct the path`)
    throw refusedConfig(
      `${path} cannot be read: the system says "${code}"; check the path, its owner and permissions`
    )
  })
}

function checked(text: string, where: string, path: string | null = null): Secret {
  const value = text.replace(/\r?\n$/, '')
  if (value === '') throw refusedConfig(`${where} is empty: write the secret into it`)
  if (/[\0\r\n]/.test(value))
    throw refusedConfig(`${where} has more than one line, or a NUL character: keep one line`)
  return new Secret(value, path)
}
