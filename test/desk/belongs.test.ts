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
  keyOf,
  lastTo,
  latest,
  SECOND,
  says,
  world,
  writes
} from '../support/desk.ts'
import { autocrypt, type Letter, someone } from '../support/world.ts'
import { address } from '../unit/policy/samples.ts'
import { lines } from '../unit/reading/material.ts'

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
    await givenMessage(alice, { ...first, text: 'Another one.' })
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

it.each<[string, string | null]>([
  ['behind a list that put its own address into From', 'Sec <sec@lists.example>'],
  ['from another address', 'alice@home.example']
])(
  '(14) a reporter whose key signed goes on with their case %s, and answers go to the known address',
  async (_how, from) => {
    await givenReport({ as: 'signed' })
    const answer = await world.write(alice, {
      subject: 'Re: it',
      text: 'MORE',
      ...answering(alice)
    })
    const raw = Buffer.from(answer)
      .toString('latin1')
      .replace(/^From: .*$/m, `From: ${from}`)
    await world.receive(Buffer.from(raw, 'latin1'))
    expect(tags()).toEqual([FIRST])
    expect(world.dispositions().at(-1)).toBe('case-joined')
    expect(world.column('SELECT author FROM messages')).toEqual(['reporter', 'reporter'])
    expect(await lastTo(grace)).toContain('MORE')
    await says('/reply\nTO ALICE')
    expect(world.accepted.filter(({ to }) => /lists|home/.test(to))).toEqual([])
    expect(await lastTo(alice)).toContain('TO ALICE')
  }
)

describe('one report over two paths (14)', () => {
  const HEADER_KEY = /^Autocrypt: .*\r\n(?: .*\r\n)*/m
  const report = { subject: 'Heap overflow', text: 'It is here.' } as const
  /** As another server hands it on, perhaps with other header fields. */
  const again = (raw: Uint8Array, ...changes: readonly (readonly [RegExp, string])[]): Buffer =>
    Buffer.from(
      changes.reduce(
        (text, [field, value]) => text.replace(field, value),
        `Received: from elsewhere\r\n${Buffer.from(raw).toString('latin1')}`
      ),
      'latin1'
    )

  it.each<[string, Partial<Letter>, readonly (readonly [RegExp, string])[]]>([
    ['sealed', {}, []],
    ['in clear', CLEAR, []],
    [
      'where a service replaced its Message-ID',
      CLEAR,
      [[/^Message-ID: .*$/m, 'Message-ID: <o@x.example>']]
    ]
  ])('is one case, %s, and nobody is alarmed', async (_how, letter, changes) => {
    await givenDesk([grace])
    const raw = await world.write(alice, { ...report, ...letter })
    await world.receive(raw)
    const from = world.accepted.length
    await world.receive(again(raw, ...changes))
    expect(world.dispositions()).toEqual(['case-opened', 'duplicate'])
    expect(world.heldMails).toEqual([])
    expect(world.accepted).toHaveLength(from)
  })

  it('of a maintainer is one, too, and nobody reads of a signature that was used before', async () => {
    await givenReport()
    const raw = await world.write(grace, { subject: `Re: [${FIRST}] x`, text: '/take' })
    await world.receive(raw)
    const from = world.accepted.length
    await world.receive(again(raw))
    expect(world.dispositions().at(-1)).toBe('duplicate')
    expect(world.accepted).toHaveLength(from)
  })

  it('lets the acknowledgement leave that was on hold, once a copy proves its sender', async () => {
    await givenDesk([grace], { authentication: AUTHENTICATION })
    const [claim, ours] = checked('reporter.example')
    const raw = await world.write(alice, { ...report, ...CLEAR, headers: [claim, ours] })
    await world.receive(again(raw, [/dmarc=pass/, 'dmarc=fail']))
    expect(world.sentTo(alice)).toHaveLength(0)
    await world.receive(raw)
    expect(tags()).toEqual([FIRST])
    await world.wait(60_000)
    expect(world.sentTo(alice)).toHaveLength(1)
  })

  it('is acknowledged when only the copy that came first, through a list, had to stay without an answer (14)', async () => {
    await givenDesk([grace])
    const raw = await world.write(alice, { ...report, ...CLEAR })
    const list = 'List-Id: <psirt.acme.example>\r\nMIME-Version'
    await world.receive(again(raw, [/^MIME-Version/m, list]))
    await world.wait(60_000)
    expect(world.sentTo(alice)).toHaveLength(0)
    await world.receive(raw)
    await world.receive(again(raw))
    await world.wait(60_000)
    expect(world.dispositions()).toEqual(['case-opened', 'duplicate', 'duplicate'])
    expect(world.sentTo(alice)).toHaveLength(1)
  })

  it('is not swallowed when somebody else had sent it first: both are claims, shown and acknowledged', async () => {
    await givenDesk([grace])
    const payload = 'Content-Type: text/plain\r\n\r\nThe FIND of Alice.\r\n'
    const raw = await world.write(alice, { subject: '', text: '', payload, as: 'encrypted' })
    const thief = `From: Mallory <${mallory.address}>`
    await world.receive(again(raw, [/^From: .*$/m, thief]))
    await world.receive(raw)
    expect(world.dispositions()).toEqual(['case-opened', 'case-opened'])
    expect(await lastTo(grace)).toContain('The FIND of Alice.')
    expect(await lastTo(grace)).toContain(`encrypted content before (${FIRST})`)
    await world.wait(60_000)
    expect(world.sentTo(alice)).toHaveLength(1)
  })

  it.each<[string, Partial<Letter>, string]>([
    ['encrypted', { as: 'encrypted' }, 'It is here.'],
    ['signed and encrypted', {}, 'It is here.'],
    ['in clear', { as: 'clear' }, 'It is here.'],
    ['whose sender is proved', { as: 'encrypted', headers: checked('reporter.example') }, 'It is']
  ])(
    '%s, whose copies bring different keys in their headers, is two claims, both told',
    async (_how, letter, says) => {
      const isProved = letter.headers !== undefined
      await givenDesk([grace], isProved ? { authentication: AUTHENTICATION } : {})
      const thief = await someone('thief', alice.address)
      const raw = await world.write(alice, { ...report, ...letter, autocrypt: true })
      const theirs: readonly [RegExp, string] = [
        HEADER_KEY,
        `${autocrypt(thief.keyData, alice.address)}\r\n`
      ]
      await world.receive(again(raw, theirs))
      await world.receive(raw)
      const told = await lastTo(grace)
      expect(told).toContain(`The same message came before (${FIRST}) with another key`)
      expect(told.replaceAll(' ', '')).toContain(keyOf(alice))
      expect(told).toContain(says)
      if (world.column('SELECT tag FROM cases').length > 1) {
        await writes(grace, '/show 2\n', { subject: 'Show', tag: 'NONE' })
        expect(await allTo(grace)).toContain(`came with another key, too (${FIRST})`)
        expect(await allTo(grace)).not.toContain('The message answers one')
      }
      const before = world.accepted.length
      // Whatever comes a third time is known with its key.
      for (const copy of [raw, again(raw, theirs)]) await world.receive(again(copy))
      expect(world.dispositions().slice(-2)).toEqual(['duplicate', 'duplicate'])
      expect(world.accepted).toHaveLength(before)
    }
  )

  it('is one case where only one of its copies has kept the key, and nobody is alarmed', async () => {
    await givenDesk([grace])
    const raw = await world.write(alice, { ...report, as: 'encrypted', autocrypt: true })
    for (const copy of [raw, again(raw, [HEADER_KEY, ''])]) await world.receive(copy)
    expect(world.dispositions()).toEqual(['case-opened', 'duplicate'])
  })
})

