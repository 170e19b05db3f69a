/**
 * Ticks while the wall clock is set: node-cron plans from it, so a clock that goes back an hour would silence the desk for
 * that hour. The process, its timers and node-cron are real; only the wall clock is the test's.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, type TestContext } from 'vitest'
import { movableClock } from '../support/clock.ts'
import { tempFolder } from '../support/temp.ts'

const SYSTEM = new URL('../../dist/effects/system.js', import.meta.url).href
const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS
/** The ticks look at the clock every ten seconds. */
const NOTICED_MS = 11_000

/** Prints a line with the wall clock at every tick, and stops ticking at the end of its input. */
const TICKER = `
  import { startTicks } from ${JSON.stringify(SYSTEM)}
  const ticks = startTicks('* * * * * *', 'Europe/Berlin', () => process.stdout.write(Date.now() + '\\n'))
  process.stdin.on('end', () => ticks[Symbol.dispose]()).resume()`

/** A process of its own with a clock of its own, until the test is over. */
function startTicker({ onTestFinished }: Pick<TestContext, 'onTestFinished'>) {
  const folder = tempFolder()
  const clock = movableClock(folder.path)
  const child = spawn(process.execPath, ['--input-type=module', '--eval', TICKER], {
    env: { ...process.env, ...clock.env },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
    folder.remove()
  })
  const ticks: number[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ticks.push(...text.trim().split('\n').map(Number))
  })
  const waitFor = async (count: number, withinMs: number): Promise<void> => {
    for (const end = Date.now() + withinMs; ticks.length < count; await delay(20))
      if (Date.now() > end) throw new Error(`${ticks.length} ticks, not ${count}`)
  }
  const stop = async (): Promise<number | null> => {
    child.stdin.end()
    const [status] = (await once(child, 'close')) as [number | null]
    return status
  }
  return { clock, ticks, waitFor, stop }
}

// Nearly all of each is waiting, so they wait together.
describe.concurrent('ticks under a clock that is set', () => {
  it('go on within seconds after it went back an hour, and then at every match again', async (context) => {
    const { clock, ticks, waitFor, stop } = startTicker(context)
    await waitFor(2, 20_000)
    clock.set(-HOUR_MS)
    const before = Date.now()
    const had = ticks.length
    await waitFor(had + 4, NOTICED_MS + 8000)
    const after = ticks.slice(had).filter((at) => at < before - HOUR_MS / 2)

    // One tick at once, because much may have become due, then one a second: planned by the clock as it is now.
    expect(after.length).toBeGreaterThanOrEqual(3)
    expect((after.at(-1) ?? 0) - (after[0] ?? 0)).toBeLessThan(6000)
    // Begun anew, they end with their owner all the same: nothing keeps the process alive.
    const asked = Date.now()
    expect(await stop()).toBe(0)
    expect(Date.now() - asked).toBeLessThan(3000)
  })

  it('make up for a year that it went forward by one call, at once, and stay at their second', async (context) => {
    const { clock, ticks, waitFor, stop } = startTicker(context)
    await waitFor(2, 20_000)
    clock.set(YEAR_MS)
    const had = ticks.length
    await waitFor(had + 3, 10_000)

    // A call for each of the thirty million seconds would have kept the process busy for hours.
    expect(ticks.length - had).toBeLessThan(10)
    expect(await stop()).toBe(0)
  })
})
