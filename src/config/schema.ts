/**
 * The shape of `postern.yaml`: every key, its default and its meaning. Reads the files, secrets and policies that it names.
 * README's table, the JSON Schema for editors and all error messages come from here. Unknown keys are refused.
 * Must never check what a key file holds: the openpgp folder does.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { ROLES } from '../domain/role.ts'
import { Trouble } from '../domain/trouble.ts'
import { calendarKeys } from './calendar.ts'
import { deskClocks } from './clock-schema.ts'
import {
  address,
  authservId,
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
import { type Environment, readLimited, readSecret, Secret } from './secrets.ts'

const MIB = 1024 ** 2

const envName = textWhere(
  (text) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(text),
  'must be the name of an environment variable'
)
const credential = textWhere(
  (text) => /^(?!\.+$)[A-Za-z0-9_.-]+$/.test(text),
  'must be the name of a systemd credential, without a folder'
)

/** The folders for relative names, and the environment for secrets. */
type Place = {
  readonly baseDir: string
  readonly env: Environment
  readonly policiesDir: string
}

/** A file with a key or a certificate. */
const file = ({ baseDir }: Place) =>
  reading(path, async (given) => {
    const absolute = resolve(baseDir, given)
    const bytes = await readLimited(absolute)
    return typeof bytes === 'string' ? bytes : { path: absolute, text: bytes.toString('utf8') }
  })

/** A file with a private key: it may lack a passphrase, so it prints as a secret. */
const privateKey = ({ baseDir }: Place) =>
  reading(path, async (given) => {
    const absolute = resolve(baseDir, given)
    const bytes = await readLimited(absolute)
    return typeof bytes === 'string' ? bytes : new Secret(bytes.toString('utf8'), absolute)
  })

const secretRef = z.union(
  [
    z.strictObject({ file: path }),
    z.strictObject({ env: envName }),
    z.strictObject({ credential })
  ],
  'must say where the secret is kept: { file: PATH }, { env: NAME } or { credential: NAME }; never the secret itself'
)

const secret = ({ baseDir, env }: Place) =>
  reading(secretRef, (ref) => readSecret(ref, baseDir, env))

const policy = ({ baseDir, policiesDir }: Place) =>
  path.transform(async (name, context) => {
    try {
      return await readPolicy(name, baseDir, policiesDir)
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      for (const problem of error.message.split('\n')) context.addIssue(problem)
      return z.NEVER
    }
  })

const tls = oneOf('implicit', 'starttls', 'none')
  .default('implicit')
  .describe(
    'How the connection is protected; none only for a loopback host. Certificates are always verified.'
  )

const ca = (place: Place) =>
  file(place)
    .optional()
    .describe('File with the certificates (PEM) of a private certification authority.')

const desk = (place: Place) =>
  z.strictObject({
    name: line.describe('Name shown beside the address, for example ACME Security Team.'),
    address: address.describe('The one address outsiders see; must be a user id of the desk key.'),
    case_prefix: casePrefix.describe('First part of case numbers: ACME gives ACME-2026-0001.'),
    key: privateKey(place)
      .prefault('keys/desk.asc')
      .describe('The private key of the desk, protected by the passphrase.'),
    retired_keys: list(privateKey(place))
      .max(20, 'must name at most 20')
      .default([])
      .describe(
        'Former private keys of the desk, with the same passphrase: they still open mail but no longer sign.'
      ),
    passphrase: secret(place).describe('Unlocks the desk key and the database.'),
    timezone: timezone
      .default('UTC')
      .describe('Time zone of schedules, business days and displayed times.')
  })

const imap = (place: Place) =>
  z.strictObject({
    host: host.describe('IMAP server.'),
    port: port.optional().describe('Default 993, or 143 when tls is not implicit.'),
    tls,
    user: line.describe('Login name.'),
    password: secret(place).describe('Login password.'),
    ca: ca(place),
    inbox: line.default('INBOX').describe('The folder that Postern watches.'),
    processed: line.default('Postern/Processed').describe('The folder for processed mail.'),
    held: line.default('Postern/Held').describe('The folder for mail that a person must look at.'),
    junk: line
      .nullable()
      .default('Junk')
      .describe('The folder for what the server takes for spam; null if Postern must not read it.'),
    authserv_ids: list(authservId)
      .max(20, 'must name at most 20')
      .default([])
      .describe(
        'Mail servers whose Authentication-Results (RFC 8601) are trusted, by authserv-id.'
      ),
    received_hops: whole(1, 20)
      .default(1)
      .describe(
        'How many Received fields your own servers add; only results above the last of them are trusted.'
      )
  })

const smtp = (place: Place) =>
  z.strictObject({
    host: host.describe("SMTP server that accepts the desk's mail (submission)."),
    port: port.optional().describe('Default 465, or 587 with starttls, or 25 with none.'),
    tls,
    user: line.optional().describe('Login name; together with password, or neither.'),
    password: secret(place).optional().describe('Login password; together with user, or neither.'),
    ca: ca(place),
    bounce_address: bounceAddress
      .optional()
      .describe(
        'Envelope sender with {token}; set it only if such addresses are delivered to the inbox.'
      ),
    reply_seconds: whole(5, 3600)
      .default(600)
      .describe('How long the server may take for one answer (RFC 5321 asks for 10 minutes).')
  })

