/**
 * `npm run fuzz`: opens broken mail in the built daemon's worker pool, under its limits, and checks that every invariant of
 * reading holds. `--mails N` (100,000), `--minutes N` (20) at the most, `--seed N`; `--only K` makes message K of that seed
 * again and opens nothing else. A finding is made small, written into a temporary folder with the keys it needs, and printed;
 * then the exit status is 1.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createWorkers } from '../../src/worker/pool.ts'
import { makeMail } from './mails.ts'
import { corpusMails, delivered, type Finding, type RunResult, runFuzz } from './run.ts'
import { makeWorld, type World } from './world.ts'

/** One message may take this long and its thread this much memory. */
const TASK_MS = 10_000
const MEMORY_MIB = 512
const MIB = 2 ** 20
/** How often memory is looked at. */
const LOOK_MS = 20

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    mails: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' }
  }
})
const minutes = wholeNumber(values.minutes, 20)
const mails = wholeNumber(values.mails, 100_000)
const seed = wholeNumber(values.seed, Date.now() % 2 ** 31)
const only = wholeNumber(values['only'], -1)
if (minutes === null || mails === null || seed === null || only === null) {
  process.stderr.write('--minutes, --mails, --seed and --only each want a whole number.\n')
  process.exitCode = 2
} else await main({ minutes, mails, seed, only })

type Wanted = Readonly<Record<'minutes' | 'mails' | 'seed' | 'only', number>>

async function main({ minutes, mails, seed, only }: Wanted): Promise<void> {
  const corpus = corpusMails()
  process.stdout.write(`seed ${seed}, ${corpus.length} mails of the corpus\n`)
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
  // Memory that is left over from making the messages does not count, only what opening them adds.
  const resident = { peak: 0, made: process.memoryUsage.rss(), opening: 0 }
  const look = (): void => {
    const now = process.memoryUsage.rss()
    resident.peak = Math.max(resident.peak, now)
    resident.opening = Math.max(resident.opening, now - resident.made)
  }
  const looks = setInterval(look, LOOK_MS)
  try {
    const result = await runFuzz({
      world,
      workers,
      corpus,
      ...(only < 0 ? {} : { number: only }),
      isOver: (count) => count >= mails || Date.now() >= endsAt,
      onMade: () => {
        resident.made = process.memoryUsage.rss()
      },
      onBatch: (count, kinds) => {
        look()
        if (count % 12_800 === 0) process.stdout.write(`${count} mails, ${kinds} ways to behave\n`)
      }
    })
    report(result, (Date.now() - startedAt) / 1000, resident)
    if (result.findings.length > 0) keep(world, seed, result.findings)
    if (resident.opening > MEMORY_MIB * MIB) {
      process.stdout.write(`FINDING: more than ${MEMORY_MIB} MiB more while mails were opened\n`)
      process.exitCode = 1
    }
  } finally {
    clearInterval(looks)
    await workers.close()
  }
}

function report(
  { count, kinds, decrypted, valid, exact, findings }: RunResult,
  seconds: number,
  resident: { readonly peak: number; readonly opening: number }
): void {
  const rate = `${count} mails in ${seconds.toFixed(0)} s, ${(count / seconds).toFixed(0)} a second`
  const ways = `${decrypted} decrypted, ${valid} with a valid signature, ${exact} known exactly, ${kinds} ways to behave`
  const memory = `${Math.round(resident.peak / MIB)} MiB resident at most, ${Math.round(resident.opening / MIB)} more while mails were opened`
  process.stdout.write(`${rate}; ${ways}; ${memory}; ${findings.length} findings\n`)
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
      `FINDING: ${rule}\n  mail ${number} (${recipe}), ${raw.length} bytes: ${file}${again}\n`
    )
  }
  process.exitCode = 1
}

/** A whole number; `fallback` where none is given, null for anything else. */
function wholeNumber(text: string | undefined, fallback: number): number | null {
  if (text === undefined) return fallback
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
