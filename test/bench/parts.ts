/** What is measured: each part sets its own stage, runs the built daemon on it and returns figures. */
import { setTimeout as delay } from 'node:timers/promises'
import { msOf } from '../../src/domain/time.ts'
import { type Taken } from '../support/smtp-sink.ts'
import { type Figure, figure, quantile } from './figures.ts'
import { type GpgCost, gpgCost } from './gpg.ts'
import { type BenchKey, benchKeys } from './keys.ts'
import { writeReport } from './reports.ts'
import { seedNotice } from './seed-notice.ts'
import { type Daemon, type LogLine, mailServers, type Stage, setStage } from './stage.ts'

/** How much to do. */
export type Sizes = {
  readonly backlog: number
  readonly oneByOne: number
  readonly relayTo: readonly number[]
  readonly relays: number
  readonly members: number
  readonly attachmentMiB: number
  readonly idleMs: number
  /** Messages of 4 KiB to open; a tenth of 1 MiB, a hundredth of 25 MiB. */
  readonly opens: number
  readonly gpgSample: number
}

export type Part = (sizes: Sizes) => Promise<readonly Figure[]>

const LONG_MS = 5 * 60_000
const FROM = 'bounces@bench.example'
/** Bytes of a relayed report and of a notice before sealing, for the comparison. */
const MESSAGE_BYTES = 8192

/** Reports a second from messages that wait when the daemon connects. */
export const backlog: Part = async (sizes) => {
  const count = sizes.backlog
  const stage = await setStage({ maintainers: await benchKeys('maintainer', 3) })
  try {
    await stage.imap.seed(await reportsFor(stage, await benchKeys('reporter', count)))
    const daemon = await stage.startDaemon()
    const { at: begun } = await daemon.logged('imap.connected')
    const cpuBefore = daemon.cpuSeconds()
    const taken = await stage.sink.waitFor(count * 4, LONG_MS)
    const seconds = (lastOf(taken) - begun) / 1000
    const cpu = daemon.cpuSeconds() - cpuBefore
    const acknowledged = taken.filter(({ to }) => to.startsWith('reporter')).length
    const gpg = await gpgCost(await benchKeys('reporter', sizes.gpgSample), MESSAGE_BYTES)
    return [
      figure('backlog', `${count} reports, 3 maintainers`, count / seconds, {
        unit: 'reports/s',
        note: `${seconds.toFixed(1)} s, ${acknowledged} acknowledged, ${stage.imap.name}`
      }),
      figure('backlog', 'processor time of the daemon', (cpu * 1000) / count, {
        unit: 'ms/report',
        note: `${(cpu / seconds).toFixed(2)} processors busy; the servers of the benchmark share them`
      }),
      figure('backlog', 'peak memory', daemon.memory().peak, { unit: 'MB' }),
      ...beside('backlog', gpg, ({ sealMs, openMs }) => ({
        value: 1000 / (openMs + 4 * sealMs),
        unit: 'reports/s'
      }))
    ]
  } finally {
    await stage.close()
  }
}

/** Time from delivery to the acknowledgement accepted, one message after the other, while the daemon is in IDLE. */
export const latency: Part = async (sizes) => {
  const figures: Figure[] = []
  for (const name of mailServers()) {
    const stage = await setStage({ maintainers: await benchKeys('maintainer', 3), server: name })
    try {
      figures.push(...(await oneByOne(stage, sizes)))
    } finally {
      await stage.close()
    }
  }
  const people = await benchKeys('reporter', sizes.gpgSample)
  const gpg = await gpgCost(people, MESSAGE_BYTES)
  const toAcknowledge = beside('latency', gpg, ({ sealMs, openMs }) => ({
    value: openMs + sealMs,
    unit: 'ms'
  }))
  return [...figures, ...toAcknowledge]
}

