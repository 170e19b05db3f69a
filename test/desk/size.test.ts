/** What the desk makes of a message is bounded by what came, and it goes along once (A1, A2). */
import { describe, expect, it, vi } from 'vitest'
import { Trouble } from '../../src/domain/trouble.ts'
import * as outbox from '../../src/store/outbox.ts'
import * as desk from '../support/desk.ts'
import { bounceOf } from '../support/mail-parts.ts'

const KIB = 1024

/** The bytes that are stored to be sent, by recipient. */
function made(): number[] {
  return desk.world.column<number>("SELECT size FROM outbox WHERE kind = 'relay' ORDER BY id")
}

describe('the forwarded copy of a report', () => {
  it('(A1) holds at most 64 KiB where the message was smaller, and names the files that would be more', async () => {
    const patch = { filename: 'zeros.bin', content: '0'.repeat(2_000_000) }
    const text = `Look.\n${'the text goes on\n'.repeat(12_000)}`
    await desk.givenReport({ text, patch, isCompressed: true })
    const [came = 0] = desk.world.column<number>('SELECT size FROM arrivals')
    expect(came).toBeLessThan(10 * KIB)
    // Encrypted base64 of base64.
    for (const bytes of made()) expect(bytes).toBeLessThan(2 * 64 * KIB)
    const says = await desk.lastTo(desk.grace)
    expect(says).toContain('the text goes on')
    expect(says).toContain('The text is too long and was cut off.')
    expect(says).toMatch(/Not attached, because they are larger[^-]*- zeros\.bin \(2000000 bytes/)
    expect(says).not.toContain('filename=zeros.bin')
  })

  it('(A1) holds the small file beside one that is too large', async () => {
    const files = [
      { filename: 'zeros.bin', content: '0'.repeat(2_000_000) },
      { filename: 'poc.sh', content: 'echo run me' }
    ]
    const parts = files.map(
      ({ filename, content }) =>
        `--m\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${filename}"\r\n\r\n${content}\r\n`
    )
    const payload = `Content-Type: multipart/mixed; boundary=m\r\n\r\n${parts.join('')}--m--\r\n`
    await desk.givenReport({ payload, isCompressed: true })
    const says = await desk.lastTo(desk.grace)
    expect(says).toContain('filename=poc.sh')
    expect(says).not.toContain('filename=zeros.bin')
  })

  it.each([
    ['in clear, as it came, with its files inside', 'clear', true],
    ['encrypted, in its parts', 'signed', false]
  ] as const)('(A2) holds a report that came %s, once', async (_how, as, isOriginal) => {
    const content = 'SENT ONCE '.repeat(5000)
    const patch = { filename: 'run.log', content }
    await desk.givenReport(as === 'clear' ? { as, text: content } : { as, patch })
    const says = await desk.lastTo(desk.grace)
    expect(says.includes('Content-Type: message/rfc822')).toBe(isOriginal)
    expect(says.includes('filename=run.log')).toBe(!isOriginal)
    const [came = 0] = desk.world.column<number>('SELECT size FROM arrivals')
    for (const bytes of made()) expect(bytes).toBeLessThan(came * 3 + 20 * KIB)
  })
})

/** Grace answers her newest forwarded message. */
async function asks(text = '/files\n'): Promise<string> {
  const mail = desk.forwarded('reporter:%')
  const ref = await desk.quoted(desk.grace, mail)
  const before = desk.world.accepted.length
  await desk.givenMessage(desk.grace, {
    subject: 'Re: it',
    text: `${text}\n${ref}`,
    ...desk.answering(desk.grace, mail)
  })
  return desk.allTo(desk.grace, before)
}

describe('a mail server that takes no message of that size', () => {
  const LARGE = { filename: 'core.bin', content: 'NOT SMALL '.repeat(60_000) }
  const limits = { mail_size: 4_000_000, original: 4_000_000 }

  it.each([
    ['in clear', { as: 'clear', text: `The words.\n${LARGE.content}` }],
    ['encrypted', { text: 'The words.', patch: LARGE }]
  ] as const)(
    '(A2) gets the same message with its text alone, at once (%s)',
    async (_how, letter) => {
      await desk.givenDesk([desk.grace, desk.linus], { limits })
      desk.world.server.size = 400_000
      await desk.givenMessage(desk.alice, { subject: 'x', ...letter })
      const relays = desk.world.rows<Record<string, unknown>>(
        "SELECT state, form, last_outcome, rung, outbox.message_id FROM outbox WHERE kind = 'relay'"
      )
      expect(relays).toHaveLength(2)
      for (const row of relays)
        expect(row).toMatchObject({ state: 'sent', form: 'small', lastOutcome: 'accepted' })
      const says = await desk.lastTo(desk.grace)
      expect(says).toContain('The words.')
      expect(says).toContain('a mail server takes no message of that size')
      expect(says).toMatch(/- (?:original\.eml|core\.bin) \(\d{6} bytes/)
      expect(says).not.toContain('filename=core.bin')
      expect(desk.recorded('undelivered')).toEqual([])
      expect(desk.world.column('SELECT count(*) FROM outbox_bytes')).toEqual([0])
      expect(desk.latest(desk.grace).messageId).toBe(
        relays.find(({ messageId }) => messageId === desk.latest(desk.grace).messageId)?.messageId
      )
    }
  )

  it('(E20) gets the copies of several maintainers with one content, which is stored once, and knows by its last line what each of them answers', async () => {
    await desk.givenDesk([desk.grace, desk.linus], { limits })
    desk.world.server.refuses = ({ to }) => to === desk.linus.address
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'The words.', patch: LARGE })
    const kept = 'SELECT count(DISTINCT id) FROM outbox_shared'
    expect(desk.world.column(kept)).toEqual([1])
    desk.world.server.refuses = () => false
    await desk.world.wait(10 * desk.MINUTE)
    expect(desk.world.column(kept)).toEqual([0])
    const relays = [desk.grace, desk.linus].map((one) => desk.latest(one))
    expect(new Set(relays.map(({ messageId }) => messageId)).size).toBe(2)
    for (const [index, one] of [desk.grace, desk.linus].entries()) {
      const says = await desk.readBy(one, relays[index])
      expect(says).toContain('The words.')
      expect(says).toContain('filename=core.bin')
      // No header names the message: the line alone says what is answered.
      const text = `/note\nSeen by ${one.name}.\n\n> ${await desk.givenRef(one, relays[index])}`
      await desk.givenMessage(one, { subject: 'Re: x', text })
    }
    expect(desk.recorded('noted')).toHaveLength(2)
  })

  it('(12) that the database does not give in the middle of sending it leaves a word in the log, and leaves later', async () => {
    await desk.givenDesk([desk.grace, desk.linus], { limits })
    const { world } = desk
    const { db } = world.desk
    const broken = new Trouble('database', 'the disk fails', { retryable: true })
    const reads = vi.spyOn(db, 'read')
    world.server.refuses = (mail) => {
      if (mail.size < 100_000) return false
      reads.mockImplementationOnce(() => {
        throw broken
      })
      // What the connection does.
      expect(() => [...mail.pieces()]).toThrow('the disk fails')
      return true
    }
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'The words.', patch: LARGE })
    const told = { event: 'trouble', code: 'database', where: 'dispatch' }
    expect(world.log).toContainEqual(expect.objectContaining(told))
    world.server.refuses = () => false
    await world.wait(10 * desk.MINUTE)
    expect(await desk.readBy(desk.linus, desk.latest(desk.linus))).toContain('filename=core.bin')
  })

  it('(E21) is sealed in its two forms one after the other: no second thread starts for it', async () => {
    await desk.givenDesk([desk.grace, desk.linus], { limits })
    const { workers } = desk.world.desk
    const real = workers.seal.bind(workers)
    const running: number[] = []
    let now = 0
    Object.assign(workers, {
      seal: async (...args: Parameters<typeof real>) => {
        running.push((now += 1))
        return real(...args).finally(() => (now -= 1))
      }
    })
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'The words.', patch: LARGE })
    // The forwarded message, and the same without its files.
    expect(running).toEqual([1, 1])
  })

  it('(A2) is told so in answer to /files, with the way to the operator', async () => {
    await desk.givenDesk([desk.grace, desk.linus], { limits })
    desk.world.server.size = 400_000
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'The words.', patch: LARGE })
    expect(await asks()).toContain('The operator gets them with "postern files 1"')
    desk.world.server.size = 4_000_000
    const sent = await asks()
    expect(sent).toContain('filename=core.bin')
    expect(sent).toContain('NOT SMALL NOT SMALL')
    expect(desk.kindsTo(desk.linus)).not.toContain('files')
  })

  it('(A2) takes a note of a maintainer without its file', async () => {
    await desk.givenDesk([desk.grace, desk.linus], { limits })
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'The words.' })
    desk.world.server.size = 400_000
    const mail = desk.forwarded('reporter:%')
    const text = `See the dump.\n\n${await desk.quoted(desk.grace, mail)}`
    const answer = desk.answering(desk.grace, mail)
    await desk.givenMessage(desk.grace, { subject: 'Re: it', text, patch: LARGE, ...answer })
    const says = await desk.lastTo(desk.linus)
    expect(says).toContain('See the dump.')
    expect(says).toMatch(/Not attached[^-]*- core\.bin \(600000 bytes\)/)
  })
})

