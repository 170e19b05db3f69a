/**
 * The composition root: the one place that builds real adapters, starts them in order and ends them in the opposite one.
 * Decides nothing.
 */
import { printable } from './cli/output.ts'
import { page } from './cli/page.ts'
import { type Config } from './config/load.ts'
import { type Desk, type Edges } from './desk/desk.ts'
import { createBells } from './desk/faults.ts'
import { runLoops, runOnce } from './desk/loop.ts'
import { type Settings } from './domain/settings.ts'
import { Trouble } from './domain/trouble.ts'
import { type Log } from './effects/effects.ts'
import { nextTicks, startTicks, systemClock, systemRandomness } from './effects/system.ts'
import { createRender, wordingProblems } from './messages/render.ts'
import { sha256 } from './openpgp/packets.ts'
import { judgeKeys } from './settings.ts'
import { acquireDaemonLock, openDatabase } from './store/database.ts'
import { connectMailbox, JUNK, type KnownServer } from './transport/imap-mailbox.ts'
import { patientLogin } from './transport/login.ts'
import { createSender } from './transport/smtp-sender.ts'
import { createWorkers, type WorkerOptions } from './worker/pool.ts'
import { type LockedKeys } from './worker/tasks.ts'

/** The settings, or one clear line: the first problem that stops. */
export async function requireSettings(config: Config): Promise<Settings> {
  const [wording] = wordingProblems(config.texts)
  if (wording !== undefined) throw new Trouble('config', wording)
  const { settings, faults } = await judgeKeys(config, systemClock.now())
  if (settings !== null) return settings
  const [, , code, about] = faults.find(([, severity]) => severity === 'stop') ?? []
  throw new Trouble('desk-key', page('faults', { code, about }, 'UTC'))
}

/** Runs the daemon until `signal` is aborted, or once. Throws `Trouble` with one clear line when it cannot start or go on. */
export async function runDaemon(
  config: Config,
  options: {
    readonly mode: 'stay' | 'once'
    readonly log: Log
    readonly signal: AbortSignal
    readonly version: string
    /** What every thread unlocks, and a first thread, which does so already. */
    readonly keys: LockedKeys
    readonly first: NonNullable<WorkerOptions['first']>
  }
): Promise<void> {
  const { log, signal, mode, keys, first } = options
  const settings = await requireSettings(config)
  const { path } = config.storage
  const passphrase = config.desk.passphrase.reveal()
  using _lock = acquireDaemonLock(path)
  using db = openDatabase({ path, passphrase })
  const workers = await createWorkers({
    start: {
      ...keys,
      deskName: settings.desk.name,
      deskAddress: settings.desk.address,
      deskAliases: settings.desk.aliases,
      maintainerKeys: settings.maintainers.map(({ keyData }) => keyData)
    },
    first,
    onEvent: log,
    maxThreads: config.workers,
    memoryMegabytes: config.limits.worker_memory,
    taskMs: config.limits.open_seconds * 1000
  })
  const desk: Desk = {
    db,
    settings,
    workers,
    // The same texts that the settings have for what an approval covers.
    render: createRender(config.texts, settings.desk),
    clock: systemClock,
    randomness: systemRandomness,
    sha256,
    log,
    nextDigestsAt: () => nextTicks(config.schedule.digest, config.desk.timezone)
  }
  const edges = edgesOf(config, log)
  try {
    log({ event: 'desk.started', version: options.version, pid: process.pid })
    if (mode === 'once') await runOnce(desk, edges, signal)
    else await stay(desk, edges, config, signal)
  } finally {
    edges.sender.close()
    await workers.close()
    log({ event: 'desk.stopped' })
  }
}

async function stay(desk: Desk, edges: Edges, config: Config, signal: AbortSignal): Promise<void> {
  const bells = createBells()
  const { timezone } = config.desk
  using _poll = startTicks(config.schedule.poll, timezone, bells.intake.ring)
  using _tick = startTicks(config.schedule.tick, timezone, () => {
    bells.work.ring()
    bells.duties.ring()
    bells.dispatch.ring()
  })
  const first = edges.openMailbox(signal)
  await first.catch((error: unknown) => {
    if (!(error instanceof Trouble)) throw error
    // Whatever the server says may change, and notices leave meanwhile: the desk stays.
    if (error.code.startsWith('imap-')) tellRefused(error)
    else if (!error.retryable) throw error
  })
  const opened = [first]
  const openMailbox: Edges['openMailbox'] = async (stop) => opened.pop() ?? edges.openMailbox(stop)
  try {
    await runLoops(desk, { ...edges, openMailbox }, bells, signal)
  } finally {
    // Where the loops could not begin, nobody else closes it, and it would keep the process for ever.
    await Promise.allSettled(opened.map(async (one) => (await one).close()))
  }
}

function tellRefused({ message: says }: Trouble): void {
  process.stderr.write(`postern: ${printable(says)} The desk runs and tries again later.\n`)
}

/** Default ports by `tls` (RFC 8314, RFC 6409). */
const IMAP_PORTS = { implicit: 993, starttls: 143, none: 143 }
const SMTP_PORTS = { implicit: 465, starttls: 587, none: 25 }

function edgesOf({ desk, imap, smtp, limits }: Config, log: Log): Edges {
  const { inbox, junk } = imap
  const imapPort = imap.port ?? IMAP_PORTS[imap.tls]
  const smtpPort = smtp.port ?? SMTP_PORTS[smtp.tls]
  const inTurn = patientLogin(systemClock)
  const known: KnownServer = { isDeafInIdle: false }
  const open = (folder: string | typeof JUNK, signal: AbortSignal) => {
    const password = imap.password.reveal()
    const account = { ...imap, port: imapPort, password, mailBytes: limits.mail_size, known }
    return inTurn(() => connectMailbox(account, folder, signal), signal)
  }
  return {
    inbox,
    openMailbox: async (signal) => {
      const mailbox = await open(inbox, signal)
      log({ event: 'imap.connected' })
      return mailbox
    },
    openJunk: junk === null ? null : (signal) => open(junk ?? JUNK, signal),
    sender: createSender(
      { ...smtp, port: smtpPort, password: smtp.password?.reveal(), address: desk.address },
      log
    )
  }
}
