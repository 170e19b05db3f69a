/**
 * The real Postern of the demo: a working directory as an operator would have it, the built program for every command, and
 * the daemon as a process of its own. Nothing here imports Postern; all of it goes through the command line.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { tryRun } from '../support/programs.ts'
import { StoryError } from './narrator.ts'
import { type Identity, type Person } from './people.ts'
import { type PostOffice } from './post-office.ts'

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
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
  const made = JSON.parse(
    await runProgram(
      'keys',
      'generate',
      ...who,
      '--passphrase-file',
      passphraseFile,
      '--out',
      keyFile,
      '--json'
    )
  ) as { readonly public: string; readonly fingerprint: string }
  const postern = (...args: string[]): Promise<string> => runProgram(...args, '--config', config)
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
    startDaemon: (logFile) => startDaemon(config, logFile)
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

async function runProgram(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await tryRun(process.execPath, [PROGRAM, ...args])
  if (status === 0) return stdout.toString('utf8')
  throw new StoryError(
    `postern ${args.slice(0, 2).join(' ')} ended with ${status}: ${stderr.trim()}`
  )
}

function startDaemon(config: string, logFile: string): Daemon {
  const log = openSync(logFile, 'w')
  const child = spawn(process.execPath, [PROGRAM, 'run', '--config', config], {
    stdio: ['ignore', log, log]
  })
  closeSync(log)
  const ended = endOf(child)
  let status: number | string | null = null
  void ended.then((result) => (status = result))
  // Whatever happens to this process, the daemon does not stay behind.
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  process.once('exit', kill)
  return {
    check: () => {
      if (status !== null) throw new StoryError(`the daemon ended by itself with ${status}`)
    },
    hasLogged: (event) => readFileSync(logFile, 'utf8').includes(`"event":"${event}"`),
    stop: async () => {
      const start = performance.now()
      child.kill('SIGTERM')
      const result = await Promise.race([ended, delay(WAIT_MS_MAX, 'nothing', { ref: false })])
      return { status: result, ms: performance.now() - start }
    },
    [Symbol.asyncDispose]: async () => {
      kill()
      await ended
      process.removeListener('exit', kill)
    }
  }
}

function endOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('error', ({ message }) => {
      resolve(message)
    })
    child.once('exit', (code, signal) => {
      resolve(code ?? signal ?? 'nothing')
    })
  })
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