describe('whom an answer reaches (14)', () => {
  const PSIRT = address('psirt@acme.example')
  const TARA = 'tara@people.example'
  const mail = (...head: readonly string[]): Buffer =>
    Buffer.from(
      lines(...head, 'Date: Mon, 23 Nov 2026 12:00:00 +0000', 'MIME-Version: 1.0') +
        'Content-Type: text/plain\r\n\r\nReport.\r\n',
      'latin1'
    )
  const ID = 'Message-ID: <m@people.example>'
  const TO = 'To: security@acme.example'
  const receive = async (raw: Uint8Array): Promise<void> => {
    await world.receive(raw)
    await world.wait(60_000)
  }
  const written = (): string[] => [...new Set(world.accepted.map(({ to }) => to as string))].sort()

  it.each<[string, readonly string[]]>([
    [
      'a group that put the desk’s own address there',
      [
        'From: "\'Tara\' via ACME Security" <security@acme.example>',
        `Reply-To: Tara <${TARA}>`,
        'List-ID: <security.acme.example>',
        'Precedence: list'
      ]
    ],
    [
      'a list that put its own address there',
      ['From: Tara via Sec <sec@lists.example>', `X-Original-From: Tara <${TARA}>`, 'List-ID: <s>']
    ],
    ['a web form', ['From: ACME Website <www@acme.example>', `Reply-To: Tara <${TARA}>`]],
    ['an alias of the desk', ['From: psirt@acme.example', `Reply-To: Tara <${TARA}>`]],
    ['a name with a comma and no quotes', [`From: Doe, Tara <${TARA}>`]]
  ])('is the person, where From names %s, and never the desk', async (_what, head) => {
    await givenDesk([grace], { aliases: [PSIRT] })
    await receive(mail(...head, TO, ID))
    await says('/ask')
    expect(await allTo(grace)).toContain(`<${TARA}>`)
    expect(world.column('SELECT address FROM case_reporters')).toEqual([TARA])
    expect(written()).toEqual([grace.address, TARA])
  })

  it('is nobody, where From names the desk and nobody else is named', async () => {
    await givenDesk([grace])
    await receive(mail('From: security@acme.example', 'Reply-To: security@acme.example', TO, ID))
    expect(written()).toEqual([grace.address])
    expect(await lastTo(grace)).toContain('The report names no address')
  })

  it('no mail server’s word about From proves the person beside it', async () => {
    await givenDesk([grace], { authentication: AUTHENTICATION })
    const form = ['From: ACME Website <www@acme.example>', `Reply-To: Tara <${TARA}>`, TO, ID]
    await receive(mail(...checked('acme.example'), ...form))
    expect(written()).toEqual([grace.address])
    expect(await lastTo(grace)).toContain('it came from www@acme.example')
  })

  it('a message to an alias is acknowledged once the alias is configured, and until then the maintainers read how', async () => {
    await givenDesk([grace])
    const toAlias = [`From: <${TARA}>`, 'To: psirt@acme.example', ID]
    await receive(mail(...toAlias))
    expect(written()).toEqual([grace.address])
    expect(await lastTo(grace)).toContain(
      'psirt@acme.example is an address of the desk, the operator adds it to desk.aliases'
    )
    await givenDesk([grace], { aliases: [PSIRT] })
    await receive(mail(...toAlias))
    expect(written()).toEqual([grace.address, TARA])
  })
})