describe('a message that came back because it was too large for a server on the way', () => {
  const LARGE = { filename: 'core.bin', content: 'NOT SMALL '.repeat(60_000) }
  const limits = { mail_size: 4_000_000, original: 4_000_000 }
  const relay = () =>
    desk.world.rows<Record<string, unknown>>(
      "SELECT state, form FROM outbox WHERE kind = 'relay' AND recipient_id = 'grace'"
    )[0]
  const spares = () => desk.world.column<number>('SELECT count(*) FROM outbox_bytes')[0]

  async function givenLarge(): Promise<string> {
    await desk.givenDesk([desk.grace, desk.linus], { limits })
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'The words.', patch: LARGE })
    expect(relay()).toEqual({ state: 'sent', form: 'spare' })
    return desk.forwarded('reporter:%').messageId
  }
  const comesBack = (id: string, ...how: [status?: string, action?: string]) =>
    desk.world.receive(Buffer.from(bounceOf(id, ...how)))

  it.each(['5.3.4', '5.2.3'])(
    '(A2) goes again at once with its text alone, under its name, and only once (%s)',
    async (status) => {
      const id = await givenLarge()
      const before = desk.world.accepted.length
      await comesBack(id, status)
      const again = desk.world.accepted.slice(before)
      expect(again.map(({ to, messageId }) => [to, messageId])).toEqual([[desk.grace.address, id]])
      const says = await desk.allTo(desk.grace, before)
      expect(says).toContain('The words.')
      expect(says).toMatch(
        /a mail server takes no message of that size:\s+- core\.bin \(600000 bytes/
      )
      expect(says).not.toContain('filename=core.bin')
      expect(desk.recorded('undelivered')).toEqual([])
      expect(relay()).toEqual({ state: 'sent', form: 'small' })
      for (const time of ['again', 'and again']) await comesBack(id, `${status} (${time})`)
      expect(relay()).toEqual({ state: 'sent', form: 'small' })
      expect(desk.recorded('undelivered')).toHaveLength(1)
    }
  )

  it('(A2) does not go again where it came back for another reason', async () => {
    const id = await givenLarge()
    await comesBack(id, '5.1.1')
    await comesBack(id, '5.3.4')
    expect(relay()).toEqual({ state: 'sent', form: 'spare' })
    expect(desk.recorded('undelivered')).toHaveLength(1)
  })

  it('(A2) does not go again once a server has said that it arrived', async () => {
    const id = await givenLarge()
    await comesBack(id, '2.0.0', 'delivered')
    expect(relay()).toEqual({ state: 'sent', form: 'gone' })
    await comesBack(id, '5.3.4')
    expect(relay()).toEqual({ state: 'sent', form: 'gone' })
    expect(desk.recorded('undelivered')).toHaveLength(1)
  })

  it('(A2) does not go again once its reader has quoted its last line', async () => {
    const id = await givenLarge()
    await asks('/take\n')
    expect(relay()).toEqual({ state: 'sent', form: 'gone' })
    await comesBack(id, '5.3.4')
    expect(relay()).toEqual({ state: 'sent', form: 'gone' })
  })

  it('(A1, A2) keeps its small form for a week, and for its recipient alone', async () => {
    await givenLarge()
    expect(spares()).toBe(2)
    await desk.world.wait(6 * desk.DAY)
    expect(spares()).toBe(2)
    await desk.world.wait(2 * desk.DAY)
    await desk.restarts()
    expect(spares()).toBe(0)
  })

  it('(A2) goes to a reporter with the words of the answer, and the names of its files', async () => {
    await desk.givenReport({ limits })
    await desk.says('/reply\nPlease try this build.\n', desk.FIRST, { patch: LARGE })
    const before = desk.world.accepted.length
    await comesBack(desk.latest(desk.alice).messageId, '5.3.4')
    const says = await desk.allTo(desk.alice, before)
    expect(says).toContain('Please try this build.')
    expect(says.replaceAll(/\s+/g, ' ')).toContain(
      '[Not attached, because a mail server takes no message of that size: core.bin (600000 bytes). Please tell us how we can send it to you.]'
    )
    expect(desk.recorded('reporter-unreached')).toEqual([])
  })
})

