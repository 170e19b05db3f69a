/**
 * What a message costs the others when its worker has to be ended: from that moment until the next message, which waited, is
 * committed and its acknowledgement accepted. Against the built daemon with one worker, which has to start another thread, and
 * with a message that takes longer than it allows.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Figure, figure, quantile } from './figures.ts'
import { benchKeys } from './keys.ts'
import { layeredMail } from './open-mails.ts'
import { type Part } from './parts.ts'
import { writeReport } from './reports.ts'
import { type Daemon, type LogLine, setStage } from './stage.ts'

const SECONDS_ALLOWED = 1
/** The text of the message that takes too long; it is small as it arrives. */
const TEXT = 'POISON\n'.repeat(8 * 2 ** 20)
const FROM = 'bounces@bench.example'
const WAIT_MS = 60_000

/** One round for each poisoned mail: the report behind it arrives while the poisoned one holds its worker. */
export const killed: Part = async ({ sizes, nodeOptions }) => {
  const maintainers = await benchKeys('maintainer', 3)
  const stage = await setStage({
    maintainers,
    limits: `open_seconds: ${SECONDS_ALLOWED}`,
    workers: 1
  })
  try {
    const people = await benchKeys('reporter', sizes.kills)
    const [from] = maintainers
    if (from === undefined) throw new Error('no keys for the benchmark')
    const poison = await layeredMail(stage.desk, from, TEXT)
    const daemon = await stage.startDaemon(nodeOptions)
    const committedMs: number[] = []
    const acceptedMs: number[] = []
    for (const [index, person] of people.entries()) {
      const report = await writeReport(person, stage.desk)
      await stage.imap.deliver(distinct(poison, index), FROM)
      await lineOf(daemon, ({ event }) => event === 'arrival.stored', 2 * index + 1)
      await stage.imap.deliver(report, FROM)
      const isServed = ({ disposition }: LogLine): boolean => disposition === 'case-opened'
      const done = await lineOf(daemon, isServed, index + 1)
      const end = lastKill(daemon, done)
      const taken = await stage.sink.waitFor(
        (all) => all.some(({ to }) => to === person.address),
        WAIT_MS
      )
      const accepted = taken.find(({ to }) => to === person.address)?.at ?? Number.NaN
      committedMs.push(done.at - end)
      acceptedMs.push(accepted - end)
      // Its other two tries, and the word of it to the maintainers.
      await lineOf(daemon, ({ event }) => event === 'arrival.quarantined', index + 1)
    }
    return [
      ...figuresOf('the next mail committed', committedMs),
      ...figuresOf('its acknowledgement accepted', acceptedMs)
    ]
  } finally {
    await stage.close()
  }
}

/** The same message again is recognised by its bytes and not opened. */
function distinct(raw: Buffer, index: number): Buffer {
  return Buffer.concat([Buffer.from(`X-Round: ${index}\r\n`), raw])
}

async function lineOf(
  daemon: Daemon,
  isWanted: (line: LogLine) => boolean,
  nth: number
): Promise<LogLine> {
  const until = Date.now() + WAIT_MS
  for (;;) {
    const found = daemon.log.filter(isWanted)[nth - 1]
    if (found !== undefined) return found
    if (Date.now() > until) throw new Error('the daemon did not do what is measured')
    await delay(20)
  }
}

/** When the worker was ended that the report waited for. */
function lastKill(daemon: Daemon, done: LogLine): number {
  const before = daemon.log.slice(0, daemon.log.indexOf(done))
  const kill = before.findLast(({ event }) => event === 'worker.killed')
  const stored = before.findLast(({ event }) => event === 'arrival.stored')
  if (kill === undefined || stored === undefined || stored.at > kill.at)
    throw new Error('the worker was not ended while the report waited: its mail was too quick')
  return kill.at
}

function figuresOf(what: string, ms: readonly number[]): Figure[] {
  const note = `from the end of the worker, the limit being ${SECONDS_ALLOWED} s; of ${ms.length} rounds`
  return [
    figure('killed', `${what}, p50`, quantile(ms, 0.5), { unit: 'ms', note }),
    figure('killed', `${what}, slowest`, Math.max(...ms), { unit: 'ms', below: 2000 })
  ]
}
