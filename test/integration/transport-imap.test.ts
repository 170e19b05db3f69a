/** The watched inbox against a real Dovecot on loopback, and the in-process server of the demo. */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Sha256 } from '../../src/domain/ids.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { connectMailbox, JUNK, type MailboxOptions } from '../../src/transport/imap-mailbox.ts'
import { type Dovecot, type DovecotOptions, PASSWORD, startDovecot } from '../support/dovecot.ts'
import { type EmbeddedImap, startEmbeddedImap } from '../support/embedded-imap.ts'
import { describeWith } from '../support/requires.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const mail = (text: string): Buffer =>
  Buffer.from(`From: a@example.org\r\nSubject: ${text}\r\n\r\nBody of ${text}\r\n`)
const never = new AbortController().signal
const all = { afterUid: 0, limit: 100 }

function optionsOf(
  { host, port }: Pick<Dovecot, 'host' | 'port'>,
  user: string,
  password = PASSWORD
): MailboxOptions {
  return {
    ...{ host, port, tls: 'none', user, password, inbox: 'INBOX' },
    ...{ processed: 'Postern/Processed', held: 'Postern/Held' },
    ...{ mailBytes: 1_000_000, connectTimeoutMs: 10_000 }
  }
}

describeWith(['dovecot'], 'IMAP mailbox on Dovecot', () => {
  let dovecot: Dovecot
  const open: Mailbox[] = []

  const connect = async (user: string, changes: Partial<MailboxOptions> = {}): Promise<Mailbox> => {
    const options = { ...optionsOf(dovecot, user), ...changes }
    const mailbox = await connectMailbox(options, options.inbox, never)
    open.push(mailbox)
    return mailbox
  }

  beforeAll(async () => {
    dovecot = await startDovecot()
  })
  afterEach(async () => {
    for (const mailbox of open.splice(0)) await mailbox.close()
  })
  afterAll(async () => {
    await dovecot.close()
  })

  it('lists and fetches what was delivered, byte for byte, and leaves it unseen', async () => {
    await dovecot.append('plain', mail('one'))
    const mailbox = await connect('plain')

    const state = await mailbox.list(all)
    const uid = state.waiting[0]?.uid ?? 0
    const raw = Buffer.from((await mailbox.fetch(uid, 'whole'))?.raw ?? [])
    const headers = Buffer.from((await mailbox.fetch(uid, 'header'))?.raw ?? []).toString()

    const [stored] = await dovecot.messages('plain')
    expect(state).toMatchObject({ more: false, waiting: [{ size: raw.length }] })
    expect(state.uidValidity).toMatch(/^\d+$/)
    expect(state.waiting[0]?.receivedAt).toMatch(/^20\d\d-.*Z$/)
    expect(raw).toEqual(stored?.raw)
    expect(raw.toString()).toContain('Body of one')
    expect(headers).toContain('Subject: one\r\n')
    expect(stored?.flags).not.toContain('\\Seen')
  })

  it('lists messages that people have read, answered or marked as deleted', async () => {
    await dovecot.append('seen', mail('read'), { flags: ['\\Seen'] })
    await dovecot.append('seen', mail('deleted'), { flags: ['\\Deleted', '\\Answered'] })

    const { waiting } = await (await connect('seen')).list(all)

    expect(waiting).toHaveLength(2)
  })

  it('returns null for a UID that is gone and nothing above the last UID', async () => {
    await dovecot.append('gone', mail('one'))
    const mailbox = await connect('gone')
    const uid = (await mailbox.list(all)).waiting[0]?.uid ?? 0

    expect(await mailbox.fetch(uid + 7, 'whole')).toBeNull()
    expect(await mailbox.fetch(uid + 7, 'header')).toBeNull()
    expect((await mailbox.list({ afterUid: uid, limit: 10 })).waiting).toEqual([])
  })

  it('fetches a message of no bytes and one of headers only as they are', async () => {
    await dovecot.seed('odd', [Buffer.alloc(0), Buffer.from('Subject: only\r\n')])
    const mailbox = await connect('odd')

    const { waiting } = await mailbox.list(all)
    const [none, some] = await Promise.all(waiting.map(({ uid }) => mailbox.fetch(uid, 'whole')))
    const headers = (await mailbox.fetch(waiting[1]?.uid ?? 0, 'header'))?.raw

    expect(waiting.map(({ size }) => size)).toEqual([0, 15])
    expect(Buffer.from(none?.raw ?? 'null').toString()).toBe('')
    expect(Buffer.from(some?.raw ?? []).toString()).toBe('Subject: only\r\n')
    expect(Buffer.from(headers ?? []).toString()).toBe('Subject: only\r\n')
  })

  it('fetches at most 128 KiB for a header, also where it never ends', async () => {
    const huge = Buffer.from(`Subject: x\r\n${'X-Filler: filler\r\n'.repeat(20_000)}\r\nbody`)
    await dovecot.append('huge', huge)
    const mailbox = await connect('huge')
    const uid = (await mailbox.list(all)).waiting[0]?.uid ?? 0

    expect((await mailbox.fetch(uid, 'header'))?.raw).toHaveLength(128 * 1024)
    expect(Buffer.from((await mailbox.fetch(uid, 'whole'))?.raw ?? [])).toEqual(huge)
  })

  it.each([
    ['implicit', 'tlsPort'],
    ['starttls', 'port']
  ] as const)('connects with %s TLS when the CA is trusted', async (tls, port) => {
    await dovecot.append('tls', mail(tls))

    const ca = { text: dovecot.certificates.ca }
    const mailbox = await connect('tls', { tls, port: dovecot[port], ca })

    expect((await mailbox.list(all)).waiting.length).toBeGreaterThan(0)
  })

  const FINAL = { retryable: false }
  it.each<[string, () => Partial<MailboxOptions>, object]>([
    [
      'an unknown certificate over implicit TLS',
      () => ({ tls: 'implicit', port: dovecot.tlsPort }),
      { code: 'imap-tls', ...FINAL }
    ],
    [
      'an unknown certificate over STARTTLS',
      () => ({ tls: 'starttls' }),
      { code: 'imap-tls', ...FINAL }
    ],
    ['a wrong password', () => ({ password: 'wrong' }), { code: 'imap-auth', ...FINAL }],
    ['no such inbox', () => ({ inbox: 'No such' }), { code: 'imap-mailbox', ...FINAL }],
    ['a server that is not there', () => ({ port: 1 }), { code: 'imap', retryable: true }],
    [
      'clear text to another machine, before it connects',
      () => ({ host: 'imap.example.org' }),
      { code: 'config' }
    ]
  ])('reports %s, without naming the user', async (_what, changes, trouble) => {
    const error: unknown = await connect('secretname', changes()).catch((reason: unknown) => reason)

    expect(error).toMatchObject({ name: 'Trouble', ...trouble })
    expect(String(error)).not.toContain('secretname')
  })

  it('wakes up from IDLE when a message is delivered', async () => {
    const mailbox = await connect('idle')
    const before = await mailbox.list(all)

    const woken = mailbox.waitForChange(30_000, never)
    await delay(200)
    await dovecot.append('idle', mail('wake'))

    expect(before).toMatchObject({ waiting: [], more: false })
    expect(await woken).toBe(true)
    expect((await mailbox.list(all)).waiting).toHaveLength(1)
  })

  it('stops waiting when told to, and after its time, and works afterwards', async () => {
    const mailbox = await connect('abort')
    const stop = new AbortController()
    const waiting = mailbox.waitForChange(600_000, stop.signal)

    stop.abort()

    expect(await waiting).toBe(false)
    for (const ms of [50, 0.5, -1]) expect(await mailbox.waitForChange(ms, never)).toBe(false)
    expect((await mailbox.list(all)).waiting).toEqual([])
  })

  it('moves messages to folders that it makes and subscribes to, and minds no UID that is gone', async () => {
    for (const name of ['a', 'b', 'c']) await dovecot.append('mover', mail(name))
    const mailbox = await connect('mover')
    const uids = (await mailbox.list(all)).waiting.map(({ uid }) => uid)

    await mailbox.move([...uids.slice(0, 2), 4711], 'processed')
    await mailbox.move(uids.slice(0, 1), 'processed')
    await mailbox.move(uids.slice(2), 'held')

    const folders = await dovecot.folders('mover')
    expect(await dovecot.messages('mover')).toEqual([])
    expect(await dovecot.messages('mover', 'Postern/Processed')).toHaveLength(2)
    expect(await dovecot.messages('mover', 'Postern/Held')).toHaveLength(1)
    expect(folders).toContainEqual({ path: 'Postern/Held', subscribed: true })
  })

  it('notices a killed server, and a new connection works when it is back', async () => {
    await dovecot.append('killed', mail('one'))
    const mailbox = await connect('killed')
    const waiting = expect(mailbox.waitForChange(30_000, never)).rejects.toMatchObject({
      code: 'imap',
      retryable: true
    })
    await delay(200)

    await dovecot.kill()
    await waiting
    await expect(mailbox.list(all)).rejects.toMatchObject({ code: 'imap' })
    await expect(connect('killed')).rejects.toMatchObject({ code: 'imap' })
    await dovecot.start()

    expect((await (await connect('killed')).list(all)).waiting).toHaveLength(1)
  })

  it('(11) takes no answer for no message: what a server lists and gives nothing of stays listed, and a list without an answer is trouble', async () => {
    await dovecot.append('dropped', mail('one'))
    await dovecot.append('dropped', mail('two'))
    let drop = / BODY\[\]/
    const proxy = await startTcpProxy(dovecot.port, (chunk) => {
      const said = chunk.toString('latin1')
      // Every untagged answer with this in it, literal and all, up to the next answer.
      const answers = said.split(/(?<=\r\n)(?=\* \d+ FETCH|\* SEARCH|\* ESEARCH|[A-Z0-9]+ OK )/)
      return Buffer.from(answers.filter((one) => !drop.test(one)).join(''), 'latin1')
    })
    try {
      const mailbox = await connect('dropped', { port: proxy.port })
      const [first] = (await mailbox.list(all)).waiting
      expect(await mailbox.fetch(first?.uid ?? 0, 'whole')).toBeNull()
      drop = /RFC822\.SIZE/
      const { waiting } = await mailbox.list(all)
      expect(waiting).toMatchObject([{ uid: first?.uid, size: 0 }, { size: 0 }])
      drop = /^\* E?SEARCH/
      await expect(mailbox.list(all)).rejects.toMatchObject({ code: 'imap', retryable: true })
    } finally {
      proxy.close()
    }
  })

  it.each(['INTERNALDATE "99-Foo-0000 99:99:99 +0000"', 'FLAGS ()'])(
    '(13) knows no date of receipt where the server gives none that is one: %s',
    async (said) => {
      await dovecot.append('undated', mail('one'))
      const proxy = await startTcpProxy(dovecot.port, (chunk) =>
        Buffer.from(chunk.toString('latin1').replaceAll(/INTERNALDATE "[^"]*"/g, said), 'latin1')
      )
      try {
        const { waiting } = await (await connect('undated', { port: proxy.port })).list(all)
        expect(waiting[0]).toMatchObject({ size: mail('one').length, receivedAt: null })
      } finally {
        proxy.close()
      }
    }
  )

  it('(11) a folder without UIDVALIDITY is trouble: its UIDs may name other messages than before', async () => {
    await dovecot.append('unnumbered', mail('one'))
    const proxy = await startTcpProxy(dovecot.port, (chunk) =>
      Buffer.from(chunk.toString('latin1').replaceAll('[UIDVALIDITY', '[X-NOTHING'), 'latin1')
    )
    try {
      const mailbox = await connect('unnumbered', { port: proxy.port })
      await expect(mailbox.list(all)).rejects.toMatchObject({ code: 'imap', retryable: true })
    } finally {
      proxy.close()
    }
  })

  it('(11) NIL in the place of a message is no answer, and the connection goes on', async () => {
    await dovecot.append('nil', mail('one'))
    // As Dovecot answers for a message that another client expunged.
    const proxy = await startTcpProxy(dovecot.port, (chunk) => {
      const said = chunk.toString('latin1')
      return Buffer.from(
        said.replace(/BODY\[\]<0> \{\d+\}\r\n[^]*?\)\r\n/, 'BODY[]<0> NIL)\r\n'),
        'latin1'
      )
    })
    try {
      const mailbox = await connect('nil', { port: proxy.port })
      const uid = (await mailbox.list(all)).waiting[0]?.uid ?? 0
      expect(await mailbox.fetch(uid, 'whole')).toBeNull()
      expect(await mailbox.fetch(uid, 'header')).toBeNull()
      expect((await mailbox.list(all)).waiting).toHaveLength(1)
    } finally {
      proxy.close()
    }
  })

  /** Changes the bytes of each message that the server gives, literal and length. */
  const givesOnly = (change: (bytes: string, start: number) => string) => (chunk: Buffer) => {
    const said = chunk.toString('latin1')
    const literals = /BODY\[\]<(\d+)> \{\d+\}\r\n([^]*?)(?=\)\r\n)/g
    return Buffer.from(
      said.replaceAll(literals, (_all, start: string, bytes: string) => {
        const given = change(bytes, Number(start))
        return `BODY[]<${start}> {${given.length}}\r\n${given}`
      }),
      'latin1'
    )
  }
  const long = mail('one '.repeat(100))
  it.each([
    ['at one place', (bytes: string, at: number) => (at > 0 ? bytes : bytes.slice(0, 300))],
    ['in each answer', (bytes: string) => bytes.slice(0, bytes.length / 2)],
    ['and gives the beginning again', () => long.toString('latin1').slice(0, 300)],
    ['and gives nothing more', (bytes: string, at: number) => (at > 0 ? '' : bytes.slice(0, 300))]
  ])(
    '(11) takes a message that the server cuts short %s for no answer, but for its header',
    async (_how, change) => {
      await dovecot.append('cut', long)
      const proxy = await startTcpProxy(dovecot.port, givesOnly(change))
      try {
        const mailbox = await connect('cut', { port: proxy.port })
        const uid = (await mailbox.list(all)).waiting[0]?.uid ?? 0
        const header = await mailbox.fetch(uid, 'header')
        expect([header?.part, header?.raw.length]).toEqual(['header', expect.any(Number)])
        expect(await mailbox.fetch(uid, 'whole')).toBeNull()
        expect((await mailbox.list(all)).waiting.length).toBeGreaterThan(0)
      } finally {
        proxy.close()
      }
    }
  )

  it('(11) fetches a message whole whose size the server estimated too high, or does not tell', async () => {
    await dovecot.append('guessed', long)
    await dovecot.append('guessed', mail(''))
    let asked = 0
    let size = 'RFC822.SIZE 123456'
    const proxy = await startTcpProxy(dovecot.port, (chunk) => {
      asked += [...chunk.toString('latin1').matchAll(/BODY\[\]</g)].length
      return Buffer.from(chunk.toString('latin1').replaceAll(/RFC822\.SIZE \d+/g, size), 'latin1')
    })
    try {
      const mailbox = await connect('guessed', { port: proxy.port })
      const uids = (await mailbox.list(all)).waiting.map(({ uid }) => uid)
      const whole = async () => {
        const found = await Promise.all(uids.map((uid) => mailbox.fetch(uid, 'whole')))
        return found.map((one) => Buffer.from(one?.raw ?? []))
      }
      expect(await whole()).toEqual([long, mail('')])
      size = 'FLAGS ()'
      expect(await whole()).toEqual([long, mail('')])
      expect(asked).toBe(8)
      // A true size costs no second question.
      size = `RFC822.SIZE ${long.length}`
      expect(await mailbox.fetch(uids[0] ?? 0, 'whole')).toEqual({ raw: long, part: 'whole' })
      expect(asked).toBe(9)
    } finally {
      proxy.close()
    }
  })

  it.each([
    ['never', 0],
    ['once and not again', 1]
  ])(
    '(11) asks a server for news that acknowledges IDLE %s, from the next connection on, and says so',
    async (_how, acknowledged) => {
      const user = `deaf${acknowledged}`
      await dovecot.append(user, mail('one'))
      let idles = 0
      const swallowed = (chunk: Buffer): Buffer => {
        const isIdle = /^\w+ IDLE\r\n$/.test(chunk.toString('latin1'))
        if (isIdle) idles += 1
        return isIdle && idles > acknowledged ? Buffer.alloc(0) : chunk
      }
      const proxy = await startTcpProxy(dovecot.port, undefined, swallowed)
      const known = { isDeafInIdle: false }
      const own = { port: proxy.port, known, idleAnswerMs: 500, silenceMs: 1000 }
      try {
        const first = await connect(user, own)
        await first.list(all)
        await expect(first.waitForChange(600_000, never)).rejects.toMatchObject({
          ...{ code: 'imap', retryable: true },
          message: expect.stringContaining('asks for new mail every 30 seconds instead')
        })
        const second = await connect(user, { ...own, silenceMs: 300_000 })
        await second.list(all)
        expect(await second.waitForChange(50, never)).toBe(false)
        // Nothing that is asked later has to wait for IDLE.
        expect((await second.list(all)).waiting).toHaveLength(1)
        const timers = vi.spyOn(globalThis, 'setInterval')
        onTestFinished(() => void timers.mockRestore())
        const woken = second.waitForChange(60_000, never)
        await dovecot.append(user, mail('two'))
        timers.mock.calls.forEach(([ask]) => ask())
        expect(await woken).toBe(true)
        expect(idles).toBe(1 + acknowledged)
      } finally {
        proxy.close()
      }
    }
  )

  it.each([
    ['moves nothing', / UID MOVE .*/g, ' NOOP'],
    ['only copies', / UID MOVE /g, ' UID COPY ']
  ])(
    '(11) says that nothing can be moved where the server says OK and %s, and the connection goes on',
    async (how, asked, passedOn) => {
      await dovecot.append(how.replace(' ', ''), mail('one'))
      const user = how.replace(' ', '')
      const proxy = await startTcpProxy(dovecot.port, undefined, (chunk) =>
        Buffer.from(chunk.toString('latin1').replaceAll(asked, passedOn), 'latin1')
      )
      try {
        const mailbox = await connect(user, { port: proxy.port })
        const uid = (await mailbox.list(all)).waiting[0]?.uid ?? 0
        await expect(mailbox.move([uid], 'processed')).rejects.toMatchObject({
          ...{ code: 'imap-moves', retryable: true },
          message: expect.stringContaining('does not move them')
        })
        expect((await mailbox.list(all)).waiting).toHaveLength(1)
      } finally {
        proxy.close()
      }
    }
  )

  it('can be closed while the server answers nothing; what was asked of it fails then', async () => {
    await dovecot.append('mute', mail('one'))
    const proxy = await startTcpProxy(dovecot.port)
    try {
      const mailbox = await connect('mute', { port: proxy.port })
      const [listed] = (await mailbox.list(all)).waiting
      proxy.silence()
      const moved = mailbox.move([listed?.uid ?? 0], 'processed').catch((error: unknown) => error)

      await mailbox.close()

      expect(await moved).toMatchObject({ code: 'imap', retryable: true })
    } finally {
      proxy.close()
    }
  })

  it('shows the new UIDVALIDITY when the mailbox was rebuilt', async () => {
    await dovecot.append('rebuilt', mail('one'))
    const before = await (await connect('rebuilt')).list(all)

    await dovecot.stop()
    dovecot.changeUidValidity('rebuilt')
    await dovecot.start()

    const after = await (await connect('rebuilt')).list(all)
    expect(after.waiting).toHaveLength(1)
    expect(after.uidValidity).not.toBe(before.uidValidity)
  })

  it('lists 2,000 messages once each in pages, oldest first, and moves them', async () => {
    await dovecot.seed(
      'many',
      Array.from({ length: 2000 }, (_, index) => mail(`m${index}`))
    )
    const mailbox = await connect('many')
    const seen: number[] = []

    for (let more = true; more; ) {
      const page = await mailbox.list({ afterUid: seen.at(-1) ?? 0, limit: 600 })
      seen.push(...page.waiting.map(({ uid }) => uid))
      more = page.more
    }

    expect(seen).toHaveLength(2000)
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
    for (let at = 0; at < seen.length; at += 100)
      await mailbox.move(seen.slice(at, at + 100), 'processed')
    expect((await mailbox.list(all)).waiting).toEqual([])
    expect(await dovecot.messages('many', 'Postern/Processed')).toHaveLength(2000)
  })
})

