/**
 * A process that opens one message with the built worker pool and says how long it took and how much memory the process had at
 * most. In a process of its own, so that no mail pays for another. Arguments: a JSON file (`OpenJob`).
 */
import { readFileSync } from 'node:fs'
import { instantFromMs } from '../../src/domain/time.ts'
import { createWorkers } from '../../src/worker/pool.ts'
import { type OpenCost, type OpenJob } from './open.ts'

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as OpenJob
const raw = readFileSync(job.mailFile)
const workers = await createWorkers({
  start: {
    ...job.start,
    maintainerKeys: job.maintainerKeys.map((key) => Buffer.from(key, 'base64'))
  },
  onEvent: () => undefined,
  workerFile: new URL('../../dist/worker/worker.js', import.meta.url)
})
try {
  const before = peakMiB()
  const begun = performance.now()
  const opened = await workers
    .open(raw, { now: instantFromMs(Date.now() + 60_000), knownKeys: [] })
    .catch(() => null)
  const cost: OpenCost = {
    ms: performance.now() - begun,
    restMiB: before,
    peakMiB: peakMiB(),
    end: opened === null ? 'worker ended' : (opened.failure ?? 'opened')
  }
  process.stdout.write(JSON.stringify(cost))
} finally {
  await workers.close()
}

/** The most that was ever resident, from the kernel; the usage that Node reports counts the process that started this one. */
function peakMiB(): number {
  const line = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(line?.[1] ?? Number.NaN) / 1024
}
