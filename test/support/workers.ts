/**
 * The real worker pool for tests. Threads cannot share the test runner's transforms, so they run the sources through
 * tsx: what is tested is what is in the tree, never an older build. POSTERN_TEST_DIST=1 takes the compiled program.
 */
import { type Workers } from '../../src/effects/effects.ts'
import { createWorkers, type WorkerOptions } from '../../src/worker/pool.ts'

/** Starts a pool like the daemon's; every option can be changed. */
export function createTestWorkers(options: WorkerOptions): Promise<Workers> {
  const isBuilt = process.env['POSTERN_TEST_DIST'] === '1'
  const place = isBuilt
    ? { workerFile: new URL('../../dist/worker/worker.js', import.meta.url) }
    : {
        workerFile: new URL('../../src/worker/worker.ts', import.meta.url),
        execArgv: ['--import', 'tsx']
      }
  return createWorkers({ ...place, ...options })
}
