/**
 * The real worker pool for tests. Threads cannot share the test runner's transforms, so they run the sources through
 * tsx: what is tested is what is in the tree, never an older build. POSTERN_TEST_DIST=1 takes the compiled program.
 */
import { type Workers } from '../../src/effects/effects.ts'
import { createWorkers, type WorkerOptions } from '../../src/worker/pool.ts'

const isBuilt = process.env['POSTERN_TEST_DIST'] === '1'
export const WORKER_FILE = new URL(
  isBuilt ? '../../dist/worker/worker.js' : './worker-entry.mjs',
  import.meta.url
)

/** Starts a pool like the daemon's; every option can be changed. */
export function createTestWorkers(options: WorkerOptions): Promise<Workers> {
  return createWorkers({ workerFile: WORKER_FILE, ...options })
}
