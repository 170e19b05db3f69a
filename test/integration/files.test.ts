/** `postern files NUMBER`: the operator's way to files that no mail server took (A2). */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/effects/system.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import { clearMail, DESK_ADDRESS } from '../support/desk-world.ts'
import { ALICE, GRACE, givenOfflineDesk } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf } from '../support/seeded.ts'

describeWith(['gpg'], 'postern files', async () => {
  const { desk, alice } = await givenOfflineDesk({
    grace: gpgPerson(GRACE),
    alice: gpgPerson(ALICE)
  })

  it('(A2) writes the files of a stored message, sealed or in clear, readable by the operator alone, under names that stay, and overwrites nothing', async () => {
    const head = ['From: alice@reporter.example', 'To: security@acme.example', 'Message-ID: <1@x>']
    const clear = clearMail(head, 'In clear.')
    const sealed = await alice.write({
      to: DESK_ADDRESS,
      subject: 'x',
      text: 'Sealed.',
      attachments: [
        { filename: 'core', contentType: 'application/x-core', content: Buffer.from('THE CORE') }
      ]
    })
    const bare = await alice.write({ to: DESK_ADDRESS, subject: 'x', text: 'No file.' })
    const now = systemClock.now()
    {
      using db = databaseOf(desk)
      for (const [index, raw] of [clear, sealed, bare].entries())
        db.transact((tx) =>
          arrivals.add(
            tx,
            {
              mailbox: 'INBOX',
              uidValidity: '1',
              uid: index + 1,
              size: raw.length,
              receivedAt: now,
              arrivedAt: now,
              raw,
              part: 'whole'
            },
            now
          )
        )
    }
    const out = join(desk.folder, 'out')
    expect(await desk.cli('files', '1', '--out', out)).toMatchObject({ status: 0, stderr: '' })
    expect(readFileSync(join(out, '1-1-original.eml'))).toEqual(clear)
    expect(await desk.cli('files', '2', '--out', out)).toMatchObject({ status: 0, stderr: '' })
    const there = ['1-1-original.eml', '2-1-core']
    expect(readdirSync(out)).toEqual(there)
    expect(readFileSync(join(out, '2-1-core'), 'utf8').trim()).toBe('THE CORE')
    expect(statSync(join(out, '2-1-core')).mode & 0o777).toBe(0o600)
    const again = await desk.cli('files', '2', '--out', out)
    expect(again).toMatchObject({ status: 0, stderr: '' })
    expect(again.stdout).toMatch(/2-1-core +\d+ +before/)
    rmSync(join(out, '2-1-core'))
    expect((await desk.cli('files', '2', '--out', out)).stdout).toMatch(/2-1-core +\d+ +now/)
    writeFileSync(join(out, '2-1-core'), 'MINE')
    expect((await desk.cli('files', '2', '--out', out)).stderr).toContain('EEXIST')
    expect(readFileSync(join(out, '2-1-core'), 'utf8')).toBe('MINE')
    expect(readdirSync(out)).toEqual(there)
    expect((await desk.cli('files', '3')).stdout).toBe('Message 3 has no files.\n')
    expect((await desk.cli('files', '9')).stderr).toContain('There is no received message 9.')
    expect(await desk.cli('files', 'x')).toMatchObject({ status: 2 })
  })
})