describeWith(['dovecot'], 'IMAP mailbox on a server with few extensions', () => {
  it.each(['IMAP4rev1 MOVE UIDPLUS', 'IMAP4rev1'])(
    '(13) takes one message out of the held folder, by its bytes, with %s, and goes on in the inbox',
    async (capability) => {
      const dovecot = await startDovecot({ capability })
      const [one, alike, other] = [mail('one'), mail('two'), mail('another')] as const
      for (const raw of [alike, one, other]) await dovecot.append('out', raw)
      const options = { ...optionsOf(dovecot, 'out'), processed: 'Done', held: 'Held' }
      const mailbox = await connectMailbox(options, 'INBOX', never)
      const sha256 = createHash('sha256').update(one).digest('hex') as Sha256
      const asked = { size: one.length, sha256 }
      await mailbox.takeOut(asked)
      await mailbox.move([1, 2], 'held')
      await mailbox.takeOut(asked)
      await mailbox.takeOut(asked)
      expect((await mailbox.list(all)).waiting.map(({ uid }) => uid)).toContain(3)
      await mailbox.close()
      expect(await dovecot.messages('out', 'Done')).toMatchObject([{ raw: one }])
      const left = await dovecot.messages('out', 'Held')
      expect(left.filter(({ flags }) => flags.length === 0)).toMatchObject([{ raw: alike }])
      await dovecot.close()
    }
  )

  it.each([
    ['IMAP4rev1 UIDPLUS', []],
    ['IMAP4rev1', ['\\Deleted']]
  ] as const)(
    'moves by copying with only %s and never expunges what others marked',
    async (capability, leftFlags) => {
      const dovecot = await startDovecot({ capability })
      const other = mail('marked by a person')
      await dovecot.append('old', mail('one'))
      await dovecot.append('old', other, { flags: ['\\Deleted'] })
      const mailbox = await connectMailbox(
        { ...optionsOf(dovecot, 'old'), processed: 'Done', held: 'Held' },
        'INBOX',
        never
      )

      const { waiting } = await mailbox.list({ afterUid: 0, limit: 1 })
      await mailbox.move(
        waiting.map(({ uid }) => uid),
        'processed'
      )
      await mailbox.close()

      const left = await dovecot.messages('old')
      expect(await dovecot.messages('old', 'Done')).toMatchObject([{ raw: mail('one') }])
      expect(left.at(-1)?.raw).toEqual(other)
      expect(left.slice(0, -1).flatMap(({ flags }) => flags)).toEqual(leftFlags)
      await dovecot.close()
    }
  )
})

