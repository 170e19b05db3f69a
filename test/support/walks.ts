/**
 * Walks whole cases at random, by commands of maintainers, messages, time, clocks that jump, processes that die and servers that
 * refuse: what always holds.
 * `npm test` takes a few other walks each time, `npm run nightly` many.
 */
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import {
  type CaseRecord,
  type CaseState,
  isOpen,
  reporterWith,
  underOneNumber
} from '../../src/domain/case.ts'
import { historyAfter, historyOf, type Move, moveCase } from '../../src/domain/case-machine.ts'
import { isTold, lookAtRun, openRuns } from '../../src/domain/clock.ts'
import { aboutCase, type DeskEvent } from '../../src/domain/event.ts'
import { type CaseTag } from '../../src/domain/ids.ts'
import { type NoticeState } from '../../src/domain/notice.ts'
import { type Policy } from '../../src/domain/settings.ts'
import { addMs, DAY_MS, type Instant, msBetween } from '../../src/domain/time.ts'
import { calendarOf, clocksOf } from '../../src/policy/clocks.ts'
import * as cases from '../../src/store/cases.ts'
import * as eventStore from '../../src/store/events.ts'
import * as looks from '../../src/store/looks.ts'
import { PRODUCT } from '../unit/policy/samples.ts'
import { noticeAfter, objection } from './case-model.ts'
import { alice, bob, debian, FIELDS, grace, HOUR, linus, members, preset } from './desk.ts'
import { codeOf, openWorld, type Someone, type World } from './world.ts'

const TAGS = ['ACME-2026-0001', 'ACME-2026-0002'] as const

type Step =
  | { readonly says: string; readonly tag: (typeof TAGS)[number] }
  | { readonly embargoDays: number; readonly tag: (typeof TAGS)[number] }
  | { readonly approves: (typeof TAGS)[number] }
  | { readonly reports: (typeof TAGS)[number]; readonly by: 'alice' | 'bob'; readonly key: boolean }
  | { readonly member: string }
  | { readonly hours: number }
  | { readonly jumps: number }
  | { readonly dies: number }
  | { readonly unsure: 'encrypted' | 'clear' }
  | { readonly strange: 'signed' | 'encrypted' }
  | { readonly smtp: 'deferred' | 'rejected' | 'uncertain' }

const REJECT =
  '/reject unsupported-version\nNobody has supported this version for five years, and nobody will.'
/** Stands in what is sealed alone, so it leaves in clear for nobody. */
const SECRET = 'SECRET'
const PRESETS = ['dispatch', 'dispatch-platform', 'consoleme', 'dragonfly', 'template'] as const

