/**
 * `npm run fuzz`: opens broken mail in the built daemon's worker pool, under its limits, and checks that every invariant of
 * reading holds. `--messages N` (100,000), `--minutes N` (20) at the most, `--seed N`; `--only K` makes message K of that seed
 * again and opens nothing else; `--desk` lets all of them go on through policy, encryption and the outbox of a desk instead, and
 * checks that each is settled and what is made of it. A finding is made small, written into a temporary folder with the keys it needs, and printed;
 * then the exit status is 1.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createWorkers } from '../../src/worker/pool.ts'
import { makeMail } from './mails.ts'
import { corpusMails, delivered, type Finding, type RunResult, runFuzz } from './run.ts'
import { passThrough } from './through.ts'
import { makeWorld, type World } from './world.ts'

/** One message may take this long and its thread this much memory. */
const TASK_MS = 10_000
const MEMORY_MIB = 512

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    messages: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    desk: { type: 'boolean' }
  }
})
/** Messages that one desk gets before the next one begins. */
const A_DESK = 2000
const [minutes, messages, seed, only] = [
  ['minutes', 20],
  ['messages', 100_000],
  ['seed', Date.now() % 2 ** 31],
  ['only', -1]
].map(([name, usual]) => Number(values[name as keyof typeof values] ?? usual))
if ([minutes, messages, seed, only].every(Number.isSafeInteger))
  await (values.desk === true ? throughDesks : main)(
    minutes ?? 0,
    messages ?? 0,
    seed ?? 0,
    only ?? 0
  )
else {
  process.stderr.write('--minutes, --messages, --seed and --only each want a whole number.\n')
  process.exitCode = 2
}

async function main(minutes: number, messages: number, seed: number, only: number): Promise<void> {
  const corpus = corpusMails()
  process.stdout.write(`seed ${seed}, ${corpus.length} messages of the corpus\n`)
  const world = await makeWorld(seed, 48)
  if (only >= 0)
    process.stdout.write(delivered(makeMail({ world, corpus }, only)).toString('latin1'))
  const workers = await createWorkers({
    start: world.start,
    onEvent: ({ event }) => process.stdout.write(`${event}\n`),
    memoryMegabytes: MEMORY_MIB,
    taskMs: TASK_MS,
    workerFile: new URL('../../dist/worker/worker.js', import.meta.url)
  })
  const startedAt = Date.now()
  const endsAt = startedAt + minutes * 60_000
  try {
    const result = await runFuzz({
      world,
      workers,
      corpus,
      ...(only < 0 ? {} : { number: only }),
      isOver: (count) => count >= messages || Date.now() >= endsAt,
      onBatch: (count, kinds) => {
        if (count % 12_800 === 0)
          process.stdout.write(`${count} messages, ${kinds} ways to behave\n`)
      }
    })
    report(result, (Date.now() - startedAt) / 1000)
    if (result.findings.length > 0) keep(world, seed, result.findings)
  } finally {
    await workers.close()
  }
}

async function throughDesks(minutes: number, messages: number, seed: number): Promise<void> {
  const corpus = corpusMails()
  process.stdout.write(`seed ${seed}, ${corpus.length} messages of the corpus\n`)
  const world = await makeWorld(seed, 48)
  const endsAt = Date.now() + minutes * 60_000
  let count = 0
  for (let first = 0; first < messages && Date.now() < endsAt; first += A_DESK) {
    const range = { first, count: Math.min(A_DESK, messages - first) }
    const passed = await passThrough(world, range, corpus)
    count += passed.count
    const { worst, tooMuch, unsettled, ends } = passed
    process.stdout.write(
      `${count} messages; worst ${worst.toFixed(2)} of the bound; ${JSON.stringify(ends)}\n`
    )
    if (tooMuch.length === 0 && unsettled === 0) continue
    process.stdout.write(`more than the bound: ${tooMuch.join(' ')}; ${unsettled} not settled\n`)
    process.exitCode = 1
  }
}

function report(
  { count, kinds, decrypted, valid, exact, findings }: RunResult,
  seconds: number
): void {
  const rate = `${count} messages in ${seconds.toFixed(0)} s, ${(count / seconds).toFixed(0)} a second`
  const ways = `${decrypted} decrypted, ${valid} with a valid signature, ${exact} known exactly, ${kinds} ways to behave`
  process.stdout.write(`${rate}; ${ways}; ${findings.length} findings\n`)
}

/** Writes findings and keys where they can be looked at; the keys protect nothing. */
function keep(world: World, seed: number, findings: readonly Finding[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'postern-fuzz-'))
  writeFileSync(join(folder, 'desk.asc'), world.start.deskKeys.join('\n'))
  const certificates = [...world.start.maintainerKeys, ...world.knownKeys]
  for (const [index, key] of certificates.entries()) {
    writeFileSync(join(folder, `known-${index}.pgp`), key)
  }
  for (const [index, { rule, recipe, raw, index: number }] of findings.entries()) {
    const file = join(folder, `${seed}-${index}.eml`)
    writeFileSync(file, raw)
    const again = number < 0 ? '' : `, again with --seed ${seed} --only ${number}`
    process.stdout.write(
      `FINDING: ${rule}\n  message ${number} (${recipe}), ${raw.length} bytes: ${file}${again}\n`
    )
  }
  process.exitCode = 1
}