describeWith(['dovecot'], '(16) IMAP mailbox on a server with names and rights of its own', () => {
  async function given(options: DovecotOptions) {
    const dovecot = await startDovecot(options)
    onTestFinished(() => dovecot.close())
    const account = {
      ...optionsOf(dovecot, 'odd'),
      processed: 'Postern/Processed',
      held: 'Postern/Held'
    }
    const open = async (folder: Parameters<typeof connectMailbox>[1] = 'INBOX') => {
      const mailbox = await connectMailbox(account, folder, never)
      onTestFinished(() => mailbox.close())
      return mailbox
    }
    return { dovecot, open }
  }
  const first = async (mailbox: Mailbox) => (await mailbox.list(all)).waiting[0]?.uid ?? 0

  it('puts what stands in front of folders there, and between them what the server has', async () => {
    const { dovecot, open } = await given({ namespace: { prefix: 'INBOX.', separator: '.' } })
    await dovecot.append('odd', mail('one'))
    const mailbox = await open()
    await mailbox.move([await first(mailbox)], 'processed')
    expect(await dovecot.messages('odd', 'INBOX.Postern.Processed')).toHaveLength(1)
    expect(await dovecot.messages('odd')).toEqual([])
  })

  it('finds the folder for spam by its mark, whatever its name', async () => {
    const { dovecot, open } = await given({ junk: '[Gmail]/Spam' })
    await dovecot.append('odd', mail('one'), { folder: '[Gmail]/Spam' })
    const junk = await open(JUNK)
    await junk.move([await first(junk)], 'inbox')
    expect(await dovecot.messages('odd')).toHaveLength(1)
  })

  it.each([
    ['where no folder can be made', 'lrwsite', '\\Seen'],
    ['without the right to delete', 'lrws', '\\Seen'],
    ['without any right to write', 'lr', undefined]
  ])(
    'says that nothing can be moved %s, copies nothing, and marks what it may',
    async (_where, inboxRights, flag) => {
      const { dovecot, open } = await given({ inboxRights })
      await dovecot.seed('odd', [mail('one')])
      const mailbox = await open()
      const uid = await first(mailbox)
      await expect(mailbox.move([uid], 'processed')).rejects.toMatchObject({
        code: 'imap-moves',
        retryable: true
      })
      // The connection is as good as before.
      await mailbox.mark([uid], 'processed')
      expect(await first(mailbox)).toBe(uid)
      await expect(mailbox.move([uid], 'processed')).rejects.toMatchObject({ code: 'imap-moves' })
      const [left] = await dovecot.messages('odd')
      expect(left?.flags.filter((one) => one === '\\Seen')[0]).toBe(flag)
      expect(await dovecot.folders('odd')).toMatchObject([{ path: 'INBOX' }])
    }
  )
})