const tag = fc.constantFrom(...TAGS)
const command = fc.constantFrom(
  '/take',
  '/accept',
  REJECT,
  '/reply\nThank you.',
  '/product other',
  '/product parser',
  '/ask\nWhich version?',
  '/plan\nplan: we fix it by Friday\nworkarounds: none known',
  '/notice hold',
  '/disclosed because the fix is out',
  '/close',
  '/close internal because it is none',
  '/reopen because we were wrong',
  '/merge ACME-2026-0001',
  'a note among us'
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ says: command, tag }) },
  {
    weight: 2,
    arbitrary: fc.record({
      says: fc.constantFrom(REJECT, '/close', '/reopen because we were wrong'),
      tag
    })
  },
  { weight: 3, arbitrary: fc.record({ embargoDays: fc.integer({ min: 2, max: 20 }), tag }) },
  { weight: 3, arbitrary: fc.record({ approves: tag }) },
  {
    weight: 3,
    arbitrary: fc.record({
      reports: tag,
      by: fc.constantFrom('alice' as const, 'bob' as const),
      key: fc.boolean()
    })
  },
  { weight: 1, arbitrary: fc.record({ member: fc.constantFrom('ack', 'question Why?') }) },
  { weight: 4, arbitrary: fc.record({ hours: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ jumps: fc.integer({ min: -30, max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ dies: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ unsure: fc.constantFrom('encrypted', 'clear') }) },
  { weight: 1, arbitrary: fc.record({ strange: fc.constantFrom('signed', 'encrypted') }) },
  {
    weight: 2,
    arbitrary: fc.record({ smtp: fc.constantFrom('deferred', 'rejected', 'uncertain') })
  }
)

const anyPreset = fc.constantFrom(...PRESETS)
const walk = fc.array(step, { minLength: 6, maxLength: 14 })

/** However it went, the first case is over in the end, and then nothing rings any more. */
const END: readonly Step[] = [
  { dies: 1 },
  { says: REJECT, tag: TAGS[0] },
  { says: '/disclosed because the fix is out', tag: TAGS[0] },
  { says: '/close', tag: TAGS[0] },
  { hours: 700 }
]

const presets = new Map<string, Policy>()

async function take(world: World, one: Step): Promise<void> {
  const tells = async (who: Someone, about: string, text: string): Promise<void> => {
    world.deliver(await world.write(who, { subject: `Re: [${about}] x`, text }))
  }
  if ('says' in one) await tells(grace, one.tag, `${one.says}\n`)
  else if ('reports' in one) {
    const who = one.by === 'alice' ? alice : bob
    const last = world.sentTo(who).at(-1)
    const headers = [`In-Reply-To: <${last?.messageId ?? ''}>`]
    const letter = { subject: `Re: [${one.reports}] x`, text: `There is more ${SECRET}.`, headers }
    world.deliver(await world.write(who, { ...letter, as: 'encrypted', autocrypt: one.key }))
  } else if ('member' in one) {
    const last = world.sentTo(debian).at(-1)
    const headers = last === undefined ? [] : [`In-Reply-To: <${last.messageId}>`]
    world.deliver(await world.write(debian, { subject: 'Re: Notice', text: one.member, headers }))
  } else if ('hours' in one) world.pass(one.hours * HOUR)
  else if ('jumps' in one) world.jump(one.jumps * HOUR)
  else if ('dies' in one) world.dieAt(one.dies)
  else if ('smtp' in one) world.replies.push(one.smtp)
  else if ('unsure' in one) {
    // What a maintainer sends in clear is not the desk's secret.
    const letter = { subject: `Re: [${TAGS[0]}] x`, text: '/take', as: one.unsure }
    world.deliver(await world.write(linus, letter))
  } else if ('strange' in one) {
    const letter = { subject: 'another', text: SECRET, as: one.strange }
    world.deliver(await world.write(bob, letter))
  } else if ('embargoDays' in one) {
    const date = addMs(world.clock.now, one.embargoDays * 24 * HOUR)
    const text = `/embargo ${date} because we walk\n/notice draft\n${FIELDS.replace('the hole', SECRET)}`
    await tells(grace, one.tag, text)
  } else {
    await tells(grace, one.approves, '/notice preview\n')
    await settles(world)
    world.pass(1000)
    await tells(linus, one.approves, `/notice approve ${codeOf(world)}\n`)
  }
  await settles(world)
}

/** The desk does what there is to do, and where its process dies over that, the next one does. */
async function settles(world: World): Promise<void> {
  await world.settle().catch(() => {
    world.restart()
    return world.settle()
  })
}

/** The state that the record of a case leads to, by the machine alone; what is wrong where an event was not allowed then. */
function stateByRecord(events: readonly DeskEvent[], policyOf: (id: string) => Policy): string {
  // Where a case begins.
  let state: CaseState = 'received'
  let history = historyOf([])
  let disclosureAt: Instant | null = null
  let notice: NoticeState | null = null
  let mayEndInternally = false
  for (const event of events) {
    const { kind, about, at: now } = event
    const product = kind === 'opened' ? about.product : kind === 'moved-product' ? about.to : null
    if (kind !== 'opened') {
      if (kind === 'embargo-set') disclosureAt = about.date
      const facts = { ...history, notice, disclosureAt, mayEndInternally, now }
      const wrong = objection({ before: state, kind, about, facts })
      if (wrong !== null) return wrong
      const move: Move = moveCase(state, event, facts)
      if (move.kind === 'moved') state = move.to
    }
    if (product !== null) mayEndInternally = policyOf(product).close.internal === 'allow'
    history = historyAfter(history, event)
    notice = noticeAfter(notice, kind)
  }
  return state
}

/** The reporters that a case had after these events. */
function reportersAfter({ tag, reporters }: CaseRecord, events: readonly DeskEvent[]) {
  const from = events.flatMap(({ kind, about }) => (kind === 'merged-in' ? about.from : []))
  return { reporters: reporters.filter(({ id }) => id === tag || from.includes(id as CaseTag)) }
}

function checkGuarantees(world: World, tried: Set<number>): void {
  // G1: every message taken in is kept; none is lost.
  const lost = `SELECT id FROM arrivals LEFT JOIN arrival_bytes ON arrival_id = id
    WHERE raw IS NULL AND duplicate_of IS NULL`
  expect(world.rows(lost)).toEqual([])
  const taken = new Set(world.column<number>('SELECT uid FROM arrivals'))
  expect(
    [...world.inbox.keys(), ...world.processed, ...world.heldMails].filter((uid) => !taken.has(uid))
  ).toEqual([])
  // G2: what SMTP accepted was queued, and twice only with the same bytes.
  const forms = new Map<string, string>()
  for (const { messageId, raw } of world.accepted) {
    const bytes = Buffer.from(raw).toString('latin1')
    expect(forms.get(messageId) ?? bytes).toBe(bytes)
    forms.set(messageId, bytes)
    // G3: content never in clear.
    expect(bytes).not.toContain(SECRET)
  }
  // G7: no copy of a notice is tried before its instant, by the clock of that moment.
  const copies = "SELECT id, not_before AS due FROM outbox WHERE kind = 'notice' AND attempts > 0"
  for (const { id, due } of world.rows<{ id: number; due: Instant }>(copies)) {
    if (!tried.has(id)) expect(due <= world.clock.now).toBe(true)
    tried.add(id)
  }
  // G8: the record is whole.
  expect(world.desk.db.read((read) => eventStore.verify(read)).ok).toBe(true)
}

/** In the end every message is handled and moved, and every answer has left, or the record says that it did not. */
async function checkEnd(world: World, tried: Set<number>): Promise<void> {
  world.restart()
  world.replies.length = 0
  for (let round = 0; round < 6; round += 1) await world.wait(9 * HOUR)
  checkGuarantees(world, tried)
  const untold = `SELECT id FROM outbox WHERE state = 'given-up'
    AND NOT EXISTS (SELECT 1 FROM events WHERE kind = 'undelivered' AND about ->> 'outbox' = outbox.id)`
  for (const sql of [
    "SELECT id FROM arrivals WHERE state = 'pending' OR moved = 0",
    "SELECT id FROM outbox WHERE state IN ('queued', 'sending')",
    untold
  ])
    expect(world.rows(sql)).toEqual([])
  expect(world.inbox.size).toBe(0)
}

function check(world: World): void {
  const { settings, db, clock } = world.desk
  const now = clock.now()
  // An alarm that a server refused counts as told to nobody, and rings again.
  const refused = world.column(
    "SELECT recipient_id FROM outbox WHERE kind = 'alert' AND state = 'given-up'"
  )
  for (const { due, ...record } of db.read((read) => cases.list(read, 'all'))) {
    const subject = aboutCase(record.tag as CaseTag)
    const [events, rings] = db.read((read) => [
      eventStore.list(read, subject),
      looks.listRings(read, subject)
    ])
    const policyOf = (id: string): Policy =>
      settings.products.find((one) => one.id === id)?.policy ?? PRODUCT.policy
    const replayed = stateByRecord(
      events.map((one) => underOneNumber(record, one)),
      policyOf
    )
    expect(replayed).toBe(record.state)
    const promisesIn = (id: string) => {
      const product = settings.products.find((one) => one.id === id) ?? null
      const all = clocksOf(subject.kind, product, settings)
      const clocks = all.filter(({ counts }) => counts !== 'each')
      return { clocks, calendar: calendarOf(product, settings) }
    }

    // Nothing ends without a message to its reporter, or the recorded reason why not.
    const written = `SELECT max(created_at) FROM outbox JOIN cases ON cases.id = case_id
      WHERE audience = 'reporter' AND tag = ?`
    for (const end of events) {
      if (end.kind !== 'rejected' && end.kind !== 'closed') continue
      const [last = ''] = world.column<string>(written, [record.tag])
      const told = last >= end.at
      expect(end.about.told === 'told' ? told : end.about.told).toBeTruthy()
    }

    // Whatever somebody waits for is due.
    const owed = owedIn(world, record)
    expect(owed !== null && due === null ? `${record.tag}: ${owed}` : null).toBeNull()

    const rang = events.flatMap((event) => (event.kind === 'rang' ? [event] : []))
    const { clocks, calendar } = promisesIn(record.product)
    // What rings has started and was not stopped; what is told once is told once.
    for (const { id, at, about } of rang) {
      const before = events.filter((event) => event.id < id)
      const places = before.flatMap(({ kind, about }) =>
        kind === 'opened' ? about.product : kind === 'moved-product' ? about.to : []
      )
      const then = promisesIn(places.at(-1) ?? record.product)
      if (then.clocks.every((one) => one.id !== about.clock)) continue
      const reporters = reportersAfter(record, before)
      const named = before.map((one) => underOneNumber(reporters, one))
      const runs = openRuns(then.clocks, named, then.calendar, at)
      expect(runs.map((run) => `${run.clock.id} ${run.start.id}`)).toContain(
        `${about.clock} ${about.generation}`
      )
    }
    const isOver = (id: number): boolean => {
      const turns = ['rejected', 'merged', 'closed', 'reopened', 'reporter-wrote']
      const last = events.findLast((event) => event.id < id && turns.includes(event.kind))
      return last !== undefined && ['rejected', 'merged', 'closed'].includes(last.kind)
    }
    // What waits for a key rings in an ended case, too: a reporter waits for an answer until it leaves, though it tells the end.
    const areWaiting = (id: number): boolean => {
      const wordsOf = (...kinds: readonly string[]) =>
        events.flatMap(({ id: at, kind, about }) =>
          at < id && kinds.includes(kind) && 'writtenAt' in about
            ? `${about.writtenAt} ${about.reporter}`
            : []
        )
      // Words that were written at one instant have one name.
      const [kept, gone] = [wordsOf('words-wait'), wordsOf('answered', 'words-dropped')]
      return kept.length > gone.filter((words) => kept.includes(words)).length
    }
    const ofOver = rang.filter(({ id, about }) => {
      const clock = clocks.find((one) => one.id === about.clock)
      const isForWaiting = clock?.id === 'words-wait' || clock?.from === 'receivedAt'
      return clock !== undefined && isOver(id) && !(isForWaiting && areWaiting(id))
    })
    expect(ofOver).toEqual([])
    // What did not arrive is told to everybody but its recipient, not always in one message.
    const once = rang
      .filter(({ about }) => about.clock !== 'undelivered')
      .map(({ about }) => `${about.clock} ${about.generation} ${about.step}`)
      .filter((name) => !name.includes('every'))
    if (refused.length === 0) expect(new Set(once).size).toBe(once.length)

    // What is due has been told to everybody.
    const named = events.map((one) => underOneNumber(record, one))
    for (const run of openRuns(clocks, named, calendar, now)) {
      // It may leave an alarm to the promise of an answer.
      if (run.clock.id === 'words-wait') continue
      for (const recipient of ['grace', 'linus'].filter((one) => !refused.includes(one))) {
        const told = rings
          .filter((ring) => ring.recipient === recipient)
          .map((ring) => ({ ...ring, key: reporterWith(record, ring.key)?.id ?? ring.key }))
        const { ring } = lookAtRun(run, calendar, now)
        // A step that had passed before the date moved comes again after a day (B9).
        const isPassed = ring !== null && ring.at < run.goesOnSince && run.clock.firmness === 'soft'
        const waits = told.some(
          ({ clock, step, at }) =>
            isPassed &&
            clock === run.clock.id &&
            step === ring.step &&
            msBetween(at ?? now, now) < DAY_MS
        )
        const isOwed =
          ring !== null && ring.tell.includes('everybody') && !waits && !isTold(ring, told)
        expect(isOwed ? `${run.clock.id} ${ring.step} ${recipient}` : null).toBeNull()
      }
    }
  }
}

/** What somebody waits for in a case, so that a maintainer has to be reminded of it; null for nothing. */
function owedIn(world: World, { id, state, reporters }: CaseRecord): string | null {
  const waiting =
    'SELECT 1 FROM waiting_words JOIN case_reporters ON case_reporters.id = reporter_id WHERE case_id = ?'
  if (world.rows(waiting, [id]).length > 0) return 'words wait for a key'
  if (state === 'planned' || state === 'noticed') return 'a disclosure date stands'
  const isUnanswered = reporters.some(({ answeredAt }) => answeredAt === null)
  return isOpen(state) && isUnanswered ? 'nobody has answered' : null
}

/** `walks` whole cases; a walk takes about a second, and several on a busy machine. */
export function itWalks(walks: number): void {
  beforeAll(async () => {
    for (const name of PRESETS) presets.set(name, await preset(name))
  })

  it(
    '(A2, A3, G1, G2, G3, G7, G8) whatever people, servers, time and deaths do to cases, no guarantee breaks, no state is left by a side door, no end is silent, nothing that somebody waits for is forgotten, and no clock rings twice, late or for what is over',
    async () => {
      await fc.assert(
        fc.asyncProperty(anyPreset, anyPreset, walk, async (first, second, steps) => {
          const other = {
            ...PRODUCT,
            id: 'other',
            name: 'ACME Other',
            policy: presets.get(second) ?? PRODUCT.policy
          }
          const world = await openWorld({
            maintainers: [grace, linus],
            policy: presets.get(first) ?? PRODUCT.policy,
            acknowledgement: { jitter: 30 },
            moreProducts: [other]
          })
          try {
            const tried = new Set<number>()
            for (const member of members) await world.addMember(member)
            const letter = { subject: 'x', text: SECRET, as: 'encrypted' } as const
            await world.send(alice, { ...letter, autocrypt: true })
            await world.send(bob, letter)
            await take(world, { says: '/accept', tag: TAGS[0] })
            for (const one of [...steps, ...END]) {
              await take(world, one)
              check(world)
              checkGuarantees(world, tried)
            }
            await checkEnd(world, tried)
          } finally {
            world.close()
          }
        }),
        { numRuns: walks, endOnFailure: true }
      )
    },
    walks * 20_000
  )
}
