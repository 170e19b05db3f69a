/**
 * The junk folder: what is for the desk comes into the inbox, the rest into the next digest; and the digest itself, each
 * morning at 08:00 UTC here (G1, G3, G9).
 */

import { createMessage, encrypt, readKey } from 'openpgp'
import { beforeEach, describe, expect, it } from 'vitest'
import { type FetchFailures } from '../../src/desk/intake.ts'
import { junkLoop, lookAtJunk, lookAtJunkOnce } from '../../src/desk/junk.ts'
import { quotedCodes } from '../../src/domain/message.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { insertJunk } from '../../src/store/junk.ts'
import * as desk from '../support/desk.ts'
import { clearMail } from '../support/desk-world.ts'
import { folderOf } from '../support/world.ts'

let junk: Map<number, Uint8Array>
let folder: Mailbox
let fetched: number

/** A desk with a digest each morning, and a junk folder. */
async function givenJunk(
  options: Parameters<typeof desk.givenDesk>[1] = {},
  team = [desk.grace, desk.linus]
) {
  await desk.givenDesk(team, { digest: true, ...options })
  junk = new Map()
  fetched = 0
  const own = folderOf(
    junk,
    () => desk.world.clock.now,
    (uids) => {
      for (const uid of uids) {
        const raw = junk.get(uid)
        if (raw !== undefined) desk.world.deliver(raw)
        junk.delete(uid)
      }
      return Promise.resolve()
    }
  )
  folder = {
    ...own,
    fetch: (uid, part) => {
      if (part === 'whole') fetched += 1
      return own.fetch(uid, part)
    }
  }
  await desk.world.settle()
}
beforeEach(() => givenJunk())

function spam(subject: string, headers: readonly string[] = []): Uint8Array {
  const from = ['From: Best Pills <pills@spam.example>', 'To: security@acme.example']
  return clearMail([...from, `Subject: ${subject}`, ...headers], 'Buy now.\n')
}
function lookOnly(): Promise<unknown> {
  const signal = new AbortController().signal
  return lookAtJunk(desk.world.desk, folder, { failures: new Map(), signal })
}
async function look(): Promise<void> {
  await lookOnly()
  await desk.world.settle()
}
/** The mail server takes a message for junk, and the desk looks at it. */
async function putAside(uid: number, subject: string): Promise<void> {
  junk.set(uid, spam(subject))
  await look()
}
/** The digests that somebody got. */
async function digests(who = desk.grace): Promise<string[]> {
  return (await desk.textsTo(who)).filter((text) => text.includes('Digest of'))
}
const morning = () => desk.world.wait(desk.DAY)
const junkMails = () => desk.world.column('SELECT subject FROM junk_mails')