/** What leaves for a stranger, without what chance makes. */
function visibleTo(address: string): string[] {
  const token = /[a-z2-7]{32}|[0-9a-f]{32}|^(?:[\w+/=]{60,76})$/gm
  return world.accepted
    .filter(({ to }) => to === address)
    .map(({ raw, from }) => {
      const text = Buffer.from(raw).toString('latin1')
      const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s)
      const isSealed = text.includes('multipart/encrypted')
      const shown = isSealed ? String(body.split('\n').length) : body
      return `${from}\n${head}\n${shown}`
        .replaceAll(/boundary="[^"]*"|--=_\w+/g, 'boundary')
        .replaceAll(/-----BEGIN PGP SIGNATURE-----[^]*?-----END/g, '')
        .replaceAll(/^-*[\w-]{20,}.*$/gm, '')
        .replaceAll(token, '')
    })
}

describe('(B7) nothing that everybody can observe tells who is on the list, or is known', () => {
  const observed = async (isMember: boolean, raw: Uint8Array): Promise<string[]> => {
    await givenDesk([grace])
    if (isMember) await world.addMember(bob)
    await world.receive(raw)
    await world.wait(60_000)
    return visibleTo(mallory.address).concat(visibleTo(bob.address))
  }
  const signedByBob = (): string =>
    lines(
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain',
      '',
      'words',
      '--b',
      'Content-Type: application/pgp-keys; name=key.asc',
      'Content-Disposition: attachment; filename=key.asc',
      '',
      `${mallory.secret.toPublic().armor()}`,
      '--b--'
    )

  it.each<[string, () => Promise<Uint8Array>]>([
    [
      'a sealed message with the stranger’s key that a member signed',
      async () => {
        const raw = await world.write(bob, { subject: '', text: '', payload: signedByBob() })
        const text = Buffer.from(raw).toString('latin1')
        return Buffer.from(text.replace(/^From: .*$/m, `From: <${mallory.address}>`), 'latin1')
      }
    ],
    [
      'a report in a member’s name',
      () => world.write(bob, { subject: 'x', text: 'x', as: 'encrypted' })
    ],
    [
      'a report in clear in a member’s name',
      () => world.write(bob, { subject: 'x', text: 'x', ...CLEAR })
    ],
    ['a report that a member signed', () => world.write(bob, { subject: 'x', text: 'x' })]
  ])('%s', async (_what, letter) => {
    await givenDesk([grace])
    const raw = await letter()
    const whenListed = await observed(true, raw)
    expect(whenListed).toHaveLength(1)
    expect(await observed(false, raw)).toEqual(whenListed)
  })

  it('a forged report under an address whose key is known reads as one under an address that nobody knows', async () => {
    const report = { subject: 'x', text: 'x', as: 'encrypted' } as const
    await givenDesk([grace])
    await givenMessage(alice, { ...report, autocrypt: true })
    await givenMessage(alice, { ...report, text: 'forged' })
    await givenMessage(bob, { ...report, text: 'forged' })
    await world.wait(60_000)
    const sealed = [alice, bob].map((one) =>
      Buffer.from(world.sentTo(one).at(-1)?.raw ?? '').includes('multipart/encrypted')
    )
    expect(sealed).toEqual([false, false])
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
