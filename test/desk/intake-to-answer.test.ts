/**
 * From inbox to answer on the real steps of the desk: reports, receipts and maintainers' messages, what a crash, a bug or a key
 * of no use does to them, and what the rows look like afterwards (G1, G2, G3, G9).
 */

import { isDeepStrictEqual } from 'node:util'
import { readPrivateKey, reformatKey } from 'openpgp'
import { describe, expect, it, vi } from 'vitest'
import { handlePending } from '../../src/desk/work.ts'
import { CASE_KINDS } from '../../src/domain/event.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import * as cases from '../../src/store/cases.ts'
import * as events from '../../src/store/events.ts'
import * as desk from '../support/desk.ts'
import { type Someone } from '../support/world.ts'
import { caseRecord, ROOTS, tag } from '../unit/policy/samples.ts'
import { lines, mixed, textPart } from '../unit/reading/material.ts'

/** State, disposition and tries of each message. */
function arrived(): string[] {
  const sql =
    "SELECT state || ' ' || coalesce(disposition, '') || ' ' || tries FROM arrivals ORDER BY id"
  return desk.world.column(sql)
}

it('a message of a maintainer reads the record of its case once to be decided', async () => {
  await desk.givenReport()
  await desk.writes(desk.grace, '/accept\n/embargo 2026-12-09 14:00')
  const { read } = desk.world.desk.db
  const asked: unknown[] = []
  vi.spyOn(desk.world.desk.db, 'read').mockImplementation((work) =>
    read((handle) =>
      work({
        ...handle,
        all: (sql, params) => {
          asked.push(params)
          return handle.all(sql, params)
        }
      })
    )
  )
  await desk.writes(desk.grace, '/status')
  const decided = { kind: 'case', id: desk.FIRST, from: 0, kinds: CASE_KINDS }
  expect(asked.filter((params) => isDeepStrictEqual(params, decided))).toHaveLength(1)
})

