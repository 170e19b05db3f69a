/**
 * The peer of the benchmark: the same OpenPGP work done the way most tools do it, with one call of `gpg` for each recipient, as
 * many at a time as there are processors. A sample is measured and scaled, because the whole would take minutes.
 */
import { availableParallelism } from 'node:os'
import { makeGnupg } from '../support/people-gpg.ts'
import { findProgram } from '../support/requires.ts'
import { type Figure, figure } from './figures.ts'
import { people } from './stage.ts'

const SAMPLE_MAX = 50
/** About what a forwarded report and a notice hold before they are encrypted. */
const BYTES = 8192

/** The work for so many recipients; `value` makes a figure of milliseconds to encrypt and sign once, and to open once. */
type Work = {
  readonly recipients: number
  readonly bytes?: number
  readonly unit: string
  readonly value: (sealMs: number, openMs: number) => number
}

/** The line of a part for the same work by gpg; none where gpg is not installed. */
export async function besideGpg(part: string, work: Work): Promise<Figure[]> {
  if (findProgram('gpg') === null) return []
  const recipients = await people('peer', Math.min(work.recipients, SAMPLE_MAX))
  const desk = await makeGnupg({ name: 'Desk', address: 'desk@bench.example' })
  try {
    for (const { secret } of recipients) await desk.importKey(secret.toPublic().armor())
    const text = Buffer.alloc(work.bytes ?? BYTES, 'a line of a report\r\n')
    const sealMs = await msEach(recipients, ({ address }) => desk.encrypt(text, address, true))
    const toDesk = Buffer.from(await desk.encrypt(text, 'desk@bench.example', true))
    const openMs = await msEach(recipients, () => desk.decrypt(toDesk))
    const note = `OpenPGP alone, from ${recipients.length} calls: ${sealMs.toFixed(1)} ms to encrypt, ${openMs.toFixed(1)} ms to open`
    const { unit } = work
    return [figure(part, '  gpg per recipient', work.value(sealMs, openMs), { unit, note })]
  } finally {
    await desk.close()
  }
}

/** Wall time for one of them, with all processors at work. */
async function msEach<T>(all: readonly T[], call: (one: T) => Promise<unknown>): Promise<number> {
  const waiting = [...all]
  const lane = async (): Promise<void> => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) await call(one)
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  return (performance.now() - begun) / all.length
}
