/**
 * Where a benchmark takes place: a real IMAP server (Dovecot where it is installed), a real SMTP server, a configured desk
 * in a temporary folder and the built daemon as a process of its own, watched through its log and through /proc.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PASSWORD, startDovecot } from '../support/dovecot.ts'
import { startEmbeddedImap } from '../support/embedded-imap.ts'
import { run } from '../support/programs.ts'
import { findProgram } from '../support/requires.ts'
import { type Sink, startSink } from '../support/smtp-sink.ts'
import { tempFolder } from '../support/temp.ts'
import { type BenchKey } from './keys.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const USER = 'desk'
const STOP_MS = 15_000
export const PASSPHRASE = 'correct horse'
export const DESK_ADDRESS = 'security@acme.example'

/** The mailbox that the daemon watches. */
export type MailServer = {
  readonly name: 'Dovecot' | 'hoodiecrow'
  readonly port: number
  readonly password: string
  /** One message as a mail server would deliver it now. `from` is the return path: without one, it is never acknowledged. */
  deliver(raw: Uint8Array, from: string): Promise<void>
  /** Many messages at once, before the daemon starts. */
  seed(mails: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

/** One line of the daemon's log. */
export type LogLine = Readonly<Record<string, unknown>> & {
  readonly event: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export type Daemon = {
  readonly log: readonly LogLine[]
  /** Resolves when the log has a line of this event. */
  logged(event: string): Promise<LogLine>
  /** Resident memory in MiB: now, and the most so far. */
  memory(): { readonly now: number; readonly peak: number }
  /** Seconds of processor time used so far, all threads. */
  cpuSeconds(): number
  stop(): Promise<void>
}

export type Stage = {
  readonly imap: MailServer
  readonly sink: Sink
  readonly configFile: string
  readonly databaseFile: string
  readonly desk: { readonly address: string; readonly publicArmored: string }
  startDaemon(): Promise<Daemon>
  /** Ends everything that still runs. */
  close(): Promise<void>
}

/** The IMAP servers that can be had here, the best first: a real one where it is installed, and the one in this process. */
export function mailServers(): readonly MailServer['name'][] {
  return findProgram('dovecot') === null ? ['hoodiecrow'] : ['Dovecot', 'hoodiecrow']
}

/** A stage with these maintainers, on the best IMAP server unless another is asked for. */
export async function setStage(options: {
  readonly maintainers: readonly BenchKey[]
  readonly server?: MailServer['name']
}): Promise<Stage> {
  const folder = tempFolder('pb-')
  const imap = await startMailServer(options.server ?? mailServers()[0] ?? 'hoodiecrow')
  const sink = await startSink()
  const configFile = join(folder.path, 'postern.yaml')
  mkdirSync(join(folder.path, 'keys'))
  writeFileSync(join(folder.path, 'passphrase'), `${PASSPHRASE}\n`)
  for (const [index, { publicArmored }] of options.maintainers.entries())
    writeFileSync(join(folder.path, 'keys', `m${index}.asc`), publicArmored)
  writeFileSync(configFile, configuration(imap, sink, options))
  const keyFile = join(folder.path, 'keys', 'desk.asc')
  await run(process.execPath, [
    MAIN,
    ...['keys', 'generate', '--name', 'ACME Security Team', '--address', DESK_ADDRESS],
    ...['--passphrase-file', join(folder.path, 'passphrase'), '--out', keyFile]
  ])
  const running: Daemon[] = []
  return {
    imap,
    sink,
    configFile,
    databaseFile: join(folder.path, 'data', 'postern.db'),
    desk: {
      address: DESK_ADDRESS,
      publicArmored: readFileSync(keyFile.replace('.asc', '.pub.asc'), 'utf8')
    },
    startDaemon: async () => {
      const daemon = startDaemon(configFile, imap)
      running.push(daemon)
      await daemon.logged('imap.connected')
      return daemon
    },
    close: async () => {
      for (const daemon of running) await daemon.stop()
      await sink.close()
      await imap.close()
      folder.remove()
    }
  }
}

async function startMailServer(wanted: MailServer['name']): Promise<MailServer> {
  if (wanted === 'Dovecot') {
    const dovecot = await startDovecot()
    return {
      name: 'Dovecot',
      port: dovecot.port,
      password: PASSWORD,
      deliver: (raw, from) => dovecot.deliver(USER, raw, from),
      seed: (mails) => dovecot.seed(USER, mails),
      close: () => dovecot.close()
    }
  }
  const embedded = await startEmbeddedImap({ user: USER, password: PASSWORD })
  return {
    name: 'hoodiecrow',
    port: embedded.port,
    password: PASSWORD,
    deliver: (raw) => Promise.resolve(embedded.append(raw)),
    seed: (mails) => {
      for (const mail of mails) embedded.append(mail)
      return Promise.resolve()
    },
    close: () => embedded.close()
  }
}

function configuration(
  imap: MailServer,
  sink: Sink,
  { maintainers }: Omit<Parameters<typeof setStage>[0], 'server'>
): string {
  const people = maintainers.map(
    ({ address }, index) =>
      `  - { id: m${index}, name: Maintainer ${index}, address: ${address}, key: keys/m${index}.asc, roles: [committer, release, approver] }`
  )
  return `desk: { name: ACME Security Team, address: ${DESK_ADDRESS}, case_prefix: ACME, key: keys/desk.asc, passphrase: { file: passphrase } }
imap: { host: 127.0.0.1, port: ${imap.port}, tls: none, user: ${USER}, password: { env: BENCH_PASSWORD } }
smtp: { host: 127.0.0.1, port: ${sink.port}, tls: none }
acknowledgement: { jitter: 0, per_hour: 1000, per_domain_hour: 1000 }
workers: 2
limits: { mail_size: 100MiB }
maintainers:
${people.join('\n')}
products:
  - { id: parser, name: ACME Parser, policy: dispatch, supported: [main] }
`
}

function startDaemon(configFile: string, imap: MailServer): Daemon {
  const child = spawn(process.execPath, [MAIN, 'run', '--config', configFile], {
    env: { ...process.env, BENCH_PASSWORD: imap.password },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const log: LogLine[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    const parsed = JSON.parse(line) as Record<string, unknown>
    log.push({ ...parsed, event: String(parsed['event']), at: Date.parse(String(parsed['time'])) })
  })
  return {
    log,
    logged: async (event) => {
      for (;;) {
        const found = log.find((line) => line.event === event)
        if (found !== undefined) return found
        if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`)
        await delay(5)
      }
    },
    memory: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      const mib = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024
      return { now: mib('VmRSS'), peak: mib('VmHWM') }
    },
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')
      // Clock ticks of user and system time; Linux shows 100 a second to every program.
      return (Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0)) / 100
    },
    stop: () => stop(child)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(timer)
}