describe('a report', () => {
  it('is acknowledged, relayed and answered, each to one person alone (M-01, M-02, M-10)', async () => {
    await desk.givenReport({ text: 'Here is how.\n' })
    expect(desk.world.accepted.map(({ to }) => to).sort()).toEqual([
      desk.alice.address,
      desk.grace.address,
      desk.linus.address
    ])
    expect(await desk.allTo(desk.grace)).toContain('Here is how.')
    const acknowledged = await desk.allTo(desk.alice)
    expect(acknowledged).toContain(desk.FIRST)
    expect(acknowledged).not.toContain('Here is how')
    await desk.writes(desk.grace, '/accept\n/reply\nThank you, Alice.\n')
    expect(await desk.allTo(desk.alice)).toContain('Thank you, Alice.')
    expect(await desk.lastTo(desk.linus)).toContain('accepted the case')
    expect(desk.world.rows('SELECT state, owner FROM cases')).toEqual([
      { state: 'accepted', owner: 'grace' }
    ])
    expect([...desk.world.inbox.keys()]).toEqual([])
    expect(desk.world.processed).toEqual([1, 2])
  })

  it('beyond five a day is listed to each sender, although the list of another shows a bug; people are told of the bug (G9)', async () => {
    await desk.givenDesk([desk.grace])
    const { render } = desk.world.desk
    const broken: typeof render = (message, occasion) => {
      // The first one that alice's list names.
      if (message.kind === 'further-reports' && JSON.stringify(message).includes('2026-0006'))
        throw new TypeError('a bug at this list')
      return render(message, occasion)
    }
    Object.assign(desk.world.desk, { render: broken })
    for (const who of [desk.alice, desk.bob])
      for (let report = 1; report <= 7; report += 1) {
        const text = `${who.id} ${report}`
        desk.world.deliver(await desk.world.write(who, { subject: 'x', text, as: 'clear' }))
      }
    await desk.world.settle()
    await desk.world.wait(25 * desk.HOUR)
    const listed = () =>
      desk.world.column("SELECT envelope_to FROM outbox WHERE kind = 'further-reports' ORDER BY id")
    expect(listed()).toEqual([desk.bob.address])
    expect(await desk.allTo(desk.grace)).toContain('list of the further reports of one sender')
    expect(await desk.allTo(desk.grace)).toContain('sent more than 5 reports within 24 hours')
    Object.assign(desk.world.desk, { render })
    await desk.world.wait(2 * desk.HOUR)
    expect(listed()).toEqual([desk.bob.address, desk.alice.address])
    expect(await desk.allTo(desk.grace)).toContain(
      'ACME-2026-0005 and ACME-2026-0004 (6 open cases in all)'
    )
    const again = { as: 'clear', ...desk.answering(desk.alice) } as const
    await desk.givenMessage(desk.alice, {
      subject: 'Re: list',
      text: 'On ACME-2026-0007: more.',
      ...again
    })
    expect(await desk.lastTo(desk.grace)).toContain(
      'The text names ACME-2026-0007, which this sender'
    )
  })

  it('is answered in the order of arrival', async () => {
    await desk.givenDesk([desk.grace])
    const subjects = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
    for (const subject of subjects)
      await desk.givenMessage(desk.alice, { subject, text: subject, as: 'clear' })
    expect(desk.world.column('SELECT subject FROM cases ORDER BY tag')).toEqual(subjects)
  })

  it('that comes twice byte for byte is handled once and both are kept (G1, G2)', async () => {
    await desk.givenDesk([desk.grace])
    const raw = await desk.world.write(desk.alice, { subject: 'x', text: 'x', as: 'clear' })
    desk.world.deliver(raw)
    await desk.world.receive(raw)
    await desk.world.receive(raw)
    expect(desk.world.dispositions()).toEqual(['case-opened', 'duplicate', 'duplicate'])
    expect(desk.world.column('SELECT duplicate_of FROM arrivals')).toEqual([null, 1, 1])
    expect(desk.world.rows('SELECT raw FROM arrival_bytes')).toHaveLength(1)
    expect(desk.world.rows('SELECT id FROM cases')).toHaveLength(1)
    expect(desk.world.processed).toEqual([1, 2, 3])
  })

  it('too large to be fetched is held, acknowledged and told', async () => {
    await desk.givenDesk([desk.grace], { limits: { mail_size: 2000 } })
    await desk.givenMessage(desk.alice, { subject: 'big', text: 'x\n'.repeat(3000), as: 'clear' })
    expect(arrived()).toEqual([expect.stringMatching(/^held too-large /)])
    expect(desk.world.heldMails).toEqual([1])
    expect(desk.world.accepted.map(({ to }) => to).sort()).toEqual([
      desk.alice.address,
      desk.grace.address
    ])
  })

  it('of a reporter whose key renewed its expiry is answered with the renewed key', async () => {
    await desk.givenDesk([desk.grace])
    const short = await desk.givenReporter('bob', 30)
    await desk.givenMessage(short, { subject: 'a', text: 'a', as: 'clear', autocrypt: true })
    const before = desk.world.rows<{ length: number }>(
      'SELECT length(key_data) AS length FROM reporter_keys WHERE is_used = 1'
    )
    expect(before).toHaveLength(1)
    desk.world.pass(40 * desk.DAY)
    const { privateKey } = await reformatKey({
      privateKey: short.secret,
      userIDs: [{ name: 'Bob', email: short.address }],
      keyExpirationTime: 400 * 86_400,
      date: new Date(Date.parse(desk.world.clock.now) - 60_000),
      format: 'armored'
    })
    const secret = await readPrivateKey({ armoredKey: privateKey })
    const renewed = { ...short, secret, keyData: secret.toPublic().write() }
    await desk.givenMessage(renewed, { subject: 'b', text: 'b', as: 'clear', autocrypt: true })
    await desk.writes(desk.grace, '/reply\nSealed again.\n', { tag: 'ACME-2027-0001' })
    expect(await desk.lastTo(renewed)).toContain('Sealed again.')
  })
})

