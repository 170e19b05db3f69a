/** What is measured: each part sets its own stage, runs the built daemon on it and returns figures. */
import { setTimeout as delay } from 'node:timers/promises'
import { addMs, msOf } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import { sha256 } from '../../src/openpgp/packets.ts'
import { databaseOf, seedMember, seedNotice, settingsOf } from '../support/seeded.ts'
import { type Taken } from '../support/smtp-sink.ts'
import { type Someone } from '../support/world.ts'
import { type Figure, figure, quantile } from './figures.ts'
import { besidePeers, GPG } from './peers.ts'
import {
  cpuSecondsOf,
  memoryOf,
  onStage,
  people,
  pidOf,
  report,
  type Stage,
  timesOf,
  USER,
  withCertificate
} from './stage.ts'

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
  /** Messages that the database of an old desk holds. */
  readonly stored: number
}

export type Part = (sizes: Sizes) => Promise<readonly Figure[]>

const LONG_MS = 5 * 60_000
/** Of the Node that runs the daemon, too. */
const NODE_MAJOR = Number(process.versions.node.split('.')[0])
const PATCH = Buffer.alloc(8192, '- memcpy(buffer, chunk, length);\n')

/** Reports a second from messages that wait when the daemon connects. */
export const backlog: Part = ({ backlog: count }) =>
  onStage(3, async (stage) => {
    await stage.dovecot.seed(USER, await reportsOf(stage, await people('reporter', count)))
    const daemon = await stage.desk.start()
    const [begun = Number.NaN] = timesOf(daemon, 'imap.connected')
    const cpuBefore = cpuSecondsOf(pidOf(daemon))
    const taken = await stage.sink.waitFor(count * 4, LONG_MS)
    const seconds = (lastOf(taken) - begun) / 1000
    const cpu = cpuSecondsOf(pidOf(daemon)) - cpuBefore
    const acknowledged = taken.filter(({ to }) => to.startsWith('reporter')).length
    return [
      figure('backlog', `${count} reports, 3 maintainers`, count / seconds, {
        unit: 'reports/s',
        above: 40,
        note: `${seconds.toFixed(1)} s, ${acknowledged} acknowledged`
      }),
      figure('backlog', 'processor time of the daemon', (cpu * 1000) / count, {
        unit: 'ms/report',
        note: `${(cpu / seconds).toFixed(2)} processors busy; the servers of the benchmark share them`
      }),
      figure('backlog', 'peak memory', memoryOf(pidOf(daemon)).peak, { unit: 'MB' }),
      ...(await besidePeers('backlog', {
        ...{ recipients: count, unit: 'reports/s' },
        value: (seal, open) => 1000 / (open + 4 * seal)
      }))
    ]
  })

/** Time from delivery to the acknowledgement accepted, one message after the other, while the daemon is in IDLE. */
export const latency: Part = (sizes) =>
  onStage(3, async (stage) => {
    const reporters = await people('reporter', sizes.oneByOne)
    const { daemon, deliveredAt, sent } = await oneByOne(stage, reporters, 4)
    const acceptedAt = sent.map(
      (taken, index) => taken.find(({ to }) => to === reporters[index]?.address)?.at ?? Number.NaN
    )
    const [stored, done] = [timesOf(daemon, 'arrival.stored'), timesOf(daemon, 'arrival.done')]
    const tookMs = between(deliveredAt, acceptedAt)
    const middle = (from: readonly number[], to: readonly number[]): number =>
      Math.round(quantile(between(from, to), 0.5))
    // Dovecot holds back what it announces in IDLE for half a second, to announce changes together.
    const where = `p50: noticed and stored ${middle(deliveredAt, stored)} ms, opened to committed ${middle(stored, done)} ms, sent ${middle(done, acceptedAt)} ms`
    return [
      figure('latency', 'acknowledgement p50', quantile(tookMs, 0.5), { unit: 'ms', note: where }),
      figure('latency', 'acknowledgement p99', quantile(tookMs, 0.99), {
        unit: 'ms',
        below: 1000,
        note: `of ${tookMs.length} messages one by one; the first took ${Math.round(tookMs[0] ?? 0)} ms`
      }),
      figure('latency', 'p99 without that wait', quantile(between(stored, acceptedAt), 0.99), {
        unit: 'ms',
        below: 500,
        note: 'from stored to accepted: where a server announces at once'
      }),
      ...(await besidePeers('latency', {
        ...{ recipients: sizes.oneByOne, unit: 'ms' },
        value: (seal, open) => open + seal
      }))
    ]
  })

/** Time from delivery until the last maintainer's copy is accepted: at once after the start, and later. */
export const relay: Part = async (sizes) => {
  const figures: Figure[] = []
  const reporters = await people('reporter', sizes.relays + 1)
  for (const count of sizes.relayTo) {
    const { deliveredAt, sent } = await onStage(count, (stage) =>
      oneByOne(stage, reporters, count + 1)
    )
    const [first = Number.NaN, ...later] = between(deliveredAt, sent.map(lastOf))
    const who = `to ${count} ${count === 1 ? 'maintainer' : 'maintainers'}`
    const aim = { unit: 'ms', ...(count === 100 ? { below: 2000 } : {}) }
    const note = `median of ${later.length}`
    figures.push(
      figure('relay', `${who}, first after the start`, first, aim),
      figure('relay', `${who}, later`, quantile(later, 0.5), { ...aim, note }),
      ...(await besidePeers('relay', {
        ...{ recipients: count, unit: 'ms' },
        value: (seal, open) => open + count * seal
      }))
    )
  }
  return figures
}

