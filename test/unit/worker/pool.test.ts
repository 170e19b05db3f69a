import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { type Fingerprint } from '../../../src/domain/ids.ts'
import { type SealTo } from '../../../src/domain/outgoing.ts'
import { type Instant } from '../../../src/domain/time.ts'
import { type Turn, type Workers } from '../../../src/effects/effects.ts'
import { type LogEvent } from '../../../src/effects/events.ts'
import { createWorkers, type WorkerOptions } from '../../../src/worker/pool.ts'
import { HEADERS } from '../../support/desk-identity.ts'

const now = '2026-11-22T10:00:00.000Z' as Instant
const start = {
  deskKeys: [],
  passphrase: '',
  deskName: 'Desk',
  deskAddress: 'security@desk.example' as Address,
  maintainerKeys: []
}
const NONE = new Uint8Array(0)
const BODY = { text: 't', attachments: [], original: null }

const COPY: SealTo = {
  headers: HEADERS,
  lastLine: '',
  fingerprint: '' as Fingerprint,
  keyData: NONE
}

let workers: Workers | undefined
let events: LogEvent[] = []
/** How many threads were started. */
let starts = new Int32Array(new SharedArrayBuffer(4))

/** `how` says how each thread starts: `well`, `slowly` or `dies`, the last for all that come later. */
async function stubborn(
  options: Partial<WorkerOptions> = {},
  how: readonly string[] = ['well']
): Promise<Workers> {
  events = []
  starts = new Int32Array(new SharedArrayBuffer(4))
  const shared = starts as unknown as Uint8Array
  workers = await createWorkers({
    start: { ...start, deskName: how.join(' '), maintainerKeys: [shared] },
    onEvent: (event) => events.push(event),
    maxThreads: 2,
    workerFile: new URL('./fixtures/stubborn-worker.mjs', import.meta.url),
    ...options
  })
  return workers
}

/** What a task fails with. */
const failureOf = (pool: Workers, how: string): Promise<unknown> =>
  pool.signClear(how, HEADERS, now).catch((error: unknown) => error)

afterEach(async () => {
  await workers?.close()
  workers = undefined
})