describe('a maintainer', () => {
  it('whose key has expired gets a content-free word once a day; an alarm and the others go on (G3)', async () => {
    const old = await desk.givenMaintainer('linus', 10)
    await desk.givenDesk([desk.grace, old])
    for (const subject of ['one', 'two'])
      await desk.givenMessage(desk.alice, { subject, text: 'the secret', as: 'clear' })
    const words = desk.world.sentTo(old).map(({ raw }) => Buffer.from(raw).toString())
    expect(words).toHaveLength(1)
    expect(words[0]).not.toContain('the secret')
    expect(words[0]).not.toContain('ACME-2026')
    const told = (await desk.textsTo(desk.grace)).filter((text) =>
      text.includes('not sent because of a key')
    )
    expect(told.length).toBeGreaterThanOrEqual(1)
    expect(
      (await desk.textsTo(desk.grace)).filter((text) => text.includes('the secret'))
    ).toHaveLength(2)
    desk.world.pass(desk.DAY)
    await desk.givenMessage(desk.alice, { subject: 'three', text: 'the secret', as: 'clear' })
    expect(desk.world.sentTo(old)).toHaveLength(2)
  })

  it('is on the record with each refused command and the sentence that its author got, also where no case is meant (G8)', async () => {
    await desk.givenReport()
    await desk.writes(desk.grace, '/product x\n/reopen because x\n')
    for (const text of ['/take\n', '/cases\n'])
      await desk.givenMessage(desk.grace, { subject: 'x', text })
    const refused = (verb: string, says: string) => ({
      verb,
      says: expect.stringContaining(says) as unknown
    })
    expect(desk.recorded('commands-refused', 'commands-ran')).toEqual([
      {
        refused: [
          refused('product', 'There is no product with this id. One of: '),
          refused('reopen', 'The case is open, and the report is not accepted yet. Next is ')
        ]
      },
      { refused: [refused('take', 'names no case. Please reply to a message of the case')] },
      { verbs: ['cases'] }
    ])
    const where = "SELECT subject_id FROM events WHERE kind LIKE 'commands-%' ORDER BY id"
    expect(desk.world.column(where)).toEqual([desk.FIRST, 'grace', 'grace'])
  })

  it('leaves nothing of what it holds on the record where it is refused, nor an address (G8)', async () => {
    await desk.givenReport({ text: 'secret a@secret.example', as: 'clear', autocrypt: false })
    await desk.writes(desk.grace, '/accept\n/embargo 2026-12-09T12:00:00Z because later\n')
    await desk.writes(desk.grace, '/unsend\n')
    const draft = '/notice draft\ntitle: See https://secret.example/"secret" of 12/09/2026\n'
    await desk.writes(desk.grace, `${draft}affected_versions: secret "secret"\n`)
    const verbs = ['take /secret', 'help secret', 'product secret', 'reopen because secret']
    verbs.push('embargo 2026-12-12 12:00 secret', 'notice approve secret', 'key accept secret')
    verbs.push('merge secret', 'unsend', 'notice preview', 'secret the "secret"')
    const texts = [
      ...verbs.map((verb) => `/${verb}\n`),
      'Hello,\n/reply\nThe secret.\n',
      '/reject secret because a "secret" b\n/close\nHello.\n',
      '/notice draft\nsecret: x\n',
      '/notice draft\nThe "secret" of a@secret.example\ntitle: x\n',
      '/reply\nHello.\n\nOn Monday a@secret.example "secret" wrote:\n\nx\n'
    ]
    for (const text of texts) await desk.writes(desk.grace, text)
    await desk.writes(desk.grace, '/notice draft\n', {
      patch: { filename: 'secret x', content: 'x' }
    })
    const all = desk.recorded('commands-refused')
    expect(all).toHaveLength(texts.length + 1)
    expect(JSON.stringify(all)).not.toMatch(/secret|@/i)
  })
})

