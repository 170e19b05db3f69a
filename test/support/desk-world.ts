/**
 * A whole desk as an operator would set it up (folder, configuration, keys) for people with gpg and sq, and what tests ask of it:
 * run it, command it, read its database, open the messages it sent.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { type Address } from '../../src/domain/address.ts'
import { systemClock } from '../../src/effects/system.ts'
import { generateDeskKey } from '../../src/openpgp/keyring.ts'
import { movableClock } from './clock.ts'
import { type CliResult, type Daemon, runCli, startDaemon } from './daemon.ts'
import { withGpg } from './gpg-home.ts'
import { headerOf } from './mail-parts.ts'
import { type Person, type ReadMail } from './people.ts'
import { type Sink, type Taken } from './smtp-sink.ts'
import { tempFolder } from './temp.ts'

export const DESK_ADDRESS = 'security@acme.example'
/**
 * The passphrase of a desk unless a test gives another one. For the database it is a whole key, of which none has to be derived
 * each time a command or a daemon opens it; to Postern and for the desk key it is a passphrase like any other.
 */
export const PASSPHRASE = `raw:${'5eed'.repeat(16)}`
export const IMAP_PASSWORD = 'testpass'

type Tls = 'implicit' | 'starttls' | 'none'
type ServerSettings = {
  readonly port: number
  readonly host?: string
  readonly tls?: Tls
  readonly ca?: string
}

export type DeskOptions = {
  readonly maintainers: readonly {
    readonly id: string
    readonly person: Pick<Person, 'name' | 'address' | 'exportPublicKey'>
    readonly roles?: readonly string[]
  }[]
  readonly imap: ServerSettings & { readonly user: string }
  readonly smtp: ServerSettings
  /** Sections of the configuration that differ from the usual ones of the tests. */
  readonly changes?: Readonly<Record<string, unknown>>
  readonly replyTimeoutMs?: number
  readonly passphrase?: string
}

export type Desk = Awaited<ReturnType<typeof makeDesk>>

/** Makes a working directory with a fresh desk key and a configuration for these people and servers. */
export async function makeDesk(options: DeskOptions) {
  const temp = tempFolder('de-')
  const folder = temp.path
  const configFile = join(folder, 'postern.yaml')
  const clock = movableClock(folder, options.replyTimeoutMs)
  mkdirSync(join(folder, 'keys/maintainers'), { recursive: true })
  const { passphrase = PASSPHRASE } = options
  writeFileSync(join(folder, 'passphrase'), `${passphrase}\n`, { mode: 0o600 })
  for (const { id, person } of options.maintainers) {
    const file = join(folder, `keys/maintainers/${id}.asc`)
    writeFileSync(file, await person.exportPublicKey())
  }
  const config: Readonly<Record<string, unknown>> = configuration(options)
  const write = (changed: typeof config): void => {
    // JSON is YAML, too.
    writeFileSync(configFile, JSON.stringify(changed, null, 1))
  }
  write(config)
  const base = { POSTERN_IMAP_PASSWORD: IMAP_PASSWORD }
  const cli = (...args: readonly string[]): Promise<CliResult> =>
    runCli([...args, '--config', configFile], { cwd: folder, env: base })
  const publicKey = await makeDeskKey(folder, passphrase)
  const daemons: Daemon[] = []
  let reading: Sqlite.Database | null = null
  const spawn = (
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
    flags: readonly string[] = []
  ): Daemon => {
    const daemon = startDaemon(['run', '--config', configFile, ...flags], {
      cwd: folder,
      env: { ...base, ...env },
      under
    })
    daemons.push(daemon)
    return daemon
  }
  return {
    folder,
    configFile,
    /** The desk's public key, armored. */
    publicKey,
    clock,
    /** The configuration as written; `write` replaces it. */
    config,
    write,
    /** One command, with `--config` added. */
    cli,
    /** The daemon, without waiting for anything. */
    spawn,
    /** The daemon, watching the inbox (its first connection stands). */
    start: async (env?: Readonly<Record<string, string>>) => {
      const daemon = spawn(env)
      await daemon.waitForLog('imap.connected')
      return daemon
    },
    /** Rows of the encrypted database, read past Postern's own code. */
    rows: <Row>(sql: string): readonly Row[] => {
      reading ??= openRows(join(folder, 'data/postern.db'), passphrase)
      return reading.prepare<[], Row>(sql).all()
    },
    /** Kills what still runs and deletes the folder. */
    close: async () => {
      reading?.close()
      for (const daemon of daemons) await daemon.kill9()
      temp.remove()
    }
  }
}

/** As `postern keys generate` makes it, which takes a second; returns the public part, armored. */
async function makeDeskKey(folder: string, passphrase: string): Promise<string> {
  const owner = { name: 'ACME Security Team', address: DESK_ADDRESS as Address, passphrase }
  const { privateArmored, publicArmored } = await generateDeskKey(owner, systemClock.now())
  writeFileSync(join(folder, 'keys/desk.asc'), privateArmored, { mode: 0o600 })
  writeFileSync(join(folder, 'keys/desk.pub.asc'), publicArmored)
  return publicArmored
}