/** One notice to many members, from its instant to the last copy accepted. */
export const notice: Part = (sizes) =>
  onStage(3, async ({ desk, sink }) => {
    const members = await people('member', sizes.members)
    const settings = await settingsOf(desk)
    const db = databaseOf(desk)
    for (const member of members) await seedMember(db, member.id, withCertificate(member))
    const releaseAt = addMs(systemClock.now(), 4000)
    const patch = { filename: 'fix.patch', contentType: 'text/x-diff', content: PATCH }
    const patches = [{ ...patch, sha256: sha256(PATCH) }]
    db.transact((tx) => seedNotice(tx, settings, releaseAt, { patches }, 'maintainer1'))
    db.close()
    const daemon = await desk.start()
    const isMembers = ({ to }: Taken): boolean => to.startsWith('member')
    const cpuBefore = cpuSecondsOf(pidOf(daemon))
    const taken = await sink.waitFor(
      (all) => all.length >= members.length && all.filter(isMembers).length >= members.length,
      LONG_MS
    )
    const seconds = (lastOf(taken.filter(isMembers)) - msOf(releaseAt)) / 1000
    const cpu = cpuSecondsOf(pidOf(daemon)) - cpuBefore
    const perSecond = members.length / seconds
    const peers = await besidePeers('notice', {
      ...{ recipients: members.length, unit: 'notices/s' },
      value: (seal) => 1000 / seal
    })
    const gpg = peers.find(({ what }) => what === GPG)
    const times = { unit: 'times', above: NODE_MAJOR >= 24 ? 5 : 4, note: process.version }
    return [
      figure('notice', `to ${members.length} members`, perSecond, {
        unit: 'notices/s',
        note: `${seconds.toFixed(2)} s from the instant to the last accepted`
      }),
      figure('notice', 'processor time of the daemon', (cpu * 1000) / members.length, {
        unit: 'ms/notice',
        note: `${(cpu / seconds).toFixed(2)} processors busy`
      }),
      figure('notice', 'peak memory', memoryOf(pidOf(daemon)).peak, { unit: 'MB' }),
      ...peers,
      ...(gpg === undefined
        ? []
        : [figure('notice', 'as fast as gpg', perSecond / gpg.value, times)])
    ]
  })

/** Resident memory: after the start, with a very large attachment, and after a while of rest. */
export const memory: Part = ({ attachmentMiB, idleMs }) =>
  onStage(3, async (stage) => {
    const [large] = await reportsOf(stage, await people('reporter', 1), attachmentMiB * 2 ** 20)
    const daemon = await stage.desk.start()
    await delay(3000)
    const startup = memoryOf(pidOf(daemon)).now
    await delay(idleMs)
    const idle = memoryOf(pidOf(daemon)).now
    const started = Date.now()
    await stage.dovecot.append(USER, large ?? Buffer.alloc(0))
    const seconds = (lastOf(await stage.sink.waitFor(4, LONG_MS)) - started) / 1000
    const { peak } = memoryOf(pidOf(daemon))
    await delay(idleMs)
    return [
      figure('memory', '3 s after the start', startup, {
        unit: 'MB',
        note: 'a worker still waits'
      }),
      figure('memory', 'idle', idle, { unit: 'MB', below: 150 }),
      figure('memory', `peak, attachment of ${attachmentMiB} MiB`, peak, {
        unit: 'MB',
        below: 500
      }),
      figure('memory', 'until the last of 3 maintainers has it', seconds, { unit: 's', below: 4 }),
      figure('memory', `idle ${idleMs / 1000} s later`, memoryOf(pidOf(daemon)).now, {
        unit: 'MB'
      }),
      // Inside of the encryption the file is base64.
      ...(await besidePeers('memory', {
        ...{ recipients: 3, unit: 's', bytes: Math.ceil((attachmentMiB * 2 ** 20 * 4) / 3) },
        value: (seal, open) => (open + 3 * seal) / 1000
      }))
    ]
  })

async function reportsOf(
  { desk }: Stage,
  senders: readonly Someone[],
  bytes?: number
): Promise<readonly Uint8Array[]> {
  const reports: Uint8Array[] = []
  for (const sender of senders) reports.push(await report(sender, desk.publicKey, bytes))
  return reports
}

/** Delivers a report of each, the next when the desk has sent `answers` messages about the one before. */
async function oneByOne(stage: Stage, senders: readonly Someone[], answers: number) {
  const reports = await reportsOf(stage, senders)
  const daemon = await stage.desk.start()
  await delay(1000)
  const deliveredAt: number[] = []
  const sent: (readonly Taken[])[] = []
  for (const [index, raw] of reports.entries()) {
    deliveredAt.push(Date.now())
    await stage.dovecot.append(USER, raw)
    const taken = await stage.sink.waitFor((index + 1) * answers, LONG_MS)
    sent.push(taken.slice(index * answers))
  }
  return { daemon, deliveredAt, sent }
}

function between(from: readonly number[], to: readonly number[]): number[] {
  return to.map((at, index) => at - (from[index] ?? Number.NaN))
}

function lastOf(taken: readonly Taken[]): number {
  return Math.max(...taken.map(({ at }) => at))
}