describe('a message that kills its worker (G9)', () => {
  it('is quarantined after three tries, acknowledged and told, and the next message is served at once', async () => {
    await desk.givenDesk([desk.grace])
    const poison = await desk.world.write(desk.alice, {
      subject: 'poison',
      text: 'POISON',
      as: 'clear'
    })
    const good = await desk.world.write(desk.bob, { subject: 'good', text: 'good', as: 'clear' })
    desk.world.workers.fail = (raw, call) =>
      call === 'open' && Buffer.from(raw).includes('POISON')
        ? new Trouble('worker-limit', 'out of time', { retryable: true })
        : null
    desk.world.deliver(poison)
    await desk.world.receive(good)
    expect(arrived()).toEqual(['pending  1', 'done case-opened 0'])
    for (let round = 0; round < 4; round += 1) {
      await desk.world.wait(5000)
    }
    expect(arrived()).toEqual(['held quarantined 3', 'done case-opened 0'])
    expect(desk.world.sentTo(desk.alice)).toHaveLength(1)
    expect(desk.world.sentTo(desk.grace)).toHaveLength(2)
    expect(desk.world.heldMails).toEqual([1])
    expect(desk.world.processed).toEqual([2])
  })

  it('is held unread, its bytes are kept, and people are told when not even its header can be read (G1)', async () => {
    await desk.givenDesk([desk.grace])
    desk.world.workers.fail = () => new Trouble('worker-crash', 'dead', { retryable: true })
    const poison = await desk.world.write(desk.alice, { subject: 'poison', text: 'x', as: 'clear' })
    desk.world.deliver(poison)
    for (let round = 0; round < 5; round += 1) {
      await desk.world.settle()
      desk.world.pass(5000)
    }
    expect(arrived()).toEqual([expect.stringMatching(/^held quarantined /)])
    expect(desk.world.rows('SELECT raw FROM arrival_bytes')).toEqual([{ raw: Buffer.from(poison) }])
    expect(await desk.allTo(desk.grace)).toContain('A message could not be read')
  })
})

it('a message that the server puts off is tried again after 4xx and a lost connection, with the same bytes (G2); the record says that it was sent when the server has taken it (A1, B6)', async () => {
  await desk.givenDesk([])
  desk.world.deliver(await desk.world.write(desk.alice, { subject: 'x', text: 'x', as: 'clear' }))
  desk.world.replies.push('deferred', 'uncertain', 'deferred')
  await desk.world.settle()
  expect(desk.recorded('told')).toEqual([])
  for (let hour = 0; hour < 30; hour += 1) {
    await desk.world.settle()
    desk.world.pass(60_000 * 5)
  }
  expect(desk.world.accepted.map(({ to }) => to)).toEqual([desk.alice.address])
  expect(desk.world.rows('SELECT state, attempts FROM outbox')).toEqual([
    { state: 'sent', attempts: 4 }
  ])
  const id = desk.world.accepted[0]?.messageId
  const whom = { audience: 'reporter', recipient: desk.FIRST }
  expect(desk.recorded('told')).toEqual([{ ...whom, message: 'acknowledgement', id }])
})

it('(G2) nothing leaves before the disk has that it may have left: while the disk fails a message waits, and then it leaves once', async () => {
  await desk.givenDesk([])
  desk.world.disk.trouble = new Trouble('database', 'the disk fails', { retryable: true })
  desk.world.deliver(await desk.world.write(desk.alice, { subject: 'x', text: 'x', as: 'clear' }))
  await expect(desk.world.settle()).rejects.toThrow('the disk fails')
  await expect(desk.world.settle()).rejects.toThrow('the disk fails')
  expect(desk.world.accepted).toEqual([])

  desk.world.disk.trouble = null
  await desk.world.settle()
  expect(desk.world.accepted.map(({ to }) => to)).toEqual([desk.alice.address])
  expect(desk.world.rows('SELECT state, attempts FROM outbox')).toEqual([
    { state: 'sent', attempts: 1 }
  ])
})

it('(G2) an outcome that cannot be written while the database is busy is written later: nothing stays on its way, or leaves twice', async () => {
  await desk.givenDesk([])
  const { db } = desk.world.desk
  const busy = new Trouble('database-busy', 'another program is writing', { retryable: true })
  const { transact } = db
  const fails = vi.spyOn(db, 'transact')
  desk.world.server.refuses = () => {
    fails.mockImplementation(() => {
      throw busy
    })
    return false
  }
  desk.world.deliver(await desk.world.write(desk.alice, { subject: 'x', text: 'x', as: 'clear' }))
  await expect(desk.world.settle()).rejects.toThrow('another program is writing')
  expect(desk.world.accepted.map(({ to }) => to)).toEqual([desk.alice.address])

  fails.mockImplementation(transact)
  await desk.world.settle()
  expect(desk.world.rows('SELECT state, attempts FROM outbox')).toEqual([
    { state: 'sent', attempts: 1 }
  ])
  desk.world.restart()
  await desk.world.settle()
  expect(desk.world.accepted).toHaveLength(1)
})