function configuration(options: DeskOptions): Record<string, unknown> {
  const usual = { host: '127.0.0.1', tls: 'none' }
  return {
    desk: {
      name: 'ACME Security Team',
      address: DESK_ADDRESS,
      case_prefix: 'ACME',
      key: 'keys/desk.asc',
      passphrase: { file: 'passphrase' },
      timezone: 'Europe/Berlin'
    },
    imap: { ...usual, ...options.imap, password: { env: 'POSTERN_IMAP_PASSWORD' } },
    smtp: { ...usual, ...options.smtp },
    storage: { path: 'data/postern.db' },
    // No digest on any day that a test's clock comes to.
    schedule: { poll: '* * * * * *', tick: '* * * * * *', digest: '0 0 1 1 *' },
    acknowledgement: { jitter: 0, per_hour: 1000, per_domain_hour: 1000 },
    forwarding: { per_hour: 1000, per_domain_hour: 1000 },
    maintainers: options.maintainers.map(({ id, person, roles }) => ({
      id,
      name: person.name,
      address: person.address,
      key: `keys/maintainers/${id}.asc`,
      roles: roles ?? ['committer', 'release', 'approver', 'list-admin']
    })),
    products: [{ id: 'parser', name: 'ACME Parser', policy: 'dispatch', supported: ['main'] }],
    ...options.changes
  }
}

/** A reading connection past Postern's own code. Kept, because a key has to be derived from words. */
function openRows(path: string, passphrase: string): Sqlite.Database {
  const connection = new Sqlite(path, { readonly: true, timeout: 5000 })
  connection.pragma("cipher = 'aegis'")
  connection.pragma(`key = '${passphrase}'`)
  return connection
}

/** A public key that stops being usable `seconds` from now, and when exactly. */
export async function keyExpiringIn(
  owner: { readonly name: string; readonly address: string },
  seconds: number
): Promise<{ readonly armored: string; readonly expiresAt: number }> {
  return withGpg('', async (gpg) => {
    const userId = `${owner.name} <${owner.address}>`
    await gpg('--quick-generate-key', userId, 'future-default', 'default', `seconds=${seconds}`)
    const expiresAt = Date.now() + seconds * 1000
    return { armored: (await gpg('--export')).toString('latin1'), expiresAt }
  })
}

/** A message the desk sent, as its recipient reads it. */
export type Received = { readonly taken: Taken; readonly read: ReadMail }

/** The kind of a message (src/messages) by the desk's own record of what it sent. */
export function kindOf(desk: Pick<Desk, 'rows'>, { read }: Received): string {
  const id = headerOf(read.outer, 'message-id').slice(1, -1)
  const rows = desk.rows<{ kind: string }>(`SELECT kind FROM outbox WHERE message_id = '${id}'`)
  return rows[0]?.kind ?? 'nothing that the desk has on record'
}

/** Whether it says these words, in its subject or its text, however its lines are broken. */
export function says({ read }: Received, words: string): boolean {
  return `${read.subject}\n${read.text}`.replaceAll(/\s+/g, ' ').includes(words)
}

/** Finds messages by what stays when they are reworded: their kind, and `words` where several are of one kind. */
export function ofKind(desk: Pick<Desk, 'rows'>, kind: string, words = '') {
  return (mail: Received): boolean => says(mail, words) && kindOf(desk, mail) === kind
}

/**
 * What each person has opened: their programs take a while for each message, and tests ask for their mailboxes again and again.
 */
const openedBy = new WeakMap<Person, Map<Taken, Received>>()

/**
 * The messages that a person has got, opened with the person's own program, oldest first, waited for until `wanted` is among
 * them. Each message is opened once.
 */
export function mailboxOf(person: Person, sink: Sink) {
  const opened = openedBy.get(person) ?? new Map<Taken, Received>()
  openedBy.set(person, opened)
  const all = async (): Promise<readonly Received[]> => {
    const mine = sink.taken.filter(({ to }) => to === person.address)
    for (const taken of mine) {
      if (opened.has(taken)) continue
      opened.set(taken, { taken, read: await person.decryptMail(taken.raw) })
    }
    return mine.flatMap((taken) => opened.get(taken) ?? [])
  }
  return {
    all,
    find: async (wanted: (mail: Received) => boolean, what: string, timeoutMs = 30_000) => {
      for (const end = Date.now() + timeoutMs; ; ) {
        const found = (await all()).find(wanted)
        if (found !== undefined) return found
        if (Date.now() > end) {
          const has = await all()
          const subjects = has.map(({ read }) => read.subject).join(' | ')
          throw new Error(
            `${person.name} has no ${what}; has: ${subjects}\nThe last one:\n${has.at(-1)?.read.text ?? ''}`
          )
        }
        const count = sink.taken.length
        await sink.waitFor((taken) => taken.length > count, 1000).catch(() => undefined)
      }
    }
  }
}

/** The same message with other outer header fields; those with an empty value are taken out. */
export function withHeaders(raw: Uint8Array, changes: Readonly<Record<string, string>>): Buffer {
  const text = Buffer.from(raw).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  let head = text.slice(0, end)
  for (const [name, value] of Object.entries(changes)) {
    head = head.replaceAll(
      new RegExp(`(?:^|\\r\\n)${name}:[^\\r]*(?:\\r\\n[ \\t][^\\r]*)*`, 'gi'),
      ''
    )
    if (value !== '') head = `${head}\r\n${name}: ${value}`
  }
  return Buffer.from(`${head.replace(/^\r\n/, '')}${text.slice(end)}`, 'latin1')
}

/** A plain message without any OpenPGP. `headers` come first, in this order, a line each. */
export function clearMail(headers: readonly string[], body: string): Buffer {
  return Buffer.from(`${headers.join('\r\n')}\r\n\r\n${body.replaceAll(/\r?\n/g, '\r\n')}`, 'utf8')
}
