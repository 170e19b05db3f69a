import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { type MessageId } from '../../../src/domain/ids.ts'
import { type SealTo } from '../../../src/domain/outgoing.ts'
import { addMs, instantFromMs } from '../../../src/domain/time.ts'
import { type Workers } from '../../../src/effects/effects.ts'
import { type LogEvent } from '../../../src/effects/events.ts'
import { generateDeskKey } from '../../../src/openpgp/keyring.ts'
import { startAhead } from '../../../src/worker/pool.ts'
import { layeredMail, mailOfSize } from '../../bench/open-mails.ts'
import { people } from '../../bench/stage.ts'
import { HEADERS, type TestDesk, testDesk } from '../../support/desk-identity.ts'
import { createTestWorkers, WORKER_FILE } from '../../support/workers.ts'

const started = instantFromMs(Date.now())
const now = addMs(started, 60_000)
const onEvent = (): void => undefined

let desk: TestDesk
let workers: Workers

beforeAll(async () => {
  desk = await testDesk(addMs(started, -86_400_000))
  workers = await createTestWorkers({ start: desk.start, onEvent, maxThreads: 2 })
}, 30_000)
afterAll(() => workers.close())

describe('real workers', () => {
  it('seal a long list in order, each to its own key, refusing only the bad one', async () => {
    const address = 'r@x.example' as Address
    const request = { name: 'R', address, passphrase: 'p' }
    const key = await generateDeskKey(request, started)
    const facts = await workers.inspectKey(Buffer.from(key.publicArmored), now, null)
    if (facts === null) throw new Error('a new key is unreadable')
    const to = Array.from({ length: 70 }, (_, index): SealTo => {
      const keyData = index === 40 ? Buffer.from('garbage') : facts.keyData
      return {
        headers: { ...HEADERS, messageId: `n${index}@acme.example` as MessageId },
        lastLine: '',
        fingerprint: facts.fingerprint,
        keyData
      }
    })
    const body = { text: 'notice', attachments: [], original: new Uint8Array(200_000) }
    const sealed = await workers.seal(body, to, now)
    for (const [index, one] of sealed.entries()) {
      if (index === 40) expect(one).toEqual({ kind: 'refused', because: 'unreadable' })
      else if (one.kind === 'sealed') {
        expect(Buffer.from(one.raw).toString('latin1')).toContain(`<n${index}@acme.example>`)
      } else expect(one.kind).toBe('sealed')
    }
  })

  it('(E21) take a thread that was started ahead for their first one, and another where it has died', async () => {
    const { deskKeys, passphrase } = desk.start
    const where = { memoryMegabytes: 256, workerFile: WORKER_FILE }
    const start = () => startAhead({ deskKeys, passphrase }, where)
    const [ahead, dead] = [start(), start()]
    await dead.terminate()
    for (const [first, isUsed] of [
      [ahead, true],
      [dead, false]
    ] as const) {
      const pool = await createTestWorkers({ start: desk.start, onEvent, first })
      const { outer } = await pool.openHeaders(Buffer.from('Subject: x\r\n\r\n'))
      expect(outer.subject).toBe('x')
      expect(first.listenerCount('message') > 0).toBe(isUsed)
      await pool.close()
    }
    expect(ahead.threadId).toBe(-1)
  })

  it('(A6, G9) open the next encrypted message in a new thread when one that costs too much ended the only one', async () => {
    const [to, from] = await people('restart', 2)
    if (to === undefined || from === undefined) throw new Error('no keys')
    const events: LogEvent[] = []
    const pool = await createTestWorkers({
      start: {
        ...{ ...desk.start, deskKeys: [to.secret.armor()], passphrase: '' },
        maintainerKeys: [from.keyData]
      },
      onEvent: (event) => events.push(event),
      ...{ maxThreads: 1, taskMs: 700 }
    })
    const open = (raw: Uint8Array) => pool.open(Buffer.from(raw), { now, knownKeys: [] })
    const costly = await layeredMail(to, from, `POISON${'\n'.repeat(56 * 2 ** 20)}`)
    const failed = open(costly).catch((error: unknown) => error)
    const { text, signatures } = await open(await mailOfSize(to, from, 4096))
    await pool.close()
    expect(await failed).toMatchObject({ name: 'Trouble', code: 'worker-limit' })
    expect(events).toEqual([{ event: 'worker.killed', task: 'open', code: 'worker-limit' }])
    expect(text).not.toBe('')
    expect(signatures).toMatchObject([{ state: 'valid' }])
  })

  it('(E21) take the bytes of a large message, and hold no copy of it', async () => {
    const [to, from] = await people('large', 2)
    if (to === undefined || from === undefined) throw new Error('no keys')
    const start = { ...desk.start, deskKeys: [to.secret.armor()], passphrase: '' }
    const pool = await createTestWorkers({ start, onEvent, maxThreads: 1 })
    const raw = Buffer.from(await mailOfSize(to, from, 3 * 2 ** 20))
    const opening = pool.open(raw, { now, knownKeys: [] })
    expect(raw.buffer.byteLength).toBe(0)
    // Its key is in the header.
    const { signatures, attachments } = await opening
    await pool.close()
    expect(signatures).toMatchObject([{ state: 'valid' }])
    expect(attachments[0]?.content.byteLength).toBeGreaterThan(1.5 * 2 ** 20)
  })

  it('never start with a wrong passphrase, and report that', async () => {
    const start = { ...desk.start, passphrase: 'wrong horse' }
    const error: unknown = await createTestWorkers({ start, onEvent }).catch((e: unknown) => e)
    expect(error).toMatchObject({ name: 'Trouble', code: 'desk-key', retryable: false })
    expect(String(error)).toContain('passphrase does not unlock')
    expect(String(error)).not.toContain('horse')
  })

  it('never start with a public key in place of the private one', async () => {
    const start = { ...desk.start, deskKeys: [desk.publicArmored] }
    await expect(createTestWorkers({ start, onEvent })).rejects.toThrow('public key')
  })

  it('report unclean headers as a bug, without their content', async () => {
    const headers = { ...HEADERS, subject: 'secret\r\nBcc: x@y.example' }
    const error: unknown = await workers.signClear('t', headers, now).catch((e: unknown) => e)
    expect(error).toMatchObject({ name: 'Trouble', code: 'desk-fault' })
    expect(String(error)).not.toMatch(/secret|Bcc/)
  })
})