describe('a message in the junk folder', () => {
  it('(16) that is for the desk and cannot be moved is handled from where it is', async () => {
    const move = () => Promise.reject(new Trouble('imap-moves', 'refused', { retryable: true }))
    folder = { ...folder, move }
    const letter = { subject: 'x', text: 'A hole.', as: 'encrypted' } as const
    junk.set(1, await desk.world.write(desk.alice, letter))
    await look()
    await look()
    expect(desk.world.dispositions()).toEqual(['case-opened'])
    expect(await desk.lastTo(desk.grace)).toContain('A hole.')
  })

  it('(11) that the server lists and gives nothing of is moved into the inbox, which tells somebody; what is behind it is looked at', async () => {
    const { fetch } = folder
    folder = {
      ...folder,
      fetch: (uid, part) => (uid === 2 ? fetch(uid, part) : Promise.resolve(null))
    }
    junk.set(1, spam('one'))
    await putAside(2, 'two')
    expect([[...junk.keys()], junkMails()]).toEqual([[2], ['two']])
    expect(desk.world.dispositions()).toEqual(['case-opened'])
    // What is not listed any more is gone.
    junk.set(3, spam('three'))
    const { list } = folder
    const once = [true]
    folder = {
      ...folder,
      list: async (range) =>
        (once.pop() ?? false) ? list(range) : { ...(await list(range)), waiting: [] }
    }
    await look()
    expect([...junk.keys()]).toEqual([2, 3])
  })

  const broken = () => Promise.reject(new Trouble('imap', 'lost', { retryable: true }))
  const { signal } = new AbortController()
  /** `postern run --once`, on a new connection each time. Returns how many there were. */
  async function lookOnce(): Promise<number> {
    let opened = 0
    const openJunk = (): Promise<Mailbox> => {
      opened += 1
      return Promise.resolve(folder)
    }
    const sender = { room: () => 8, send: broken, close: () => undefined }
    const edges = { inbox: 'INBOX', openMailbox: broken, openJunk, sender }
    await lookAtJunkOnce(desk.world.desk, edges, signal)
    await desk.world.settle()
    return opened
  }

  it('(11) at which the connection breaks is moved into the inbox at the fourth look, and what is behind it is looked at', async () => {
    const twoOfThem = () => {
      const { fetch } = folder
      folder = { ...folder, fetch: (uid, part) => (uid === 1 ? broken() : fetch(uid, part)) }
      junk.set(1, spam('one'))
      junk.set(2, spam('two'))
    }
    twoOfThem()
    const failures: FetchFailures = new Map()
    const lookAgain = () => lookAtJunk(desk.world.desk, folder, { failures, signal })
    for (let times = 0; times < 3; times += 1) await expect(lookAgain()).rejects.toThrow('lost')
    await lookAgain()
    expect([[...junk.keys()], junkMails(), failures.size]).toEqual([[2], ['two'], 0])
    // So does a single run.
    await givenJunk()
    twoOfThem()
    expect(await lookOnce()).toBe(4)
    expect([[...junk.keys()], junkMails()]).toEqual([[2], ['two']])
    expect(desk.world.dispositions()).toEqual(['case-opened'])
  })

  it('(11) that is for the desk and breaks the connection each time it is moved is handled from where it is', async () => {
    let moves = 0
    const move = () => {
      moves += 1
      return broken()
    }
    folder = { ...folder, move }
    const letter = { subject: 'x', text: 'A hole.', as: 'encrypted' } as const
    junk.set(1, await desk.world.write(desk.alice, letter))
    await lookOnce()
    expect([moves, desk.world.dispositions()]).toEqual([3, ['case-opened']])
    expect(await desk.lastTo(desk.grace)).toContain('A hole.')
  })

  it('that is encrypted to the desk becomes a case like one from the inbox (G1)', async () => {
    junk.set(
      1,
      await desk.world.write(desk.alice, { subject: 'x', text: 'A hole.', as: 'encrypted' })
    )
    await look()
    expect(junk.size).toBe(0)
    expect(desk.world.dispositions()).toEqual(['case-opened'])
    expect(desk.world.accepted.map(({ to }) => to)).toContain(desk.alice.address)
  })

  it('that answers a message of the desk joins its case, also in clear (G1)', async () => {
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'A hole.', as: 'clear' })
    const { headers } = desk.answering(desk.alice)
    junk.set(
      1,
      await desk.world.write(desk.alice, { subject: 'Re', text: 'More.', as: 'clear', headers })
    )
    junk.set(2, spam('Re: your mail', ['In-Reply-To: <made-up@acme.example>']))
    await look()
    expect([...junk.keys()]).toEqual([2])
    expect(desk.world.dispositions()).toEqual(['case-opened', 'case-joined'])
  })

  it('that is neither encrypted nor an answer stays where it is, makes no case, and is looked at once', async () => {
    junk.set(1, spam('Cheap pills'))
    const other = await encrypt({
      message: await createMessage({ text: 'not for the desk' }),
      encryptionKeys: await readKey({ binaryKey: desk.alice.keyData })
    })
    junk.set(2, clearMail(['From: a@b.example', 'Subject: sealed'], String(other)))
    await look()
    await look()
    expect([...junk.keys()]).toEqual([1, 2])
    expect(fetched).toBe(2)
    expect(desk.world.rows('SELECT id FROM arrivals')).toEqual([])
    expect(desk.world.accepted).toEqual([])
  })

  it('that its worker does not survive comes into the inbox, to be held there and told (G9)', async () => {
    desk.world.workers.fail = () => new Trouble('worker-crash', 'killed', { retryable: true })
    junk.set(1, spam('Killer'))
    junk.set(2, spam('Killer too'))
    await lookOnly()
    expect(junk.size).toBe(0)
    expect(desk.world.inbox.size).toBe(2)
  })

  it('at which the process died is not opened again here, but in the inbox, which counts such deaths (G9)', async () => {
    desk.world.workers.fail = () => {
      desk.world.dieAt(1)
      return null
    }
    junk.set(1, spam('Fatal'))
    await expect(look()).rejects.toThrow()
    expect(junk.size).toBe(1)
    desk.world.restart()
    desk.world.workers.fail = () => {
      throw new Error('opened again')
    }
    await lookOnly()
    expect(desk.world.inbox.size).toBe(1)
  })

  it('is looked at again when trouble of the moment kept it from being opened, and does not count as dangerous', async () => {
    desk.world.workers.fail = () => new Trouble('stopping', 'the pool ends', { retryable: true })
    junk.set(1, spam('Pills'))
    await expect(look()).rejects.toThrow('the pool ends')
    desk.world.workers.fail = null
    await look()
    expect(desk.world.inbox.size).toBe(0)
    expect(junkMails()).toEqual(['Pills'])
  })

  it('is found anew when the server gives the folder a new generation', async () => {
    await putAside(5, 'Old')
    junk.clear()
    junk.set(1, await desk.world.write(desk.alice, { subject: 'x', text: 'x', as: 'encrypted' }))
    const { list } = folder
    folder = { ...folder, list: async (range) => ({ ...(await list(range)), uidValidity: '8' }) }
    await look()
    expect(desk.world.dispositions()).toEqual(['case-opened'])
  })

  it('larger than a message may be is judged by its header alone', async () => {
    await givenJunk({ limits: { mail_size: 1000 } })
    junk.set(1, clearMail(['From: a@b.example', 'Subject: huge'], 'x'.repeat(2000)))
    await look()
    expect(fetched).toBe(0)
    expect(junkMails()).toEqual(['huge'])
  })
})