async function oneByOne(stage: Stage, sizes: Sizes): Promise<Figure[]> {
  const people = await benchKeys('reporter', sizes.oneByOne)
  const reports = await reportsFor(stage, people)
  const daemon = await stage.startDaemon()
  await delay(1000)
  const deliveredAt: number[] = []
  const tookMs: number[] = []
  for (const [index, report] of reports.entries()) {
    const started = Date.now()
    deliveredAt.push(started)
    await stage.imap.deliver(report, FROM)
    const taken = await stage.sink.waitFor((index + 1) * 4, LONG_MS)
    const acknowledgement = taken.find(({ to }) => to === people[index]?.address)
    tookMs.push((acknowledgement?.at ?? Number.NaN) - started)
  }
  const { name } = stage.imap
  const stored = times(daemon, ({ event }) => event === 'arrival.stored')
  const done = times(daemon, ({ event }) => event === 'arrival.done')
  const middle = (to: readonly number[], from: readonly number[]): number =>
    Math.round(
      quantile(
        to.map((at, index) => at - (from[index] ?? Number.NaN)),
        0.5
      )
    )
  const acceptedAt = deliveredAt.map((at, index) => at + (tookMs[index] ?? Number.NaN))
  // Dovecot holds back what it announces in IDLE for half a second, to announce changes together.
  const where = `p50: noticed and stored ${middle(stored, deliveredAt)} ms, opened to committed ${middle(done, stored)} ms, sent ${middle(acceptedAt, done)} ms`
  return [
    figure('latency', `acknowledgement p50, ${name}`, quantile(tookMs, 0.5), {
      unit: 'ms',
      note: where
    }),
    figure('latency', `acknowledgement p99, ${name}`, quantile(tookMs, 0.99), {
      unit: 'ms',
      below: 1000,
      note: `of ${tookMs.length} messages one by one; the first took ${Math.round(tookMs[0] ?? 0)} ms, the slowest ${slowest(tookMs)}`
    })
  ]
}

/** Time from delivery until the last maintainer's copy is accepted: at once after the start, and later. */
export const relay: Part = async (sizes) => {
  const figures: Figure[] = []
  const reporters = await benchKeys('reporter', sizes.relays + 1)
  for (const count of sizes.relayTo) {
    const maintainers = await benchKeys('maintainer', count)
    const stage = await setStage({ maintainers })
    try {
      const reports = await reportsFor(stage, reporters)
      await stage.startDaemon()
      await delay(1000)
      const tookMs: number[] = []
      for (const [index, report] of reports.entries()) {
        const started = Date.now()
        await stage.imap.deliver(report, FROM)
        const taken = await stage.sink.waitFor((index + 1) * (count + 1), LONG_MS)
        tookMs.push(lastOf(taken) - started)
      }
      const [first = Number.NaN, ...later] = tookMs
      const who = `to ${count} ${count === 1 ? 'maintainer' : 'maintainers'}`
      const aim = { unit: 'ms', ...(count === 100 ? { below: 2000 } : {}) }
      figures.push(
        figure('relay', `${who}, first after the start`, first, aim),
        figure('relay', `${who}, later`, quantile(later, 0.5), {
          ...aim,
          note: `median of ${later.length}, ${stage.imap.name}`
        })
      )
      const gpg = await gpgCost(maintainers.slice(0, sizes.gpgSample), MESSAGE_BYTES)
      figures.push(
        ...beside(`relay`, gpg, ({ sealMs, openMs }) => ({
          value: openMs + sealMs * count,
          unit: 'ms'
        }))
      )
    } finally {
      await stage.close()
    }
  }
  return figures
}

/** One notice to many members, from its instant to the last copy accepted. */
export const notice: Part = async (sizes) => {
  const members = await benchKeys('member', sizes.members)
  const stage = await setStage({ maintainers: await benchKeys('maintainer', 3) })
  try {
    const releaseAt = msOf(
      await seedNotice({ ...stage, imapPassword: stage.imap.password }, members, 4000)
    )
    const daemon = await stage.startDaemon()
    const isMembers = ({ to }: Taken): boolean => to.startsWith('member')
    const cpuBefore = daemon.cpuSeconds()
    await stage.sink.waitFor(members.length, LONG_MS)
    const taken = await stage.sink.waitFor(
      (all) => all.filter(isMembers).length >= members.length,
      LONG_MS
    )
    const seconds = (lastOf(taken.filter(isMembers)) - releaseAt) / 1000
    const cpu = daemon.cpuSeconds() - cpuBefore
    const gpg = await gpgCost(members.slice(0, sizes.gpgSample), MESSAGE_BYTES)
    return [
      figure('notice', `to ${members.length} members`, members.length / seconds, {
        unit: 'notices/s',
        above: 200,
        note: `${seconds.toFixed(2)} s from the instant to the last accepted`
      }),
      figure('notice', 'processor time of the daemon', (cpu * 1000) / members.length, {
        unit: 'ms/notice',
        note: `${(cpu / seconds).toFixed(2)} processors busy`
      }),
      figure('notice', 'peak memory', daemon.memory().peak, { unit: 'MB' }),
      ...beside('notice', gpg, ({ sealMs }) => ({ value: 1000 / sealMs, unit: 'notices/s' }))
    ]
  } finally {
    await stage.close()
  }
}

