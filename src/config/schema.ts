/**
 * The shape of `postern.yaml`: every key with its default, and the rules between keys; README says what each means. Reads the
 * files, secrets and policies that it names. Must never check what a key file holds: the openpgp folder does.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { isLoopback } from '../domain/address.ts'
import { ROLES } from '../domain/role.ts'
import { Trouble } from '../domain/trouble.ts'
import { calendarKeys } from './calendar.ts'
import {
  address,
  authservId,
  block,
  bounceAddress,
  casePrefix,
  cron,
  host,
  line,
  list,
  oneOf,
  path,
  port,
  reading,
  shortName,
  size,
  textWhere,
  timezone,
  version,
  whole
} from './fields.ts'
import { readPolicy } from './policy-file.ts'
import { valueAt } from './problems.ts'
import { type Environment, readLimited, readSecret, Secret } from './secrets.ts'
import { type ValuePath } from './yaml.ts'

const MIB = 1024 ** 2

const envName = textWhere(
  (text) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(text),
  'must be the name of an environment variable'
)
const credential = textWhere(
  (text) => /^(?!\.+$)[A-Za-z0-9_.-]+$/.test(text),
  'must be the name of a systemd credential, without a folder'
)
const secretRef = z.union(
  [block({ file: path }), block({ env: envName }), block({ credential })],
  'must say where the secret is kept: { file: PATH }, { env: NAME } or { credential: NAME }; never the secret itself'
)
const tls = oneOf('implicit', 'starttls', 'none').default('implicit')
const roles = list(oneOf(...ROLES))
  .min(1, 'must name at least one role')
  .refine((all) => new Set(all).size === all.length, 'must not name a role twice')
  .default(['committer'])

const schedule = block({
  poll: cron.default('* * * * *'),
  tick: cron.default('* * * * *'),
  digest: cron.default('0 8 * * 1-5')
})

const acknowledgement = block({
  jitter: whole(0, 600).default(30),
  per_hour: whole(1, 1000).default(20),
  per_domain_hour: whole(1, 1000).default(10)
})

export const limits = block({
  mail_size: size(64 * 1024, 256 * MIB).default(50 * MIB),
  original: size(0, 256 * MIB).default(10 * MIB),
  open_seconds: whole(1, 600).default(60),
  worker_memory: whole(128, 8192).default(768),
  signature_age_hours: whole(1, 168).default(48),
  commands_per_mail: whole(1, 100).default(20)
})

/** The folders for relative names, and the environment for secrets. */
type Place = {
  readonly baseDir: string
  readonly env: Environment
}

/** The kinds of values that name something to be read. */
function readersIn({ baseDir, env }: Place) {
  const fileAs = <T extends object>(make: (text: string, path: string) => T) =>
    reading(path, async (given) => {
      const absolute = resolve(baseDir, given)
      const bytes = await readLimited(absolute)
      return typeof bytes === 'string' ? bytes : make(bytes.toString('utf8'), absolute)
    })
  const policy = path.transform(async (name, context) => {
    try {
      return await readPolicy(name, baseDir)
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      for (const problem of error.message.split('\n')) context.addIssue(problem)
      return z.NEVER
    }
  })
  return {
    /** With a key or a certificate. */
    file: fileAs((text, path) => ({ text, path })),
    /** It may lack a passphrase, so it prints as a secret. */
    privateKey: fileAs((text, path) => new Secret(text, path)),
    secret: reading(secretRef, (ref) => readSecret(ref, baseDir, env)),
    policy
  }
}

