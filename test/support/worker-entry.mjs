/** A worker thread's entry for tests: Node 20 reads no TypeScript, so the sources come through tsx. */
import { tsImport } from 'tsx/esm/api'

await tsImport('../../src/worker/worker.ts', import.meta.url)