const storage = ({ baseDir }: Place) =>
  z.strictObject({
    path: path
      .prefault('data/postern.db')
      .transform((given) => resolve(baseDir, given))
      .describe('The encrypted database.')
  })

const schedule = z.strictObject({
  poll: cron
    .default('* * * * *')
    .describe('When to list the inbox, besides whenever the server announces new mail.'),
  tick: cron.default('* * * * *').describe('When to check clocks and due notices.'),
  digest: cron.default('0 8 * * 1-5').describe('When maintainers get the digest, in desk.timezone.')
})

const keyLookup = z.strictObject({
  wkd: z
    .boolean('must be true or false')
    .default(false)
    .describe('Asks the mail domain of a verified sender for their key (Web Key Directory).'),
  vks: host
    .nullable()
    .default(null)
    .describe('Asks this key server, for example keys.openpgp.org; null for none.')
})

const acknowledgement = z.strictObject({
  jitter: whole(0, 600)
    .default(30)
    .describe(
      'Longest random delay of an acknowledgement, in seconds; the shortest is half of it; 0 for none.'
    ),
  per_hour: whole(1, 1000)
    .default(20)
    .describe('Most acknowledgements an hour to all senders together.'),
  per_domain_hour: whole(1, 1000)
    .default(10)
    .describe('Most acknowledgements an hour to the addresses of one domain.')
})

export const limits = z.strictObject({
  mail_size: size(64 * 1024, 256 * MIB)
    .default(50 * MIB)
    .describe('Largest message that is opened; only the header of a larger one is read.'),
  original: size(0, 256 * MIB)
    .default(10 * MIB)
    .describe('Largest original message that is attached to the forwarded report.'),
  open_seconds: whole(1, 600).default(60).describe('Time limit for opening one message.'),
  worker_memory: whole(128, 8192).default(768).describe('Memory limit of one worker, in MB.'),
  signature_age_hours: whole(1, 168)
    .default(48)
    .describe('Commands with an older signature are refused.'),
  commands_per_mail: whole(1, 100).default(20).describe('Most commands in one message.')
})

const maintainer = (place: Place) =>
  z.strictObject({
    id: shortName.describe('Short name used in commands and in the record.'),
    name: line.describe('Full name.'),
    address: address.describe('Address that reports are forwarded to.'),
    key: file(place).describe(
      'The public key that encrypts reports to them and verifies their commands.'
    ),
    roles: list(oneOf(...ROLES))
      .min(1, 'must name at least one role')
      .refine((roles) => new Set(roles).size === roles.length, 'must not name a role twice')
      .default(['committer'])
      .describe('What this maintainer may do.')
  })

const product = (place: Place) =>
  z.strictObject({
    id: shortName.describe('Short name used in commands.'),
    name: line.describe('Full name.'),
    policy: policy(place).describe(
      'Name of a built-in policy, or the path of your own policy file.'
    ),
    supported: list(version).default([]).describe('Branches and versions that get security fixes.'),
    calendar: z
      .strictObject(calendarKeys(place.baseDir))
      .partial()
      .optional()
      .describe('Only the keys that differ from the calendar of the policy.')
  })

/** The sections of the file: defaults filled in, sizes in bytes, and in the place of every name what was read. */
export const sectionsOf = (place: Place) => ({
  desk: desk(place).describe('The desk itself.'),
  imap: imap(place).describe('The IMAP server that receives mail.'),
  smtp: smtp(place).describe('The SMTP server that sends mail.'),
  storage: storage(place).prefault({}).describe('Where the desk keeps its database.'),
  schedule: schedule
    .prefault({})
    .describe('When the desk does its regular work, as cron expressions.'),
  key_lookup: keyLookup.prefault({}).describe('Where Postern looks up keys of senders.'),
  acknowledgement: acknowledgement.prefault({}).describe('The automatic first answer.'),
  limits: limits.prefault({}).describe('What one message may cost.'),
  workers: whole(1, 64)
    .default(2)
    .describe('How many messages are opened or encrypted at the same time.'),
  clocks: deskClocks
    .prefault({})
    .describe(
      'Clocks of the desk, its maintainers and members: only what differs from the built-in ones, by id.'
    ),
  texts: path
    .optional()
    .describe(
      'Folder with your own wordings: KIND.liquid replaces the built-in file of that name.'
    ),
  maintainers: list(maintainer(place))
    .min(1, 'must name at least one maintainer, or nobody would read the reports')
    .describe('People who receive reports and may command the desk.'),
  products: list(product(place))
    .min(1, 'must name at least one product')
    .describe(
      'The products that people report about; the first takes reports that name no product.'
    )
})
