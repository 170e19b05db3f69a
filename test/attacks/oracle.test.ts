/**
 * Attacks that ask the desk what is in a ciphertext: neither the words of an answer nor its time show what the desk found when
 * it opened the message.
 */
import { readSignature, SignaturePacket } from 'openpgp'
import { expect, it } from 'vitest'
import { addMs, type Instant, msOf } from '../../src/domain/time.ts'
import { TAG } from '../../src/openpgp/packets.ts'
import { type Packet } from '../fuzz/packets.ts'
import { encryptedMail, lines } from '../unit/reading/material.ts'
import { ADDRESSES, DESK_ADDRESS } from './cast.ts'
import { changed } from './ciphertext.ts'
import {
  ATTACK,
  becomes,
  cast,
  describeAttacks,
  head,
  openAfter,
  payload,
  plainMail,
  SECRET,
  scene
} from './scene.ts'

/** They name no sender, so anybody may have sealed them. */
const WORDS = lines(
  'Content-Type: text/plain; protected-headers="v1"',
  `Subject: ${ATTACK}`,
  '',
  ATTACK
)
const JITTER_MS_MAX = 30_000
/** The random number of these tests, and the delay that follows: half of the longest, and as large a share of the other half. */
const JITTER = 0.25
const DELAY_MS = (JITTER_MS_MAX * (1 + JITTER)) / 2

