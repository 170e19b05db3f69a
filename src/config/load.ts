/**
 * Reads the configuration once, at start: the file, its policies, its key files and its secrets. Reports all problems at once,
 * each with its path and remedy, in the order of the file. Must never return a half-read configuration.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type z } from 'zod'
import { type Policy, type Product, type Settings } from '../domain/settings.ts'
import { type Holidays, type ReadCalendar } from './calendar.ts'
import { BUILT_IN_CLOCKS } from './clock-schema.ts'
import { decode, formatPath, type Problem, recordOf, refusedConfig } from './problems.ts'
import { configIn } from './schema.ts'
import { type Environment, type Secret } from './secrets.ts'
import { refuseChangeable } from './writable.ts'
import { readYaml } from './yaml.ts'

/** The decoded file; in place of each name of a file, policy or secret stands what was read. */
type Decoded = z.output<ReturnType<typeof configIn>>

type DeepReadonly<T> = T extends Secret | string
  ? T
  : { readonly [K in keyof T]: DeepReadonly<T[K]> }

/** Everything that the program reads at start. Printing it shows no secret. */
export type Config = DeepReadonly<Omit<Decoded, 'products' | 'texts'>> & {
  readonly products: readonly (Product & {
    /** With the end of their list. */
    readonly holidays: Holidays
    /** The built-in policy that its policy extends; null when it extends none. */
    readonly base: Policy | null
  })[]
  readonly clocks: Settings['clocks']
  /** The wordings of messages by name. */
  readonly texts: Decoded['texts']
}

/** Reads and checks the configuration at `path` with all files it names. Throws `Trouble` `config` with all problems. */
export async function loadConfig(path: string, env: Environment): Promise<Config> {
  const absolute = resolve(path)
  if (!existsSync(absolute))
    throw refusedConfig(
      `there is no configuration ${absolute}: write one (README shows how), or name another with --config FILE`
    )
  const document = await readYaml(absolute)
  const schema = configIn({ baseDir: dirname(absolute), env })
  const place = ({ path: at }: Problem): number => document.lineOf(at) ?? 0
  const file = await decode(schema, withoutEmpty(document.value), (problems) =>
    [...problems]
      .sort((a, b) => place(a) - place(b))
      .map(({ path: at, text }) => `${formatPath(at, document.lineOf(at)) || absolute}: ${text}`)
  )
  refuseChangeable([absolute, ...filesOf(file)])
  return { ...file, products: file.products.map(productIn(file)), clocks: BUILT_IN_CLOCKS }
}

/** The files of keys, certificates and secrets, and the database. Policies and wordings are looked at where they are read. */
function filesOf({ desk, imap, smtp, maintainers, storage }: Decoded): string[] {
  const secrets = [desk.passphrase, imap.password, smtp.password]
  const keys = [desk.key, ...desk.retired_keys, ...maintainers.map(({ key }) => key)]
  const named = [...keys, ...secrets, imap.ca, smtp.ca]
  return [...named.flatMap((one) => one?.path ?? []), storage.path]
}

/** YAML reads a section as null when all its lines are commented out; it then has its defaults. */
function withoutEmpty(value: unknown): unknown {
  const root = recordOf(value)
  return root === null
    ? value
    : Object.fromEntries(Object.entries(root).filter(([, section]) => section !== null))
}

/** A product with its policy, and the policy's calendar with the product's own keys over it. */
function productIn({ desk }: Decoded) {
  return ({ policy: { policy, base, calendar }, ...product }: Decoded['products'][number]) => {
    const { zone, weekend, holidays } = { ...calendar, ...product.calendar } as ReadCalendar
    const days = { timezone: zone ?? desk.timezone, weekend, holidays: holidays.dates }
    return { ...product, policy, base, holidays, calendar: days }
  }
}
