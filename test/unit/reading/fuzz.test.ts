import { expect, it } from 'vitest'
import { corpusMails, runFuzz } from '../../fuzz/run.ts'
import { makeWorld } from '../../fuzz/world.ts'
import { createInProcessWorkers } from '../../support/in-process-workers.ts'

// Many seeds, and proof that the fuzzer finds what it is for: test/nightly/fuzz.test.ts.
it('mutated messages break no invariant of reading (G2, G9; one seed of many)', async () => {
  const world = await makeWorld(20_261_121, 12)
  const workers = await createInProcessWorkers(world.start)
  const isOver = (count: number): boolean => count >= 128
  const result = await runFuzz({ world, workers, corpus: corpusMails(), isOver })
  expect(result.findings.map(({ rule, index, raw }) => [rule, index, raw.toString()])).toEqual([])
  expect(result.exact).toBeGreaterThan(40)
  expect(result.decrypted).toBeGreaterThan(20)
  expect(result.valid).toBeGreaterThan(20)
})