describeAttacks('attacks on the desk as a decryption oracle', () => {
  type Sealed = readonly [name: string, armored: string]
  const seal = (): Promise<string> => cast.seal(WORDS)

  /** Messages to the desk's key, each with a session key of its own, with every outcome that opening can have. */
  async function sealedToDesk(): Promise<readonly Sealed[]> {
    const withData = async (change: (packet: Packet) => Packet): Promise<string> =>
      changed(await seal(), (packet) => [
        packet.tag === TAG.encryptedIntegrity ? change(packet) : packet
      ])
    const withBody = (change: (body: Buffer) => Buffer): Promise<string> =>
      withData(({ tag, body }) => ({ tag, body: change(body) }))
    const other = await seal()
    return [
      ['a whole mail', await seal()],
      ['words without a header', await cast.seal(`${ATTACK} without a header`)],
      ['broken MIME', await cast.seal('Content-Type: multipart/mixed; boundary=x\r\n\r\n--y')],
      ['signed by a stranger', await cast.seal(WORDS, 'mallory')],
      ['nothing', await cast.seal('')],
      ['a byte short', await withBody((body) => body.subarray(0, -1))],
      ['a changed version', await withBody((body) => Buffer.from([9, ...body.subarray(1)]))],
      [
        'without an integrity code',
        await withData(({ body }) => ({
          tag: TAG.encryptedNoIntegrity,
          body: body.subarray(1, -22)
        }))
      ],
      [
        'another session key',
        changed(await seal(), (packet) =>
          packet.tag === TAG.publicKeySession ? sessionKeysOf(other) : [packet]
        )
      ],
      [
        'a flood of session keys',
        changed(await seal(), (packet) =>
          packet.tag === TAG.publicKeySession ? Array.from({ length: 70 }, () => packet) : [packet]
        )
      ]
    ]
  }

  /** Messages to hidden recipients. */
  async function sealedToNobodyNamed(): Promise<readonly Sealed[]> {
    const hidden = async (to: string, words: string): Promise<string> =>
      (await cast.gpg(['--armor', '--encrypt', '-R', `<${to}>`], words)).toString()
    const mine = await hidden(DESK_ADDRESS, WORDS)
    return [
      ['for the desk', mine],
      ['for somebody else', await hidden(ADDRESSES.mallory, WORDS)],
      [
        'for the desk, damaged',
        changed(await hidden(DESK_ADDRESS, WORDS), ({ tag, body }) => [
          { tag, body: tag === TAG.encryptedIntegrity ? body.subarray(0, -1) : body }
        ])
      ]
    ]
  }

  /**
   * Delivers each message from its own address, each taking longer to open than the one before; returns who was answered when.
   */
  async function sendAll(mails: readonly Sealed[]): Promise<Map<string, Instant>> {
    const { world } = scene
    const sent = new Map<string, Instant>()
    let openingMs = 0
    world.workers.fail = (_raw, call) => {
      if (call === 'open') world.pass(openingMs)
      return null
    }
    for (const [index, [name, armored]] of mails.entries()) {
      openingMs = index * 613
      sent.set(name, world.clock.now)
      await scene.attack(encryptedMail(armored, head(`<eve${index}@evil.example>`, 'a subject')))
      expect([name, scene.disposition()]).toEqual([name, 'case-opened'])
    }
    world.workers.fail = null
    return sent
  }

  /** The one answer to the message with this index, once all have left. */
  function answerTo(index: number): string {
    const mine = scene.world.accepted.filter(({ to }) => to === `eve${index}@evil.example`)
    expect(mine).toHaveLength(1)
    return mine.map(({ raw }) => raw.toString()).join('')
  }

  /** An answer without what differs in every message: numbers, addresses, times and signatures. */
  function wordsOf(answer: string): string {
    const text = answer.slice(
      answer.indexOf('Thank you for your report'),
      answer.indexOf('Policy:')
    )
    expect(text).not.toBe('')
    return text.replaceAll(/ACME-2026-\d{4}/g, 'TAG').replaceAll(/\d\d:\d\d/g, 'TIME')
  }

  /** When the answer says that it was made, in its header and in its signature, in milliseconds. */
  async function datesOf(answer: string): Promise<readonly number[]> {
    const armored = /-----BEGIN PGP SIGNATURE-----[^]*-----END PGP SIGNATURE-----/.exec(answer)
    const { packets } = await readSignature({ armoredSignature: armored?.[0] ?? '' })
    const [packet] = packets
    const created = packet instanceof SignaturePacket ? packet.created?.getTime() : undefined
    const dates = [...answer.matchAll(/^Date: (.*)$/gm)].map(([, date = '']) => Date.parse(date))
    return [...dates, created ?? NaN]
  }

  const CASES = [
    ['sealed to its key', sealedToDesk],
    ['sealed to nobody named', sealedToNobodyNamed]
  ] as const

  async function open(): Promise<void> {
    const first = () => Promise.resolve(Buffer.from(plainMail('alice', 'The first case.')))
    await openAfter(first, { acknowledgement: { jitter: JITTER_MS_MAX / 1000 } })
  }
  /** When the answers to this address may leave. */
  function dueTo(address: string): Instant[] {
    const sql = "SELECT not_before FROM outbox WHERE kind = 'acknowledgement' AND envelope_to = ?"
    return scene.world.column(sql, [address])
  }
  async function letAllLeave(): Promise<void> {
    await scene.world.wait(2 * JITTER_MS_MAX)
  }

  it.each(CASES)(
    '3 decryption oracle: the answer says the same whether a message could be opened or not, and leaves at the same time, %s',
    async (_name, build) => {
      await open()
      Object.assign(scene.world.desk.randomness, { below: (limit: number) => limit * JITTER })
      const mails = await build()
      const sent = [...(await sendAll(mails)).values()]
      for (const [index, at] of sent.entries()) {
        const name = mails[index]?.[0]
        const due = dueTo(`eve${index}@evil.example`)
        expect([name, due]).toEqual([name, [addMs(at, DELAY_MS)]])
      }
      await leavesAtItsInstant(sent)
      for (const [index, at] of sent.entries()) {
        const second = Math.floor(msOf(at) / 1000) * 1000
        const dates = await datesOf(answerTo(index))
        expect(dates.length).toBeGreaterThanOrEqual(2)
        expect(new Set(dates)).toEqual(new Set([second]))
      }
      const opened = scene.world.column("SELECT text FROM messages WHERE text <> ''")
      // Some were opened and some were not, or there would be nothing to tell.
      expect(opened.length).toBeGreaterThan(0)
      expect(opened.length).toBeLessThan(mails.length)
      expect(new Set(mails.map((_, index) => wordsOf(answerTo(index)))).size).toBe(1)
      expect(await scene.harm()).toEqual([])
    }
  )

  /** Lets the clock run, and sees each answer leave when it is due and not a millisecond before. */
  async function leavesAtItsInstant(sent: readonly Instant[]): Promise<void> {
    const { world } = scene
    const left = (index: number): number =>
      world.accepted.filter(({ to }) => to === `eve${index}@evil.example`).length
    for (const [index, at] of sent.entries()) {
      const wait = msOf(at) + DELAY_MS - msOf(world.clock.now)
      if (wait <= 0) continue
      await world.wait(wait - 1)
      expect(left(index)).toBe(0)
      await world.wait(1)
      expect(left(index)).toBe(1)
    }
  }

  it('3 decryption oracle: what takes longer than the delay to open shows in whole delays alone', async () => {
    await open()
    Object.assign(scene.world.desk.randomness, { below: (limit: number) => limit * JITTER })
    const waits: number[] = []
    for (const [index, openingMs] of [18_750, 18_751, 40_000, 48_751].entries()) {
      const begunAt = msOf(scene.world.clock.now)
      scene.world.workers.fail = (_raw, call) => {
        if (call === 'open') scene.world.pass(openingMs)
        return null
      }
      await scene.attack(encryptedMail(await seal(), head(`<late${index}@evil.example>`)))
      scene.world.workers.fail = null
      const [due] = dueTo(`late${index}@evil.example`)
      waits.push(due === undefined ? NaN : msOf(due) - begunAt)
    }
    expect(waits).toEqual([
      DELAY_MS,
      DELAY_MS + JITTER_MS_MAX,
      DELAY_MS + JITTER_MS_MAX,
      DELAY_MS + 2 * JITTER_MS_MAX
    ])
  })

  it('3 decryption oracle: the delay is drawn anew for each answer', async () => {
    await open()
    const waits = new Set<number>()
    for (let index = 0; index < 8; index += 1) {
      const begunAt = msOf(scene.world.clock.now)
      await scene.attack(encryptedMail(await seal(), head(`<by${index}@evil.example>`)))
      const [due] = dueTo(`by${index}@evil.example`)
      const wait = due === undefined ? NaN : msOf(due) - begunAt
      expect(wait).toBeGreaterThanOrEqual(JITTER_MS_MAX / 2)
      expect(wait).toBeLessThan(JITTER_MS_MAX)
      waits.add(wait)
    }
    expect(waits.size).toBeGreaterThan(4)
  })

  it('3 decryption oracle: a withheld mail is answered when and as one that stayed closed', async () => {
    await open()
    Object.assign(scene.world.desk.randomness, { below: (limit: number) => limit * JITTER })
    const stolen = await cast.seal(payload('alice', `a ${SECRET}`, `The ${SECRET}.`), 'alice')
    const closed = changed(
      await cast.seal(payload('alice', `a ${SECRET}`, `The ${SECRET}.`), 'alice'),
      ({ tag, body }) => [
        { tag, body: tag === TAG.encryptedIntegrity ? body.subarray(0, -1) : body }
      ]
    )
    for (const [index, armored] of [stolen, closed].entries()) {
      await becomes(
        index === 0 ? 'contradicts-sender' : 'case-opened',
        encryptedMail(armored, head(`<eve${index}@evil.example>`))
      )
    }
    await letAllLeave()
    expect(wordsOf(answerTo(0))).toBe(wordsOf(answerTo(1)))
    const due = scene.world.rows(
      "SELECT DISTINCT not_before FROM outbox WHERE kind = 'acknowledgement' AND envelope_to LIKE 'eve%'"
    )
    expect(due).toHaveLength(1)
    expect(await scene.harm()).toEqual([])
  })
})

/** The session key packets of a message. */
function sessionKeysOf(armored: string): Packet[] {
  const found: Packet[] = []
  changed(armored, (packet) => {
    if (packet.tag === TAG.publicKeySession) found.push(packet)
    return []
  })
  return found
}
