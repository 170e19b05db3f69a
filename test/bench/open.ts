/**
 * The benchmark part `open`: how many messages of 4 KiB, 1 MiB and 25 MiB the worker pool opens a second on all its threads, and
 * what the worst messages of the attack catalogue cost in time and memory, each in a process of its own.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readKey } from 'openpgp'
import { type Address } from '../../src/domain/address.ts'
import { instantFromMs } from '../../src/domain/time.ts'
import { createWorkers } from '../../src/worker/pool.ts'
import { type WorkerStart } from '../../src/worker/tasks.ts'
import { type Figure, figure } from './figures.ts'
import { type BenchKey, benchKeys } from './keys.ts'
import { mailOfSize, type NamedMail, worstMails } from './open-mails.ts'
import { type Part } from './parts.ts'

/** What `open-one.ts` is to do; keys in base64. */
export type OpenJob = {
  readonly mailFile: string
  readonly start: Omit<WorkerStart, 'maintainerKeys'>
  readonly maintainerKeys: readonly string[]
}

/** What it cost. `restMiB` is the process with its worker before the message. */
export type OpenCost = {
  readonly ms: number
  readonly restMiB: number
  readonly peakMiB: number
  readonly end: string
}

const MIB = 2 ** 20
const THREADS = 2
const SECONDS_MAX = 10
const MEMORY_MIB_MAX = 512

/** Rates of ordinary messages, then the cost of each of the worst. */
export const open: Part = async (sizes) => {
  const [desk, from] = await benchKeys('opener', 2)
  if (desk === undefined || from === undefined) throw new Error('no keys for the benchmark')
  const start = await startOf(desk, from)
  const figures: Figure[] = []
  for (const [name, bytes, count] of [
    ['4 KiB', 4096, sizes.opens],
    ['1 MiB', MIB, Math.ceil(sizes.opens / 10)],
    ['25 MiB', 25 * MIB, Math.ceil(sizes.opens / 100)]
  ] as const) {
    const raw = await mailOfSize(desk, from, bytes)
    figures.push(await rateOf(start, { name, raw }, count))
  }
  for (const mail of await worstMails(desk, from)) figures.push(...(await costOf(start, mail)))
  return figures
}

async function startOf(desk: BenchKey, from: BenchKey): Promise<WorkerStart> {
  const certificate = await readKey({ armoredKey: from.publicArmored })
  return {
    deskKeys: [desk.privateArmored],
    passphrase: '',
    deskName: 'Bench',
    deskAddress: desk.address as Address,
    maintainerKeys: [certificate.write()]
  }
}

async function rateOf(start: WorkerStart, mail: NamedMail, count: number): Promise<Figure> {
  const workers = await createWorkers({
    start,
    onEvent: () => undefined,
    maxThreads: THREADS,
    workerFile: new URL('../../dist/worker/worker.js', import.meta.url)
  })
  const now = instantFromMs(Date.now() + 60_000)
  const openOne = async (): Promise<void> => {
    const { signatures } = await workers.open(Buffer.from(mail.raw), { now, knownKeys: [] })
    if (signatures[0]?.state !== 'valid') throw new Error(`${mail.name} was not opened`)
  }
  try {
    await Promise.all(Array.from({ length: THREADS }, openOne))
    const begun = performance.now()
    let left = count
    const lane = async (): Promise<void> => {
      for (; left > 0; left -= 1) await openOne()
    }
    await Promise.all(Array.from({ length: THREADS }, lane))
    const seconds = (performance.now() - begun) / 1000
    const bytes = (mail.raw.length / MIB) * (count / seconds)
    return figure('open', `mails of ${mail.name}, ${THREADS} threads`, count / seconds, {
      unit: 'mails/s',
      note: `${count} mails, ${bytes.toFixed(1)} MiB/s`
    })
  } finally {
    await workers.close()
  }
}

async function costOf(start: WorkerStart, mail: NamedMail): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-open-'))
  try {
    const mailFile = join(folder, 'mail.eml')
    const jobFile = join(folder, 'job.json')
    const { maintainerKeys, ...rest } = start
    const job: OpenJob = {
      mailFile,
      start: rest,
      maintainerKeys: maintainerKeys.map((key) => Buffer.from(key).toString('base64'))
    }
    writeFileSync(mailFile, mail.raw)
    writeFileSync(jobFile, JSON.stringify(job), { mode: 0o600 })
    const program = new URL('./open-one.ts', import.meta.url).pathname
    const args = ['--import', 'tsx', program, jobFile]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const cost = JSON.parse(stdout) as OpenCost
    const size = `${(mail.raw.length / MIB).toFixed(2)} MiB, ${cost.end}`
    return [
      figure('open', mail.name, cost.ms / 1000, { unit: 's', below: SECONDS_MAX, note: size }),
      figure('open', '  peak memory', cost.peakMiB, {
        unit: 'MiB',
        below: MEMORY_MIB_MAX,
        note: `the whole process; ${cost.restMiB.toFixed(0)} MiB before the mail`
      })
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
