/** Which case a message joins, and whom an answer to it reaches, on the real steps of the desk (B6, 14). */
import { describe, expect, it } from 'vitest'
import {
  AUTHENTICATION,
  alice,
  allTo,
  answering,
  attachedKey,
  bob,
  checked,
  FIRST,
  givenDesk,
  givenMessage,
  givenRef,
  givenReport,
  grace,
  lastTo,
  latest,
  SECOND,
  world,
  writes
} from '../support/desk.ts'
import { type Letter, someone } from '../support/world.ts'

const mallory = await someone('mallory', 'mallory@evil.example')
const CLEAR = { as: 'clear', autocrypt: false } as const
const tags = (): string[] => world.column('SELECT tag FROM cases ORDER BY id')

it('(B6) a sealed report into which a thief writes a message of their own case does not get there, and no answer about it does', async () => {
  await givenReport({ by: [mallory] })
  const report = Buffer.from(await world.write(bob, { subject: 'x', text: 'BOB FOUND IT' }))
  const [stolen = ''] = answering(mallory).headers
  const put = report.toString('latin1').replace('MIME-Version', `${stolen}\r\nMIME-Version`)
  await world.receive(Buffer.from(put, 'latin1'))
  expect(tags()).toEqual([FIRST, SECOND])
  expect(await lastTo(grace)).toContain('BOB FOUND IT')
  expect(await lastTo(grace)).toContain(`reply with /merge ${FIRST}`)
  await writes(grace, '/reply\nTO BOB ALONE', { tag: SECOND, ...answering(grace, latest(grace)) })
  expect(await allTo(mallory)).not.toContain('TO BOB ALONE')
})

describe('a reporter who answers their own first message (14)', () => {
  const first = { subject: 'Heap overflow', text: 'First.', ...CLEAR } as const
  const idOf = (raw: Uint8Array): string =>
    /^Message-ID: (.*)$/im.exec(Buffer.from(raw).toString('latin1'))?.[1]?.trim() ?? ''

  it.each<[string, Partial<Letter>, (id: string) => string[]]>([
    ['by its Message-ID', {}, (id) => [`In-Reply-To: ${id}`]],
    ['whose Message-ID a service had replaced', {}, () => ['In-Reply-To: <lost@client.example>']],
    ['from another client, which names no message', {}, () => []]
  ])('goes on with the case, %s', async (_how, letter, headers) => {
    await givenDesk([grace])
    const raw = await world.write(alice, first)
    await world.receive(raw)
    const again = { subject: 'Re: Heap overflow', text: 'I forgot the file.', ...CLEAR, ...letter }
    await givenMessage(alice, { ...again, headers: headers(idOf(raw)) })
    expect(tags()).toEqual([FIRST])
    expect(world.column('SELECT author FROM messages')).toEqual(['reporter', 'reporter'])
    expect(await lastTo(grace)).toContain('I forgot the file.')
  })

  it('does so where our mail server proves them, and a forger under their name does not', async () => {
    await givenDesk([grace], { authentication: AUTHENTICATION })
    const raw = await world.write(alice, { ...first, headers: checked('reporter.example') })
    await world.receive(raw)
    const again = { subject: 'Re: Heap overflow', text: 'More.', ...CLEAR }
    const thread = `In-Reply-To: ${idOf(raw)}`
    const forged = [...checked('reporter.example', 'fail'), thread]
    await givenMessage(alice, { ...again, headers: forged })
    expect(tags()).toEqual([FIRST, SECOND])
    expect(await lastTo(grace)).toContain(`/merge ${FIRST}`)
    const headers = [...checked('reporter.example'), thread]
    await givenMessage(alice, { ...again, headers })
    expect(tags()).toEqual([FIRST, SECOND])
  })

  it('does so for no other person with the same subject, and not for a new report', async () => {
    await givenDesk([grace])
    await givenMessage(alice, first)
    await givenMessage(bob, { ...first, subject: `Re: ${first.subject}` })
    await givenMessage(alice, first)
    expect(tags()).toHaveLength(3)
  })

  it('gets no key into use by a subject alone (G3)', async () => {
    await givenDesk([grace])
    await givenMessage(alice, first)
    const forger = await someone('alice', alice.address)
    const more = { subject: 'Re: Heap overflow', text: 'My key.', as: 'clear' } as const
    await givenMessage(forger, { ...more, ...attachedKey(forger) })
    expect(tags()).toEqual([FIRST])
    expect(world.column('SELECT fingerprint FROM reporter_keys WHERE is_used = 1')).toEqual([])
  })
})

it('(B6) what is sealed and quotes the desk’s message stays in its case, whoever sends it', async () => {
  await givenReport()
  const carol = await someone('carol', 'carol@reporter.example')
  const text = `More of it.\n\n> ${await givenRef(alice)}`
  await givenMessage(carol, { subject: 'Re: it', text, ...answering(alice) })
  expect(tags()).toEqual([FIRST])
  expect(await lastTo(grace)).toContain('The sender is not the reporter of this case')
})