/** The whole file: defaults are filled in, sizes are bytes, and names of files are replaced by what was read. */
export function configIn(place: Place) {
  const { file, privateKey, secret, policy } = readersIn(place)
  const desk = block({
    name: line,
    address,
    case_prefix: casePrefix,
    key: privateKey.prefault('keys/desk.asc'),
    retired_keys: list(privateKey).max(20, 'must name at most 20').default([]),
    passphrase: secret,
    timezone: timezone.default('UTC')
  })
  const imap = block({
    host,
    port: port.optional(),
    tls,
    user: line,
    password: secret,
    ca: file.optional(),
    inbox: line.default('INBOX'),
    processed: line.default('Postern/Processed'),
    held: line.default('Postern/Held'),
    junk: line.nullable().default('Junk'),
    authserv_ids: list(authservId).max(20, 'must name at most 20').default([]),
    received_hops: whole(1, 20).default(1)
  })
  const smtp = block({
    host,
    port: port.optional(),
    tls,
    user: line.optional(),
    password: secret.optional(),
    ca: file.optional(),
    bounce_address: bounceAddress.optional(),
    reply_seconds: whole(5, 3600).default(600)
  })
  const absolute = path.prefault('data/postern.db').transform((to) => resolve(place.baseDir, to))
  const maintainer = block({ id: shortName, name: line, address, key: file, roles })
  const product = block({
    id: shortName,
    name: line,
    policy,
    supported: list(version).default([]),
    calendar: block(calendarKeys(place.baseDir)).partial().optional()
  })
  return block({
    desk,
    imap,
    smtp,
    storage: block({ path: absolute }).prefault({}),
    schedule: schedule.prefault({}),
    acknowledgement: acknowledgement.prefault({}),
    limits: limits.prefault({}),
    workers: whole(1, 64).default(2),
    texts: path.optional(),
    maintainers: list(maintainer).min(1, NOBODY_READS),
    products: list(product).min(1, 'must name at least one product')
  }).superRefine(checkBetweenKeys, { when: () => true })
}

const NOBODY_READS = 'must name at least one maintainer, or nobody would read the reports'

/** The rules between keys. Some values may be wrong in themselves: no mistake hides another. */
function checkBetweenKeys(file: unknown, context: z.RefinementCtx): void {
  const at = (...path: ValuePath): unknown => valueAt(file, path)
  const refuse = (paths: readonly ValuePath[], message: string): void => {
    for (const path of paths) context.addIssue({ code: 'custom', path: [...path], message })
  }
  for (const section of ['imap', 'smtp'])
    if (at(section, 'tls') === 'none' && !isLoopback(String(at(section, 'host'))))
      refuse(
        [[section, 'tls']],
        'must not be none for a host other than this machine: use implicit or starttls'
      )
  const [hasUser, hasPassword] = ['user', 'password'].map((key) => at('smtp', key) !== undefined)
  if (hasUser !== hasPassword)
    refuse(
      [['smtp', hasUser === true ? 'password' : 'user']],
      'is missing: give user and password together, or neither'
    )
  const folders = ['inbox', 'processed', 'held', 'junk'].map((key) => ['imap', key])
  refuse(
    doubles(at, folders),
    'must differ from the folders before it, or mail would be moved in circles: name another folder'
  )
  const all = (list: string, key: string) => [at(list)].flat().map((_, index) => [list, index, key])
  const addresses = all('maintainers', 'address')
  for (const paths of [all('maintainers', 'id'), addresses, all('products', 'id')])
    refuse(doubles(at, paths), 'is used twice: give each entry its own value')
  refuse(
    addresses.flatMap((path) => doubles(at, [['desk', 'address'], path])),
    "must not be the desk's address, because forwarded reports would come back as new ones: use a personal address"
  )
}

/** The paths at which a text stands that an earlier path has, too. */
function doubles(at: (...path: ValuePath) => unknown, paths: readonly ValuePath[]): ValuePath[] {
  const values = paths.map((path) => {
    const value = at(...path)
    if (typeof value !== 'string') return null
    // Addresses ignore case, and so does INBOX alone among folders (RFC 9051 §5.1).
    return value.includes('@') || /^inbox$/i.test(value) ? value.toLowerCase() : value
  })
  return paths.filter((_, index) => {
    const value = values[index] ?? null
    return value !== null && values.indexOf(value) < index
  })
}