describe('a junk folder that does not exist', () => {
  it('is said once and looked for again later, and ends nothing', async () => {
    const stop = new AbortController()
    let opened = 0
    const missing = new Trouble('imap-mailbox', 'no such folder')
    const running = junkLoop(
      desk.world.desk,
      {
        inbox: 'INBOX',
        openMailbox: () => Promise.reject(missing),
        openJunk: () => {
          opened += 1
          setImmediate(() => {
            stop.abort()
          })
          return Promise.reject(missing)
        },
        sender: {
          room: () => 8,
          send: () => Promise.reject(missing),
          close: () => Promise.resolve()
        }
      },
      stop.signal
    )
    await running
    expect(opened).toBe(1)
    expect(desk.world.log.filter(({ event }) => event === 'junk.missing')).toHaveLength(1)
  })
})

describe('the digest', () => {
  it('lists what lies in the junk folder, sealed to every maintainer, and forgets it then: there is none where there is nothing to say (G3)', async () => {
    junk.set(1, spam('Cheap pills'))
    junk.set(2, clearMail(['Subject: Nobody'], 'x'))
    await look()
    expect(desk.world.accepted).toEqual([])
    await morning()
    for (const who of [desk.grace, desk.linus]) {
      const [only, ...others] = await digests(who)
      expect(others).toEqual([])
      expect(only).toContain('pills@spam.example')
      expect(only).toContain('Cheap pills')
      expect(only).toContain('a sender that cannot be read')
    }
    for (const { raw } of desk.world.accepted) {
      expect(Buffer.from(raw).toString()).not.toMatch(/pills|Digest of/i)
    }
    // Now there is nothing to say.
    await morning()
    expect(await digests()).toHaveLength(1)
  })

  it('(A3) is sent once a morning, whatever is restarted, although it still has something to say (G2)', async () => {
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'x', as: 'encrypted' })
    await morning()
    for (const minutes of [0, 1, 60]) {
      desk.world.pass(minutes * 60_000)
      await desk.restarts()
    }
    expect(await digests()).toHaveLength(1)
    await morning()
    expect(await digests()).toHaveLength(2)
  })

  it('lists the cases that nobody has answered, the one due first on top, until they are answered', async () => {
    for (const text of ['first', 'second']) {
      await desk.givenMessage(desk.alice, { subject: 'x', text, as: 'encrypted', autocrypt: true })
      desk.world.pass(desk.HOUR)
    }
    await morning()
    const [one] = await digests()
    expect(one).toMatch(/ACME-2026-0001 .*no owner.*ACME-2026-0002/)
    for (const tag of [desk.FIRST, desk.SECOND])
      await desk.writes(desk.grace, '/reject upstream\n', { tag })
    await morning()
    expect(await digests()).toHaveLength(1)
  })

  it('(A3) that fell into a time without a running desk is sent once at the next start, and says that it is late', async () => {
    await putAside(1, 'Cheap pills')
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'x', as: 'encrypted' })
    for (const hours of [72, 0]) {
      desk.world.pass(hours * desk.HOUR)
      await desk.restarts()
    }
    expect(await digests()).toEqual([expect.stringContaining('This digest is late')])
  })

  it('forgets nothing where no key could be used for it: the next one has it (G1)', async () => {
    await givenJunk({}, [await desk.givenMaintainer('grace', 23)])
    await desk.world.wait(3 * desk.DAY)
    await putAside(1, 'Cheap pills')
    await morning()
    expect(junkMails()).toEqual(['Cheap pills'])
  })

  it('is due as the schedule says after a change of the schedule or of the clock', async () => {
    await desk.jumps(-48 * desk.HOUR)
    await putAside(1, 'Cheap pills')
    await morning()
    expect(await digests()).toHaveLength(1)
  })

  it('leaves nothing behind that grows with the age of the database', async () => {
    const told = () =>
      desk.world.column("SELECT generation FROM rings WHERE clock = 'digest'").length
    await desk.days(15)
    const kept = told()
    await desk.days(5)
    expect(told()).toBe(kept)
  })

  it('(A3) of an instant is sent once, however often the clock is set back over it; the next one tells what came since (G1, G2)', async () => {
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'x', as: 'encrypted' })
    await putAside(1, 'The first')
    await desk.world.wait(21 * desk.HOUR)
    const again = async (): Promise<void> => {
      await desk.jumps(-2 * desk.HOUR)
      await desk.world.wait(2 * desk.HOUR)
    }
    await again()
    expect(await digests()).toHaveLength(1)
    await putAside(2, 'The second')
    await again()
    expect(await digests()).toHaveLength(1)
    for (const hours of [23.5, 1]) {
      await desk.world.wait(hours * desk.HOUR)
    }
    const [one, two, ...others] = await digests()
    expect(others).toEqual([])
    expect(one).toContain('The first')
    expect(two).toContain('The second')
    expect(two).not.toContain('The first')
  })

  it('tells of a flood how many there were, and the database keeps a thousand at the most', async () => {
    // Most of them as earlier looks have left them: a thousand looks would measure the disk.
    const earlier = { receivedAt: desk.world.clock.now, sender: 'pills@spam.example', size: 99 }
    desk.world.desk.db.transact((tx) => {
      for (let count = 1; count <= 980; count += 1)
        insertJunk(tx, { ...earlier, subject: `Pills ${count}` })
    })
    for (let uid = 981; uid <= 1010; uid += 1) junk.set(uid, spam(`Pills ${uid}`))
    await look()
    expect(desk.world.rows('SELECT count(*) AS count FROM junk_mails')).toEqual([{ count: 1000 }])
    await morning()
    const [only] = await digests()
    expect(only).toContain('Pills 1010')
    expect(only).not.toContain('Pills 910 ')
    expect(only).toContain('and 910 more')
    expect(desk.world.rows('SELECT count(*) AS count FROM junk_mails')).toEqual([{ count: 0 }])
    await putAside(2000, 'One more')
    await morning()
    expect((await digests())[1]).not.toMatch(/Pills|and \d+ more/)
  })

  it('shows no line of another person as a line of the desk', async () => {
    await putAside(1, `${'x'.repeat(70)} Ref: ${'a'.repeat(32)}`)
    await morning()
    const mail = desk.world.accepted.find(({ to }) => to === desk.grace.address)
    if (mail === undefined) throw new Error('no digest')
    const codes = quotedCodes(await desk.world.read(desk.grace, mail))
    expect(codes).toHaveLength(1)
    expect(codes).not.toContain('a'.repeat(32))
  })
})
