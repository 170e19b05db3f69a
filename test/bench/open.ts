/**
 * The benchmark part `open`: how many messages of 4 KiB, 1 MiB and 25 MiB the worker pool opens a second on all its threads, and
 * what the worst messages of the attack catalogue cost in time and memory.
 */
import { writeFileSync } from 'node:fs'
import { instantFromMs } from '../../src/domain/time.ts'
import { createWorkers } from '../../src/worker/pool.ts'
import { type Figure, figure } from './figures.ts'
import { mailOfSize, worstMails } from './open-mails.ts'
import { type Part } from './parts.ts'
import { memoryOf, people } from './stage.ts'

const MIB = 2 ** 20
const THREADS = 2
const SECONDS_MAX = 10
const MEMORY_MIB_MAX = 512

/** Rates of ordinary messages, then the cost of each of the worst. */
export const open: Part = async (sizes) => {
  const [desk, from] = await people('opener', 2)
  if (desk === undefined || from === undefined) throw new Error('no keys for the benchmark')
  const workers = await createWorkers({
    start: {
      ...{ deskKeys: [desk.secret.armor()], passphrase: '', deskName: 'Bench' },
      ...{ deskAddress: desk.address, maintainerKeys: [from.keyData] }
    },
    onEvent: () => undefined,
    maxThreads: THREADS,
    workerFile: new URL('../../dist/worker/worker.js', import.meta.url)
  })
  const now = instantFromMs(Date.now() + 60_000)
  const openOne = (raw: Uint8Array) => workers.open(Buffer.from(raw), { now, knownKeys: [] })
  const rateOf = async (name: string, raw: Uint8Array, count: number): Promise<Figure> => {
    let left = count
    const lane = async (): Promise<void> => {
      for (; left > 0; left -= 1) {
        const { signatures } = await openOne(raw)
        if (signatures[0]?.state !== 'valid') throw new Error(`${name} was not opened`)
      }
    }
    await Promise.all(Array.from({ length: THREADS }, () => openOne(raw)))
    const begun = performance.now()
    await Promise.all(Array.from({ length: THREADS }, lane))
    const rate = count / ((performance.now() - begun) / 1000)
    const note = `${count} messages, ${((raw.length / MIB) * rate).toFixed(1)} MiB/s`
    return figure('open', `${name}, ${THREADS} threads`, rate, { unit: 'messages/s', note })
  }
  const costOf = async (name: string, raw: Uint8Array): Promise<Figure[]> => {
    // The kernel forgets the most that was resident so far.
    writeFileSync('/proc/self/clear_refs', '5')
    const rest = memoryOf(process.pid).now
    const begun = performance.now()
    const opened = await openOne(raw).catch(() => null)
    const seconds = (performance.now() - begun) / 1000
    const end = opened === null ? 'worker ended' : (opened.failure ?? 'opened')
    const note = `${(raw.length / MIB).toFixed(2)} MiB, ${end}`
    const { peak } = memoryOf(process.pid)
    const more = `${Math.round(peak)} MiB with the benchmark itself`
    return [
      figure('open', name, seconds, { unit: 's', below: SECONDS_MAX, note }),
      figure('open', '  memory', peak - rest, { unit: 'MiB', below: MEMORY_MIB_MAX, note: more })
    ]
  }
  try {
    const figures = [
      await rateOf('4 KiB', await mailOfSize(desk, from, 4096), sizes.opens),
      await rateOf('1 MiB', await mailOfSize(desk, from, MIB), Math.ceil(sizes.opens / 10)),
      await rateOf('25 MiB', await mailOfSize(desk, from, 25 * MIB), Math.ceil(sizes.opens / 100))
    ]
    for (const { name, raw } of await worstMails(desk, from))
      figures.push(...(await costOf(name, raw)))
    return figures
  } finally {
    await workers.close()
  }
}
