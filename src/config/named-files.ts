/**
 * Reads the files and secrets that the sections of a configuration name: keys, certificates, secrets and policies. Works
 * section by section, so that one bad section hides no missing file of another. Must never check what a key file holds.
 */
import { resolve } from 'node:path'
import { type ReadCalendar, readHolidays } from './calendar.ts'
import { type Config } from './config.ts'
import { readPolicy } from './policy-file.ts'
import { type Problem } from './problems.ts'
import { type ConfigFile } from './schema.ts'
import { type Environment, readLimited, readSecret, type Secret } from './secrets.ts'
import { type ValuePath } from './yaml.ts'

/** The parts of `T`, null where one could not be read. */
export type Partly<T> = { readonly [K in keyof T]: T[K] | null }

/** The sections of the file, null where one is not valid. */
export type Sections = Partly<ConfigFile>

/** The folders for relative names, and the environment for secrets. */
export type Place = {
  readonly baseDir: string
  readonly env: Environment
  readonly policiesDir: string
}

/** The content of all named files, section by section. */
export type NamedFiles = {
  readonly desk: {
    readonly config: Config['desk']
    readonly key: string
    readonly retiredKeys: readonly string[]
    readonly passphrase: Secret
  }
  readonly imap: { readonly config: Config['imap']; readonly password: Secret }
  readonly smtp: { readonly config: Config['smtp']; readonly password: Secret | null }
  readonly maintainers: {
    readonly config: Config['maintainers']
    readonly keys: ReadonlyMap<string, string>
  }
  readonly products: Config['products']
}

const KEY_BYTES_MAX = 256 * 1024

/** Reads the files that each valid section names; adds what is missing to `problems`. */
export async function readNamedFiles(
  file: Sections,
  place: Place,
  problems: Problem[]
): Promise<Partly<NamedFiles>> {
  const reader = fileReader(place, problems)
  return {
    desk: file.desk && (await readDesk(file.desk, reader)),
    imap: file.imap && (await readImap(file.imap, reader)),
    smtp: file.smtp && (await readSmtp(file.smtp, reader)),
    maintainers: file.maintainers && (await readMaintainers(file.maintainers, reader)),
    products:
      file.products &&
      (await readProducts(file.products, place, file.desk?.timezone ?? 'UTC', problems))
  }
}

/** Reads files and secrets relative to the configuration; a failure becomes a problem at `at`, and null. */
type Reader = {
  absolute(path: string): string
  text(path: string, at: ValuePath): Promise<string | null>
  secret(ref: ConfigFile['desk']['passphrase'], at: ValuePath): Promise<Secret | null>
}

function fileReader({ baseDir, env }: Place, problems: Problem[]): Reader {
  return {
    absolute: (path) => resolve(baseDir, path),
    text: async (path, at) => {
      const bytes = await readLimited(resolve(baseDir, path), KEY_BYTES_MAX)
      if (typeof bytes !== 'string') return bytes.toString('utf8')
      problems.push({ path: at, text: bytes })
      return null
    },
    secret: async (ref, at) => {
      const secret = await readSecret(ref, baseDir, env)
      if (typeof secret !== 'string') return secret
      problems.push({ path: at, text: secret })
      return null
    }
  }
}

async function readDesk(
  section: ConfigFile['desk'],
  reader: Reader
): Promise<NamedFiles['desk'] | null> {
  const key = await reader.text(section.key, ['desk', 'key'])
  const passphrase = await reader.secret(section.passphrase, ['desk', 'passphrase'])
  const retiredKeys: string[] = []
  for (const [index, path] of section.retired_keys.entries()) {
    const text = await reader.text(path, ['desk', 'retired_keys', index])
    if (text !== null) retiredKeys.push(text)
  }
  if (key === null || passphrase === null) return null
  if (retiredKeys.length !== section.retired_keys.length) return null
  const { name, address, timezone } = section
  const keyPath = reader.absolute(section.key)
  const retiredKeyPaths = section.retired_keys.map((path) => reader.absolute(path))
  return {
    config: { name, address, casePrefix: section.case_prefix, keyPath, retiredKeyPaths, timezone },
    key,
    retiredKeys,
    passphrase
  }
}

