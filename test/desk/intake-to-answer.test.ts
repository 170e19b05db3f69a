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
import {
  alice,
  allTo,
  answering,
  bob,
  caseStates,
  DAY,
  diesAtEveryStep,
  FIRST,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenReport,
  givenReporter,
  grace,
  HOUR,
  lastTo,
  latest,
  linus,
  MINUTE,
  onTheWay,
  readBy,
  recorded,
  restarts,
  SECOND,
  THIRD,
  textsTo,
  world,
  writes
} from '../support/desk.ts'
import { type Someone } from '../support/world.ts'
import { caseRecord, ROOTS, tag } from '../unit/policy/samples.ts'
import { lines, mixed, textPart } from '../unit/reading/material.ts'

/** State, disposition and tries of each message. */
function arrived(): string[] {
  const sql =
    "SELECT state || ' ' || coalesce(disposition, '') || ' ' || tries FROM arrivals ORDER BY id"
  return world.column(sql)
}

it('a message of a maintainer reads the record of its case once to be decided', async () => {
  await givenReport()
  await writes(grace, '/accept\n/embargo 2026-12-09 14:00')
  const { read } = world.desk.db
  const asked: unknown[] = []
  vi.spyOn(world.desk.db, 'read').mockImplementation((work) =>
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
  await writes(grace, '/status')
  const decided = { kind: 'case', id: FIRST, from: 0, kinds: CASE_KINDS }
  expect(asked.filter((params) => isDeepStrictEqual(params, decided))).toHaveLength(1)
})

describe('a report', () => {
  it('is acknowledged, relayed and answered, each to one person alone (M-01, M-02, M-10)', async () => {
    await givenReport({ text: 'Here is how.\n' })
    expect(world.accepted.map(({ to }) => to).sort()).toEqual([
      alice.address,
      grace.address,
      linus.address
    ])
    expect(await allTo(grace)).toContain('Here is how.')
    const acknowledged = await allTo(alice)
    expect(acknowledged).toContain(FIRST)
    expect(acknowledged).not.toContain('Here is how')
    await writes(grace, '/accept\n/reply\nThank you, Alice.\n')
    expect(await allTo(alice)).toContain('Thank you, Alice.')
    expect(await lastTo(linus)).toContain('accepted the case')
    expect(world.rows('SELECT state, owner FROM cases')).toEqual([
      { state: 'accepted', owner: 'grace' }
    ])
    expect([...world.inbox.keys()]).toEqual([])
    expect(world.processed).toEqual([1, 2])
  })

  it('beyond five a day is listed to each sender, although the list of another shows a bug; people are told of the bug (G9)', async () => {
    await givenDesk([grace])
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
    await world.wait(25 * HOUR)
    const listed = () =>
      world.column("SELECT envelope_to FROM outbox WHERE kind = 'further-reports' ORDER BY id")
    expect(listed()).toEqual([bob.address])
    expect(await allTo(grace)).toContain('list of the further reports of one sender')
    expect(await allTo(grace)).toContain('sent more than 5 reports within 24 hours')
    Object.assign(world.desk, { render })
    await world.wait(2 * HOUR)
    expect(listed()).toEqual([bob.address, alice.address])
    expect(await allTo(grace)).toContain('ACME-2026-0005 and ACME-2026-0004 (6 open cases in all)')
    const again = { as: 'clear', ...answering(alice) } as const
    await givenMessage(alice, { subject: 'Re: list', text: 'On ACME-2026-0007: more.', ...again })
    expect(await lastTo(grace)).toContain('The text names ACME-2026-0007, which this sender')
  })

  it('is answered in the order of arrival', async () => {
    await givenDesk([grace])
    const subjects = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
    for (const subject of subjects)
      await givenMessage(alice, { subject, text: subject, as: 'clear' })
    expect(world.column('SELECT subject FROM cases ORDER BY tag')).toEqual(subjects)
  })

  it('that comes twice byte for byte is handled once and both are kept (G1, G2)', async () => {
    await givenDesk([grace])
    const raw = await world.write(alice, { subject: 'x', text: 'x', as: 'clear' })
    world.deliver(raw)
    await world.receive(raw)
    await world.receive(raw)
    expect(world.dispositions()).toEqual(['case-opened', 'duplicate', 'duplicate'])
    expect(world.column('SELECT duplicate_of FROM arrivals')).toEqual([null, 1, 1])
    expect(world.rows('SELECT raw FROM arrival_bytes')).toHaveLength(1)
    expect(world.rows('SELECT id FROM cases')).toHaveLength(1)
    expect(world.processed).toEqual([1, 2, 3])
  })

  it('too large to be fetched is held, acknowledged and told', async () => {
    await givenDesk([grace], { limits: { mail_size: 2000 } })
    await givenMessage(alice, { subject: 'big', text: 'x\n'.repeat(3000), as: 'clear' })
    expect(arrived()).toEqual([expect.stringMatching(/^held too-large /)])
    expect(world.heldMails).toEqual([1])
    expect(world.accepted.map(({ to }) => to).sort()).toEqual([alice.address, grace.address])
  })

  it('of a reporter whose key renewed its expiry is answered with the renewed key', async () => {
    await givenDesk([grace])
    const short = await givenReporter('bob', 30)
    await givenMessage(short, { subject: 'a', text: 'a', as: 'clear', autocrypt: true })
    const before = world.rows<{ length: number }>(
      'SELECT length(key_data) AS length FROM reporter_keys WHERE is_used = 1'
    )
    expect(before).toHaveLength(1)
    world.pass(40 * DAY)
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
    await writes(grace, '/reply\nSealed again.\n', { tag: 'ACME-2027-0001' })
    expect(await lastTo(renewed)).toContain('Sealed again.')
  })
})

describe('a maintainer', () => {
  it('whose key has expired gets a content-free word once a day; an alarm and the others go on (G3)', async () => {
    const old = await givenMaintainer('linus', 10)
    await givenDesk([grace, old])
    for (const subject of ['one', 'two'])
      await givenMessage(alice, { subject, text: 'the secret', as: 'clear' })
    const words = world.sentTo(old).map(({ raw }) => Buffer.from(raw).toString())
    expect(words).toHaveLength(1)
    expect(words[0]).not.toContain('the secret')
    expect(words[0]).not.toContain('ACME-2026')
    const told = (await textsTo(grace)).filter((text) => text.includes('not sent because of a key'))
    expect(told.length).toBeGreaterThanOrEqual(1)
    expect((await textsTo(grace)).filter((text) => text.includes('the secret'))).toHaveLength(2)
    world.pass(DAY)
    await givenMessage(alice, { subject: 'three', text: 'the secret', as: 'clear' })
    expect(world.sentTo(old)).toHaveLength(2)
  })

  it('is on the record with each refused command and the sentence that its author got, also where no case is meant (G8)', async () => {
    await givenReport()
    await writes(grace, '/product x\n/reopen because x\n')
    for (const text of ['/take\n', '/cases\n']) await givenMessage(grace, { subject: 'x', text })
    const refused = (verb: string, says: string) => ({
      verb,
      says: expect.stringContaining(says) as unknown
    })
    expect(recorded('commands-refused', 'commands-ran')).toEqual([
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
    expect(world.column(where)).toEqual([FIRST, 'grace', 'grace'])
  })

  it('leaves nothing of what it holds on the record where it is refused, nor an address (G8)', async () => {
    await givenReport({ text: 'secret a@secret.example', as: 'clear', autocrypt: false })
    await writes(grace, '/accept\n/embargo 2026-12-09T12:00:00Z because later\n')
    await writes(grace, '/unsend\n')
    const draft = '/notice draft\ntitle: See https://secret.example/"secret" of 12/09/2026\n'
    await writes(grace, `${draft}affected_versions: secret "secret"\n`)
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
    for (const text of texts) await writes(grace, text)
    await writes(grace, '/notice draft\n', { patch: { filename: 'secret x', content: 'x' } })
    const all = recorded('commands-refused')
    expect(all).toHaveLength(texts.length + 1)
    expect(JSON.stringify(all)).not.toMatch(/secret|@/i)
  })
})

describe('a message that kills its worker (G9)', () => {
  it('is quarantined after three tries, acknowledged and told, and the next message is served at once', async () => {
    await givenDesk([grace])
    const poison = await world.write(alice, { subject: 'poison', text: 'POISON', as: 'clear' })
    const good = await world.write(bob, { subject: 'good', text: 'good', as: 'clear' })
    world.workers.fail = (raw, call) =>
      call === 'open' && Buffer.from(raw).includes('POISON')
        ? new Trouble('worker-limit', 'out of time', { retryable: true })
        : null
    world.deliver(poison)
    await world.receive(good)
    expect(arrived()).toEqual(['pending  1', 'done case-opened 0'])
    for (let round = 0; round < 4; round += 1) {
      await world.wait(5000)
    }
    expect(arrived()).toEqual(['held quarantined 3', 'done case-opened 0'])
    expect(world.sentTo(alice)).toHaveLength(1)
    expect(world.sentTo(grace)).toHaveLength(2)
    expect(world.heldMails).toEqual([1])
    expect(world.processed).toEqual([2])
  })

  it('is held unread, its bytes are kept, and people are told when not even its header can be read (G1)', async () => {
    await givenDesk([grace])
    world.workers.fail = () => new Trouble('worker-crash', 'dead', { retryable: true })
    const poison = await world.write(alice, { subject: 'poison', text: 'x', as: 'clear' })
    world.deliver(poison)
    for (let round = 0; round < 5; round += 1) {
      await world.settle()
      world.pass(5000)
    }
    expect(arrived()).toEqual([expect.stringMatching(/^held quarantined /)])
    expect(world.rows('SELECT raw FROM arrival_bytes')).toEqual([{ raw: Buffer.from(poison) }])
    expect(await allTo(grace)).toContain('A message could not be read')
  })
})

it('a message that the server puts off is tried again after 4xx and a lost connection, with the same bytes (G2); the record says that it was sent when the server has taken it (A1, B6)', async () => {
  await givenDesk([])
  world.deliver(await world.write(alice, { subject: 'x', text: 'x', as: 'clear' }))
  world.replies.push('deferred', 'uncertain', 'deferred')
  await world.settle()
  expect(recorded('told')).toEqual([])
  for (let hour = 0; hour < 30; hour += 1) {
    await world.settle()
    world.pass(60_000 * 5)
  }
  expect(world.accepted.map(({ to }) => to)).toEqual([alice.address])
  expect(world.rows('SELECT state, attempts FROM outbox')).toEqual([{ state: 'sent', attempts: 4 }])
  const id = world.accepted[0]?.messageId
  const whom = { audience: 'reporter', recipient: FIRST }
  expect(recorded('told')).toEqual([{ ...whom, message: 'acknowledgement', id }])
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
  await givenDesk([grace])
  const crash = 'Content-Type: message/disposition-notification\r\n\r\nReporting-UA: x\r\n'
  const head = [...HEAD, 'Subject: A hole in your reader of receipts', 'Message-ID: <1@x.example>']
  world.deliver(
    Buffer.from(lines(...head) + mixed([textPart('The attached one crashes it.'), crash]))
  )
  await world.receive(Buffer.from(receipt('2', 'unknown@acme.example')))

  expect(world.dispositions()).toEqual(['case-opened', 'case-opened'])
  expect(world.accepted.map(({ to }) => to)).toEqual([grace.address, grace.address])
  expect((await textsTo(grace))[0]).toContain('The attached one crashes it.')
})

it('a receipt that answers a message of the desk goes to its case and bothers nobody', async () => {
  await givenDesk([grace])
  await world.receive(
    Buffer.from(lines(...HEAD, 'Subject: x', 'Message-ID: <1@x.example>', '', 'A hole.'))
  )
  const before = world.accepted.length
  await world.receive(Buffer.from(receipt('2', latest(alice).messageId)))
  expect(world.dispositions()).toEqual(['case-opened', 'bounce'])
  expect(world.column('SELECT case_id FROM arrivals')).toEqual([1, 1])
  expect(world.accepted).toHaveLength(before)
})

it('a message in a case that only its header calls a receipt, or that is one for no message of the desk, is shown (G1)', async () => {
  await givenReport()
  const { messageId } = latest(alice)
  const words = receipt('2', messageId)
    .replace('message/disposition-notification', 'text/plain')
    .replace('It was displayed.', 'The exploit is public now.')
  await world.receive(Buffer.from(words))
  expect((await textsTo(grace)).at(-1)).toContain('The exploit is public now.')
  // One that is a receipt, but for no message of the desk.
  const other = receipt('3', 'unknown@acme.example')
  await world.receive(Buffer.from(other.replace(/(References: )<.*>/, `$1<${messageId}>`)))
  expect(world.dispositions()).toEqual(['case-opened', 'case-joined', 'case-joined'])
  expect((await textsTo(grace)).at(-1)).toContain('It was displayed.')
})

it('refusals to a maintainer end after 10 an hour in one name, with an alarm once a day', async () => {
  await givenDesk()
  const forge = async (who: Someone, count: number): Promise<string[]> => {
    const before = world.accepted.length
    for (let made = 0; made < count; made += 1)
      await givenMessage(who, { subject: 'x', text: '/take', as: 'clear' })
    return textsTo(who, before)
  }
  const said = await forge(grace, 12)
  expect(said.filter((text) => text.includes('did not act on'))).toHaveLength(10)
  expect(said.slice(10)).toEqual([expect.stringContaining('Many messages in a maintainer')])
  expect(await forge(linus, 1)).toEqual([expect.stringContaining('did not act on')])
})

/** Each Message-ID with how often it was accepted and in how many different forms. */
function acceptedForms() {
  const seen = new Map<string, string[]>()
  for (const { messageId, raw } of world.accepted)
    seen.set(messageId, [...(seen.get(messageId) ?? []), Buffer.from(raw).toString('latin1')])
  return [...seen].map(([id, all]) => ({ id, times: all.length, forms: new Set(all).size }))
}

/** Lets every retry come and whatever was in the air be sent. */
async function calm(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await world.wait(20 * MINUTE)
}

describe('a crash', { timeout: 60_000 }, () => {
  it('at any effect of a report and a command loses nothing and sends no decision twice', async () => {
    await givenDesk([grace, linus])
    const report = { subject: 'x', text: 'x', as: 'encrypted', autocrypt: true } as const
    const command = { subject: `Re: [${FIRST}]`, text: '/accept\n/reply\nThank you.\n' }
    world.deliver(await world.write(alice, report))
    world.deliver(await world.write(grace, command))
    expect(await diesAtEveryStep()).toBeGreaterThan(10)
    await calm()
    expect(arrived()).toEqual(['done case-opened 0', 'done commands 0'])
    expect(caseStates()).toHaveLength(1)
    expect(world.inbox.size).toBe(0)
    expect(world.column('SELECT kind FROM outbox ORDER BY kind')).toEqual([
      ...['accepted', 'acknowledgement', 'activity', 'relay', 'relay', 'transcript']
    ])
    // An acknowledgement that was lost before the answer never leaves.
    const unsent = world.column("SELECT kind FROM outbox WHERE state <> 'sent'")
    const overtaken = unsent.filter((kind) => kind === 'acknowledgement')
    expect(unsent).toEqual(overtaken)
    // Only what SMTP had accepted before a crash comes again, byte for byte.
    expect(acceptedForms().every(({ forms }) => forms === 1)).toBe(true)
    expect(acceptedForms()).toHaveLength(6 - overtaken.length)
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
    expect(world.rows('SELECT state FROM outbox')).toEqual([{ state: 'queued' }])
    await calm()
    expect(acceptedForms()).toEqual([{ id: expect.any(String), times: 2, forms: 1 }])
  })

  it('between two processes that write at once is a conflict that is tried again', async () => {
    await givenDesk([grace])
    const raw = await world.write(alice, { subject: 'x', text: 'x', as: 'clear' })
    const { now } = world.clock
    const place = { mailbox: 'INBOX', uidValidity: '1', uid: 1, part: 'whole' } as const
    const arrival = { ...place, receivedAt: now, size: raw.length, raw }
    world.desk.db.transact((tx) => arrivals.add(tx, arrival, now))
    let stolen = 0
    world.workers.failSeal = () => {
      // Somebody else takes the case number that this message was about to get.
      if (stolen < 2) {
        stolen += 1
        const theirs = caseRecord({ tag: tag(`ACME-2026-000${stolen}`) })
        world.desk.db.transact((tx) => cases.open(tx, theirs, ROOTS))
      }
      return null
    }
    await handlePending(world.desk, new AbortController().signal, () => undefined)
    expect(world.column('SELECT max(tag) FROM cases')).toEqual([THIRD])
    expect(arrived()).toEqual(['done case-opened 0'])
  })
})

describe('a maintainer whose key could not be used (G2, G3)', () => {
  const brief = givenMaintainer('linus', 24)

  /** Linus' key ends; then two reports and a note come, and one of the two cases is over. */
  async function givenMissed(): Promise<void> {
    await givenDesk([grace, await brief])
    world.pass(3 * DAY)
    for (const text of ['the first', 'the second'])
      await givenMessage(alice, { subject: 'x', text, as: 'encrypted' })
    await writes(grace, 'a note for you\n')
    await writes(grace, '/reject upstream\n', { tag: SECOND })
  }
  /** The operator puts the new key into the configuration and starts the desk again. */
  async function renew(): Promise<void> {
    await world.renewKey(linus)
    world.restart()
  }
  const sealed = () =>
    world.sentTo(linus).filter((mail) => onTheWay([mail]).includes('PGP MESSAGE'))
  const told = () => Promise.all(sealed().map((mail) => readBy(linus, mail)))

  /** The messages that the open case has on record as not encrypted and told to nobody. */
  function missed(): string[] {
    const sql = `SELECT about ->> 'message' AS kind FROM events WHERE kind = 'not-encrypted' AND subject_id = ?
      AND NOT EXISTS (SELECT 1 FROM rings WHERE clock = 'missed' AND rings.subject_id = events.subject_id
        AND events.id BETWEEN each_from AND generation) ORDER BY id`
    return world.column(sql, [FIRST])
  }

  it('is sent nothing sealed while it cannot, restart or not, and gets one sealed message for each open case once there is a current key, with what was missed; the others had it all and get nothing', async () => {
    await givenMissed()
    await restarts()
    expect(await told()).toEqual([])
    expect(missed()).toEqual(['relay', 'note'])
    const before = world.sentTo(grace).length
    await renew()
    await world.settle()
    expect(world.sentTo(grace)).toHaveLength(before)
    const [mail = '', ...more] = await told()
    expect(more).toEqual([])
    expect(mail).toContain(`[${FIRST}] What you missed while your key could not be used`)
    expect(mail).toContain('Not sent: forwarded message (1), note (1)')
    expect(mail).toContain(`Ref: ${FIRST} `)
    expect(missed()).toEqual([])
  })

  it('is told once, and gets what comes from then on as everybody does', async () => {
    await givenMissed()
    await renew()
    await world.settle()
    await restarts()
    await writes(grace, 'another note\n')
    const texts = await told()
    expect(texts).toHaveLength(2)
    expect(texts[1]).toContain('another note')
  })

  it('is told once also when the process dies at any effect', async () => {
    await givenMissed()
    await renew()
    await diesAtEveryStep()
    await world.wait(20 * MINUTE)
    expect(new Set(sealed().map(({ messageId }) => messageId)).size).toBe(1)
    expect(missed()).toEqual([])
  })

  it('is not forgotten when the message about it shows a bug: the work goes on, and people are told of the bug (G9)', async () => {
    await givenMissed()
    await renew()
    world.workers.failSeal = (said) =>
      said.includes('What you missed') ? new TypeError('a bug at this mail') : null
    await writes(grace, 'another note\n')
    const meanwhile = await told()
    expect(meanwhile).toHaveLength(2)
    expect(meanwhile.join()).toContain('another note')
    expect(meanwhile.join()).toContain(`Failed at: reminder missed ${FIRST} (TypeError)`)
    world.workers.failSeal = null
    await world.wait(20 * MINUTE)
    expect(await told()).toHaveLength(3)
    expect(missed()).toEqual([])
  })
})