const HEAD = ['From: <alice@reporter.example>', 'To: <security@acme.example>', 'MIME-Version: 1.0']

function receipt(id: string, original: string): string {
  const type = 'multipart/report; report-type=disposition-notification; boundary=r'
  return lines(
    ...HEAD,
    'Subject: Read: your report',
    `Message-ID: <${id}@reporter.example>`,
    `References: <${original}>`,
    `Content-Type: ${type}`,
    '',
    '--r',
    '',
    'It was displayed.',
    '--r',
    'Content-Type: message/disposition-notification',
    '',
    `Original-Message-ID: <${original}>`,
    'Disposition: manual-action/MDN-sent-manually; displayed',
    '',
    '--r--',
    ''
  )
}

it('a report with a receipt attached is relayed like any, and so is a receipt for no message of the desk (G1)', async () => {
  await desk.givenDesk([desk.grace])
  const crash = 'Content-Type: message/disposition-notification\r\n\r\nReporting-UA: x\r\n'
  const head = [...HEAD, 'Subject: A hole in your reader of receipts', 'Message-ID: <1@x.example>']
  desk.world.deliver(
    Buffer.from(lines(...head) + mixed([textPart('The attached one crashes it.'), crash]))
  )
  await desk.world.receive(Buffer.from(receipt('2', 'unknown@acme.example')))

  expect(desk.world.dispositions()).toEqual(['case-opened', 'case-opened'])
  expect(desk.world.accepted.map(({ to }) => to)).toEqual([desk.grace.address, desk.grace.address])
  expect((await desk.textsTo(desk.grace))[0]).toContain('The attached one crashes it.')
})

it('a receipt that answers a message of the desk goes to its case and bothers nobody', async () => {
  await desk.givenDesk([desk.grace])
  await desk.world.receive(
    Buffer.from(lines(...HEAD, 'Subject: x', 'Message-ID: <1@x.example>', '', 'A hole.'))
  )
  const before = desk.world.accepted.length
  await desk.world.receive(Buffer.from(receipt('2', desk.latest(desk.alice).messageId)))
  expect(desk.world.dispositions()).toEqual(['case-opened', 'bounce'])
  expect(desk.world.column('SELECT case_id FROM arrivals')).toEqual([1, 1])
  expect(desk.world.accepted).toHaveLength(before)
})

it('a message in a case that only its header calls a receipt, or that is one for no message of the desk, is shown (G1)', async () => {
  await desk.givenReport()
  const { messageId } = desk.latest(desk.alice)
  const words = receipt('2', messageId)
    .replace('message/disposition-notification', 'text/plain')
    .replace('It was displayed.', 'The exploit is public now.')
  await desk.world.receive(Buffer.from(words))
  expect((await desk.textsTo(desk.grace)).at(-1)).toContain('The exploit is public now.')
  // One that is a receipt, but for no message of the desk.
  const other = receipt('3', 'unknown@acme.example')
  await desk.world.receive(Buffer.from(other.replace(/(References: )<.*>/, `$1<${messageId}>`)))
  expect(desk.world.dispositions()).toEqual(['case-opened', 'case-joined', 'case-joined'])
  expect((await desk.textsTo(desk.grace)).at(-1)).toContain('It was displayed.')
})

it('refusals to a maintainer end after 10 an hour in one name, with an alarm once a day', async () => {
  await desk.givenDesk()
  const forge = async (who: Someone, count: number): Promise<string[]> => {
    const before = desk.world.accepted.length
    for (let made = 0; made < count; made += 1)
      await desk.givenMessage(who, { subject: 'x', text: '/take', as: 'clear' })
    return desk.textsTo(who, before)
  }
  const said = await forge(desk.grace, 12)
  expect(said.filter((text) => text.includes('did not act on'))).toHaveLength(10)
  expect(said.slice(10)).toEqual([expect.stringContaining('Many messages in a maintainer')])
  expect(await forge(desk.linus, 1)).toEqual([expect.stringContaining('did not act on')])
})

