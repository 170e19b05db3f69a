/** Notices that are due at once do not hang on each other (G7, G9). */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type NoticeWorld,
  noticeWorld,
  type People,
  people,
  UNTIL_DUE
} from '../support/notice-world.ts'

const ONE = 'ACME-2026-0001'
const TWO = 'ACME-2026-0002'
let cast: People
let desk: NoticeWorld

beforeAll(async () => {
  cast = await people()
})
afterEach(() => {
  desk.world.close()
})

/** From now on the desk has a bug that shows at the notice of one case only. */
function failAt(tag: string): void {
  const { workers } = desk.world.desk
  const seal = workers.seal.bind(workers)
  const broken: typeof seal = (...args) =>
    JSON.stringify(args).includes(`[${tag}] EMBARGOED`)
      ? Promise.reject(new TypeError('a bug at this notice'))
      : seal(...args)
  Object.assign(workers, { seal: broken })
}

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
    desk.world.pass(UNTIL_DUE)
    await desk.world.settle()
    for (const tag of [ONE, TWO])
      expect(await desk.noticed(tag)).toEqual(['debian', 'freebsd', 'suse'])
  })
})
