/**
 * One flood day of a desk, played whole on real servers with the built daemon, on a small disk: a flood comes in, an advance
 * notice is due in the middle, another is held by mail just before its instant, two maintainers work, servers fail, the process is
 * killed. Afterwards it says which rules were broken. What happens follows from the seed; when, from the machine, too.
 */
import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readKey } from 'openpgp'
import { addMs, instantFromMs, msOf } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import { unlockSecretKey } from '../../src/openpgp/keyring.ts'
import { openMail } from '../../src/reading/open-mail.ts'
import { memoryOf, people, pidOf, withCertificate } from '../bench/stage.ts'
import { type Random, randomOf } from '../fuzz/random.ts'
import { type Daemon } from '../support/daemon.ts'
import { type Desk, makeDesk } from '../support/desk-world.ts'
import { type Dovecot, startDovecot } from '../support/dovecot.ts'
import { databaseOf, seedMember, seedNotice, settingsOf } from '../support/seeded.ts'
import { mountSmallDisk } from '../support/small-disk.ts'
import { type Sink, startSink, type Taken } from '../support/smtp-sink.ts'
import { type Someone, someone } from '../support/world.ts'
import * as mails from './mails.ts'

const USER = 'desk'
const MIB = 2 ** 20
/** An acknowledgement leaves at most this long after its report could be served. */
const ACKNOWLEDGED_WITHIN_MS = 60_000
/** The last copy of a notice leaves at most this long after its instant, while the desk runs. */
const RELEASED_WITHIN_MS = 10_000
/** After the last message came: until everything is handled. */
const REST_MS = 10 * 60_000

export type DaySizes = {
  readonly hostile: number
  readonly clumsy: number
  readonly honest: number
  readonly members: number
  /** In how many seconds all of it comes. */
  readonly seconds: number
  readonly kills: number
  readonly diskMiB: number
  readonly memoryMiB: number
}

/** A rule that did not hold, in words. */
export type Broken = string

type Mark = { readonly from: Someone; readonly mark: string; servableAt: number }

type Scene = {
  readonly random: Random
  readonly sizes: DaySizes
  readonly dovecot: Dovecot
  readonly sink: Sink
  readonly desk: Desk
  readonly maintainers: readonly Someone[]
  readonly members: readonly Someone[]
  /** When the desk could not work: a server or the process was away. */
  readonly away: (readonly [from: number, to: number])[]
  /** The most memory that any process of the day used, in MiB. */
  peakMiB: number
}

/** Plays one day; the broken rules, none for a good day. `tell` is told what happens. */
export async function playDay(
  seed: number,
  sizes: DaySizes,
  tell: (text: string) => void
): Promise<readonly Broken[]> {
  const random = randomOf(seed, 0)
  const [dovecot, sink] = [await startDovecot(), await startSink({ size: 10_240_000 })]
  const maintainers = await people('maintainer', 2)
  const members = await people('member', sizes.members)
  const desk = await makeDesk({
    maintainers: maintainers.map((person) => ({ id: person.id, person: withCertificate(person) })),
    imap: { port: dovecot.port, user: USER },
    smtp: { port: sink.port },
    changes: {
      // A day passes in minutes: an hour has as much room as the day has honest reports.
      acknowledgement: { jitter: 5, per_hour: 100, per_domain_hour: 20 },
      forwarding: { per_hour: 100, per_domain_hour: 20 },
      limits: { open_seconds: 10, worker_memory: 256 }
    }
  })
  const withServer = {
    ...desk.config,
    imap: { ...(desk.config['imap'] as object), authserv_ids: [mails.OUR_SERVER] }
  }
  desk.write(withServer)
  const disk = mountSmallDisk(join(desk.folder, 'data'), sizes.diskMiB * MIB)
  try {
    const scene: Scene = {
      random,
      sizes,
      dovecot,
      sink,
      desk,
      maintainers,
      members,
      away: [],
      peakMiB: 0
    }
    return await day(scene, tell)
  } finally {
    disk.unmount()
    await desk.close()
    await sink.close()
    await dovecot.close()
  }
}

