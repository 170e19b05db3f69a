/** The process dies between any two effects; the same database file is opened again (DESIGN §3, G1, G2). */

import { describe, expect, it } from 'vitest'
import { handlePending } from '../../src/desk/work.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import * as cases from '../../src/store/cases.ts'
import * as events from '../../src/store/events.ts'
import { alice, givenDesk, grace, linus, world } from '../support/desk.ts'
import { caseRecord, messageId, tag } from '../unit/policy/samples.ts'

/** Each Message-ID with how often it was accepted and in how many different forms. */
function acceptedForms(): {
  readonly id: string
  readonly times: number
  readonly forms: number
}[] {
  const seen = new Map<string, string[]>()
  for (const { messageId, raw } of world.accepted)
    seen.set(messageId, [...(seen.get(messageId) ?? []), Buffer.from(raw).toString('latin1')])
  return [...seen].map(([id, all]) => ({ id, times: all.length, forms: new Set(all).size }))
}

/** Lets every retry come and whatever was in the air be sent. */
async function calm(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await world.wait(20 * 60_000)
  }
}

describe('a crash', { timeout: 60_000 }, () => {
  it('at any effect of a report and a command loses nothing and sends no decision twice', async () => {
    await givenDesk([grace, linus])
    world.deliver(
      await world.write(alice, { subject: 'x', text: 'x', as: 'encrypted', autocrypt: true })
    )
    world.deliver(
      await world.write(grace, {
        subject: 'Re: [ACME-2026-0001]',
        text: '/accept\n/reply\nThank you.\n'
      })
    )
    let crashes = 0
    // Dies ever later: each run repeats what was not committed and gets a little further.
    for (let step = 1; step < 200; step += 1) {
      world.dieAt(step)
      const died = await world.settle().then(
        () => false,
        () => true
      )
      if (!died) break
      crashes += 1
      world.restart()
    }
    world.restart()
    await calm()
    expect(crashes).toBeGreaterThan(10)
    expect(world.rows('SELECT state, disposition FROM arrivals ORDER BY id')).toEqual([
      { state: 'done', disposition: 'case-opened' },
      { state: 'done', disposition: 'commands' }
    ])
    expect(world.rows('SELECT tag FROM cases')).toHaveLength(1)
    expect(world.inbox.size).toBe(0)
    const kinds = world.rows<{ kind: string; count: number }>(
      'SELECT kind, count(*) AS count FROM outbox GROUP BY kind ORDER BY kind'
    )
    expect(kinds).toEqual([
      { kind: 'accepted', count: 1 },
      { kind: 'acknowledgement', count: 1 },
      { kind: 'activity', count: 1 },
      { kind: 'relay', count: 2 },
      { kind: 'transcript', count: 1 }
    ])
    expect(world.rows("SELECT id FROM outbox WHERE state <> 'sent'")).toEqual([])
    // Only what SMTP had accepted before a crash comes again, byte for byte.
    expect(acceptedForms().every(({ forms }) => forms === 1)).toBe(true)
    expect(acceptedForms()).toHaveLength(6)
    expect(world.desk.db.read((read) => events.verify(read)).ok).toBe(true)
  })

  it('after SMTP accepted and before that is stored sends the same bytes once more (G2)', async () => {
    await givenDesk([])
    world.deliver(await world.write(alice, { subject: 'x', text: 'x', as: 'clear' }))
    const push = world.accepted.push.bind(world.accepted)
    Object.assign(world.accepted, {
      push: (...mails: (typeof world.accepted)[number][]) => {
        if (world.accepted.length === 0) world.dieAt(1)
        return push(...mails)
      }
    })
    await expect(world.settle()).rejects.toThrow()
    world.restart()
    expect(world.rows('SELECT state FROM outbox')).toEqual([{ state: 'sending' }])
    await calm()
    expect(acceptedForms()).toEqual([{ id: expect.any(String), times: 2, forms: 1 }])
  })

  it('between two processes that write at once is a conflict that is tried again', async () => {
    await givenDesk([grace])
    const raw = await world.write(alice, { subject: 'x', text: 'x', as: 'clear' })
    world.desk.db.transact((tx) =>
      arrivals.add(
        tx,
        {
          mailbox: 'INBOX',
          uidValidity: '1',
          uid: 1,
          receivedAt: world.clock.now,
          size: raw.length,
          raw,
          part: 'whole'
        },
        world.clock.now
      )
    )
    const seal = world.desk.workers.seal
    let stolen = 0
    Object.assign(world.desk.workers, {
      seal: (...args: Parameters<typeof seal>) => {
        // Somebody else takes the case number that this message was about to get.
        if (stolen < 2) {
          stolen += 1
          const roots = { maintainer: messageId('m@x.example'), reporter: messageId('r@x.example') }
          const theirs = caseRecord({ tag: tag(`ACME-2026-000${stolen}`) })
          world.desk.db.transact((tx) => cases.open(tx, theirs, roots))
        }
        return seal(...args)
      }
    })
    await handlePending(world.desk, new AbortController().signal, () => undefined)
    expect(world.rows('SELECT max(tag) AS tag FROM cases')).toEqual([{ tag: 'ACME-2026-0003' }])
    expect(world.rows('SELECT tries, disposition FROM arrivals')).toEqual([
      { tries: 0, disposition: 'case-opened' }
    ])
  })
})
