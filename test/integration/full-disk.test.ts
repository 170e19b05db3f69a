/**
 * A disk that is really full (a small file system, filled): one clear line, nothing lost, nothing half, and the work goes on
 * by itself when there is room again (G1, G2).
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { type CliResult, type LogLine } from '../support/daemon.ts'
import { clearMail, DESK_ADDRESS } from '../support/desk-world.ts'
import { GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeMissing, describeWith } from '../support/requires.ts'
import { databaseOf } from '../support/seeded.ts'
import { canMount, mountSmallDisk } from '../support/small-disk.ts'

const MEGABYTE = 1024 * 1024
const SAYS_FULL = 'postern: The disk of the database is full: make room.\n'
const NAMES = Array.from({ length: 6 }, (_, index) => `full${index}@people.example`)

const NAME = 'a disk that is full'
if (canMount()) describeWith(['dovecot', 'gpg'], NAME, full)
else describeMissing('root, allowed to mount a tmpfs', NAME)

async function full(): Promise<void> {
  const { dovecot, user, sink, desk } = await givenOffice({ grace: gpgPerson(GRACE) })
  const disk = mountSmallDisk(join(desk.folder, 'data'), 24 * MEGABYTE)
  // First, so that nothing stays mounted whatever fails later.
  afterAll(() => {
    disk.unmount()
  })

  const isFull = ({ code }: LogLine): boolean => code === 'disk-full'
  const addMember = (id: string): Promise<CliResult> =>
    desk.cli(
      ...['members', 'add', '--id', id, '--name', 'Grace'],
      ...['--key', join(desk.folder, 'keys/maintainers/grace.asc'), '--product', 'parser']
    )
  function large(from: string): Buffer {
    return clearMail(
      [`From: ${from}`, `To: ${DESK_ADDRESS}`, 'Subject: large', `Message-ID: <${from}>`],
      `${from}\n${'0123456789abcdef'.repeat(4)}\n`.repeat(5000)
    )
  }

  it('keeps a new desk from starting in one line, and leaves no half database behind', async () => {
    disk.fill()
    const daemon = desk.spawn()
    const { status } = await daemon.waitForExit(30_000)
    const added = await addMember('grace')
    const left = readdirSync(join(desk.folder, 'data'))
    disk.makeRoom()

    expect(daemon.stderr()).toBe(SAYS_FULL)
    expect(status).toBe(1)
    expect(added).toEqual({ status: 1, stdout: '', stderr: SAYS_FULL })
    expect(left.filter((name) => !/^(?:filler|postern\.db\.lock)$/.test(name))).toEqual([])
  })

  it('is named in one line by every command and by a start, and nothing is changed', async () => {
    expect(await addMember('grace')).toMatchObject({ status: 0, stderr: '' })
    disk.fill()
    const daemon = desk.spawn()
    await daemon.waitForExit(30_000)
    const said = [daemon.stderr()]
    for (const command of ['remove grace', 'list --json']) {
      const { status, stdout, stderr } = await desk.cli('members', ...command.split(' '))
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
      said.push(stderr)
    }
    disk.makeRoom()

    for (const line of said) expect(line).toMatch(/^postern: The [^\n]*\bdisk\b[^\n]*\n$/)
    const { stdout } = await desk.cli('members', 'list', '--json')
    expect(JSON.parse(stdout)).toMatchObject([{ id: 'grace', state: 'active' }])
    expect(await desk.cli('members', 'remove', 'grace')).toMatchObject({ status: 0, stderr: '' })
  })

  it('(12) that takes no writes any more ends a start in one line, though the inbox is open by then', async () => {
    // What it left beside the database lets the next one read.
    await (await desk.start()).kill9()
    disk.remount('ro')
    const daemon = desk.spawn()
    const { status } = await daemon.waitForExit(8000).finally(() => {
      disk.remount('rw')
    })
    expect(status).toBe(1)
    expect(daemon.stderr()).toMatch(/^postern: The database cannot be written: [^\n]*\n$/)
    expect(daemon.lines.at(-1)?.event).toBe('desk.stopped')
  })

  it('holds the message in the inbox while it lasts, and all of it is handled once when there is room', async () => {
    const daemon = await desk.start()
    disk.fill(MEGABYTE)
    await dovecot.seed(user, NAMES.map(large))
    await daemon.waitForLog(isFull, { timeoutMs: 60_000 })
    await delay(2000)
    expect(disk.room()).toBeLessThan(MEGABYTE)
    expect(daemon.stderr()).toBe('')
    expect(daemon.output()).not.toContain('"bug"')
    // Looking needs no room while the daemon runs. What is not on the disk is still on the server.
    expect(await desk.cli('cases')).toMatchObject({ status: 0, stderr: '' })
    const stored = desk.rows('SELECT id FROM arrivals').length
    expect(stored).toBeLessThan(NAMES.length)
    expect((await dovecot.messages(user)).length).toBeGreaterThanOrEqual(NAMES.length - stored)

    disk.makeRoom()
    await sink.waitFor(
      (taken) => NAMES.every((name) => taken.some(({ to }) => to === name)),
      90_000
    )
    for (let waits = 0; waits < 150 && (await dovecot.messages(user)).length > 0; waits += 1)
      await delay(200)
    expect((await daemon.stop()).status).toBe(0)
    for (const name of NAMES) expect(sink.taken.filter(({ to }) => to === name)).toHaveLength(1)
    expect(await dovecot.messages(user)).toEqual([])
    expect(await dovecot.messages(user, 'Postern/Processed')).toHaveLength(NAMES.length)
    expect(desk.rows('SELECT id FROM cases')).toHaveLength(NAMES.length)
  })

  it('has spoilt neither the database nor the record', async () => {
    expect(await desk.cli('audit', 'verify')).toMatchObject({ status: 0, stderr: '' })
    using db = databaseOf(desk)

    expect(db.read((read) => read.value('PRAGMA integrity_check(1)'))).toBe('ok')
  })
}
