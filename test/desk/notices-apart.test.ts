/** Notices that are due at once do not hang on each other (G7, G9). */
import { describe, expect, it } from 'vitest'
import { type Address } from '../../src/domain/address.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type NoticeWorld, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'
import { someone } from '../support/world.ts'

const cast = await people()
const ONE = 'ACME-2026-0001'
const TWO = 'ACME-2026-0002'
let desk: NoticeWorld

/** From now on the desk has a bug that shows at the notice of one case only. */
function failAt(tag: string): void {
  const { workers } = desk.world.desk
  const seal = workers.seal.bind(workers)
  const broken: typeof seal = (...args) =>
    JSON.stringify(args).includes(`[${tag}] Notice`)
      ? Promise.reject(new TypeError('a bug at this notice'))
      : seal(...args)
  Object.assign(workers, { seal: broken })
}

describe('of one notice', () => {
  it('a piece that fails while the one before it still waits for alarms does not end the process (G9)', async () => {
    const expired = await someone('aaa', 'security@aaa.example', 1)
    const [base = expired] = cast.members
    const many = Array.from({ length: 80 }, (_, index) => ({
      ...base,
      id: `m${100 + index}`,
      address: `m${100 + index}@many.example` as Address
    }))
    desk = await noticeWorld({ ...cast, members: [expired, ...many] }, { count: 1 })
    const { workers } = desk.world.desk
    const seal = workers.seal.bind(workers)
    const crashes: typeof seal = (body, to, now) =>
      to.headers.to.address === 'm170@many.example'
        ? Promise.reject(new Trouble('worker-crash', 'x', { retryable: true }))
        : seal(body, to, now)
    Object.assign(workers, { seal: crashes })
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      desk.world.pass(UNTIL_DUE)
      for (let tries = 0; tries < 3; tries += 1) await desk.world.settle()
    } finally {
      process.off('unhandledRejection', note)
    }
    expect(unhandled).toEqual([])
    expect(desk.states()).toEqual(['held'])
    expect(desk.alarms('notice-held')).toBe(2)
  })
})

describe('of two notices due at once', () => {
  it.each([
    ['first', ONE, TWO],
    ['second', TWO, ONE]
  ])(
    'the %s may fail and be held; the other leaves in full at the first try',
    async (_name, bad, good) => {
      desk = await noticeWorld(cast, { count: 2 })
      failAt(bad)
      desk.world.pass(UNTIL_DUE)
      await desk.world.releaseOnce()
      expect(desk.states().sort()).toEqual(['released', 'releasing'])
      await desk.world.settle()
      expect(desk.states()).toEqual(bad === ONE ? ['held', 'released'] : ['released', 'held'])
      expect(desk.world.log.filter(({ event }) => event === 'bug')).toHaveLength(3)
      expect(desk.alarms('notice-held')).toBe(2)
      expect(await desk.noticed(good)).toEqual(['debian', 'freebsd', 'suse'])
      expect(await desk.noticed(bad)).toEqual([])
    }
  )

  it('both leave in full when nothing fails', async () => {
    desk = await noticeWorld(cast, { count: 2 })
    await desk.world.wait(UNTIL_DUE)
    for (const tag of [ONE, TWO])
      expect(await desk.noticed(tag)).toEqual(['debian', 'freebsd', 'suse'])
  })
})