/** Each Message-ID with how often it was accepted and in how many different forms. */
function acceptedForms() {
  const seen = new Map<string, string[]>()
  for (const { messageId, raw } of desk.world.accepted)
    seen.set(messageId, [...(seen.get(messageId) ?? []), Buffer.from(raw).toString('latin1')])
  return [...seen].map(([id, all]) => ({ id, times: all.length, forms: new Set(all).size }))
}

/** Lets every retry come and whatever was in the air be sent. */
async function calm(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await desk.world.wait(20 * desk.MINUTE)
}

describe('a crash', { timeout: 60_000 }, () => {
  it('at any effect of a report and a command loses nothing and sends no decision twice', async () => {
    await desk.givenDesk([desk.grace, desk.linus])
    const report = { subject: 'x', text: 'x', as: 'encrypted', autocrypt: true } as const
    const command = { subject: `Re: [${desk.FIRST}]`, text: '/accept\n/reply\nThank you.\n' }
    desk.world.deliver(await desk.world.write(desk.alice, report))
    desk.world.deliver(await desk.world.write(desk.grace, command))
    expect(await desk.diesAtEveryStep()).toBeGreaterThan(10)
    await calm()
    expect(arrived()).toEqual(['done case-opened 0', 'done commands 0'])
    expect(desk.caseStates()).toHaveLength(1)
    expect(desk.world.inbox.size).toBe(0)
    expect(desk.world.column('SELECT kind FROM outbox ORDER BY kind')).toEqual([
      ...['accepted', 'acknowledgement', 'activity', 'relay', 'relay', 'transcript']
    ])
    // An acknowledgement that was lost before the answer never leaves.
    const unsent = desk.world.column("SELECT kind FROM outbox WHERE state <> 'sent'")
    const overtaken = unsent.filter((kind) => kind === 'acknowledgement')
    expect(unsent).toEqual(overtaken)
    // Only what SMTP had accepted before a crash comes again, byte for byte.
    expect(acceptedForms().every(({ forms }) => forms === 1)).toBe(true)
    expect(acceptedForms()).toHaveLength(6 - overtaken.length)
    expect(desk.world.desk.db.read((read) => events.verify(read)).ok).toBe(true)
  })

  it('after SMTP accepted and before that is stored sends the same bytes once more (G2)', async () => {
    await desk.givenDesk([])
    desk.world.deliver(await desk.world.write(desk.alice, { subject: 'x', text: 'x', as: 'clear' }))
    const push = desk.world.accepted.push.bind(desk.world.accepted)
    Object.assign(desk.world.accepted, {
      push: (...mails: (typeof desk.world.accepted)[number][]) => {
        if (desk.world.accepted.length === 0) desk.world.dieAt(1)
        return push(...mails)
      }
    })
    await expect(desk.world.settle()).rejects.toThrow()
    desk.world.restart()
    expect(desk.world.rows('SELECT state FROM outbox')).toEqual([{ state: 'queued' }])
    await calm()
    expect(acceptedForms()).toEqual([{ id: expect.any(String), times: 2, forms: 1 }])
  })

  it('between two processes that write at once is a conflict that is tried again', async () => {
    await desk.givenDesk([desk.grace])
    const raw = await desk.world.write(desk.alice, { subject: 'x', text: 'x', as: 'clear' })
    const { now } = desk.world.clock
    const place = { mailbox: 'INBOX', uidValidity: '1', uid: 1, part: 'whole' } as const
    const arrival = { ...place, receivedAt: now, arrivedAt: now, size: raw.length, raw }
    desk.world.desk.db.transact((tx) => arrivals.add(tx, arrival, now))
    let stolen = 0
    desk.world.workers.failSeal = () => {
      // Somebody else takes the case number that this message was about to get.
      if (stolen < 2) {
        stolen += 1
        const theirs = caseRecord({ tag: tag(`ACME-2026-000${stolen}`) })
        desk.world.desk.db.transact((tx) => cases.open(tx, theirs, ROOTS))
      }
      return null
    }
    await handlePending(desk.world.desk, new AbortController().signal, () => undefined)
    expect(desk.world.column('SELECT max(tag) FROM cases')).toEqual([desk.THIRD])
    expect(arrived()).toEqual(['done case-opened 0'])
  })
})

