/**
 * A real Dovecot 2.3 that an ordinary user runs on loopback: IMAP (with STARTTLS) and IMAPS on free ports that stay the same
 * over restarts. Every user name logs in with {@link PASSWORD}. As root it runs as `nobody`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ImapFlow } from 'imapflow'
import { makeCertificates } from './certificates.ts'
import { run } from './programs.ts'
import { findProgram } from './requires.ts'
import { tempFolder } from './temp.ts'

export const PASSWORD = 'testpass'
/** Below the ports that systems give to connections by themselves: one of those could be taken while its server is away. */
const [PORT_MIN, PORT_MAX] = [20_000, 32_000] as const

export type Message = {
  readonly uid: number
  readonly flags: readonly string[]
  readonly raw: Buffer
}

export type Dovecot = Awaited<ReturnType<typeof startDovecot>>

export type DovecotOptions = {
  /** Capabilities to announce instead of the true ones, for example without MOVE. */
  readonly capability?: string
  /** Where the account's folders stand, for example `INBOX.` with `.` between them. */
  readonly namespace?: { readonly prefix: string; readonly separator: string }
  /** The folder marked `\\Junk`. */
  readonly junk?: string
  /** Rights that a user has in the inbox (RFC 4314), and nothing more anywhere. */
  readonly inboxRights?: string
}

/** Starts it; takes about half a second. */
export async function startDovecot(options: DovecotOptions = {}) {
  const certificates = await makeCertificates()
  const folder = tempFolder('dc-')
  const base = folder.path
  const ports = { imap: await freePort(), imaps: await freePort() }
  const owner = await unprivilegedUser()
  const own = (path: string): void => {
    fs.chownSync(path, owner.uid, owner.gid)
  }
  for (const [name, source] of [
    ['server.pem', certificates.files.certificate],
    ['server.key', certificates.files.key]
  ] as const) {
    fs.copyFileSync(source, join(base, name))
    fs.chmodSync(join(base, name), 0o600)
    own(join(base, name))
  }
  own(base)
  fs.writeFileSync(join(base, 'dovecot.conf'), configuration(base, ports, owner, options))
  fs.writeFileSync(join(base, 'acl'), `* owner lr\nINBOX owner ${options.inboxRights ?? ''}\n`)
  let child: ChildProcess | null = null

  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = child
    child = null
    if (ending?.pid === undefined || ending.exitCode !== null) return
    const gone = once(ending, 'exit')
    process.kill(signal === 'SIGKILL' ? -ending.pid : ending.pid, signal)
    await gone
  }
  const start = async (): Promise<void> => {
    const spawned = spawn(
      findProgram('dovecot') ?? 'dovecot',
      ['-F', '-c', join(base, 'dovecot.conf')],
      {
        detached: true,
        stdio: 'ignore',
        cwd: base,
        ...(process.getuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {})
      }
    )
    child = spawned
    for (let tries = 0; tries < 100; tries += 1) {
      if (spawned.exitCode !== null) break
      if (await greets(ports.imap)) return
      await delay(50)
    }
    throw new Error(`Dovecot does not start: ${fs.readFileSync(join(base, 'dovecot.log'), 'utf8')}`)
  }
  await start()
  const maildir = (user: string): string => join(base, 'mail', user)
  return {
    host: '127.0.0.1',
    /** Plain and STARTTLS. */
    port: ports.imap,
    /** Implicit TLS. */
    tlsPort: ports.imaps,
    certificates,
    start,
    /** Ends it in an orderly way. */
    stop: () => end('SIGTERM'),
    /** Ends all its processes at once with SIGKILL. */
    kill: () => end('SIGKILL'),
    /** Stops it and deletes everything. */
    close: async () => {
      await end('SIGTERM')
      folder.remove()
      certificates.remove()
    },
    /** Puts a message into a folder, which is made when it is missing, with these flags. */
    append: (
      user: string,
      raw: Uint8Array,
      { folder = 'INBOX', flags = [] }: { readonly folder?: string; readonly flags?: string[] } = {}
    ) =>
      withClient(ports.imap, user, async (client) => {
        if (folder !== 'INBOX') await client.mailboxCreate(folder)
        await client.append(folder, Buffer.from(raw), flags)
      }),
    /** Writes messages straight into the inbox's folder on disk: thousands at once. */
    seed: async (user: string, mails: Iterable<Uint8Array>) => {
      await withClient(ports.imap, user, (client) => client.mailboxOpen('INBOX'))
      let index = 0
      for (const mail of mails) {
        const name = `17000${String(index).padStart(5, '0')}.M1P1.test:2,`
        const path = join(maildir(user), 'cur', name)
        fs.writeFileSync(path, mail)
        own(path)
        index += 1
      }
    },
    /** Puts a message into the inbox as a mail server does: at once, into its folder on disk. */
    deliver: async (user: string, mail: Uint8Array) => {
      const fresh = join(maildir(user), 'new')
      if (!fs.existsSync(fresh))
        await withClient(ports.imap, user, (client) => client.mailboxOpen('INBOX'))
      const name = `${Math.floor(Date.now() / 1000)}.M${process.hrtime.bigint()}P1.test`
      const draft = join(maildir(user), 'tmp', name)
      fs.writeFileSync(draft, mail)
      own(draft)
      fs.renameSync(draft, join(fresh, name))
    },
    folders: (user: string) =>
      withClient(ports.imap, user, async (client) =>
        (await client.list()).map(({ path, subscribed }) => ({ path, subscribed }))
      ),
    /** Everything in a folder, in UID order; [] when it does not exist. */
    messages: (user: string, path = 'INBOX') =>
      withClient(ports.imap, user, (client) => readMessages(client, path)),
    /** Gives the inbox a new UIDVALIDITY; only while stopped. */
    changeUidValidity: (user: string) => {
      const path = maildir(user)
      for (const name of fs.readdirSync(path)) {
        if (name.startsWith('dovecot.index')) fs.rmSync(join(path, name))
      }
      const uidlist = join(path, 'dovecot-uidlist')
      const text = fs.readFileSync(uidlist, 'utf8')
      const next = text.replace(/ V(\d+)/, (_, value: string) => ` V${Number(value) + 1}`)
      fs.writeFileSync(uidlist, next)
    }
  }
}

