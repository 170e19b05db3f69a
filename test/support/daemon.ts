/**
 * The built program (`dist/main.js`) as a process of its own: the daemon with its log caught line by line, and single
 * commands. Whatever a test leaves running ends with the test process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { tryRun } from './programs.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const STOP_MS_MAX = 10_000

/** One line of the daemon's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string }

export type Exit = { readonly status: number | null; readonly signal: string | null }

export type CliResult = {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export type Daemon = ReturnType<typeof startDaemon>

export type ProcessOptions = {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** A program to run it under, for example `['prlimit', '--fsize=1']`. */
  readonly under?: readonly string[]
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Runs one command to its end. */
export async function runCli(args: readonly string[], options: ProcessOptions): Promise<CliResult> {
  const [program, ...rest] = commandLine(args, options)
  const ran = await tryRun(program, rest, { cwd: options.cwd, env: { ...options.env } })
  return { status: ran.status, stdout: ran.stdout.toString('utf8'), stderr: ran.stderr }
}

/** Starts `postern` with `args`; does not wait for anything. */
export function startDaemon(args: readonly string[], options: ProcessOptions) {
  const [program, ...rest] = commandLine(args, options)
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  running.add(child)
  const lines: LogLine[] = []
  let output = ''
  let stderr = ''
  let unfinished = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const parts = `${unfinished}${text}`.split('\n')
    unfinished = parts.pop() ?? ''
    for (const part of parts) if (part.startsWith('{')) lines.push(JSON.parse(part) as LogLine)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
    stderr += text
  })
  let exit: Exit | null = null
  child.on('close', (status, signal) => {
    running.delete(child)
    exit = { status, signal }
  })
  const tail = (): string => output.slice(-3000)

  const waitForExit = async (timeoutMs = 20_000): Promise<Exit> => {
    for (const end = Date.now() + timeoutMs; exit === null; await delay(10)) {
      if (Date.now() > end) throw new Error(`the daemon still runs: ${tail()}`)
    }
    return exit
  }
  return {
    /** Every line so far. */
    lines: lines as readonly LogLine[],
    /** Everything written so far to standard output and error. */
    output: () => output,
    stderr: () => stderr,
    /** The first line with this event (or for which the predicate holds) from line `from` on; waits for it. */
    waitForLog: async (
      wanted: string | ((line: LogLine) => boolean),
      { from = 0, timeoutMs = 30_000 } = {}
    ): Promise<LogLine> => {
      const fits = typeof wanted === 'string' ? (line: LogLine) => line.event === wanted : wanted
      for (const end = Date.now() + timeoutMs; ; await delay(5)) {
        const found = lines.slice(from).find(fits)
        if (found !== undefined) return found
        const what = typeof wanted === 'string' ? `"${wanted}"` : 'the line waited for'
        if (exit !== null) throw new Error(`the daemon ended without ${what}: ${tail()}`)
        if (Date.now() > end) throw new Error(`the daemon does not log ${what}: ${tail()}`)
      }
    },
    /** Rejects when it still runs after `timeoutMs`. */
    waitForExit,
    signal: (name: 'SIGTERM' | 'SIGINT') => {
      child.kill(name)
    },
    /** SIGTERM; rejects when it takes longer than the promised 10 s. */
    stop: () => {
      child.kill('SIGTERM')
      return waitForExit(STOP_MS_MAX)
    },
    /** SIGKILL, and waits until the process is gone. */
    kill9: async () => {
      child.kill('SIGKILL')
      await waitForExit()
    }
  }
}

function commandLine(args: readonly string[], { under = [] }: ProcessOptions) {
  if (!existsSync(MAIN)) throw new Error('dist/main.js is missing: run "npm run build" first')
  return [...under, process.execPath, MAIN, ...args] as [string, ...string[]]
}