describe('a maintainer whose key could not be used (G2, G3)', () => {
  const brief = desk.givenMaintainer('linus', 24)

  /** Linus' key ends; then two reports and a note come, and one of the two cases is over. */
  async function givenMissed(): Promise<void> {
    await desk.givenDesk([desk.grace, await brief])
    desk.world.pass(3 * desk.DAY)
    for (const text of ['the first', 'the second'])
      await desk.givenMessage(desk.alice, { subject: 'x', text, as: 'encrypted' })
    await desk.writes(desk.grace, 'a note for you\n')
    await desk.writes(desk.grace, '/reject upstream\n', { tag: desk.SECOND })
  }
  /** The operator puts the new key into the configuration and starts the desk again. */
  async function renew(): Promise<void> {
    await desk.world.renewKey(desk.linus)
    desk.world.restart()
  }
  const sealed = () =>
    desk.world.sentTo(desk.linus).filter((mail) => desk.onTheWay([mail]).includes('PGP MESSAGE'))
  const told = () => Promise.all(sealed().map((mail) => desk.readBy(desk.linus, mail)))

  /** The messages that the open case has on record as not encrypted and told to nobody. */
  function missed(): string[] {
    const sql = `SELECT about ->> 'message' AS kind FROM events WHERE kind = 'not-encrypted' AND subject_id = ?
      AND NOT EXISTS (SELECT 1 FROM rings WHERE clock = 'missed' AND rings.subject_id = events.subject_id
        AND events.id BETWEEN each_from AND generation) ORDER BY id`
    return desk.world.column(sql, [desk.FIRST])
  }

  it('is sent nothing sealed while it cannot, restart or not, and gets one sealed message for each open case once there is a current key, with what was missed; the others had it all and get nothing', async () => {
    await givenMissed()
    await desk.restarts()
    expect(await told()).toEqual([])
    expect(missed()).toEqual(['relay', 'note'])
    const before = desk.world.sentTo(desk.grace).length
    await renew()
    await desk.world.settle()
    expect(desk.world.sentTo(desk.grace)).toHaveLength(before)
    const [mail = '', ...more] = await told()
    expect(more).toEqual([])
    expect(mail).toContain(`[${desk.FIRST}] What you missed while your key could not be used`)
    expect(mail).toContain('Not sent: forwarded message (1), note (1)')
    expect(mail).toContain(`Ref: ${desk.FIRST} `)
    expect(missed()).toEqual([])
  })

  it('is told once, and gets what comes from then on as everybody does', async () => {
    await givenMissed()
    await renew()
    await desk.world.settle()
    await desk.restarts()
    await desk.writes(desk.grace, 'another note\n')
    const texts = await told()
    expect(texts).toHaveLength(2)
    expect(texts[1]).toContain('another note')
  })

  it('is told once also when the process dies at any effect', async () => {
    await givenMissed()
    await renew()
    await desk.diesAtEveryStep()
    await desk.world.wait(20 * desk.MINUTE)
    expect(new Set(sealed().map(({ messageId }) => messageId)).size).toBe(1)
    expect(missed()).toEqual([])
  })

  it('is not forgotten when the message about it shows a bug: the work goes on, and people are told of the bug (G9)', async () => {
    await givenMissed()
    await renew()
    desk.world.workers.failSeal = (said) =>
      said.includes('What you missed') ? new TypeError('a bug at this mail') : null
    await desk.writes(desk.grace, 'another note\n')
    const meanwhile = await told()
    expect(meanwhile).toHaveLength(2)
    expect(meanwhile.join()).toContain('another note')
    expect(meanwhile.join()).toContain(`Failed at: reminder missed ${desk.FIRST} (TypeError)`)
    desk.world.workers.failSeal = null
    await desk.world.wait(20 * desk.MINUTE)
    expect(await told()).toHaveLength(3)
    expect(missed()).toEqual([])
  })
})
