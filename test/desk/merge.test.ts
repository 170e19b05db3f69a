/** /merge: two reports of one reporter become one case, and both numbers still lead to it (B14). */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openWorld, type Someone, someone, type World } from '../support/world.ts'

const [FIRST, SECOND] = ['ACME-2026-0001', 'ACME-2026-0002']

let grace: Someone
let alice: Someone
let bob: Someone
let world: World

beforeAll(async () => {
  ;[grace, alice, bob] = await Promise.all([
    someone('grace', 'grace@acme.example'),
    someone('alice', 'alice@reporter.example'),
    someone('bob', 'bob@reporter.example')
  ])
})
beforeEach(async () => {
  world = await openWorld({ maintainers: [grace] })
})
afterEach(() => {
  world.close()
})

async function receive(from: Someone, subject: string, text: string): Promise<void> {
  world.deliver(await world.write(from, { subject, text, autocrypt: true }))
  await world.settle()
}

const states = () => world.rows('SELECT tag, state, merged_into AS into_ FROM cases ORDER BY id')

/** The last message to somebody, as read. */
async function lastTo(person: Someone): Promise<string> {
  const mail = world.accepted.filter(({ to }) => to === person.address).at(-1)
  return mail === undefined ? '' : (await world.read(person, mail)).replaceAll(/\s+/g, ' ')
}

describe('/merge CASE (B14)', () => {
  it('moves messages and reporter, tells the reporter once, and is on the record of both cases', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    const before = world.accepted.length
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}\nBoth are one bug.`)

    expect(states()).toEqual([
      { tag: FIRST, state: 'received', into_: null },
      { tag: SECOND, state: 'merged', into_: FIRST }
    ])
    expect(world.rows('SELECT DISTINCT case_id AS id FROM messages')).toEqual([{ id: 1 }])
    expect(world.rows('SELECT id, case_id AS into_ FROM case_reporters ORDER BY id')).toEqual([
      { id: FIRST, into_: 1 },
      { id: SECOND, into_: 1 }
    ])
    expect(
      world.rows(
        "SELECT subject_id AS tag, kind, about FROM events WHERE kind IN ('merged', 'merged-in') ORDER BY id"
      )
    ).toEqual([
      { tag: SECOND, kind: 'merged', about: JSON.stringify({ into: FIRST, told: 'told' }) },
      { tag: FIRST, kind: 'merged-in', about: JSON.stringify({ from: SECOND }) }
    ])
    const told = world.accepted.slice(before).filter(({ to }) => to === alice.address)
    expect(told).toHaveLength(1)
    const text = await lastTo(alice)
    expect(text).toContain(`We handle your report ${SECOND} together with ${FIRST}.`)
    expect(text).toContain('Both are one bug.')
  })

  it('brings a message that names the old number or answers its thread into the other case', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    const acknowledgement = world.accepted.filter(({ to }) => to === alice.address).at(-1)
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    await receive(alice, `Re: [${SECOND}]`, 'by its number')
    const headers = [`In-Reply-To: <${acknowledgement?.messageId ?? ''}>`]
    world.deliver(await world.write(alice, { subject: 'Re: it', text: 'by its thread', headers }))
    await world.settle()
    const sql = 'SELECT case_id FROM arrivals WHERE id > 3 ORDER BY id'
    expect(world.rows(sql)).toEqual([{ case_id: 1 }, { case_id: 1 }])
    expect(states()).toHaveLength(2)
  })

  it('answers /status under the old number with the case that it goes on in', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    await receive(grace, `[${SECOND}]`, '/status')
    expect(await lastTo(grace)).toContain(`merged into ${FIRST}; please go on there`)
  })

  it('refuses a /reply under the old number with the case to write it in', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    await receive(grace, `[${SECOND}]`, '/reply\nHello.')
    expect(await lastTo(grace)).toContain(`Not sent: this case was merged into ${FIRST}.`)
  })

  it('is refused for itself, an unknown or ended case, and a case of another reporter, whom an answer must not reach', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(bob, 'two', 'a report of somebody else')
    await receive(alice, 'three', 'the third report')
    world.desk.db.transact((tx) => {
      tx.run("UPDATE cases SET state = 'closed' WHERE tag = 'ACME-2026-0003'")
    })
    const refusals: string[] = []
    for (const to of [SECOND, FIRST, 'ACME-2026-0009', 'ACME-2026-0003']) {
      await receive(grace, `[${SECOND}]`, `/merge ${to}`)
      refusals.push(await lastTo(grace))
    }
    expect(refusals[0]).toContain('cannot be merged into itself')
    expect(refusals[1]).toContain('have different reporters')
    expect(refusals[2]).toContain('There is no open case ACME-2026-0009.')
    expect(refusals[3]).toContain('There is no open case ACME-2026-0003.')
    expect(world.rows('SELECT id FROM cases WHERE merged_into IS NOT NULL')).toEqual([])
  })

  it('waits for a key of the reporter, who could not be told otherwise', async () => {
    for (const subject of ['one', 'two'])
      world.deliver(await world.write(bob, { subject, text: subject, as: 'encrypted' }))
    await world.settle()
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    expect(await lastTo(grace)).toContain('The reporter cannot be told of it yet')
    expect(states()).toMatchObject([{ state: 'received' }, { state: 'received' }])
  })
})
