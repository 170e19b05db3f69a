/** Broken mail through a whole desk. `npm run nightly` takes more seeds, `npm run fuzz -- --desk` as many messages as it is given. */
import { expect, it } from 'vitest'
import { passThrough } from '../fuzz/through.ts'
import { makeWorld } from '../fuzz/world.ts'

it('(A1, G1) broken messages go through the desk, each is settled, and no copy is more than five times what came or 64 KiB', async () => {
  const passed = await passThrough(await makeWorld(20_261_130, 12), { first: 0, count: 200 })
  expect(passed).toMatchObject({ tooMuch: [], unsettled: 0 })
  expect(passed.ends['case-opened']).toBeGreaterThan(50)
  expect(passed.worst).toBeGreaterThan(0.1)
})
