/** An answer belongs to the conversation that it answers: a list member's or a reporter's, never both (B1, B21, G5). */
import { beforeEach, expect, it } from 'vitest'
import { type Envelope } from '../../src/effects/effects.ts'
import { givenMessage } from '../support/given.ts'
import { type NoticeWorld, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'
import { type Someone, type World } from '../support/world.ts'

const cast = await people()
const CASE = 'ACME-2026-0001'
const WORDS = 'Yes, 4.1 is affected, too.'
let desk: NoticeWorld
let world: World
let debian: Someone

beforeEach(async () => {
  const admin = { roles: ['committer', 'release', 'approver', 'list-admin'] as const }
  const other = { roles: ['committer', 'approver'] as const }
  const team = { grace: { ...cast.grace, ...admin }, linus: { ...cast.linus, ...other } }
  desk = await noticeWorld({ ...cast, ...team }, { count: 1, policy: { replies: 'reporter' } })
  world = desk.world
  debian = cast.members.find(({ id }) => id === 'debian') ?? cast.grace
  await world.wait(UNTIL_DUE)
  const notice = latest(debian)
  const headers = [`In-Reply-To: <${notice.messageId}>`]
  const key = Buffer.from(debian.keyData).toString('base64')
  const patch = { filename: 'key.asc', content: key }
  await send(debian, { text: 'question Is 4.1 affected?', headers, patch })
})

function latest(who: Someone): Envelope {
  const mail = world.sentTo(who).at(-1)
  if (mail === undefined) throw new Error('nobody wrote to them')
  return mail
}
type Letter = Omit<Parameters<World['write']>[1], 'subject'> & { readonly subject?: string }
async function send(from: Someone, letter: Letter): Promise<void> {
  world.pass(1000)
  await givenMessage(world, from, { subject: `Re: [${CASE}]`, ...letter })
}
async function quoted(who: Someone, mail: Envelope): Promise<string> {
  const words = await world.read(who, mail)
  return words.slice(words.indexOf('-----8<-----')).replaceAll(/^/gm, '> ')
}
/** Grace answers these messages: all of them stand in References, and are quoted. */
async function answer(text: string, ...mails: readonly Envelope[]): Promise<string> {
  return answerOf(cast.grace, text, ...mails)
}
async function answerOf(
  who: Someone,
  text: string,
  ...mails: readonly Envelope[]
): Promise<string> {
  const references = mails.map(({ messageId }) => `<${messageId}>`).join(' ')
  const quotes = await Promise.all(mails.map((mail) => quoted(who, mail)))
  await send(who, {
    text: [text, ...quotes].join('\n\n'),
    headers: [`References: ${references}`]
  })
  return (await world.read(who, latest(who))).replaceAll(/\s+/g, ' ')
}
/** Everybody who was sent Grace's words. */
async function readers(): Promise<string[]> {
  const found = new Set<string>()
  for (const person of [cast.alice, cast.linus, ...cast.members]) {
    for (const mail of world.sentTo(person))
      if ((await world.read(person, mail)).includes(WORDS)) found.add(person.id)
  }
  return [...found].toSorted()
}
/** The forwarded message of this author, as it went to Grace. */
function forwarded(author: 'member' | 'reporter'): Envelope {
  const [row] = world.rows<{ id: string }>(
    "SELECT message_id AS id FROM outbox WHERE kind = 'relay' AND recipient_id = 'grace' AND conversation LIKE ?",
    [`${author}:%`]
  )
  const mail = world.accepted.find(({ messageId }) => messageId === row?.id)
  if (mail === undefined) throw new Error('not forwarded')
  return mail
}

it('(B1) /member in a reply to a list member’s message reaches that member alone, encrypted', async () => {
  const says = await answer(`/member\n${WORDS}`, forwarded('member'))
  expect(await readers()).toEqual(['debian', 'linus'])
  expect(says).toContain(`Sent to Debian <${debian.address}>, encrypted.`)
  expect(world.rows("SELECT about FROM events WHERE kind = 'member-answered'")).toEqual([
    { about: '{"member":"debian"}' }
  ])
})

it('(B1) /reply in a reply to a list member’s message sends nothing and names /member', async () => {
  const says = await answer(`/reply\n${WORDS}`, forwarded('member'))
  expect(await readers()).toEqual([])
  expect(says).toContain(
    'This message answers list member debian, so nothing goes to the reporter.'
  )
  expect(says).toContain('write /member')
})

it('(B1) a plain reply to a list member’s message stays among the maintainers under replies: reporter', async () => {
  await answer(WORDS, forwarded('member'))
  expect(await readers()).toEqual(['linus'])
})

it.each(['/reply', '/member'])(
  '(B1) %s in an answer to two conversations is refused',
  async (verb) => {
    const says = await answer(`${verb}\n${WORDS}`, forwarded('reporter'), forwarded('member'))
    expect(await readers()).toEqual([])
    expect(says).toContain('answers two conversations at once')
  }
)

it('(B1) /member with the number of another case is refused: the member would read it (G5)', async () => {
  await send(cast.alice, { text: 'Another hole.', subject: 'Another' })
  const says = await answer(`case: ACME-2026-0002\n/member\n${WORDS}`, forwarded('member'))
  expect(world.rows('SELECT tag FROM cases')).toHaveLength(2)
  expect(await readers()).toEqual([])
  expect(says).toContain('answers two conversations at once')
})

it('(B1) /member where only the header outside names the member’s message is refused (G5)', async () => {
  const headers = [`In-Reply-To: <${forwarded('member').messageId}>`]
  await send(cast.grace, { text: `/member\n${WORDS}`, headers })
  expect(await readers()).toEqual([])
})

it.each(['update', 'note'])(
  '(B1) an answer to the %s about a list member’s message reaches that member or nobody outside',
  async (kind) => {
    await answer(kind === 'note' ? 'I would say so.' : '/member\nWe look.', forwarded('member'))
    const told = latest(cast.linus)
    const lines = ['/reply', '/reply quote', '/ask', '/accept'].map((verb) => `${verb}\n${WORDS}`)
    for (const text of [...lines, '/ask']) {
      const says = await answerOf(cast.linus, text, told)
      expect(says).toContain('This message answers list member debian')
      expect(says).not.toContain(' /reply sends')
    }
    expect(await readers()).toEqual([])
    expect(await answerOf(cast.linus, `/member\n${WORDS}`, told)).toContain(
      'Sent to list member debian, encrypted.'
    )
    expect(await readers()).toEqual(['debian'])
  }
)

it('(B1) /reply in an answer to the transcript of /member reaches nobody', async () => {
  await answer('/member\nWe look.', forwarded('member'))
  const says = await answer(`/reply\n${WORDS}`, latest(cast.grace))
  expect(says).toContain('This message answers list member debian')
  expect(await readers()).toEqual([])
})

it('(B1, G5) /reply quote takes a forwarded message of the reporter along and nothing else of the desk', async () => {
  await answer('/status', forwarded('reporter'))
  const says = await answer(`/reply quote\n${WORDS}`, latest(cast.grace))
  expect(says).toContain('only from a forwarded message of the reporter')
  expect(await readers()).toEqual([])
  await answer(`/reply quote\n${WORDS}`, forwarded('reporter'))
  expect(await readers()).toEqual(['alice', 'linus'])
})

it('(B1) /member in a reply to the reporter’s message is refused and names /reply', async () => {
  const says = await answer(`/member\n${WORDS}`, forwarded('reporter'))
  expect(await readers()).toEqual([])
  expect(says).toContain('/reply goes to the reporter')
})

it('(B21) maintainers who are no list admins see a member’s id alone, and neither the original nor a key', async () => {
  const toGrace = await world.read(cast.grace, forwarded('member'))
  expect(toGrace).toContain(debian.address)
  expect(toGrace).toContain('message/rfc822')
  const toLinus = await world.read(cast.linus, latest(cast.linus))
  expect(toLinus).toContain('list member debian')
  expect(toLinus).toContain('question Is 4.1 affected?')
  expect(toLinus).not.toMatch(/debian\.example|Debian|message\/rfc822|key\.asc/)
})

it.each([
  ['its protected subject', { subject: `[${CASE}] Notice`, text: 'Is 3.9 affected?' }],
  ['its text', { subject: 'A question', text: `About ${CASE}: is 3.9 affected?` }]
])(
  '(B21) a new message that a list member signed and that names the case in %s joins it as the member’s',
  async (_name, letter) => {
    await send(debian, letter)
    expect(world.rows('SELECT tag FROM cases')).toHaveLength(1)
    const toLinus = await world.read(cast.linus, latest(cast.linus))
    expect(toLinus).toContain('is 3.9 affected?'.slice(3))
    expect(toLinus).toContain('list member debian')
    expect(toLinus).not.toMatch(/debian\.example|Debian|message\/rfc822/)
    await answer(`/member\n${WORDS}`, latest(cast.grace))
    expect(await readers()).toEqual(['debian', 'linus'])
  }
)

it('a list member’s answer that came unencrypted is marked: what it quotes of the notice was readable (G5)', async () => {
  const [notice] = world.sentTo(debian)
  const headers = [`In-Reply-To: <${notice?.messageId ?? ''}>`]
  expect(await world.read(cast.grace, forwarded('member'))).not.toContain('It came unencrypted')
  await send(debian, { text: 'We are ready.', headers, as: 'clear' })
  for (const person of [cast.grace, cast.linus])
    expect(await world.read(person, latest(person))).toContain('It came unencrypted: anybody')
})

it('(B21) a list member who names a case of another product, or whom no signature proves, joins no case', async () => {
  world.desk.db.transact((tx) => {
    tx.run(`UPDATE members SET products = '["other"]' WHERE id = 'debian'`)
  })
  await send(debian, { subject: `[${CASE}] Notice`, text: 'Is 3.9 affected?' })
  const suse = cast.members.find(({ id }) => id === 'suse') ?? cast.grace
  await send(suse, { subject: `[${CASE}] Notice`, text: 'Is 3.9 affected?', as: 'encrypted' })
  expect(world.rows('SELECT tag FROM cases')).toHaveLength(3)
})
