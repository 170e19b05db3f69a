/**
 * Whoever reads what a command prints may go away in the middle (`postern cases --json | head -1`): no stack trace, no
 * complaint, status 0. Output that is lost for another reason is a failure and is said.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { IMAP_PASSWORD } from '../support/desk-world.ts'
import { GRACE, givenOfflineDesk } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { run } from '../support/programs.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf, seedCase } from '../support/seeded.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** Together far more than the 64 KiB that a pipe holds. */
const CASES = 600

type Ended = { readonly status: number | null; readonly signal: string | null }

describeWith(['gpg'], 'output that nobody takes', async () => {
  const { desk } = await givenOfflineDesk({ grace: gpgPerson(GRACE) })
  {
    using db = databaseOf(desk)
    db.transact((tx) => {
      for (let index = 0; index < CASES; index += 1) seedCase(tx, `case ${index}`)
    })
  }

  function start(args: readonly string[], stdout: 'pipe' | number, stderr: 'pipe' | number) {
    return spawn(process.execPath, [MAIN, ...args, '--config', desk.configFile], {
      cwd: desk.folder,
      env: { ...process.env, POSTERN_IMAP_PASSWORD: IMAP_PASSWORD },
      stdio: ['ignore', stdout, stderr]
    })
  }
  async function ended(child: ReturnType<typeof start>): Promise<Ended & { said: string }> {
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
    return { status, signal, said }
  }

  it.each([
    ['cases', '--json'],
    ['cases', '--all'],
    ['show', `ACME-${new Date().getFullYear()}-0001`],
    ['keys', 'list'],
    ['check']
  ])('is no failure when the reader is gone before the first line (%s)', async (...args) => {
    const child = start(args, 'pipe', 'pipe')
    child.stdout?.destroy()

    expect(await ended(child)).toEqual({ status: 0, signal: null, said: '' })
  })

  it('is no failure when the reader goes after the first line, with far more to come', async () => {
    const line = '{ "$@"; echo "$?" > status; } | head -1'
    const command = [process.execPath, MAIN, 'cases', '--json', '--config', desk.configFile]
    const { stdout, stderr } = await run('sh', ['-c', line, 'sh', ...command], {
      cwd: desk.folder,
      env: { POSTERN_IMAP_PASSWORD: IMAP_PASSWORD }
    })

    expect({ stdout: stdout.toString(), stderr }).toEqual({ stdout: '[\n', stderr: '' })
    expect(readFileSync(join(desk.folder, 'status'), 'utf8')).toBe('0\n')
  })

  it('reaches a reader who stays to the end whole', async () => {
    const { stdout } = await desk.cli('cases', '--json')

    expect(stdout.length).toBeGreaterThan(2 * 65_536)
    expect(JSON.parse(stdout)).toHaveLength(CASES)
  })

  it('leaves a failure a failure when nobody reads why', async () => {
    const child = start(['show', 'ACME-2020-0001'], 'pipe', 'pipe')
    child.stderr?.destroy()
    const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]

    expect({ status, signal }).toEqual({ status: 1, signal: null })
  })

  it('fails in one line when the disk that it goes to is full', async () => {
    const full = openSync('/dev/full', 'w')
    try {
      expect(await ended(start(['cases'], full, 'pipe'))).toEqual({
        status: 1,
        signal: null,
        said: 'postern: the output could not be written; please check that its disk has room.\n'
      })
    } finally {
      closeSync(full)
    }
  })
})
