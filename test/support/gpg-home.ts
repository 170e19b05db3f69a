/** GnuPG for one purpose of a test, such as to make a key with: a home of its own, ended and deleted afterwards. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './programs.ts'
import { tempFolder } from './temp.ts'

/** Runs gpg in the new home; resolves with what it printed. */
export type Gpg = (...args: readonly string[]) => Promise<Buffer>

/** Hands `work` a gpg whose secret keys are under `passphrase`; '' for none. */
export async function withGpg<T>(passphrase: string, work: (gpg: Gpg) => Promise<T>): Promise<T> {
  const home = tempFolder('pg-')
  // The agent would choose rounds for its own speed, and unlocking such a key elsewhere takes seconds.
  writeFileSync(join(home.path, 'gpg-agent.conf'), 's2k-count 65536\n')
  const options = [
    ...['--homedir', home.path, '--batch', '--no-tty', '--quiet', '--armor'],
    ...['--pinentry-mode', 'loopback', '--passphrase', passphrase]
  ]
  try {
    return await work(async (...args) => (await run('gpg', [...options, ...args])).stdout)
  } finally {
    await run('gpgconf', ['--homedir', home.path, '--kill', 'all'])
    home.remove()
  }
}
