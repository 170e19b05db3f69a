/** One report from inbox to answer on the real steps of the desk, and what its rows look like afterwards. */

import { describe, expect, it } from 'vitest'
import { alice, givenDesk, givenMessage, grace, linus, world } from '../support/desk.ts'
import { type Someone, someone } from '../support/world.ts'

/** Mails that SMTP accepted for somebody, in words. */
async function lettersTo(person: Someone): Promise<string[]> {
  const mine = world.sentTo(person)
  return Promise.all(mine.map((mail) => world.read(person, mail)))
}

describe('a report', () => {
  it('is acknowledged, relayed and answered, each to one person alone (M-01, M-02, M-10)', async () => {
    await givenDesk([grace, linus])
    const report = { subject: 'a hole', text: 'Here is how.\n', autocrypt: true } as const
    await givenMessage(alice, { ...report, as: 'encrypted' })
    expect(world.accepted.map(({ to }) => to).sort()).toEqual([
      alice.address,
      grace.address,
      linus.address
    ])
    const [relayed = ''] = await lettersTo(grace)
    expect(relayed).toContain('Here is how.')
    const [acknowledged = ''] = await lettersTo(alice)
    expect(acknowledged).toContain('ACME-2026-0001')
    expect(acknowledged).not.toContain('Here is how')
    await givenMessage(grace, {
      subject: 'Re: [ACME-2026-0001] a hole',
      text: '/accept\n/reply\nThank you, Alice.\n'
    })
    expect((await lettersTo(alice)).join('\n')).toContain('Thank you, Alice.')
    expect((await lettersTo(linus)).at(-1)).toContain('accepted the case')
    expect(world.rows('SELECT state, owner FROM cases')).toEqual([
      { state: 'accepted', owner: 'grace' }
    ])
    expect([...world.inbox.keys()]).toEqual([])
    expect(world.processed).toEqual([1, 2])
  })

  it('that comes by blind copy is held for /acknowledge, and each report gets its own answer (B11)', async () => {
    await givenDesk([grace])
    for (const subject of ['one', 'two']) {
      const mail = await world.write(alice, { subject, text: subject })
      const head = Buffer.from(mail)
        .toString('latin1')
        .replace(/^To: .*\r\n/m, '')
      world.deliver(Buffer.from(head, 'latin1'))
    }
    await world.settle()
    expect(world.dispositions()).toEqual(['case-opened', 'case-opened'])
    expect(await lettersTo(alice)).toEqual([])
    for (const tag of ['ACME-2026-0001', 'ACME-2026-0002']) {
      await givenMessage(grace, { subject: `[${tag}]`, text: '/acknowledge\n' })
    }

    expect(await lettersTo(alice)).toHaveLength(2)
  })

  it('beyond five a day is listed to each sender, whatever shows a bug at the list of another; people are told of the bug (G9)', async () => {
    await givenDesk([grace])
    const bob = await someone('bob', 'bob@reporter.example')
    const { render } = world.desk
    const broken: typeof render = (message, occasion) => {
      // The first one that alice's list names.
      if (message.kind === 'further-reports' && JSON.stringify(message).includes('2026-0006'))
        throw new TypeError('a bug at this list')
      return render(message, occasion)
    }
    Object.assign(world.desk, { render: broken })
    for (const who of [alice, bob])
      for (let report = 1; report <= 7; report += 1) {
        const text = `${who.id} ${report}`
        world.deliver(await world.write(who, { subject: 'x', text, as: 'clear' }))
      }
    await world.settle()
    await world.wait(25 * 3_600_000)
    const listed = (): string[] =>
      world.column(
        `SELECT envelope_to AS "to" FROM outbox WHERE kind = 'further-reports' ORDER BY id`
      )
    expect(listed()).toEqual([bob.address])
    expect((await lettersTo(grace)).join()).toContain('list of the further reports of one sender')
    Object.assign(world.desk, { render })
    await world.wait(2 * 3_600_000)
    expect(listed()).toEqual([bob.address, alice.address])
  })

  it('is answered in the order of arrival', async () => {
    await givenDesk([grace])
    for (const subject of ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'])
      await givenMessage(alice, { subject, text: subject, as: 'clear' })
    expect(world.rows('SELECT subject FROM cases ORDER BY tag')).toEqual(
      ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'].map((subject) => ({
        subject
      }))
    )
  })

  it('that comes twice byte for byte is handled once and both are kept (G1, G2)', async () => {
    await givenDesk([grace])
    const raw = await world.write(alice, { subject: 'x', text: 'x', as: 'clear' })
    world.deliver(raw)
    await world.receive(raw)
    await world.receive(raw)
    expect(world.dispositions()).toEqual(['case-opened', 'duplicate', 'duplicate'])
    expect(world.rows('SELECT id FROM cases')).toHaveLength(1)
    expect(world.processed).toEqual([1, 2, 3])
  })

  it('too large to be fetched is held, acknowledged and told', async () => {
    await givenDesk([grace], { limits: { mailBytes: 2000 } })
    await givenMessage(alice, { subject: 'big', text: 'x\n'.repeat(3000), as: 'clear' })
    expect(world.rows('SELECT state, disposition FROM arrivals')).toEqual([
      { state: 'held', disposition: 'too-large' }
    ])
    expect(world.heldMails).toEqual([1])
    expect(world.accepted.map(({ to }) => to).sort()).toEqual([alice.address, grace.address])
  })

  it('of a reporter whose key renewed its expiry is answered with the renewed key', async () => {
    await givenDesk([grace])
    const short = await someone('bob', 'bob@reporter.example', 30)
    await givenMessage(short, { subject: 'a', text: 'a', as: 'clear', autocrypt: true })
    const before = world.rows<{ length: number }>(
      'SELECT length(key_data) AS length FROM reporter_keys WHERE is_used = 1'
    )
    expect(before).toHaveLength(1)
    world.pass(40 * 86_400_000)
    const { reformatKey, readPrivateKey } = await import('openpgp')
    const { privateKey } = await reformatKey({
      privateKey: short.secret,
      userIDs: [{ name: 'Bob', email: short.address }],
      keyExpirationTime: 400 * 86_400,
      date: new Date(Date.parse(world.clock.now) - 60_000),
      format: 'armored'
    })
    const secret = await readPrivateKey({ armoredKey: privateKey })
    const renewed = { ...short, secret, keyData: secret.toPublic().write() }
    await givenMessage(renewed, { subject: 'b', text: 'b', as: 'clear', autocrypt: true })
    await givenMessage(grace, {
      subject: 'Re: [ACME-2027-0001] b',
      text: '/reply\nSealed again.\n'
    })
    const last = world.sentTo(short).at(-1)
    expect(last && (await world.read(renewed, last))).toContain('Sealed again.')
  })
})

