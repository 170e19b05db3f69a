/** /merge: two reports of one reporter become one case, and both numbers still lead to it (B14). */

import { beforeEach, describe, expect, it } from 'vitest'
import { readPolicy } from '../../src/config/policy-file.ts'
import { builtInPoliciesDir } from '../../src/config/policy-sources.ts'
import { ofNoMail, record } from '../../src/desk/commit.ts'
import { aboutCase, BY_DESK, event } from '../../src/domain/event.ts'
import { caseTag } from '../../src/domain/ids.ts'
import { answering, givenDesk, givenMessage, lastTo } from '../support/given.ts'
import { type Someone, someone, type World } from '../support/world.ts'

const grace = await someone('grace', 'grace@acme.example')
const alice = await someone('alice', 'alice@reporter.example')
const bob = await someone('bob', 'bob@reporter.example')
const [FIRST, SECOND, THIRD] = ['ACME-2026-0001', 'ACME-2026-0002', 'ACME-2026-0003']

let world: World

beforeEach(async () => {
  const read = await readPolicy('dragonfly', '.', builtInPoliciesDir())
  const { clocks } = read.policy
  world = await givenDesk([grace], { policy: { clocks } })
})

async function receive(from: Someone, subject: string, text: string): Promise<void> {
  await givenMessage(world, from, { subject, text, autocrypt: true })
}

const states = () => world.rows('SELECT tag, state, merged_into AS into_ FROM cases ORDER BY id')

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
      {
        tag: FIRST,
        kind: 'merged-in',
        about: JSON.stringify({ from: SECOND, reporter: FIRST, receivedAt: null })
      }
    ])
    const told = world.accepted.slice(before).filter(({ to }) => to === alice.address)
    expect(told).toHaveLength(1)
    const text = await lastTo(world, alice)
    expect(text).toContain(`We handle your report ${SECOND} together with ${FIRST}.`)
    expect(text).toContain('Both are one bug.')
  })

  it('brings a message that names the old number or answers its thread into the other case', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    const { headers } = answering(world, alice)
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    await receive(alice, `Re: [${SECOND}]`, 'by its number')
    await givenMessage(world, alice, { subject: 'Re: it', text: 'by its thread', headers })
    const sql = 'SELECT case_id FROM arrivals WHERE id > 3 ORDER BY id'
    expect(world.rows(sql)).toEqual([{ caseId: 1 }, { caseId: 1 }])
    expect(states()).toHaveLength(2)
  })

  it('answers /status under the old number with the case that it goes on in', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    await receive(grace, `[${SECOND}]`, '/status')
    expect(await lastTo(world, grace)).toContain(
      `${SECOND} was merged into ${FIRST}; please go on there.`
    )
  })

  it('refuses a decision under the old number with the case that it would hit', async () => {
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    await receive(grace, `[${SECOND}]`, '/accept')
    expect(await lastTo(world, grace)).toContain(`Not done: ${SECOND} was merged into ${FIRST}.`)
    expect(states()).toMatchObject([{ state: 'received' }, { state: 'merged' }])
  })

  it('is refused for itself and for an unknown or ended case', async () => {
    await receive(bob, 'one', 'a report')
    await receive(alice, 'two', 'another report')
    await receive(alice, 'three', 'the third report')
    world.desk.db.transact((tx) => {
      tx.run("UPDATE cases SET state = 'closed' WHERE tag = 'ACME-2026-0003'")
    })
    const refusals: string[] = []
    for (const to of [SECOND, 'ACME-2026-0009', 'ACME-2026-0003']) {
      await receive(grace, `[${SECOND}]`, `/merge ${to}`)
      refusals.push(await lastTo(world, grace))
    }
    expect(refusals[0]).toContain('cannot be merged into itself')
    expect(refusals[1]).toContain('There is no open case ACME-2026-0009.')
    expect(refusals[2]).toContain('There is no open case ACME-2026-0003.')
    expect(world.rows('SELECT id FROM cases WHERE merged_into IS NOT NULL')).toEqual([])
  })

  it('keeps what the reporter is told of it until a key of theirs comes', async () => {
    await receive(alice, 'one', 'the first report')
    await givenMessage(world, bob, { subject: 'two', text: 'two', as: 'encrypted' })
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    expect(states()).toMatchObject([{ state: 'received' }, { state: 'merged' }])
    expect(await lastTo(world, grace)).toContain(`${bob.address} cannot be answered yet`)
    const letter = { subject: 'Re: key', text: 'my key', autocrypt: true }
    await givenMessage(world, bob, { ...letter, ...answering(world, bob) })
    expect(await lastTo(world, bob)).toContain('We handle your report in one case')
  })
})

