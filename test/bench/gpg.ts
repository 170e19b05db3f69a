/**
 * The same OpenPGP work done the way most tools do it: one call of `gpg` for each recipient, as many at a time as there are
 * processors. A sample is measured and scaled, because the whole would take minutes.
 */
import { availableParallelism } from 'node:os'
import { makeGnupg } from '../support/people-gpg.ts'
import { findProgram } from '../support/requires.ts'
import { type BenchKey } from './keys.ts'

/** Milliseconds of wall time for one operation, with all processors at work. */
export type GpgCost = {
  readonly sealMs: number
  readonly openMs: number
  readonly sample: number
}

/** Seals `bytes` of text, signed, to each of a sample of keys, and opens as many; null when gpg is not installed. */
export async function gpgCost(keys: readonly BenchKey[], bytes: number): Promise<GpgCost | null> {
  if (findProgram('gpg') === null) return null
  const desk = await makeGnupg({ name: 'Desk', address: 'desk@gpg.example' })
  try {
    for (const { publicArmored } of keys) await desk.importKey(publicArmored)
    const payload = Buffer.alloc(bytes, 'a line of a report\r\n')
    const sealMs = await perOperation(keys, ({ address }) => desk.encrypt(payload, address, true))
    const toDesk = Buffer.from(await desk.encrypt(payload, 'desk@gpg.example', true))
    const openMs = await perOperation(keys, () => desk.decrypt(toDesk))
    return { sealMs, openMs, sample: keys.length }
  } finally {
    await desk.close()
  }
}

async function perOperation(
  keys: readonly BenchKey[],
  work: (key: BenchKey) => Promise<unknown>
): Promise<number> {
  const waiting = [...keys]
  const started = performance.now()
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) await work(key)
    })
  )
  return (performance.now() - started) / keys.length
}
