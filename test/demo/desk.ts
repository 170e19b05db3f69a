/**
 * The real Postern of the demo: a working directory as an operator would have it, the built program for every command, and
 * the daemon as a process of its own. Nothing here imports Postern; all of it goes through the command line.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Exit, runCli, startDaemon as startProcess } from '../support/daemon.ts'
import { StoryError } from './narrator.ts'
import { type Identity, type Person } from './people.ts'
import { type PostOffice } from './post-office.ts'

const A_DAY_MS = 86_400_000
const WAIT_MS_MAX = 30_000
const LOOK_AGAIN_MS = 25

export type Maintainer = { readonly person: Person; readonly roles: readonly string[] }

/** The desk's working directory and its program. */
export type Desk = {
  readonly publicKey: string
  readonly fingerprint: string
  configure(maintainers: readonly Maintainer[], postOffice: PostOffice): Promise<void>
  /** Runs a command to its end and returns what it printed; a failure ends the story with the command's own words. */
  postern(...args: string[]): Promise<string>
  /** The same with `--json`. */
  ask<T>(...args: string[]): Promise<T>
  startDaemon(logFile: string): Daemon
}

/** `postern run`, as a process. Disposing of it ends it whatever state it is in. */
export type Daemon = AsyncDisposable & {
  /** Throws when it has ended by itself. */
  check(): void
  /** Whether its log tells of an event. */
  hasLogged(event: string): boolean
  /** Sends SIGTERM and returns the exit status, or the signal that ended it, and how long that took. */
  stop(): Promise<{ readonly status: number | string; readonly ms: number }>
}

/** Makes the working directory with the desk's own key in it. */
export async function createDesk(
  folder: string,
  identity: Identity,
  passphrase: string
): Promise<Desk> {
  const config = join(folder, 'postern.yaml')
  const passphraseFile = join(folder, 'secrets', 'passphrase')
  const passwordFile = join(folder, 'secrets', 'mail-password')
  await mkdir(join(folder, 'secrets'), { recursive: true, mode: 0o700 })
  await mkdir(join(folder, 'keys', 'maintainers'), { recursive: true })
  await writeFile(passphraseFile, `${passphrase}\n`, { mode: 0o600 })
  const keyFile = join(folder, 'keys', 'desk.asc')
  const who = ['--name', identity.name, '--address', identity.address]
  const files = ['--passphrase-file', passphraseFile, '--out', keyFile]
  const generate = ['keys', 'generate', ...who, ...files, '--json']
  const made = JSON.parse(await runProgram(folder, generate)) as {
    readonly public: string
    readonly fingerprint: string
  }
  const postern = (...args: string[]): Promise<string> =>
    runProgram(folder, [...args, '--config', config])
  return {
    publicKey: readFileSync(made.public, 'utf8'),
    fingerprint: made.fingerprint,
    configure: async (maintainers, postOffice) => {
      await writeFile(passwordFile, `${postOffice.password}\n`, { mode: 0o600 })
      for (const { person } of maintainers) {
        await writeFile(join(folder, 'keys', 'maintainers', `${person.id}.asc`), person.publicKey)
      }
      await writeFile(config, configuration(identity, maintainers, postOffice))
    },
    postern,
    ask: async <T>(...args: string[]) => JSON.parse(await postern(...args, '--json')) as T,
    startDaemon: (logFile) => startDaemon(folder, config, logFile)
  }
}

function configuration(
  desk: Identity,
  maintainers: readonly Maintainer[],
  { host, smtpPort, imapOf }: PostOffice
): string {
  const account = `user: ${desk.id}, password: { file: secrets/mail-password }`
  return `\
desk:
  name: ${desk.name}
  address: ${desk.address}
  case_prefix: ACME
  key: keys/desk.asc
  passphrase: { file: secrets/passphrase }
imap: { host: ${host}, port: ${imapOf(desk.id).port}, tls: none, ${account} }
smtp: { host: ${host}, port: ${smtpPort}, tls: none, ${account} }
storage: { path: data/postern.db }
acknowledgement: { jitter: 0 }
maintainers:
${maintainers
  .map(
    ({ person: { id, name, address }, roles }) =>
      `  - { id: ${id}, name: ${name}, address: ${address}, key: keys/maintainers/${id}.asc, roles: [${roles.join(', ')}] }`
  )
  .join('\n')}
products:
  - { id: parser, name: ACME Parser, policy: dispatch, supported: [main, "4.2", "4.1"] }
`
}

async function runProgram(folder: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCli(args, { cwd: folder })
  if (status === 0) return stdout
  throw new StoryError(
    `postern ${args.slice(0, 2).join(' ')} ended with ${status}: ${stderr.trim()}`
  )
}

function startDaemon(folder: string, config: string, logFile: string): Daemon {
  const daemon = startProcess(['run', '--config', config], { cwd: folder })
  let end: Exit | null = null
  void daemon.waitForExit(A_DAY_MS).then((exit) => (end = exit))
  return {
    check: () => {
      if (end !== null) throw new StoryError(`the daemon ended by itself: ${daemon.stderr()}`)
    },
    hasLogged: (event) => daemon.lines.some((line) => line.event === event),
    stop: async () => {
      const start = performance.now()
      daemon.signal('SIGTERM')
      const { status, signal } = await daemon.waitForExit(WAIT_MS_MAX)
      return { status: status ?? signal ?? 'nothing', ms: performance.now() - start }
    },
    [Symbol.asyncDispose]: async () => {
      await daemon.kill9()
      writeFileSync(logFile, daemon.output())
    }
  }
}

/** Looks again and again until `look` finds something; gives up after 30 seconds, or when the daemon has ended. */
export type WaitFor = <T>(what: string, look: () => Promise<T | null> | T | null) => Promise<T>

/** Waits that also end when the daemon does, and when `signal` is aborted. */
export function createWaitFor(daemon: Daemon, signal: AbortSignal): WaitFor {
  return async (what, look) => {
    for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end; ) {
      daemon.check()
      const found = await look()
      if (found !== null) return found
      await delay(LOOK_AGAIN_MS, undefined, { signal })
    }
    throw new StoryError(`waited ${WAIT_MS_MAX / 1000} s in vain for ${what}`)
  }
}