describe('/files', () => {
  const ZEROS = { filename: 'zeros.bin', content: '0'.repeat(2_000_000) }
  it('(A1) sends the files that were more than the message, to the maintainer who asks, encrypted', async () => {
    await desk.givenReport({ text: 'Look.', patch: ZEROS, isCompressed: true })
    const sent = await asks()
    expect(sent).toContain('filename=zeros.bin')
    expect(sent).toContain('000000000000')
    expect(sent).toContain('are on their way to you, encrypted')
    expect(desk.kindsTo(desk.linus)).not.toContain('files')
  })

  it('(A1) sends a message that came in clear as it came', async () => {
    await desk.givenReport({ text: 'In clear.', as: 'clear' })
    expect(await asks()).toContain('filename=original.eml')
  })

  it('(A1) is refused where it answers nothing that was forwarded to its author', async () => {
    await desk.givenReport({ text: 'Look.', patch: ZEROS, isCompressed: true })
    await desk.writes(desk.grace, '/files\n')
    expect(await desk.lastTo(desk.grace)).toContain('does not show whose files you want')
    expect(desk.kindsTo(desk.grace)).not.toContain('files')
  })

  it('(A1) sends nothing of a message that is withheld', async () => {
    await desk.givenReport({
      text: 'From me.',
      headers: [],
      payload: `From: Bob <${desk.bob.address}>\r\nTo: x@y.example\r\nMessage-ID: <i@y.example>\r\nContent-Type: text/plain\r\n\r\nNOT YOURS`
    })
    expect(desk.world.dispositions()).toEqual(['contradicts-sender'])
    expect(await asks()).toContain('does not show whose files you want')
  })

  it('(B21) sends no key of a list member to those who are no list admins', async () => {
    const committer = { ...desk.grace, roles: ['committer'] as const }
    await desk.givenReport({ maintainers: [committer], list: [desk.debian], text: 'x' })
    const patch = { filename: 'key.asc', content: 'KEY OF DEBIAN' }
    const letter = { subject: `[${desk.FIRST}] Q`, text: 'Is 4.1 affected?', patch }
    await desk.givenMessage(desk.debian, letter)
    const mail = desk.forwarded('member:%')
    const text = `/files\n\n${await desk.quoted(desk.grace, mail)}`
    const before = desk.world.accepted.length
    const answer = desk.answering(desk.grace, mail)
    await desk.givenMessage(desk.grace, { subject: 'Re: it', text, ...answer })
    const sent = await desk.allTo(desk.grace, before)
    expect(sent).toContain('It has no files that we may pass on to you.')
    expect(sent).not.toContain('KEY OF DEBIAN')
  })
})

