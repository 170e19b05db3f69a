/** Runs programs of other projects (gpg, sq, openssl, dovecot) for the tests: never through a shell, never blocking. */
import { spawn } from 'node:child_process'

/** What a program left behind. `stderr` is text. */
export type Ran = { readonly status: number; readonly stdout: Buffer; readonly stderr: string }

export type RunOptions = {
  readonly input?: Uint8Array | string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Run as this user; only root may ask for it. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** Runs to the end whatever the exit status; -1 when a signal ended it. Rejects only when it cannot be started. */
export function tryRun(
  program: string,
  args: readonly string[],
  options: RunOptions = {}
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...options.user
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    // A program that ends before it has read everything closes the pipe; its status tells the story.
    child.stdin.on('error', () => undefined)
    child.on('error', reject)
    child.on('close', (status) => {
      resolve({
        status: status ?? -1,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr).toString('utf8')
      })
    })
    child.stdin.end(options.input)
  })
}

/** Like {@link tryRun}, and rejects with the program's own words when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {}
): Promise<Ran> {
  const ran = await tryRun(program, args, options)
  if (ran.status !== 0) {
    throw new Error(`${program} ${args[0] ?? ''} ended with ${ran.status}: ${ran.stderr}`)
  }
  return ran
}