async function day(scene: Scene, tell: (text: string) => void): Promise<readonly Broken[]> {
  const { desk, sizes, random, dovecot, sink, maintainers } = scene
  const settings = await settingsOf(desk)
  const startsAt = Date.now() + 5000
  const middle = addMs(instantFromMs(startsAt), (sizes.seconds * 1000) / 2)
  const held = addMs(middle, 20_000)
  const db = databaseOf(desk)
  for (const member of scene.members) await seedMember(db, member.id, withCertificate(member))
  const approver = maintainers[0]?.id ?? ''
  const due = db.transact((tx) => seedNotice(tx, settings, middle, {}, approver))
  const stopped = db.transact((tx) => seedNotice(tx, settings, held, {}, approver))
  db.close()
  let daemon = await desk.start()
  tell(`the day begins: ${sizes.hostile} hostile, ${sizes.clumsy} clumsy, ${sizes.honest} honest`)

  const marks: Mark[] = []
  const plan = await planOf(scene, marks)
  const events = timetable(scene, startsAt, {
    hold: async () => {
      const [, second] = maintainers
      if (second !== undefined)
        await dovecot.deliver(
          USER,
          await mails.commands(
            second,
            stopped.caseTag,
            '/notice hold because it is not true',
            desk.publicKey,
            systemClock.now()
          )
        )
    },
    kill: async () => {
      const from = Date.now()
      scene.peakMiB = Math.max(scene.peakMiB, memoryOf(pidOf(daemon)).peak)
      await daemon.kill9()
      await delay(random.int(3000))
      daemon = await desk.start()
      scene.away.push([from, Date.now()])
    },
    imap: async () => {
      const from = Date.now()
      await dovecot.kill()
      await delay(1000 + random.int(3000))
      await dovecot.start()
      // The desk waits a while before it connects again.
      scene.away.push([from, Date.now() + 10_000])
    },
    smtp: () => {
      sink.dropConnections()
      sink.fail({ at: 'mail', reply: 451 }, { times: 4 })
      scene.away.push([Date.now(), Date.now() + 70_000])
      return Promise.resolve()
    }
  })
  const play = async (): Promise<void> => {
    for (const { at, run, what } of events) {
      await delay(Math.max(0, at - Date.now()))
      tell(what)
      await run()
    }
  }
  const deliver = async (): Promise<void> => {
    for (const { at, make } of plan) {
      await delay(Math.max(0, startsAt + at - Date.now()))
      await make()
    }
  }
  await Promise.all([play(), deliver()])
  const delivered = plan.length + 1
  await settled(scene, delivered, () => daemon)
  tell(
    `everything came after ${Math.round((Date.now() - startsAt) / 1000)} s; ${sink.taken.length} messages left`
  )
  scene.peakMiB = Math.max(scene.peakMiB, memoryOf(pidOf(daemon)).peak)
  const broken = [
    ...brokenBooks(scene, delivered),
    ...(await brokenReports(scene, marks)),
    ...brokenNotices(scene, { due: msOf(middle), id: due.id, heldId: stopped.id }),
    ...brokenSecrets(scene, marks)
  ]
  await daemon.stop()
  const audit = await desk.cli('audit', 'verify')
  return audit.status === 0 ? broken : [...broken, `G8: the record is broken: ${audit.stderr}`]
}