async function readImap(
  section: ConfigFile['imap'],
  reader: Reader
): Promise<NamedFiles['imap'] | null> {
  const { password: ref, ca: caPath, ...rest } = section
  const password = await reader.secret(ref, ['imap', 'password'])
  const ca = caPath === undefined ? null : await reader.text(caPath, ['imap', 'ca'])
  if (password === null || (ca === null && caPath !== undefined)) return null
  const port = section.port ?? (section.tls === 'implicit' ? 993 : 143)
  return { config: { ...rest, port, ca }, password }
}

async function readSmtp(
  section: ConfigFile['smtp'],
  reader: Reader
): Promise<NamedFiles['smtp'] | null> {
  const { password: ref, ca: caPath, host, tls } = section
  const password = ref === undefined ? null : await reader.secret(ref, ['smtp', 'password'])
  const ca = caPath === undefined ? null : await reader.text(caPath, ['smtp', 'ca'])
  if ((password === null && ref !== undefined) || (ca === null && caPath !== undefined)) return null
  const port = section.port ?? { implicit: 465, starttls: 587, none: 25 }[tls]
  const user = section.user ?? null
  return {
    config: {
      host,
      port,
      tls,
      ca,
      user,
      bounceAddress: section.bounce_address ?? null,
      replySeconds: section.reply_seconds
    },
    password
  }
}

async function readMaintainers(
  section: ConfigFile['maintainers'],
  reader: Reader
): Promise<NamedFiles['maintainers'] | null> {
  const keys = new Map<string, string>()
  for (const [index, { id, key }] of section.entries()) {
    const text = await reader.text(key, ['maintainers', index, 'key'])
    if (text !== null) keys.set(id, text)
  }
  if (keys.size !== section.length) return null
  const config = section.map(({ key, ...rest }) => ({ ...rest, keyPath: reader.absolute(key) }))
  return { config, keys }
}

async function readProducts(
  section: ConfigFile['products'],
  { baseDir, policiesDir }: Place,
  deskZone: string,
  problems: Problem[]
): Promise<NamedFiles['products'] | null> {
  const products: Config['products'][number][] = []
  for (const [index, { calendar: own, ...product }] of section.entries()) {
    const result = await readPolicy(product.policy, baseDir, policiesDir)
    if (result.kind === 'refused') {
      for (const text of result.problems)
        problems.push({ path: ['products', index, 'policy'], text })
      continue
    }
    const calendar = await calendarOf(own ?? {}, result.calendar, { baseDir, deskZone })
    if (typeof calendar === 'string')
      problems.push({ path: ['products', index, 'calendar', 'holidays'], text: calendar })
    else products.push({ ...product, policy: result.policy, preset: result.preset, ...calendar })
  }
  return products.length === section.length ? products : null
}

/** The policy's calendar with the product's own keys over it, or what is wrong with the product's holidays. */
async function calendarOf(
  own: NonNullable<ConfigFile['products'][number]['calendar']>,
  policy: ReadCalendar,
  { baseDir, deskZone }: { readonly baseDir: string; readonly deskZone: string }
): Promise<Pick<Config['products'][number], 'calendar' | 'holidaysEnd'> | string> {
  const given = typeof own.holidays === 'string' ? resolve(baseDir, own.holidays) : own.holidays
  const holidays = given === undefined ? policy.holidays : await readHolidays(given)
  if (typeof holidays === 'string') return holidays
  const zone = own.zone === undefined ? policy.timezone : own.zone
  const weekend = own.weekend ?? policy.weekend
  return {
    calendar: { timezone: zone ?? deskZone, weekend, holidays: holidays.dates },
    holidaysEnd: holidays.end
  }
}