async function withClient<T>(
  port: number,
  user: string,
  work: (client: ImapFlow) => Promise<T>
): Promise<T> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    doSTARTTLS: false,
    auth: { user, pass: PASSWORD },
    logger: false
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.logout()
  }
}

async function readMessages(client: ImapFlow, path: string): Promise<readonly Message[]> {
  const known = await client.list()
  if (!known.some((folder) => folder.path === path)) return []
  const box = await client.mailboxOpen(path, { readOnly: true })
  if (box.exists === 0) return []
  const rows = await client.fetchAll('1:*', { uid: true, flags: true, source: true })
  return rows
    .map((row) => ({
      uid: row.uid,
      flags: [...(row.flags ?? [])],
      raw: row.source ?? Buffer.alloc(0)
    }))
    .sort((a, b) => a.uid - b.uid)
}

async function unprivilegedUser() {
  const name = process.getuid?.() === 0 ? 'nobody' : userInfo().username
  const ask = async (flag: string): Promise<string> =>
    (await run('id', [flag, name])).stdout.toString().trim()
  return {
    name,
    group: await ask('-gn'),
    uid: Number(await ask('-u')),
    gid: Number(await ask('-g'))
  }
}

function configuration(
  base: string,
  ports: { readonly imap: number; readonly imaps: number },
  owner: Awaited<ReturnType<typeof unprivilegedUser>>,
  options: DovecotOptions
): string {
  for (const name of ['run', 'state', 'mail']) {
    fs.mkdirSync(join(base, name))
    fs.chownSync(join(base, name), owner.uid, owner.gid)
  }
  return `base_dir = ${base}/run
state_dir = ${base}/state
log_path = ${base}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = ${owner.name}
default_internal_group = ${owner.group}
default_login_user = ${owner.name}
ssl = yes
ssl_cert = <${base}/server.pem
ssl_key = <${base}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_username_format = %n
mail_location = maildir:${base}/mail/%n
first_valid_uid = 1
first_valid_gid = 1
${options.capability === undefined ? '' : `imap_capability = ${options.capability}`}
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${owner.uid} gid=${owner.gid} home=${base}/mail/%n allow_all_users=yes
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${ports.imaps}
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
namespace inbox {
  inbox = yes
  separator = ${options.namespace?.separator ?? '/'}
  prefix = ${options.namespace?.prefix ?? ''}
  ${options.junk === undefined ? '' : `mailbox "${options.junk}" {\n    auto = create\n    special_use = \\Junk\n  }`}
}
${options.inboxRights === undefined ? '' : `mail_plugins = acl\nplugin {\n  acl = vfile:${base}/acl\n}\n`}`
}

/** A loopback port that is free now. */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (await isFree(port)) return port
  }
  throw new Error(`no port is free between ${PORT_MIN} and ${PORT_MAX}`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false
  )
  server.close()
  return isListening
}

/** Whether an IMAP server greets whoever comes to this loopback port. */
async function greets(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(5000) })) as [Buffer]
    return data.toString('latin1').startsWith('* OK')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
