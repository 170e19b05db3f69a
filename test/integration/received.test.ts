/** `postern received`: what is on hold and why, where it is, and its way back (13). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Instant } from '../../src/domain/time.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import { GRACE, givenOfflineDesk } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf, seedCase } from '../support/seeded.ts'

const NOON = '2026-11-22T12:00:00.000Z' as Instant
const RAW = Buffer.from('From: eve@strange.example\r\nSubject: THE SUBJECT\r\n\r\nTHE TEXT\r\n')

describeWith(['gpg'], 'messages that came', async () => {
  const { desk } = await givenOfflineDesk({ grace: gpgPerson(GRACE) })
  {
    using db = databaseOf(desk)
    db.transact((tx) => {
      const caseId = seedCase(tx, 'x').id
      const place = { mailbox: 'INBOX', uidValidity: '7', receivedAt: NOON, arrivedAt: NOON }
      const held = { state: 'held', disposition: 'quarantined', reason: 'three tries' } as const
      for (const [uid, part] of [
        [41, 'whole'],
        [42, 'header'],
        [43, 'whole']
      ] as const) {
        const mail = {
          uid,
          part,
          size: RAW.length + uid,
          raw: Buffer.concat([RAW, Buffer.from(`${uid}`)])
        }
        const { id } = arrivals.add(tx, { ...place, ...mail }, NOON)
        if (uid !== 43) arrivals.markDone(tx, id, { ...held, caseId }, NOON)
      }
    })
  }

  it('lists those on hold, and shows where one is, why, and the line to type; none of it says what is in it', async () => {
    const listed = await desk.cli('received', 'list')
    expect((await desk.cli('received', 'show', '1')).stdout).not.toContain('moved to')
    expect(listed.stdout.split('\n')[1]).toMatch(/^2 +\S+ +held +quarantined +ACME-\d+-0001 +/)
    expect(listed.stdout.trimEnd().split('\n')).toHaveLength(3)
    const one = await desk.cli('received', 'show', '1', '--out', 'one.eml')
    expect(one.stdout).toContain('UID 41 in INBOX')
    expect(one.stdout).toContain('To have it handled again: postern received retry 1')
    expect(`${listed.stdout}${one.stdout}`).not.toMatch(/THE (?:SUBJECT|TEXT)|eve@/)
    expect(readFileSync(join(desk.folder, 'one.eml'), 'latin1')).toContain('THE TEXT')
    expect(await desk.cli('received', 'show', '1', '--out', 'one.eml')).toMatchObject({ status: 1 })
    expect((await desk.cli('received', 'show', '2')).stdout).toContain('back into INBOX')
  })

  it('has one handled again, and says why another cannot be, and what became of it', async () => {
    const again = await desk.cli('received', 'retry', '1')
    expect(again).toMatchObject({ status: 0, stderr: '' })
    {
      using db = databaseOf(desk)
      db.transact((tx) => {
        const place = { mailbox: 'INBOX', uidValidity: '7', receivedAt: NOON, arrivedAt: NOON }
        const done = { state: 'done', reason: '' } as const
        const caseId = arrivals.find(tx, 1)?.caseId ?? null
        const add = (uid: number, text: string): number => {
          const raw = Buffer.concat([RAW, Buffer.from(text)])
          return arrivals.add(tx, { ...place, uid, part: 'whole', size: raw.length, raw }, NOON).id
        }
        arrivals.markDone(tx, add(51, 'one'), { ...done, disposition: 'case-opened', caseId }, NOON)
        add(52, 'one')
        const robot = { disposition: 'auto-reply', reason: 'an automatic answer' } as const
        arrivals.markDone(tx, add(53, 'two'), { ...done, ...robot, caseId: null }, NOON)
      })
    }
    expect(again.stdout).toContain('is handled again, as message 4')
    for (const [number, says] of [
      ['1', 'Handled again as: message 4'],
      ['4', 'UID 41 in INBOX']
    ] as const)
      expect((await desk.cli('received', 'show', number)).stdout).toContain(says)
    expect(desk.rows('SELECT id, state, case_id AS tag FROM arrivals WHERE id IN (1, 4)')).toEqual([
      { id: 1, state: 'done', tag: 1 },
      { id: 4, state: 'pending', tag: 1 }
    ])
    expect(desk.rows("SELECT about FROM events WHERE kind = 'handled-again'")).toEqual([
      { about: '{"number":1,"again":4}' }
    ])
    for (const [id, says] of [
      ['1', 'is not on hold: it is handled again as message 4, which belongs to case ACME-'],
      ['5', 'is not on hold: it was handled and belongs to case ACME-'],
      ['6', 'is not on hold: it is a copy of message 5, which belongs to case ACME-'],
      ['7', 'is not on hold: it was handled: an automatic answer.'],
      ['2', 'move it from Postern/Held back into INBOX'],
      ['3', 'is not on hold: it waits'],
      ['9', 'There is no message 9']
    ] as const) {
      const refused = await desk.cli('received', 'retry', id)
      expect([refused.status, refused.stdout]).toEqual([1, ''])
      expect(refused.stderr).toContain(says)
    }
    {
      using db = databaseOf(desk)
      const held = { state: 'held', disposition: 'quarantined', reason: 'three tries' } as const
      db.transact((tx) => arrivals.markDone(tx, 4, { ...held, caseId: null }, NOON))
    }
    expect((await desk.cli('received', 'retry', '1')).stderr).toContain(
      'it was handled again as message 4. Message 4 is on hold: type "postern received retry 4".'
    )
    expect(await desk.cli('audit', 'verify')).toMatchObject({ status: 0 })
  })
})