it('(A1) the bytes of a message that was given up go after 30 days, its row and the event stay, and a retry says so', async () => {
  await desk.givenDesk([desk.grace, desk.linus])
  desk.world.replies.push('rejected', 'rejected')
  await desk.givenMessage(desk.alice, { subject: 'x', text: 'Lost.', as: 'clear' })
  const bytes = () =>
    desk.world.column<number>(
      "SELECT count(*) FROM outbox_bytes JOIN outbox ON id = outbox_id WHERE state = 'given-up'"
    )
  const [kept = 0] = bytes()
  expect(kept).toBeGreaterThan(0)
  await desk.world.wait(29 * desk.DAY)
  await desk.restarts()
  expect(bytes()).toEqual([kept])
  await desk.world.wait(2 * desk.DAY)
  await desk.restarts()
  expect(bytes()).toEqual([0])
  expect(desk.recorded('undelivered').length).toBeGreaterThan(0)
  const [id = 0] = desk.world.column<number>("SELECT id FROM outbox WHERE form = 'gone'")
  const now = desk.world.clock.now
  expect(desk.world.desk.db.transact((tx) => outbox.retry(tx, id, now))).toBe('gone')
})

describe('a report that no mail server of a maintainer takes', () => {
  const kindOf = (id: string) =>
    desk.world.column('SELECT kind FROM outbox WHERE message_id = ?', [id])[0]
  const unseen = () => desk.alarms('unseen:')

  it('(A2) is an alarm after an hour and daily, until one of them has it', async () => {
    await desk.givenDesk([desk.grace, desk.linus])
    desk.world.server.refuses = ({ messageId }) => kindOf(messageId) === 'relay'
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'Look.', as: 'clear' })
    await desk.world.wait(59 * desk.MINUTE)
    expect(unseen()).toBe(0)
    await desk.world.wait(2 * desk.MINUTE)
    expect(unseen()).toBe(2)
    const alarm = await desk.lastTo(desk.grace)
    expect(alarm).toContain('so nobody has seen it')
    expect(alarm.replaceAll(/\s+/g, ' ')).toContain('"postern show ACME-2026-0001"')
    await desk.days(1)
    expect(unseen()).toBe(4)
    expect(desk.recorded('shown')).toEqual([])
    desk.world.server.refuses = ({ to, messageId }) =>
      to === desk.linus.address && kindOf(messageId) === 'relay'
    await desk.days(1)
    expect(desk.recorded('shown')).toHaveLength(1)
    const told = unseen()
    await desk.days(3)
    expect(unseen()).toBe(told)
  })

  it('(A2) is one, too, where it is a further message, until that is taken or answered', async () => {
    await desk.givenReport()
    await desk.world.wait(desk.MINUTE)
    desk.world.server.refuses = ({ messageId }) => kindOf(messageId) === 'relay'
    const acknowledgement = desk.latest(desk.alice)
    const letter = { subject: 'Re: x', text: 'More.', as: 'encrypted' } as const
    await desk.givenMessage(desk.alice, {
      ...letter,
      ...desk.answering(desk.alice, acknowledgement)
    })
    expect([desk.caseStates().length, desk.recorded('reporter-wrote').length]).toEqual([1, 1])
    await desk.world.wait(59 * desk.MINUTE)
    expect(unseen()).toBe(0)
    await desk.world.wait(2 * desk.MINUTE)
    expect(unseen()).toBeGreaterThan(0)
    expect(await desk.lastTo(desk.grace)).toContain('so nobody has seen it')
    desk.world.server.refuses = () => false
    await desk.world.wait(2 * desk.DAY)
    expect(desk.recorded('forwarded').length).toBe(desk.recorded('shown').length)
    const told = unseen()
    await desk.days(3)
    expect(unseen()).toBe(told)
  })

  it('(A2) is none once a copy was taken, whatever becomes of the others', async () => {
    await desk.givenDesk([desk.grace, desk.linus])
    desk.world.server.refuses = ({ to }) => to === desk.linus.address
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'Look.', as: 'clear' })
    await desk.days(3)
    expect(unseen()).toBe(0)
    expect(desk.recorded('shown')).toHaveLength(1)
  })
})

describe('the disk of the database (A1)', () => {
  it('that is nearly full is told once a day, and no more when there is room', async () => {
    await desk.givenDesk()
    const { db } = desk.world.desk
    const [room] = [db.disk()]
    const total = 2 ** 40
    Object.assign(db, { disk: () => ({ free: 2 ** 30, total }) })
    await desk.world.wait(desk.MINUTE)
    expect(desk.alarms('disk-low:')).toBe(0)
    Object.assign(db, { disk: () => ({ free: 2 ** 30 - 1, total }) })
    await desk.world.wait(desk.MINUTE)
    expect(desk.alarms('disk-low:')).toBe(2)
    expect(await desk.lastTo(desk.linus)).toContain('Free: 1 GiB')
    await desk.world.wait(desk.HOUR)
    expect(desk.alarms('disk-low:')).toBe(2)
    await desk.world.wait(desk.DAY)
    expect(desk.alarms('disk-low:')).toBe(4)
    Object.assign(db, { disk: () => room })
    await desk.world.wait(2 * desk.DAY)
    expect(desk.alarms('disk-low:')).toBe(4)
  })
})
