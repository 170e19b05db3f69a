/** `replies: reporter`: what a maintainer writes to colleagues never reaches the reporter (mail.md §2.4). */
import { beforeEach, describe, expect, it } from 'vitest'
import { type Envelope } from '../../src/effects/effects.ts'
import {
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenRef,
  givenReporter
} from '../support/given.ts'
import { type Someone, type World } from '../support/world.ts'

const CASE = 'ACME-2026-0001'
const ANSWER = 'Yes, and 4.1 too. Do not tell them.'

const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus')
const alice = await givenReporter('alice')
let world: World

beforeEach(async () => {
  world = await givenDesk([grace, linus], { policy: { replies: 'reporter' } })
  await givenMessage(world, alice, { subject: 'hole', text: 'a hole', autocrypt: true })
})

function latest(who: Someone): Envelope {
  const mail = world.sentTo(who).at(-1)
  if (mail === undefined) throw new Error('nobody wrote to them')
  return mail
}
/** The desk's words in a message, quoted as a client quotes them. */
async function quoted(who: Someone, mail: Envelope): Promise<string> {
  const words = await world.read(who, mail)
  const text = words.slice(words.indexOf('-----8<-----'))
  return text
    .split(/\r?\n/)
    .map((line) => `> ${line}`)
    .join('\n')
}
/** Linus answers without a command; the message refers to `mail` outside, and quotes it or names it in its protected headers. */
async function answer(
  mail: Envelope,
  shown: { readonly quotes?: Envelope; readonly names?: Envelope }
): Promise<void> {
  const headers = [`In-Reply-To: <${mail.messageId}>`]
  const quote = shown.quotes === undefined ? '' : await quoted(linus, shown.quotes)
  const text = `${ANSWER}\n\n${quote}`
  const subject = `Re: [${CASE}] hole`
  const named = shown.names === undefined ? {} : { payload: payload(shown.names, text) }
  await givenMessage(world, linus, { subject, text, headers, ...named })
}
function payload(names: Envelope, text: string): string {
  return [
    'Content-Type: text/plain; charset=utf-8; protected-headers="v1"',
    `From: Linus <${linus.address}>`,
    'To: <security@acme.example>',
    `Subject: Re: [${CASE}] hole`,
    `References: <root@acme.example> <${names.messageId}>`,
    '',
    text.replaceAll('\n', '\r\n')
  ].join('\r\n')
}
async function aliceRead(): Promise<boolean> {
  return (await world.read(alice, latest(alice))).includes(ANSWER)
}
async function colleagueRead(): Promise<boolean> {
  return (await world.read(grace, latest(grace))).includes(ANSWER)
}
/** Grace writes a note by command: Linus reads it in an activity mail. */
async function activity(): Promise<Envelope> {
  const text = '/note\nInternal: is this the old one?'
  await givenMessage(world, grace, { subject: `Re: [${CASE}] hole`, text })
  return latest(linus)
}

describe('with replies: reporter, a plain answer', () => {
  it('to a relay goes to the reporter, as the relay says, if the signed part shows what it answers', async () => {
    const relay = latest(linus)
    const words = (await world.read(linus, relay)).replaceAll(/\s+/g, ' ')
    expect(words).toContain('A plain reply reaches the reporter.')
    await answer(relay, { quotes: relay })
    expect(await aliceRead()).toBe(true)
  })

  it('to a relay that it names in protected headers needs no quotation', async () => {
    const relay = latest(linus)
    await answer(relay, { names: relay })
    expect(await aliceRead()).toBe(true)
  })

  it('to what a colleague wrote stays among the maintainers, and its transcript says so (G4)', async () => {
    const note = await activity()
    await answer(note, { quotes: note })
    expect(await aliceRead()).toBe(false)
    expect(await colleagueRead()).toBe(true)
    const says = (await world.read(linus, latest(linus))).replaceAll(/\s+/g, ' ')
    expect(says).toContain('Your reply stayed among the maintainers')
    expect(says).toContain('send it again with /reply on its first line')
  })

  it('to a note that became one by itself stays there, too, as that mail says', async () => {
    const relay = latest(linus)
    const plain = 'Only for us.'
    await givenMessage(world, grace, { subject: `Re: [${CASE}] hole`, text: plain })
    const note = latest(linus)
    expect((await world.read(linus, note)).replaceAll(/\s+/g, ' ')).toContain(
      'A plain reply reaches the maintainers only.'
    )
    await answer(note, { quotes: note })
    expect(await aliceRead()).toBe(false)
    expect(relay.messageId).not.toBe(note.messageId)
  })

  it.each(['quotes', 'names'] as const)(
    'whose outer header somebody changed on the way stays where its signed part %s what it answers (G4)',
    async (how) => {
      const relay = latest(linus)
      const note = await activity()
      await answer(relay, { [how]: note })
      expect(await aliceRead()).toBe(false)
      expect(await colleagueRead()).toBe(true)
    }
  )

  it('to a message whose Message-ID a server replaced counts for no older mail of the thread', async () => {
    const relay = latest(linus)
    const replaced = { ...relay, messageId: 'replaced@elsewhere.example' } as Envelope
    const headers = [`References: <${relay.messageId}> <${replaced.messageId}>`]
    const text = `${ANSWER}\n\n> ${await givenRef(world, linus)}`
    await givenMessage(world, linus, { subject: `Re: [${CASE}] hole`, text, headers })
    expect(await aliceRead()).toBe(false)
  })
})

it('a plain answer of an advisor stays a note, also where the policy sends such answers to the reporter (A5)', async () => {
  world.close()
  const advisor = { ...linus, roles: ['advisor' as const] }
  world = await givenDesk([grace, advisor], { policy: { replies: 'reporter' } })
  await givenMessage(world, alice, { subject: 'hole', text: 'a hole', autocrypt: true })
  const forwarded = latest(linus)

  await answer(forwarded, { quotes: forwarded })

  expect([await aliceRead(), await colleagueRead()]).toEqual([false, true])
})