describe('a case with several reporters (B14)', () => {
  /** The reports of Alice and Bob are one case. */
  async function merged(): Promise<void> {
    await receive(alice, 'the parser', 'ALICE found it')
    world.pass(60_000)
    await receive(bob, 'the lexer', 'BOB found it')
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
  }

  /** What is due first of the first case. */
  function due(): unknown {
    const [look] = world.rows(`SELECT due_clock AS due FROM looks WHERE subject_id = '${FIRST}'`)
    return (look as { readonly due: string | null } | undefined)?.due ?? null
  }

  /** Everything that somebody was sent, as read, with what stands outside. */
  async function allTo(person: Someone): Promise<string> {
    const mine = world.sentTo(person)
    const read = await Promise.all(mine.map((mail) => world.read(person, mail)))
    const outside = mine.map(({ raw }) =>
      // Random letters of the armor can make a name.
      Buffer.from(raw)
        .toString('latin1')
        .replaceAll(/-----BEGIN PGP [^]*?-----END PGP /g, '')
    )
    return [...read, ...outside].join('\n')
  }

  /** Grace answers the forwarded message that holds these words, quoting it whole. */
  async function answer(holding: string, text: string): Promise<void> {
    for (const mail of world.sentTo(grace)) {
      const forwarded = await world.read(grace, mail)
      if (!forwarded.includes(holding) || !forwarded.includes('] Report')) continue
      const quoted = forwarded.slice(forwarded.indexOf('-----8<-----')).replaceAll(/^/gm, '> ')
      const tag = /\[(ACME-\d+-\d+)\]/.exec(forwarded)?.[1] ?? ''
      const headers = [`In-Reply-To: <${mail.messageId}>`]
      world.pass(1000)
      await givenMessage(world, grace, {
        subject: `Re: [${tag}]`,
        text: `${text}\n\n${quoted}`,
        autocrypt: true,
        headers
      })
      return
    }
    throw new Error('nothing of the kind was forwarded')
  }

  it('tells each of every decision in a message of their own, under their own number', async () => {
    await merged()
    await receive(grace, `[${FIRST}]`, '/accept\nWe are on it.')
    for (const [person, own, other] of [
      [alice, FIRST, SECOND],
      [bob, SECOND, FIRST]
    ] as const) {
      const last = await lastTo(world, person)
      expect(last).toContain('We confirmed the issue that you reported')
      expect(last).toContain('We are on it.')
      expect(last).toContain(`[${own}]`)
      expect(last).not.toContain(other)
    }
    const said = await lastTo(world, grace)
    expect(said).toContain(
      `Sent to ${alice.address}, encrypted. Sent to ${bob.address}, encrypted.`
    )
    const sql = "SELECT count(*) AS n FROM messages WHERE text LIKE '%on it%'"
    expect(world.rows(sql)).toEqual([{ n: 1 }])
  })

  it('lets no reporter learn of another: no name, address, text or number', async () => {
    await merged()
    await receive(grace, `[${FIRST}]`, '/accept')
    await receive(grace, `[${FIRST}]`, '/embargo 2027-01-15T12:00:00Z because it is ready')
    await receive(
      grace,
      `[${FIRST}]`,
      '/reject upstream it is known to everybody and was known before'
    )
    const [ofAlice, ofBob] = [await allTo(alice), await allTo(bob)]
    for (const word of ['Bob', bob.address, SECOND, 'lexer']) expect(ofAlice).not.toContain(word)
    for (const word of ['Alice', alice.address, FIRST, 'parser']) expect(ofBob).not.toContain(word)
  })

  it('puts the date to each', async () => {
    await merged()
    await receive(grace, `[${FIRST}]`, '/accept\n/embargo 2027-01-15T12:00:00Z because it is ready')
    const sql = "SELECT recipient_id AS id FROM outbox WHERE kind = 'date-proposed' ORDER BY id"
    expect(world.rows(sql)).toEqual([{ id: FIRST }, { id: SECOND }])
  })

  it('sends a /reply to the reporter whose message it answers, also in a thread from before the merge', async () => {
    await merged()
    await answer('BOB found it', '/reply\nHello, this is for one.')
    expect(await lastTo(world, bob)).toContain('Hello, this is for one.')
    expect(await allTo(alice)).not.toContain('this is for one')
    await answer('ALICE found it', '/reply\nThis is for the other.')
    expect(await lastTo(world, alice)).toContain('This is for the other.')
    expect(await allTo(bob)).not.toContain('for the other')
  })

  it('refuses a /reply that answers no reporter with how to say whom it is for', async () => {
    await merged()
    const before = world.accepted.length
    await receive(grace, `[${FIRST}]`, '/reply\nHello.')
    expect(await lastTo(world, grace)).toContain('Please reply to a message of that reporter')
    expect(world.accepted.slice(before).map(({ to }) => to)).toEqual([grace.address])
  })

  it('shows in /status how answers reach each', async () => {
    await merged()
    await receive(grace, `[${FIRST}]`, '/status')
    expect(await lastTo(world, grace)).toContain(
      `Answers: go to ${alice.address}, encrypted. Answers: go to ${bob.address}, encrypted`
    )
  })

  it('takes the key that was offered under the address of one into use for that one', async () => {
    await merged()
    const other = await someone('bob', bob.address)
    await givenMessage(world, other, { subject: 'x', text: 'new key', autocrypt: true })
    const print = other.secret.getFingerprint().toUpperCase()
    await receive(grace, `[${FIRST}]`, `/key accept ${print}\n/accept`)
    const sealed = world.sentTo(bob).at(-1)
    if (sealed === undefined) throw new Error('nobody wrote to Bob')
    expect(await world.read(other, sealed)).toContain('We confirmed')
    expect(await lastTo(world, alice)).toContain('We confirmed')
  })

  it('owes each an answer of their own: an answer to one ends no promise to another (A3)', async () => {
    await merged()
    await answer('BOB found it', '/reply\nHello, this is for one.')
    expect(due()).toBe('answer')
    await receive(grace, `[${FIRST}]`, '/status')
    const said = await lastTo(world, grace)
    expect(said).toContain(`Reporter: ${alice.address}, not answered by a person yet`)
    expect(said).toContain(`Reporter: ${bob.address}, first answered by a person`)
    expect(said).not.toContain('Due: nothing')
    await answer('ALICE found it', '/reply\nThis is for the other.')
    expect(due()).toBeNull()
    await receive(alice, `[${FIRST}]`, 'ALICE has a question')
    await receive(bob, `[${SECOND}]`, 'BOB has a question')
    await answer('BOB has a question', '/reply\nAn answer to one.')
    expect(due()).not.toBeNull()
    await answer('ALICE has a question', '/reply\nAn answer to the other.')
    expect(due()).toBeNull()
  })

  it('goes on owing an answer to a reporter who could not be told of the merge (A3, B10)', async () => {
    await receive(alice, 'one', 'ALICE found it')
    await receive(grace, `[${FIRST}]`, '/reply\nThank you.')
    expect(due()).toBeNull()
    await givenMessage(world, bob, { subject: 'two', text: 'two', as: 'encrypted' })
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    expect(due()).toBe('answer')
    const letter = { subject: 'Re: key', text: 'k', autocrypt: true }
    await givenMessage(world, bob, { ...letter, ...answering(world, bob) })
    expect(await lastTo(world, bob)).toContain('We handle your report in one case')
    expect(due()).toBeNull()
  })

  /** What was received when, as the clocks of the first case count it. */
  function waits(tag: string): unknown[] {
    const sql = `SELECT kind, about ->> 'reporter' AS who, about ->> 'receivedAt' AS since FROM events
      WHERE subject_id = ? AND kind IN ('merged-in', 'reporter-wrote') ORDER BY id`
    return world.rows(sql, [tag])
  }
  const sealed = async (from: Someone, subject: string) => {
    world.pass(60_000)
    await givenMessage(world, from, { subject, text: subject, as: 'encrypted' })
  }

  it('counts the waiting of a reporter who is moved twice from their own report (A3, B14)', async () => {
    await sealed(bob, 'one')
    await sealed(alice, 'two')
    const [{ at } = { at: '' }] = world.rows<{ at: string }>(
      'SELECT received_at AS at FROM cases WHERE id = 2'
    )
    await sealed(bob, 'three')
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    await receive(grace, `[${FIRST}]`, '/merge ACME-2026-0003')
    expect(waits('ACME-2026-0003')).toContainEqual({ kind: 'merged-in', who: SECOND, since: at })
  })

  it('goes on owing an answer to a reporter who was answered, wrote again and could not be told of the merge (A3, B14)', async () => {
    await receive(bob, 'one', 'BOB found it')
    await receive(grace, `[${FIRST}]`, '/reply\nThank you.')
    await receive(alice, 'two', 'ALICE found it')
    await receive(grace, `[${SECOND}]`, '/reply\nThank you.')
    world.pass(60_000)
    const letter = { subject: 'Re: two', text: 'And?', ...answering(world, alice) }
    await givenMessage(world, alice, letter)
    const [{ since } = {}] = waits(SECOND) as { since?: string }[]
    expect(due()).toBeNull()
    const key = alice.secret.getFingerprint()
    await receive(grace, `[${SECOND}]`, `/key refuse ${key}\n/merge ${FIRST}`)
    expect(due()).not.toBeNull()
    expect(waits(FIRST)).toEqual([
      { kind: 'merged-in', who: SECOND, since: null },
      { kind: 'reporter-wrote', who: SECOND, since }
    ])
  })

  it('asks nobody about a date that has passed (B14, B19)', async () => {
    await receive(bob, 'one', 'BOB found it')
    await receive(grace, `[${FIRST}]`, '/accept\n/embargo 2026-11-25 13:00 UTC because we must')
    await world.wait(3 * 86_400_000)
    await receive(alice, 'two', 'ALICE found it')
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    expect(states()).toContainEqual({ tag: SECOND, state: 'merged', into_: FIRST })
    expect(await allTo(alice)).not.toContain('AGREE')
  })

  it('lets pass what is no name: an ordinary word at the beginning of a sentence or in small letters (G5)', async () => {
    const will = { ...alice, name: 'Will Mark-Stone' }
    await receive(will, 'the parser', 'WILL found it')
    await receive(bob, 'the lexer', 'BOB found it')
    const said = async (text: string) => {
      await receive(grace, `[${SECOND}]`, `/merge ${FIRST}\n${text}`)
      return /"([^"]+)" and would reach/.exec(await lastTo(world, grace))?.[1] ?? null
    }
    expect(await said('We owe this to will mark-stone.')).toBe('Will Mark Stone')
    expect(await said('It was Stone, Mark and others. Will did it, too.')).toBe('Will Mark Stone')
    expect(await said('As we told Mark before.')).toBe('Mark')
    expect(await said('We will mark it. Will you look?\n\nMark the stone.')).toBeNull()
  })

  it('sends nothing that names another reporter to one: no decision, answer, plan or word of the merge (G5)', async () => {
    await receive(alice, 'the parser', 'ALICE found it')
    await receive(bob, 'the lexer', 'BOB found it')
    const before = world.accepted.length
    const said = async (): Promise<string> => {
      const answers = await lastTo(world, grace)
      return /Not sent: .*? would reach \S+\./.exec(answers)?.[0] ?? answers
    }
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}\nSorry, Alice told us before you did.`)
    expect(await said()).toContain(`your text contains "Alice" and would reach ${bob.address}`)
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}\nIt is ${FIRST.toLowerCase()} again.`)
    expect(await said()).toContain(`your text contains "${FIRST}"`)
    await receive(grace, `[${SECOND}]`, `/merge ${FIRST}`)
    const merging = world.accepted.length
    await receive(grace, `[${FIRST}]`, '/accept\nHello Alice, we are on it.')
    expect(await said()).toContain(`"Alice" and would reach ${bob.address}`)
    await receive(grace, `[${FIRST}]`, `/plan\nplan: with ${alice.address}\nworkarounds: none`)
    expect(await said()).toContain(`"${alice.address}" and would reach ${bob.address}`)
    await answer('BOB found it', '/reply\nAsk Alice about it.')
    expect(await said()).toContain('"Alice" and would reach')
    expect(world.accepted.slice(before, merging).map(({ to }) => to)).toEqual([
      grace.address,
      grace.address,
      bob.address,
      grace.address
    ])
    expect(new Set(world.accepted.slice(merging).map(({ to }) => to))).toEqual(
      new Set([grace.address])
    )
    await answer('ALICE found it', '/reply\nHello Alice.')
    expect(await lastTo(world, alice)).toContain('Hello Alice.')
  })

  it('sends a plan to the reporter whose message it answers, else to all of them (M-08)', async () => {
    await merged()
    await answer('BOB found it', '/plan\nplan: for one\nworkarounds: none known')
    expect(await lastTo(world, bob)).toContain('Plan: for one')
    expect(await allTo(alice)).not.toContain('for one')
    await receive(grace, `[${FIRST}]`, '/plan\nplan: a fix\nworkarounds: none known')
    for (const person of [alice, bob]) expect(await lastTo(world, person)).toContain('Plan: a fix')
    const sql =
      "SELECT json_extract(about, '$.reporter') AS id FROM events WHERE kind = 'plan-told' ORDER BY events.id"
    expect(world.rows(sql)).toEqual([{ id: SECOND }, { id: FIRST }, { id: SECOND }])
  })

  it("does not show a reporter that somebody else's number leads to their own case: it opens a new one, as before", async () => {
    await merged()
    await receive(bob, `Re: [${FIRST}]`, 'is this mine, too?')
    expect(await lastTo(world, bob)).toContain('ACME-2026-0003')
    await receive(bob, `Re: [${SECOND}]`, 'this is mine')
    const sql = 'SELECT case_id AS into_ FROM arrivals ORDER BY id DESC LIMIT 1'
    expect(world.rows(sql)).toEqual([{ into_: 1 }])
  })

  it('lets no alarm that was told ring again because its reporter got another first number (A3)', async () => {
    // An alarm that cannot be encrypted to somebody keeps all that may ring in sight.
    world = await givenDesk([grace, await someone('linus', 'linus@acme.example', 1)])
    await world.wait(2 * 86_400_000)
    await receive(alice, 'one', 'the first report')
    await receive(alice, 'two', 'the second report')
    await receive(bob, 'three', 'the third report')
    await receive(grace, `[${SECOND}]`, `/merge ${THIRD}`)
    const about = { audience: 'reporter', recipient: SECOND, message: 'reply' } as const
    const refused = { ...about, because: 'expired' } as const
    world.desk.db.transact((tx) => {
      const happened = event('not-encrypted', aboutCase(caseTag('ACME', 2026, 3)), BY_DESK, refused)
      record(tx, happened, ofNoMail(world.clock.now))
    })
    const told = () =>
      world.rows(`SELECT at FROM rings WHERE clock = 'key-refused' AND "key" = '${SECOND}'`)
    await world.wait(60_000)
    const before = told()
    expect(before).toHaveLength(1)
    await receive(grace, `[${FIRST}]`, `/merge ${THIRD}`)
    await world.wait(3 * 86_400_000)
    expect(told()).toEqual(before)
  })
})
