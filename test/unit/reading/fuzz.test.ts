/**
 * A short run of the fuzzer, always with the same seeds, and proof that it sees what it is for: with a bug planted in what
 * the reader returns it must find something. `npm run fuzz` is the long run.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type Workers } from '../../../src/effects/effects.ts'
import { corpusMails, type RunResult, runFuzz } from '../../fuzz/run.ts'
import { makeWorld, SECRET_MARK, type World } from '../../fuzz/world.ts'
import { createInProcessWorkers } from '../../support/in-process-workers.ts'

const SEED = 20_261_122

let world: World
let workers: Workers
beforeAll(async () => {
  world = await makeWorld(SEED, 12)
  workers = await createInProcessWorkers(world.start)
})

function fuzz(
  seed: number,
  mails: number,
  open: Workers['open'] = workers.open
): Promise<RunResult> {
  const isOver = (count: number): boolean => count >= mails
  return runFuzz({ seed, world, workers: { open }, corpus: corpusMails(), isOver })
}

describe('mutated mails break no invariant of reading (G2, G9)', () => {
  it.each(Array.from({ length: 24 }, (_, index) => SEED + index))('seed %i', async (seed) => {
    const result = await fuzz(seed, 128)
    expect(result.findings.map(({ rule, index, raw }) => [rule, index, raw.toString()])).toEqual([])
    expect(result.count).toBeGreaterThanOrEqual(128)
    expect(result.decrypted).toBeGreaterThan(20)
    expect(result.valid).toBeGreaterThan(20)
  })
})

type Plant = (opened: OpenedMail, raw: Uint8Array) => OpenedMail

/** Bugs of the kinds that reading must not have, planted in its answer, and the rule that each breaks. */
const BUGS: readonly (readonly [string, string, Plant])[] = [
  [
    'every signature counts',
    'nothing without a signature by a known key is valid',
    (opened) => ({
      ...opened,
      signatures: opened.signatures.map((each) => ({ ...each, state: 'valid' }))
    })
  ],
  [
    'every signature covers the whole',
    'text outside means that nothing covers the whole',
    (opened) => ({ ...opened, signatures: covering(opened) })
  ],
  [
    'text from outside is shown with the signed text',
    'what a valid signature covers as a whole is what its signer said',
    (opened) => ({
      ...opened,
      text: opened.text + opened.outsideText,
      outsideText: '',
      signatures: covering(opened)
    })
  ],
  [
    'text stays where opening failed',
    'nothing that was encrypted is shown of a mail not decrypted',
    (opened) => (opened.failure === null ? opened : { ...opened, text: SECRET_MARK })
  ],
  [
    'control characters reach the text',
    'the text holds no control characters',
    (opened, raw) => ({ ...opened, text: Buffer.from(raw).toString('latin1') })
  ],
  [
    'text has no limit',
    'text within 256 KiB',
    (opened) => ({ ...opened, text: opened.text + 'x'.repeat(2 ** 18 + 1) })
  ]
]

function covering(opened: OpenedMail): OpenedMail['signatures'] {
  return opened.signatures.map((each) => ({ ...each, coversWhole: true }))
}

describe('the fuzzer finds', () => {
  it.each(BUGS)('%s', async (_, rule, plant) => {
    const result = await fuzz(SEED, 256, async (raw, options) => {
      const copy = Buffer.from(raw)
      return plant(await workers.open(raw, options), copy)
    })
    expect(result.findings.map((finding) => finding.rule)).toContain(rule)
  })

  it('a reader that throws', async () => {
    const open: Workers['open'] = (raw, options) =>
      raw.includes(0) ? Promise.reject(new TypeError('broken')) : workers.open(raw, options)
    const result = await fuzz(SEED, 256, open)
    expect(result.findings.map(({ rule }) => rule)).toContain(
      'no crash, no hang, no lack of memory (TypeError: broken)'
    )
  })
})
