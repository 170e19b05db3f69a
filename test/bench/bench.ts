/**
 * `npm run bench`: how fast and how large the built daemon is, on real servers.
 * Prints a table and writes `bench-results/<date>.json`. Arguments: names of parts (all by default), `--quick` for small
 * numbers, `--before FOLDER` for the same parts of another built checkout, each right after ours. It is a benchmark, not a test: a
 * missed aim is no failure.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Figure } from './figures.ts'
import { growth } from './growth.ts'
import { open } from './open.ts'
import { backlog, latency, memory, notice, type Part, relay, type Sizes } from './parts.ts'

const PARTS: Readonly<Record<string, Part>> = {
  backlog,
  latency,
  relay,
  notice,
  memory,
  open,
  growth
}
const RESULTS = fileURLToPath(new URL('../../bench-results/', import.meta.url))

const FULL: Sizes = {
  backlog: 500,
  oneByOne: 100,
  relayTo: [1, 10, 100],
  relays: 5,
  members: 1000,
  attachmentMiB: 30,
  idleMs: 40_000,
  opens: 1000,
  stored: 1_000_000
}
const QUICK: Sizes = {
  backlog: 30,
  oneByOne: 8,
  relayTo: [1, 10],
  relays: 2,
  members: 60,
  attachmentMiB: 5,
  idleMs: 3000,
  opens: 100,
  stored: 20_000
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, before: { type: 'string' } }
})
const unknown = positionals.find((name) => PARTS[name] === undefined)
if (unknown === undefined) await main()
else {
  process.stderr.write(
    `There is no part ${unknown}; there are: ${Object.keys(PARTS).join(', ')}.\n`
  )
  process.exitCode = 2
}

async function main(): Promise<void> {
  const isQuick = values.quick === true
  const sizes = isQuick ? QUICK : FULL
  const figures: Compared[] = []
  for (const [name, part] of Object.entries(PARTS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    process.stderr.write(`${name} …\n`)
    const ours = await part(sizes)
    if (values.before === undefined) figures.push(...ours)
    else figures.push(...besideBefore(ours, figuresOf(values.before, name)))
  }
  console.table(figures)
  const at = new Date()
  const machine = {
    node: process.version,
    processors: availableParallelism(),
    model: cpus()[0]?.model ?? 'unknown',
    memoryMiB: Math.round(totalmem() / 2 ** 20)
  }
  mkdirSync(RESULTS, { recursive: true })
  const file = join(RESULTS, `${at.toISOString().slice(0, 19).replaceAll(':', '')}.json`)
  const result = { at: at.toISOString(), machine, quick: isQuick, sizes, figures }
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  process.stdout.write(`\nwritten: ${file}\n`)
}

/** A line with the value of the same line of the other checkout; null where that has no such line. */
type Compared = Figure & { readonly before?: number | null }

/** Runs one part of the benchmark that the checkout in `folder` has, with this Node, and returns what it found. */
function figuresOf(folder: string, part: string): readonly Figure[] {
  const tsx = join(folder, 'node_modules/tsx/dist/cli.mjs')
  const quick = values.quick === true ? ['--quick'] : []
  const run = [tsx, 'test/bench/bench.ts', part, ...quick]
  const printed = execFileSync(process.execPath, run, { cwd: folder, encoding: 'utf8' })
  const written = /^written: (.+)$/m.exec(printed)?.[1] ?? ''
  return (JSON.parse(readFileSync(written, 'utf8')) as { figures: readonly Figure[] }).figures
}

function besideBefore(ours: readonly Figure[], before: readonly Figure[]): readonly Compared[] {
  const same = (a: Figure, b: Figure): boolean => a.part === b.part && a.what === b.what
  return ours.map((line) => ({
    ...line,
    before: before.find((other) => same(line, other))?.value ?? null
  }))
}