/** Resident memory: after the start, with a very large attachment, and after a while of rest. */
export const memory: Part = async (sizes) => {
  const stage = await setStage({ maintainers: await benchKeys('maintainer', 3) })
  try {
    const [reporter] = await benchKeys('reporter', 1)
    const [report] =
      reporter === undefined
        ? []
        : await reportsFor(stage, [reporter], sizes.attachmentMiB * 2 ** 20)
    const daemon = await stage.startDaemon()
    await delay(3000)
    const startup = daemon.memory().now
    await delay(sizes.idleMs)
    const idle = daemon.memory().now
    const started = Date.now()
    await stage.imap.deliver(report ?? Buffer.alloc(0), FROM)
    const seconds = (lastOf(await stage.sink.waitFor(4, LONG_MS)) - started) / 1000
    const { peak } = daemon.memory()
    await delay(sizes.idleMs)
    // Inside of the encryption the file is base64.
    const bytes = Math.ceil((sizes.attachmentMiB * 2 ** 20 * 4) / 3)
    const maintainers = await benchKeys('maintainer', 3)
    const gpg = await gpgCost(maintainers, bytes)
    return [
      figure('memory', '3 s after the start', startup, {
        unit: 'MB',
        note: 'a worker still waits'
      }),
      figure('memory', 'idle', idle, { unit: 'MB', below: 150 }),
      figure('memory', `peak, attachment of ${sizes.attachmentMiB} MiB`, peak, {
        unit: 'MB',
        note: `relayed to 3 maintainers in ${seconds.toFixed(1)} s`
      }),
      figure('memory', `idle ${sizes.idleMs / 1000} s later`, daemon.memory().now, { unit: 'MB' }),
      ...beside('memory', gpg, ({ sealMs, openMs }) => ({
        value: (openMs + maintainers.length * sealMs) / 1000,
        unit: 's'
      }))
    ]
  } finally {
    await stage.close()
  }
}

async function reportsFor(
  { desk }: Stage,
  people: readonly BenchKey[],
  attachmentBytes?: number
): Promise<readonly Buffer[]> {
  const reports: Buffer[] = []
  for (const person of people) reports.push(await writeReport(person, desk, attachmentBytes))
  return reports
}

/** The three slowest, with their place in the row. */
function slowest(tookMs: readonly number[]): string {
  return tookMs
    .map((ms, index) => ({ ms, index }))
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 3)
    .map(({ ms, index }) => `${Math.round(ms)} ms (no. ${index + 1})`)
    .join(', ')
}

function lastOf(taken: readonly Taken[]): number {
  return Math.max(...taken.map(({ at }) => at))
}

function times(daemon: Daemon, wanted: (line: LogLine) => boolean): number[] {
  return daemon.log.filter(wanted).map(({ at }) => at)
}

/** The line for the same OpenPGP work by gpg; none where gpg is missing. */
function beside(
  part: string,
  gpg: GpgCost | null,
  scale: (cost: GpgCost) => { readonly value: number; readonly unit: string }
): Figure[] {
  if (gpg === null) return []
  const { value, unit } = scale(gpg)
  const note = `OpenPGP alone, scaled from ${gpg.sample} calls: ${gpg.sealMs.toFixed(1)} ms to seal, ${gpg.openMs.toFixed(1)} ms to open`
  return [figure(part, '  the same with gpg per recipient', value, { unit, note })]
}