describe('a maintainer', () => {
  it('whose signature is used a second time does nothing with it (G4)', async () => {
    await givenDesk([grace, linus])
    await givenMessage(alice, { subject: 'a', text: 'a', as: 'clear' })
    const command = await world.write(grace, { subject: '[ACME-2026-0001]', text: '/take\n' })
    world.deliver(command)
    await world.receive(Buffer.concat([Buffer.from('X-Replayed: yes\r\n'), command]))
    expect(world.rows('SELECT disposition, reason FROM arrivals ORDER BY id')).toEqual([
      { disposition: 'case-opened', reason: null },
      { disposition: 'commands', reason: null },
      { disposition: 'refused', reason: 'replayed' }
    ])
  })

  it('whose key has expired gets a content-free word once a day; an alarm and the others go on (G3)', async () => {
    const old = await someone('linus', 'linus@acme.example', 10)
    await givenDesk([grace, old])
    for (const subject of ['one', 'two'])
      await givenMessage(alice, { subject, text: 'the secret', as: 'clear' })
    const words = world.sentTo(old).map(({ raw }) => Buffer.from(raw).toString())
    expect(words).toHaveLength(1)
    expect(words[0]).not.toContain('the secret')
    expect(words[0]).not.toContain('ACME-2026')
    const told = (await lettersTo(grace)).filter((text) =>
      text.includes('not sent because of a key')
    )
    expect(told.length).toBeGreaterThanOrEqual(1)
    expect((await lettersTo(grace)).filter((text) => text.includes('the secret'))).toHaveLength(2)
    world.pass(86_400_000)
    await givenMessage(alice, { subject: 'three', text: 'the secret', as: 'clear' })
    expect(world.sentTo(old)).toHaveLength(2)
  })

  it('gets one preview from a message that asks for two, and the desk goes on (G9)', async () => {
    await givenDesk([grace, linus])
    await givenMessage(alice, { subject: 'a', text: 'a', as: 'clear' })
    const draft =
      '/accept\n/embargo 2026-12-10T12:00:00Z\n/notice draft <<\ndescription: d\naffected_versions: all\nremedy_steps: r\nno_patches: n\n>>\n/notice preview\n/notice preview\n'
    await givenMessage(grace, { subject: '[ACME-2026-0001]', text: draft })
    expect(world.dispositions()).toEqual(['case-opened', 'commands-refused'])
  })
})