describe('IMAP mailbox on a server that falls silent or announces wrong sizes', () => {
  let imap: EmbeddedImap

  beforeAll(async () => {
    imap = await startEmbeddedImap()
  })
  afterAll(() => imap.close())

  const connect = (changes: Partial<MailboxOptions>): Promise<Mailbox> =>
    connectMailbox({ ...optionsOf(imap, imap.user, imap.password), ...changes }, 'INBOX', never)

  it('gives up a connection on which the server fell silent', async () => {
    const proxy = await startTcpProxy(imap.port)
    const waiting = await connect({ port: proxy.port, silenceMs: 500 })
    const asking = await connect({ port: proxy.port, silenceMs: 500 })
    const trouble = { code: 'imap', retryable: true }

    const waited = expect(waiting.waitForChange(600_000, never)).rejects.toMatchObject(trouble)
    proxy.silence()
    await expect(asking.list(all)).rejects.toMatchObject(trouble)
    await waited
    await waiting.close()
    await asking.close()
    proxy.close()
  })

  it('never gives a part of a message for the whole, whatever size was announced (G1)', async () => {
    const head = 'From: a@example.org\r\nSubject: large\r\n'
    imap.append(Buffer.from(`${head}\r\n${'All of it is text.\r\n'.repeat(56_000)}`))
    imap.append(Buffer.from(`Subject: endless\r\n${'X-Filler: filler\r\n'.repeat(60_000)}`))
    const small = await connect({ mailBytes: 1000 })
    const { waiting } = await small.list(all)
    const [large, endless] = await Promise.all(waiting.map(({ uid }) => small.fetch(uid, 'whole')))
    await small.close()

    expect(large?.part).toBe('header')
    expect(
      Buffer.from(large?.raw ?? [])
        .toString()
        .startsWith(head)
    ).toBe(true)
    expect(large?.raw).toHaveLength(128 * 1024)
    expect(endless?.part).toBe('header')
    expect(endless?.raw).toHaveLength(128 * 1024)
  })
})
