/** Clocks of other processes under a test's control: the daemon's wall clock, and the time gpg believes it is. */
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram } from './requires.ts'
import { tempFolder } from './temp.ts'

const PRELOAD = fileURLToPath(new URL('./clock-preload.mjs', import.meta.url))

/**
 * A wall clock for a daemon, which the test can move while the daemon runs; the offset is kept in `folder`. `replyTimeoutMs`
 * shortens the socket timeouts of ten minutes and more.
 */
export function movableClock(folder: string, replyTimeoutMs?: number) {
  const file = join(folder, 'clock')
  let offset = 0
  const set = (offsetMs: number): void => {
    offset = offsetMs
    // Never half-written: the daemon reads it at any moment.
    writeFileSync(`${file}.new`, String(offsetMs))
    renameSync(`${file}.new`, file)
  }
  set(0)
  return {
    /** Environment of the daemon. */
    env: {
      NODE_OPTIONS: `--import=${PRELOAD}`,
      POSTERN_TEST_CLOCK: file,
      ...(replyTimeoutMs === undefined
        ? {}
        : { POSTERN_TEST_REPLY_TIMEOUT: String(replyTimeoutMs) })
    },
    /** From now on the daemon's wall clock is this far from the true one; negative: behind. */
    set,
    /** What the daemon's clock shows now. */
    now: () => Date.now() + offset
  }
}

/** A time as gpg and sq take it, UTC: `20261122T120000`. */
export function stampOf(time: Date): string {
  return time.toISOString().replaceAll(/[-:]|\.\d+Z$/g, '')
}

/** Runs `work` while every gpg it starts believes that it is `when`. */
export async function withGpgAt<T>(when: Date, work: () => Promise<T>): Promise<T> {
  const folder = tempFolder('gt-')
  const path = process.env['PATH'] ?? ''
  const shim = join(folder.path, 'gpg')
  // gpg may be told a time before the desk's key was made; the clocks of real people are wrong, too.
  const options = `--faked-system-time ${stampOf(when)} --ignore-time-conflict --ignore-valid-from`
  writeFileSync(shim, `#!/bin/sh\nexec ${findProgram('gpg') ?? 'gpg'} ${options} "$@"\n`)
  chmodSync(shim, 0o700)
  process.env['PATH'] = `${folder.path}${delimiter}${path}`
  try {
    return await work()
  } finally {
    process.env['PATH'] = path
    folder.remove()
  }
}