/** What comes when (milliseconds after the start), in order. */
async function planOf(scene: Scene, marks: Mark[]) {
  const { sizes, random, dovecot, desk, maintainers, members } = scene
  const strangers = await people('stranger', 3)
  const { now } = systemClock
  const cast = { now, deskKey: desk.publicKey, maintainers, members, strangers }
  const expensive = await mails.expensiveKinds(cast, await certificateOf(desk))
  const kinds = [...expensive, ...mails.hostileKinds(cast)]
  const reporters: Someone[] = []
  for (let number = 0; number < sizes.honest; number += 1)
    reporters.push(await someone(`reporter${number}`, `me@reporter${number}.example`))
  const put = (raw: Buffer): Promise<void> => dovecot.deliver(USER, raw)
  const ms = sizes.seconds * 1000
  const hostile = Array.from({ length: sizes.hostile }, (_, number) => ({
    // In waves: a third of them at once.
    at: random.chance(0.3) ? (ms / 4) * (1 + random.int(3)) - 4000 : random.int(ms),
    make: async () => put(mails.arrived(await random.pick(kinds)(random, number), now()))
  }))
  const clumsy = Array.from({ length: sizes.clumsy }, (_, number) => ({
    at: random.int(ms),
    make: () => put(mails.arrived(mails.clumsy(random, number), now()))
  }))
  const honest = reporters.map((from, number) => ({
    at: random.int(ms),
    make: async () => {
      const mark = `mark-${String(number).padStart(3, '0')}-${random.int(1e9)}`
      const raw = await mails.honest(from, mark, number % 2 === 0, desk.publicKey, now())
      await put(raw)
      marks.push({ from, mark, servableAt: Date.now() })
    }
  }))
  return [...hostile, ...clumsy, ...honest].sort((one, other) => one.at - other.at)
}

async function certificateOf({ publicKey }: Desk): Promise<Uint8Array> {
  return (await readKey({ armoredKey: publicKey })).write()
}

type Acts = Readonly<Record<'hold' | 'kill' | 'imap' | 'smtp', () => Promise<void>>>

/** What goes wrong when: never in the seconds around the two instants, whose lateness is measured. */
function timetable({ sizes, random }: Scene, startsAt: number, acts: Acts) {
  const ms = sizes.seconds * 1000
  const early = (): number => startsAt + random.int(Math.max(1, ms / 2 - 15_000))
  const late = (): number => startsAt + ms / 2 + 35_000 + random.int(Math.max(1, ms / 2 - 35_000))
  const faults = Array.from({ length: sizes.kills }, (_, index) => ({
    at: index % 2 === 0 ? early() : late(),
    what: 'the process is killed',
    run: acts.kill
  }))
  return [
    ...faults,
    { at: early(), what: 'the IMAP server is killed', run: acts.imap },
    { at: late(), what: 'the SMTP server refuses for a moment', run: acts.smtp },
    {
      at: startsAt + ms / 2 + 10_000,
      what: 'a maintainer holds the second notice, 10 s before its instant',
      run: acts.hold
    }
  ].sort((one, other) => one.at - other.at)
}

/** Waits until every message has its disposition and nothing is due any more. */
async function settled({ desk }: Scene, delivered: number, daemon: () => Daemon): Promise<void> {
  for (const end = Date.now() + REST_MS; Date.now() < end; await delay(500)) {
    const [row] = desk.rows<{ handled: number; waiting: number }>(
      `SELECT (SELECT count(*) FROM arrivals WHERE state <> 'pending') AS handled,
         (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending') AND next_attempt_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+70 seconds')) AS waiting`
    )
    if ((row?.handled ?? 0) >= delivered && row?.waiting === 0) return
    if (daemon().lines.some(({ event }) => event === 'desk.stopped')) return
  }
}

/** G1, G9: every message has exactly one row and a disposition; disk and memory are not full. */
function brokenBooks({ desk, sizes, peakMiB }: Scene, delivered: number): readonly Broken[] {
  const [row] = desk.rows<{ all: number; handled: number }>(
    `SELECT count(*) AS "all", count(*) FILTER (WHERE state <> 'pending') AS handled FROM arrivals`
  )
  const { bavail, blocks } = statfsSync(join(desk.folder, 'data'))
  return [
    ...(row?.all === delivered
      ? []
      : [`G1: ${delivered} messages came, ${row?.all} are on record`]),
    ...(row?.handled === delivered ? [] : [`G9: only ${row?.handled} of ${delivered} are handled`]),
    ...(bavail > blocks / 20 ? [] : ['A1: the disk is full']),
    ...(peakMiB < sizes.memoryMiB ? [] : [`A1: ${Math.round(peakMiB)} MiB of memory`])
  ]
}