describe('a message that kills its worker (G9)', () => {
  it('is quarantined after three tries, acknowledged and told, and the next message is served at once', async () => {
    await givenDesk([grace])
    const poison = await world.write(alice, { subject: 'poison', text: 'POISON', as: 'clear' })
    const bob = await someone('bob', 'bob@reporter.example')
    const good = await world.write(bob, { subject: 'good', text: 'good', as: 'clear' })
    const { Trouble } = await import('../../src/domain/trouble.ts')
    world.workers.fail = (raw, call) =>
      call === 'open' && Buffer.from(raw).includes('POISON')
        ? new Trouble('worker-limit', 'out of time', { retryable: true })
        : null
    world.deliver(poison)
    await world.receive(good)
    expect(world.rows('SELECT state, disposition, tries FROM arrivals ORDER BY id')).toEqual([
      { state: 'pending', disposition: null, tries: 1 },
      { state: 'done', disposition: 'case-opened', tries: 0 }
    ])
    for (let round = 0; round < 4; round += 1) {
      await world.wait(5000)
    }
    expect(world.rows('SELECT state, disposition, tries FROM arrivals ORDER BY id')).toEqual([
      { state: 'held', disposition: 'quarantined', tries: 3 },
      { state: 'done', disposition: 'case-opened', tries: 0 }
    ])
    expect(world.sentTo(alice)).toHaveLength(1)
    expect(world.sentTo(grace)).toHaveLength(2)
    expect(world.heldMails).toEqual([1])
    expect(world.processed).toEqual([2])
  })

  it('is held unread with an alarm when not even its header can be read', async () => {
    await givenDesk([grace])
    const { Trouble } = await import('../../src/domain/trouble.ts')
    world.workers.fail = () => new Trouble('worker-crash', 'dead', { retryable: true })
    world.deliver(await world.write(alice, { subject: 'poison', text: 'x', as: 'clear' }))
    for (let round = 0; round < 5; round += 1) {
      await world.settle()
      world.pass(5000)
    }
    expect(world.rows('SELECT state, disposition FROM arrivals')).toEqual([
      { state: 'held', disposition: 'quarantined' }
    ])
    expect((await lettersTo(grace)).join()).toContain('A message could not be read')
  })
})

describe('a message that cannot be delivered', () => {
  it('is told once, and again only after it was retried and failed again', async () => {
    await givenDesk([grace])
    world.deliver(await world.write(alice, { subject: 'x', text: 'x', as: 'clear' }))
    world.replies.push('rejected')
    await world.settle()
    const alarms = async () =>
      (await lettersTo(grace)).filter((text) => text.includes('could not be delivered')).length
    expect(await alarms()).toBe(1)
    await world.wait(86_400_000)
    expect(await alarms()).toBe(1)
  })

  it('is tried again after 4xx and a lost connection, with the same bytes (G2)', async () => {
    await givenDesk([])
    world.deliver(await world.write(alice, { subject: 'x', text: 'x', as: 'clear' }))
    world.replies.push('deferred', 'uncertain', 'deferred')
    for (let hour = 0; hour < 30; hour += 1) {
      await world.settle()
      world.pass(60_000 * 5)
    }
    expect(world.accepted.map(({ to }) => to)).toEqual([alice.address])
    expect(world.rows('SELECT state, attempts FROM outbox')).toEqual([
      { state: 'sent', attempts: 4 }
    ])
  })
})
