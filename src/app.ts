/**
 * The composition root: the one place that builds real adapters, starts them in order and ends them in the opposite one.
 * Decides nothing.
 */
import { createHash } from 'node:crypto'
import { type LoadedConfig } from './config/load.ts'
import { openConfiguredDatabase } from './database.ts'
import { type Desk, type Edges } from './desk/desk.ts'
import { runLoops, runOnce } from './desk/loop.ts'
import { createBells } from './desk/wake.ts'
import { assert } from './domain/assert.ts'
import { parseSha256, type Sha256 } from './domain/ids.ts'
import { type Settings } from './domain/settings.ts'
import { Trouble } from './domain/trouble.ts'
import { type Log } from './effects/effects.ts'
import { nextTicks, startTicks, systemClock, systemRandomness } from './effects/system.ts'
import { createRender, wordingProblems } from './messages/render.ts'
import { judgeKeys } from './settings.ts'
import { acquireDaemonLock } from './store/database.ts'
import { connectJunk, connectMailbox } from './transport/imap-mailbox.ts'
import { createKeyDirectory } from './transport/key-directory.ts'
import { createSender } from './transport/smtp-sender.ts'
import { createWorkers } from './worker/pool.ts'

/** Idle workers give their memory back after this; starting one again takes up to a second. */
const WORKER_IDLE_MS = 30_000

/** The settings, or one clear line: the first problem that stops. */
export async function requireSettings(loaded: LoadedConfig): Promise<Settings> {
  const [wording] = wordingProblems(loaded.texts)
  if (wording !== undefined) throw new Trouble('config', wording, { retryable: false })
  const { settings, problems } = await judgeKeys(loaded, systemClock.now())
  if (settings !== null) return settings
  const stopping = problems.find(({ stops }) => stops)
  throw new Trouble('desk-key', stopping?.text ?? 'the keys cannot be used; run "postern check"', {
    retryable: false
  })
}

export function sha256(data: string | Uint8Array): Sha256 {
  const digest = parseSha256(createHash('sha256').update(data).digest('hex'))
  assert(digest !== null, 'a digest that is none')
  return digest
}

/** Runs the daemon until `signal` is aborted, or once. Throws `Trouble` with one clear line when it cannot start or go on. */
export async function runDaemon(
  loaded: LoadedConfig,
  options: {
    readonly mode: 'stay' | 'once'
    readonly log: Log
    readonly signal: AbortSignal
    readonly version: string
  }
): Promise<void> {
  const { log, signal, mode } = options
  const settings = await requireSettings(loaded)
  using _lock = acquireDaemonLock(loaded.config.storagePath)
  using db = openConfiguredDatabase(loaded, 'create')
  const workers = await createWorkers({
    start: {
      deskKeys: [loaded.keys.desk, ...loaded.keys.retired],
      passphrase: loaded.secrets.passphrase.reveal(),
      deskName: settings.desk.name,
      deskAddress: settings.desk.address,
      maintainerKeys: settings.maintainers.map(({ keyData }) => keyData)
    },
    onEvent: log,
    maxThreads: loaded.config.workers,
    memoryMegabytes: settings.limits.workerMegabytes,
    taskMs: settings.limits.openSeconds * 1000,
    idleMs: WORKER_IDLE_MS
  })
  const { wkd, vks } = loaded.config.keyLookup
  const desk: Desk = {
    db,
    settings,
    workers,
    // The same texts that the settings have for what an approval covers.
    render: createRender(loaded.texts, settings.desk),
    clock: systemClock,
    randomness: systemRandomness,
    sha256,
    log,
    directory:
      wkd || vks !== null
        ? createKeyDirectory({ wkd, vks }, () => systemClock.monotonicMs())
        : null,
    nextDigestsAt: () => nextTicks(loaded.config.schedule.digest, loaded.config.desk.timezone)
  }
  const edges = edgesOf(loaded, log)
  try {
    log({ event: 'desk.started', version: options.version, pid: process.pid })
    if (mode === 'once') await runOnce(desk, edges, signal)
    else await stay(desk, edges, loaded, signal)
  } finally {
    await edges.sender.close()
    await workers.close()
    log({ event: 'desk.stopped' })
  }
}

async function stay(
  desk: Desk,
  edges: Edges,
  loaded: LoadedConfig,
  signal: AbortSignal
): Promise<void> {
  const bells = createBells()
  const {
    schedule,
    desk: { timezone }
  } = loaded.config
  using _poll = startTicks(schedule.poll, timezone, bells.intake.ring)
  using _tick = startTicks(schedule.tick, timezone, bells.all)
  // What cannot work without a change of the configuration is said at once, not retried for ever.
  const first = await edges.openMailbox(signal).catch((error: unknown) => {
    if (error instanceof Trouble && error.retryable) return null
    throw error
  })
  await runLoops(desk, startingWith(edges, first), bells, signal)
}

/** The connection that was tried at the start serves as the first one. */
function startingWith(
  edges: Edges,
  first: Awaited<ReturnType<Edges['openMailbox']>> | null
): Edges {
  let waiting = first
  return {
    ...edges,
    openMailbox: (signal) => {
      const mailbox = waiting
      waiting = null
      return mailbox === null ? edges.openMailbox(signal) : Promise.resolve(mailbox)
    }
  }
}

function edgesOf(loaded: LoadedConfig, log: Log): Edges {
  const { imap, smtp } = loaded.config
  const { limits } = loaded.config
  const { imapPassword, smtpPassword } = loaded.secrets
  const { junk } = imap
  const account = () => ({
    ...server(imap),
    user: imap.user,
    password: imapPassword.reveal(),
    inbox: imap.inbox,
    processed: imap.processed,
    held: imap.held,
    mailBytes: limits.mailBytes
  })
  return {
    inbox: imap.inbox,
    openMailbox: (signal) => connectMailbox(account(), log, signal),
    openJunk: junk === null ? null : (signal) => connectJunk(account(), junk, signal),
    sender: createSender(
      {
        ...server(smtp),
        replyTimeoutMs: smtp.replySeconds * 1000,
        ...(smtp.user === null || smtpPassword === null
          ? {}
          : { user: smtp.user, password: smtpPassword.reveal() })
      },
      log
    )
  }
}

function server({
  host,
  port,
  tls,
  ca
}: LoadedConfig['config']['imap'] | LoadedConfig['config']['smtp']) {
  return { host, port, tls, ...(ca === null ? {} : { ca }) }
}