/** A2, A5: each honest report is acknowledged within a minute of being servable, and a maintainer has read it. */
async function brokenReports(scene: Scene, marks: readonly Mark[]): Promise<readonly Broken[]> {
  const { sink, away } = scene
  const texts = (await Promise.all(scene.maintainers.map((one) => readBy(scene, one)))).flat()
  return marks.flatMap(({ from, mark, servableAt }) => {
    const first = sink.taken.find(({ to }) => to === from.address)
    const lost = away.reduce(
      (sum, [begun, ended]) => sum + overlap(begun, ended, servableAt, first?.at ?? 0),
      0
    )
    const tookMs = first === undefined ? null : first.at - servableAt - lost
    const isSeen = texts.some((text) => text.includes(mark))
    return [
      ...(isSeen ? [] : [`A2: no maintainer has seen ${mark}`]),
      ...(tookMs === null ? [`A5: ${mark} was never acknowledged`] : []),
      ...(tookMs !== null && tookMs > ACKNOWLEDGED_WITHIN_MS
        ? [`A5: ${mark} was acknowledged after ${Math.round(tookMs / 1000)} s`]
        : [])
    ]
  })
}

function overlap(begun: number, ended: number, from: number, to: number): number {
  return Math.max(0, Math.min(ended, to) - Math.max(begun, from))
}

async function readBy({ sink }: Scene, person: Someone): Promise<readonly string[]> {
  const secret = await unlockSecretKey(person.secret.armor(), '')
  if (typeof secret === 'string') throw new Error(secret)
  const keys = { secretKeys: [secret], certificates: [], now: systemClock.now() }
  const mine = sink.taken.filter(({ to }) => to === person.address)
  const texts: string[] = []
  for (const { raw } of mine) {
    const { text, attachments } = await openMail(raw, keys, person.address)
    texts.push(text, ...attachments.map(({ content }) => Buffer.from(content).toString('latin1')))
  }
  return texts
}

/** G2, G5, G7: one copy for each member, not before the instant and not long after it; nothing of a held notice. */
function brokenNotices(
  { sink, desk, members, away }: Scene,
  { due, id, heldId }: Readonly<Record<'due' | 'id' | 'heldId', number>>
): readonly Broken[] {
  const rows = desk.rows<{ to: string; messageId: string; noticeId: number; state: string }>(
    `SELECT envelope_to AS "to", message_id AS messageId, notice_id AS noticeId, state FROM outbox WHERE notice_id IS NOT NULL AND kind = 'notice'`
  )
  const left = (taken: Taken): { readonly noticeId: number } | undefined =>
    rows.find(({ messageId }) => taken.raw.includes(`<${messageId}>`))
  const copies = sink.taken.flatMap((taken) => {
    const row = left(taken)
    return row === undefined ? [] : [{ taken, noticeId: row.noticeId }]
  })
  const ofDue = copies.filter(({ noticeId }) => noticeId === id).map(({ taken }) => taken)
  const last = Math.max(...ofDue.map(({ at }) => at))
  const lateMs =
    last - due - away.reduce((sum, [begun, ended]) => sum + overlap(begun, ended, due, last), 0)
  const reached = new Set(ofDue.map(({ to }) => to))
  return [
    ...(copies.some(({ noticeId }) => noticeId === heldId) ? ['G7: a held notice left'] : []),
    ...(ofDue.some(({ at }) => at < due) ? ['G7: a notice left early'] : []),
    ...(lateMs <= RELEASED_WITHIN_MS
      ? []
      : [`G7: the last copy left ${Math.round(lateMs / 1000)} s late`]),
    ...(reached.size === members.length
      ? []
      : [`G7: ${reached.size} of ${members.length} members have the notice`]),
    ...(ofDue.length === reached.size ? [] : ['G2: a member has the notice twice'])
  ]
}

/** G3, G5: nothing of a report and no name of a member is readable on the way. */
function brokenSecrets({ sink, members }: Scene, marks: readonly Mark[]): readonly Broken[] {
  const secrets = [...marks.map(({ mark }) => mark), ...members.map(({ address }) => address)]
  return sink.taken.flatMap(({ raw, to }) => {
    const text = raw.toString('latin1')
    const shown = secrets.filter((secret) => secret !== to && text.includes(secret))
    return shown.map((secret) => `G3: "${secret}" is readable in a message to ${to}`)
  })
}
