/**
 * The shape of `postern.yaml`: every key with its default, and the rules between keys; README says what each means. Reads the
 * files, secrets and policies that it names. Must never check what a key file holds: the openpgp folder does.
 */
import { resolve } from 'node:path'
import { validate } from 'node-cron'
import { z } from 'zod'
import { type Address, isLoopback, needsUtf8, parseAddress } from '../domain/address.ts'
import { isCasePrefix } from '../domain/ids.ts'
import { ROLES } from '../domain/role.ts'
import { calendarKeys } from './calendar.ts'
import {
  block,
  line,
  list,
  oneOf,
  path,
  reading,
  shortName,
  textWhere,
  timezone,
  whole
} from './fields.ts'
import { readPolicy } from './policy-file.ts'
import { type ValuePath, valueAt } from './problems.ts'
import { type Environment, readLimited, readSecret, Secret } from './secrets.ts'
import { builtInTexts, readTexts } from './texts.ts'

const MIB = 1024 ** 2
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9A-Fa-f:.]{2,45}$/
const BOUNCE_TOKEN = '{token}'

/** The authserv-id of a server (RFC 8601 §2.5), most often its host name. */
const authservId = textWhere(
  (text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text),
  "must be the name at the start of the server's Authentication-Results, like mx.domain.example"
)

/** A strict mail address, decoded to {@link Address}. */
const address = textWhere(
  (text) => parseAddress(text) !== null,
  'must be one plain mail address like name@domain.example, without a display name'
).transform((text) => parseAddress(text) as Address)

/** Mail from another one would need SMTPUTF8 everywhere. */
const ownAddress = address.refine(
  (text) => !needsUtf8(text),
  'must have no letters beyond US-ASCII: not every mail server takes those'
)

/** The envelope sender's pattern: an address with `{token}` once in its local part. */
const bounceAddress = textWhere(
  (text) =>
    text.split(BOUNCE_TOKEN).length === 2 &&
    text.indexOf(BOUNCE_TOKEN) < text.lastIndexOf('@') &&
    !needsUtf8(text) &&
    parseAddress(text.replace(BOUNCE_TOKEN, 'a2b3c4d5')) !== null,
  'must be an address with {token} in it, like bounce+{token}@acme.example'
)

const host = textWhere(
  (text) => HOST.test(text),
  'must be a host name or an IP address, without a port'
)

const port = whole(1, 65_535)

const casePrefix = textWhere(
  isCasePrefix,
  'must be 1 to 12 capital letters and digits, a letter first'
)

const cron = textWhere(
  (text) => validate(text) && !text.includes('@'),
  'must be a cron expression: 5 fields (minute hour day month weekday) in quotes, or 6 with seconds first, like "*/5 * * * *"'
)

/** A version or branch; a bare number is refused because YAML reads 4.10 as 4.1. */
const version = z
  .string('must be text: put versions in quotes, "4.2", because YAML reads 4.10 as 4.1')
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters')

/** Bytes, as a number or as text with a unit (`50MiB`, `64 KiB`, `10MB`); decoded to bytes. */
function size(min: number, max: number) {
  return z
    .union([z.number(), z.string()])
    .transform((value) => {
      const [, digits, prefix = '', binary] =
        /^(\d{1,12}) ?(?:(?:([KMG])(i)?)?B)?$/i.exec(String(value).trim()) ?? []
      const unit = (binary === undefined ? 1000 : 1024) ** ' KMG'.indexOf(prefix.toUpperCase())
      return Number(digits) * unit
    })
    .refine(
      (bytes) => bytes >= min && bytes <= max,
      `must be a size from ${min} to ${max} bytes, like 50MiB`
    )
}

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

const forwarding = block({
  per_hour: whole(1, 1000).default(20),
  per_domain_hour: whole(1, 1000).default(10)
})

export const limits = block({
  mail_size: size(64 * 1024, 256 * MIB).default(50 * MIB),
  original: size(0, 256 * MIB).default(10 * MIB),
  strangers_per_day: size(MIB, 1024 ** 4).default(200 * MIB),
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

function readersIn({ baseDir, env }: Place) {
  const fileAs = <T>(make: (text: string, path: string) => T) =>
    reading(path, async (given) => {
      const absolute = resolve(baseDir, given)
      return make((await readLimited(absolute)).toString('utf8'), absolute)
    })
  return {
    /** With a key or a certificate. */
    file: fileAs((text, path) => ({ text, path })),
    /** It may lack a passphrase, so it prints as a secret. */
    privateKey: fileAs((text, path) => new Secret(text, path)),
    secret: reading(secretRef, (ref) => readSecret(ref, baseDir, env)),
    policy: reading(path, (name) => readPolicy(name, baseDir)),
    texts: reading(path.optional(), (own) =>
      own === undefined ? builtInTexts() : readTexts(resolve(baseDir, own))
    )
  }
}

/** The whole file: defaults are filled in, sizes are bytes, and names of files are replaced by what was read. */
export function configIn(place: Place) {
  const { file, privateKey, secret, policy, texts } = readersIn(place)
  const desk = block({
    name: line,
    address: ownAddress,
    aliases: list(address).max(50, 'must name at most 50').default([]),
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
    junk: line.nullish(),
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
    forwarding: forwarding.prefault({}),
    limits: limits.prefault({}),
    workers: whole(1, 64).default(2),
    texts,
    maintainers: list(maintainer).min(1, NOBODY_READS),
    products: list(product).min(1, 'must name at least one product')
  }).superRefine(checkBetweenKeys, { when: () => true })
}

const NOBODY_READS = 'must name at least one maintainer, or nobody would read the reports'

/** The rules between keys. They also run when single values are wrong, so that no mistake hides another. */
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
  const aliases = [at('desk', 'aliases')].flat().map((_, index) => ['desk', 'aliases', index])
  for (const paths of [all('maintainers', 'id'), addresses, all('products', 'id')])
    refuse(doubles(at, paths), 'is used twice: give each entry its own value')
  refuse(
    addresses.flatMap((path) =>
      [['desk', 'address'], ...aliases].flatMap((own) => doubles(at, [own, path]))
    ),
    'must not be an address of the desk, because forwarded reports would come back as new ones: use a personal address'
  )
}

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
