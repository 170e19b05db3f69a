/**
 * Commands print what was asked for and no more: only `postern members` says more of a list member than the id (B21, G5), and
 * `postern cases` lists all of them (B15).
 */

import { expect, it } from 'vitest'
import { parseAddress } from '../../src/domain/address.ts'
import { aboutCase, byMaintainer, event, NO_EVIDENCE } from '../../src/domain/event.ts'
import { type CaseTag } from '../../src/domain/ids.ts'
import { addMs, type Instant } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import * as cases from '../../src/store/cases.ts'
import * as events from '../../src/store/events.ts'
import * as looks from '../../src/store/looks.ts'
import * as outbox from '../../src/store/outbox.ts'
import { addMember, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf, seedCase, seedNotice, settingsOf } from '../support/seeded.ts'
import { mail } from '../unit/store/support.ts'

const DAY_MS = 86_400_000
const CASES = 1200

describeWith(['dovecot', 'gpg'], 'what commands print', async () => {
  const { desk, member } = await givenOffice({
    grace: gpgPerson(GRACE),
    member: gpgPerson({ name: 'Person secretcorp', address: 'secretcorp@people.example' })
  })
  const settings = await settingsOf(desk)
  const key = new RegExp([...member.fingerprint].join(' *'), 'i')
  let tag = ''
  await addMember(desk, 'secretcorp', member, await member.exportPublicKey())
  {
    using db = databaseOf(desk)
    db.transact((tx) => {
      tag = seedNotice(tx, settings, addMs(systemClock.now(), DAY_MS)).caseTag
      const caseId = tx.get<{ id: number }>('SELECT id FROM cases WHERE tag = ?', [tag])?.id ?? 0
      const copy = mail('copy', {
        kind: 'notice',
        caseId,
        audience: 'member',
        recipientId: 'secretcorp',
        envelopeTo: parseAddress(member.address) ?? settings.desk.address
      })
      outbox.queue(tx, copy, systemClock.now())
      const at = systemClock.now()
      const place = { mailbox: 'INBOX', uidValidity: '0', uid: 1, receivedAt: at, arrivedAt: at }
      const received = { ...place, size: 1, raw: new Uint8Array(1), part: 'whole' } as const
      const { id: arrivalId } = arrivals.add(tx, received, systemClock.now())
      cases.insertMessage(tx, caseId, {
        ...{ at: systemClock.now(), author: 'member', authorId: 'secretcorp', audience: 'member' },
        ...{ subject: 'Re: x', text: 'May we tell others?', messageId: null, arrivalId }
      })
      const answered = event('member-answered', aboutCase(tag as CaseTag), byMaintainer('grace'), {
        member: 'secretcorp'
      })
      events.append(tx, answered, { at: systemClock.now(), evidence: NO_EVIDENCE })
      for (let count = 1; count < CASES; count += 1) seedCase(tx, `report ${count}`)
    })
  }

  it.each([
    ['show', true],
    ['show', false],
    ['outbox list', true],
    ['outbox list', false],
    ['audit export', true],
    ['audit export', false],
    ['notice list', true],
    ['notice show', true],
    ['notice show', false],
    ['notice hold', false],
    ['keys list', true],
    ['cases', true]
  ])('`%s` names list members by id only (B21; --json: %s)', async (name, json) => {
    const args = [
      ...name.split(' '),
      ...(/show|hold/.test(name) ? [tag] : []),
      ...(json ? ['--json'] : [])
    ]
    const { status, stdout } = await desk.cli(...args)

    expect(status).toBe(0)
    expect(stdout).not.toMatch(/secretcorp@|people\.example|Person secretcorp|grace@acme/)
    expect(stdout).not.toMatch(key)
    if (name === 'outbox list') expect(stdout).toContain('secretcorp')
    if (name === 'show')
      expect(stdout).toMatch(json ? /"authorId": "secretcorp"/ : /by member secretcorp \(/)
  })

  it('`cases` lists all of them, with reporter, subject and what is due (B15)', async () => {
    using db = databaseOf(desk)
    db.transact((tx) => {
      tx.run('UPDATE case_reporters SET address = ? WHERE id = ?', ['alice@reporter.example', tag])
      const due = { at: '2030-01-02T10:00:00.000Z' as Instant, clock: 'answer' }
      looks.write(tx, aboutCase(tag as CaseTag), { nextLookAt: null, due, eachFrom: 0 })
    })
    const { stdout } = await desk.cli('cases')
    const json = JSON.parse((await desk.cli('cases', '--json')).stdout) as unknown[]

    expect(json).toHaveLength(CASES)
    expect(stdout.trimEnd().split('\n')).toHaveLength(CASES + 1)
    const [head, first] = stdout.split('\n')
    expect(head).toMatch(/^CASE +STATE +PRODUCT +OWNER +DUE +REPORTER +SUBJECT$/)
    // The words that mail has for the state, too.
    expect(first).toMatch(/^\S+ +accepted, with a disclosure date +parser/)
    expect(stdout.split('\n').find((line) => line.startsWith(tag))).toMatch(
      /Wed 2 Jan 2030, 11:00 Berlin .* alice@reporter\.example +Heap overflow in the parser$/
    )
  })

  it('a case that was merged names its own reporter, and says when that one was answered (B14)', async () => {
    const [into, merged] = [tag, tag.replace(/1$/, '2')]
    using db = databaseOf(desk)
    const due = { at: '2030-01-02T10:00:00.000Z' as Instant, clock: 'answer', reporter: merged }
    db.transact((tx) => {
      const carol = ['carol@reporter.example', merged]
      tx.run('UPDATE case_reporters SET address = ? WHERE id = ?', carol)
      looks.write(tx, aboutCase(tag as CaseTag), { nextLookAt: null, due, eachFrom: 0 })
      const answer = { kind: 'reply', audience: 'reporter', recipientId: merged } as const
      outbox.queue(tx, mail('answer', answer), '2026-11-23T10:00:00.000Z' as Instant)
      tx.run("UPDATE cases SET state = 'merged' WHERE tag = ?", [merged])
      const [one, other] = [merged, into].map((tag) => cases.find(tx, tag as CaseTag))
      if (one && other) cases.merge(tx, one, other)
    })
    const rows = await listed()
    expect(rows.find(({ tag }) => tag === merged)).toMatchObject({
      answeredAt: '2026-11-23T10:00:00.000Z',
      reporters: ['carol@reporter.example']
    })
    expect(rows.find(({ tag }) => tag === into)?.answeredAt).toBeNull()
    const { stdout } = await desk.cli('show', merged)
    expect(stdout).toContain(`merged into ${into}`)
    expect(stdout).toContain('Reporter:   <carol@reporter.example>')

    const whose = /2 Jan 2030, 11:00 Berlin .* \(reporter carol@reporter.example\): /
    expect(rows.find(({ tag }) => tag === into)?.due?.says).toMatch(whose)
    expect((await desk.cli('cases')).stdout).toMatch(whose)
    expect((await desk.cli('show', into)).stdout).toMatch(whose)
    expect(JSON.parse((await desk.cli('show', into, '--json')).stdout)).toMatchObject({ due })
  })

  it('a case that ended without disclosure has no date in `cases` and `notice show` (B6)', async () => {
    const dates = async () => {
      const { stdout } = await desk.cli('notice', 'show', tag)
      const date = (await listed()).find((row) => row.tag === tag)?.disclosureAt
      return [stdout.includes('Disclosure: '), typeof date === 'string']
    }
    const subject = aboutCase(tag as CaseTag)
    using db = databaseOf(desk)
    expect(await dates()).toEqual([true, true])
    db.transact((tx) => tx.run("UPDATE cases SET state = 'closed' WHERE tag = ?", [tag]))
    expect(await dates()).toEqual([false, false])
    db.transact((tx) => {
      const at = systemClock.now()
      const disclosed = event('disclosed', subject, byMaintainer('grace'), { date: at, reason: '' })
      events.append(tx, disclosed, { at, evidence: NO_EVIDENCE })
    })
    expect(await dates()).toEqual([true, true])
  })

  type Row = {
    readonly tag: string
    readonly answeredAt: string | null
    readonly reporters: readonly string[]
    readonly disclosureAt: string | null
    readonly due: { readonly says?: string } | null
  }
  async function listed(): Promise<Row[]> {
    return JSON.parse((await desk.cli('cases', '--all', '--json')).stdout) as Row[]
  }
})
