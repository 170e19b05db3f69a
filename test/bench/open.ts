/**
 * The benchmark part `open`: how many messages of 4 KiB, 1 MiB and 25 MiB the worker pool opens a second on all its threads, how
 * fast a clear one is read beside mailparser, and what the worst messages of the attack catalogue cost in time and memory.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import { instantFromMs } from '../../src/domain/time.ts'
import { openMail } from '../../src/reading/open-mail.ts'
import { createWorkers, type WorkerOptions } from '../../src/worker/pool.ts'
import { runCli } from '../support/daemon.ts'
import { type TempFolder, tempFolder } from '../support/temp.ts'
import { type Someone } from '../support/world.ts'
import { type Figure, figure } from './figures.ts'
import { clearMail, layeredMail, mailOfSize, worstMails } from './open-mails.ts'
import { type Part } from './parts.ts'
import { people } from './stage.ts'

const MIB = 2 ** 20
const THREADS = 2
const SECONDS_MAX = 5
const MEMORY_MIB_MAX = 381
const NO_KEYS = { secretKeys: [], certificates: [] }
/** The most that was ever resident, from the kernel: what Node reports counts the process that started this one. */
const SAYS_PEAK = `import { readFileSync } from 'node:fs'
process.on('exit', () => {
  const kib = /VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]
  process.stderr.write('peak ' + kib + '\\n')
})`

/** Rates of ordinary messages, then the cost of each of the worst. */
export const open: Part = async (sizes) => {
  const [desk, from] = await people('opener', 2)
  if (desk === undefined || from === undefined) throw new Error('no keys for the benchmark')
  const options = {
    start: {
      ...{ deskKeys: [desk.secret.armor()], passphrase: '', deskName: 'Bench' },
      ...{ deskAddress: desk.address, maintainerKeys: [from.keyData] }
    },
    workerFile: new URL('../../dist/worker/worker.js', import.meta.url)
  }
  const workers = await createWorkers({
    ...options,
    onEvent: () => undefined,
    maxThreads: THREADS
  })
  const now = instantFromMs(Date.now() + 60_000)
  const openOne = (raw: Uint8Array) => workers.open(Buffer.from(raw), { now, knownKeys: [] })
  const rateOf = async (name: string, raw: Uint8Array, count: number): Promise<Figure> => {
    let left = count
    const lane = async (): Promise<void> => {
      for (; left > 0; left -= 1) {
        const { signatures } = await openOne(raw)
        if (signatures[0]?.state !== 'valid') throw new Error(`${name} was not opened`)
      }
    }
    await Promise.all(Array.from({ length: THREADS }, () => openOne(raw)))
    const begun = performance.now()
    await Promise.all(Array.from({ length: THREADS }, lane))
    const rate = count / ((performance.now() - begun) / 1000)
    const note = `${count} messages, ${((raw.length / MIB) * rate).toFixed(1)} MiB/s`
    return figure('open', `${name}, ${THREADS} threads`, rate, { unit: 'messages/s', note })
  }
  const files = tempFolder()
  writeFileSync(join(files.path, 'desk.asc'), desk.secret.armor(), { mode: 0o600 })
  writeFileSync(join(files.path, 'from.asc'), from.secret.toPublic().armor())
  try {
    const figures = [
      await rateOf('4 KiB', await mailOfSize(desk, from, 4096), sizes.opens),
      await rateOf('1 MiB', await mailOfSize(desk, from, MIB), Math.ceil(sizes.opens / 10)),
      await rateOf('25 MiB', await mailOfSize(desk, from, 25 * MIB), Math.ceil(sizes.opens / 100)),
      await nextAfterKill(options, desk, from),
      ...(await readingOf(Math.ceil(sizes.opens / 10)))
    ]
    for (const { name, raw } of await worstMails(desk, from))
      figures.push(...(await costOf(files, name, raw)))
    return figures
  } finally {
    await workers.close()
    files.remove()
  }
}

/** How long the next message waits to be opened after a message that costs too much has ended the only thread. */
async function nextAfterKill(
  options: Pick<WorkerOptions, 'start' | 'workerFile'>,
  desk: Someone,
  from: Someone
): Promise<Figure> {
  let endedAt = 0
  const onEvent = (): void => {
    endedAt = performance.now()
  }
  const pool = await createWorkers({ ...options, onEvent, maxThreads: 1, taskMs: 1000 })
  const open = (raw: Uint8Array) =>
    pool.open(Buffer.from(raw), { now: instantFromMs(Date.now() + 60_000), knownKeys: [] })
  const next = await mailOfSize(desk, from, 4096)
  const failed = open(await layeredMail(desk, from, 'POISON\n'.repeat(8 * MIB))).catch(() => null)
  const { signatures } = await open(next)
  const seconds = (performance.now() - endedAt) / 1000
  await failed
  await pool.close()
  if (endedAt === 0 || signatures[0]?.state !== 'valid') throw new Error('no thread was ended')
  const note = 'the new thread loads the program and unlocks the keys'
  return figure('open', 'next message after a killed thread', seconds, {
    unit: 's',
    below: 2,
    note
  })
}

/** The same clear message read by the desk's reader and by mailparser, one after the other in this thread. */
async function readingOf(count: number): Promise<Figure[]> {
  const raw = clearMail(MIB)
  const context = { ...NO_KEYS, now: instantFromMs(Date.now()) }
  const readers: [string, () => Promise<{ readonly attachments: readonly unknown[] }>][] = [
    ['1 MiB in clear, 1 thread', () => openMail(raw, context, 'security@bench.example')],
    ['  mailparser', () => simpleParser(raw)]
  ]
  const figures: Figure[] = []
  for (const [name, read] of readers) {
    if ((await read()).attachments.length !== 1) throw new Error(`${name}: the file was not read`)
    const begun = performance.now()
    for (let left = count; left > 0; left -= 1) await read()
    const rate = count / ((performance.now() - begun) / 1000)
    figures.push(figure('open', name, rate, { unit: 'messages/s', note: `${count} messages` }))
  }
  return figures
}

/** `postern open` on one message, in a process of its own, so that no message pays for another. */
async function costOf({ path: cwd }: TempFolder, name: string, raw: Uint8Array): Promise<Figure[]> {
  writeFileSync(join(cwd, 'mail.eml'), raw)
  const args = ['open', 'mail.eml', '--secret-key', 'desk.asc', '--cert', 'from.asc', '--json']
  const begun = performance.now()
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(SAYS_PEAK)}` }
  const { status, stdout, stderr } = await runCli(args, { cwd, env })
  const seconds = (performance.now() - begun) / 1000
  const peak = Math.max(...[...stderr.matchAll(/^peak (\d+)$/gm)].map(([, kib]) => Number(kib)))
  const opened = status === 0 ? (JSON.parse(stdout) as { readonly failure?: string }) : null
  const end = opened === null ? 'worker ended' : (opened.failure ?? 'opened')
  const note = `${(raw.length / MIB).toFixed(2)} MiB, ${end}; the start of the program is counted`
  return [
    figure('open', name, seconds, { unit: 's', below: SECONDS_MAX, note }),
    figure('open', '  peak memory', peak / 1024, { unit: 'MiB', below: MEMORY_MIB_MAX })
  ]
}