describe('the worker pool', () => {
  it.each(['spin', 'hang'])('ends a worker whose task runs over its time (%s)', async (how) => {
    const pool = await stubborn({ taskMs: 1000 })
    const error = await failureOf(pool, how)
    expect(error).toMatchObject({ name: 'Trouble', code: 'worker-limit' })
    expect(events).toEqual([{ event: 'worker.killed', task: 'signClear', code: 'worker-limit' }])
  })

  it('lets other tasks finish while one exceeds its time, and keeps working', async () => {
    const pool = await stubborn({ taskMs: 1000 })
    const spinning = failureOf(pool, 'spin')
    const others = Array.from({ length: 20 }, () => pool.openHeaders(new Uint8Array(3)))
    expect(await Promise.all(others)).toEqual(Array(20).fill('answered'))
    expect(await spinning).toMatchObject({ code: 'worker-limit' })
    expect(await pool.openHeaders(new Uint8Array(3))).toBe('answered')
  })

  it('(A3) keeps a thread for a release where every other one is taken', async () => {
    const pool = await stubborn({ maxThreads: 1 })
    const reading = failureOf(pool, 'hang')
    const waiting = pool.openHeaders(new Uint8Array(3)).catch(() => 'ended')
    const release = pool.inTurn('release')
    expect(await release.signClear('x', HEADERS, now)).toBe('answered')
    await pool.close()
    expect([await reading, await waiting]).toMatchObject([{ code: 'stopping' }, 'ended'])
  })

  it('(A4) reads one message of a stranger at a time, however many wait, and leaves the other thread to others', async () => {
    const pool = await stubborn()
    const strangers = pool.inTurn('stranger')
    const hard = 'hang' as unknown as Uint8Array
    const begun = [0, 1, 2].map(() => strangers.open(hard, { now, knownKeys: [] }).catch(() => 0))
    expect(await pool.openHeaders(new Uint8Array(3))).toBe('answered')
    expect(starts[0]).toBe(2)
    await pool.close()
    await Promise.all(begun)
  })

  it('(A3) gives a thread to the most urgent task that waits', async () => {
    const pool = await stubborn({ taskMs: 300, maxThreads: 1 })
    const order: string[] = []
    const ask = async (turn: Turn): Promise<void> => {
      await pool.inTurn(turn).openHeaders(new Uint8Array(3))
      order.push(turn)
    }
    const running = failureOf(pool, 'hang')
    const asked = (['stranger', 'known', 'stranger', 'maintainer'] as const).map(ask)
    await Promise.all([running, ...asked])
    expect(order).toEqual(['maintainer', 'known', 'stranger', 'stranger'])
  })

  it('ignores an answer that arrives after its thread was terminated', async () => {
    const pool = await stubborn({ taskMs: 500, maxThreads: 1 })
    // Timers come after this and before messages, so the time is over before the answer is seen.
    await new Promise((resolve) => setImmediate(resolve))
    const late = failureOf(pool, 'late')
    const next = pool.openHeaders(new Uint8Array(3))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
    expect(await late).toMatchObject({ code: 'worker-limit' })
    expect(await next).toBe('answered')
  })

  it('serves the next message within two seconds after its only thread was killed (G9)', async () => {
    let endedAt = 0
    const pool = await stubborn({
      taskMs: 1000,
      maxThreads: 1,
      onEvent: () => (endedAt = performance.now())
    })
    const killed = failureOf(pool, 'spin')
    expect(await pool.openHeaders(new Uint8Array(3))).toBe('answered')
    expect(performance.now() - endedAt).toBeLessThan(2000)
    expect(await killed).toMatchObject({ code: 'worker-limit' })
  })

  it('terminates no other task because a thread starts slowly', async () => {
    const pool = await stubborn({ taskMs: 1000 }, ['well', 'slowly'])
    await Promise.all(Array.from({ length: 20 }, () => pool.openHeaders(new Uint8Array(3))))
    expect(events).toEqual([])
  })

  it('refuses a task with the reason where its thread does not start, and starts another for the next', async () => {
    const pool = await stubborn({ taskMs: 1000, maxThreads: 1 }, ['well', 'dies', 'well'])
    const spinning = failureOf(pool, 'spin')
    const waiting = [pool.openHeaders(new Uint8Array(3)), pool.openHeaders(new Uint8Array(3))]
    expect(await spinning).toMatchObject({ code: 'worker-limit' })
    await expect(waiting[0]).rejects.toMatchObject({ code: 'worker-start', retryable: true })
    expect(await waiting[1]).toBe('answered')
    expect(events).toEqual([
      { event: 'worker.killed', task: 'signClear', code: 'worker-limit' },
      { event: 'worker.killed', task: 'start', code: 'worker-crash' }
    ])
    expect(starts[0]).toBe(3)
  })

  it('does not begin without a thread', async () => {
    await expect(stubborn({}, ['dies'])).rejects.toMatchObject({ code: 'worker-start' })
  })

  it('terminates an idle thread after a while, and starts another for the next task', async () => {
    const pool = await stubborn({ maxThreads: 1, idleMs: 50 })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await pool.openHeaders(new Uint8Array(3))).toBe('answered')
    expect([starts[0], events]).toEqual([2, []])
  })

  it('reports that an idle thread died, and starts another', async () => {
    const pool = await stubborn({ maxThreads: 1 })
    await pool.signClear('leave', HEADERS, now)
    await vi.waitFor(() => {
      expect(events).toEqual([{ event: 'worker.killed', task: 'idle', code: 'worker-crash' }])
    })
    expect(await pool.openHeaders(new Uint8Array(3))).toBe('answered')
  })

  it.each(['exit', 'grow'])('reports a dead worker as a crash and works on (%s)', async (how) => {
    const pool = await stubborn({ memoryMegabytes: 48 })
    const error = await failureOf(pool, how)
    expect(error).toMatchObject({ name: 'Trouble', code: 'worker-crash' })
    expect(events).toContainEqual({
      event: 'worker.killed',
      task: 'signClear',
      code: 'worker-crash'
    })
    expect(await pool.openHeaders(new Uint8Array(3))).toBe('answered')
  })

  it('never passes on the message of an error inside a worker', async () => {
    const pool = await stubborn()
    const error = await failureOf(pool, 'throw')
    expect(String(error)).not.toContain('content of a mail')
  })

  it('lets nothing that is printed in a thread reach the output of the process (G10)', async () => {
    const written: unknown[] = []
    const spies = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockImplementation((chunk) => {
        written.push(chunk)
        return true
      })
    )
    const pool = await stubborn({ maxThreads: 1 })
    await pool.signClear('print', HEADERS, now)
    await pool.openHeaders(new Uint8Array(3))
    await pool.close()
    for (const spy of spies) spy.mockRestore()
    expect(String(written)).not.toContain('content of a mail')
  })

  it('returns the original failure of a task', async () => {
    const pool = await stubborn()
    const bug = 'bug' as unknown as Uint8Array
    const opening = pool.open(bug, { now, knownKeys: [] })
    await expect(opening).rejects.toMatchObject({ name: 'Invariant' })
    // (12) What the desk writes itself, no message is charged for.
    const fault = { code: 'desk-fault', retryable: true }
    await expect(pool.signClear('bug', HEADERS, now)).rejects.toMatchObject(fault)
    await expect(pool.signClear('trouble', HEADERS, now)).rejects.toMatchObject({
      code: 'desk-key',
      message: 'the hint'
    })
  })

  it('leaves the bytes of its caller unchanged', async () => {
    const pool = await stubborn()
    const raw = new Uint8Array(500_000).fill(7)
    await pool.openHeaders(raw)
    expect(raw.byteLength).toBe(500_000)
    expect(raw[499_999]).toBe(7)
  })

  it('refuses running, waiting and later tasks once it is closed', async () => {
    const pool = await stubborn({ maxThreads: 1 })
    const running = failureOf(pool, 'hang')
    const waiting = pool.openHeaders(new Uint8Array(3)).catch((e: unknown) => e)
    await pool.close()
    expect(await running).toMatchObject({ code: 'stopping' })
    expect(await waiting).toMatchObject({ code: 'stopping' })
    const late = [pool.openHeaders(new Uint8Array(3)), pool.seal(BODY, [COPY], now)]
    for (const each of late) await expect(each).rejects.toMatchObject({ code: 'stopping' })
    expect(starts[0]).toBe(1)
    expect(events).toEqual([])
  })
})
