/**
 * Walks whole cases at random, by commands of maintainers, messages, time, restarts and clocks that jump: what always holds.
 * `npm test` takes a few other walks each time, `npm run nightly` many.
 */
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { readPolicy } from '../../src/config/policy-file.ts'
import { builtInPoliciesDir } from '../../src/config/policy-sources.ts'
import { type CaseState } from '../../src/domain/case.ts'
import { historyAfter, historyOf, MACHINE } from '../../src/domain/case-machine.ts'
import { openRuns, ringNow } from '../../src/domain/clock.ts'
import { aboutCase, type DeskEvent } from '../../src/domain/event.ts'
import { type CaseTag } from '../../src/domain/ids.ts'
import { type Policy } from '../../src/domain/policy.ts'
import { addMs, type Instant } from '../../src/domain/time.ts'
import { clocksOf } from '../../src/policy/clocks.ts'
import { listCases } from '../../src/store/cases.ts'
import { listEvents } from '../../src/store/events.ts'
import { listRings } from '../../src/store/looks.ts'
import { FIELDS, type People, people } from './notice-world.ts'
import { openWorld, type World } from './world.ts'

const HOUR = 3_600_000
const TAGS = ['ACME-2026-0001', 'ACME-2026-0002'] as const

type Step =
  | { readonly says: string; readonly tag: (typeof TAGS)[number] }
  | { readonly embargoDays: number; readonly tag: (typeof TAGS)[number] }
  | { readonly approves: (typeof TAGS)[number] }
  | { readonly reports: (typeof TAGS)[number] }
  | { readonly hours: number }
  | { readonly jumps: number }
  | { readonly restarts: true }

const tag = fc.constantFrom(...TAGS)
const command = fc.constantFrom(
  '/take',
  '/accept',
  '/reject unsupported-version',
  '/reply\nThank you.',
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
      says: fc.constantFrom(
        '/reject unsupported-version',
        '/close',
        '/reopen because we were wrong'
      ),
      tag
    })
  },
  { weight: 3, arbitrary: fc.record({ embargoDays: fc.integer({ min: 2, max: 20 }), tag }) },
  { weight: 3, arbitrary: fc.record({ approves: tag }) },
  { weight: 2, arbitrary: fc.record({ reports: tag }) },
  { weight: 4, arbitrary: fc.record({ hours: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ jumps: fc.integer({ min: -30, max: 30 }) }) },
  { weight: 1, arbitrary: fc.constant({ restarts: true } as const) }
)

/** However it went, the first case is over in the end, and then nothing rings any more. */
const END: readonly Step[] = [
  { says: '/reject unsupported-version', tag: TAGS[0] },
  { says: '/disclosed because the fix is out', tag: TAGS[0] },
  { says: '/close', tag: TAGS[0] },
  { hours: 700 }
]

let them: People
let dispatch: Policy

async function setUp(): Promise<void> {
  const read = await readPolicy('dispatch', '.', builtInPoliciesDir())
  dispatch = read.policy
  them = await people()
}

async function take(world: World, one: Step): Promise<void> {
  const { grace, linus, alice } = them
  const tells = async (who: typeof grace, about: string, text: string): Promise<void> => {
    world.deliver(await world.write(who, { subject: `Re: [${about}] x`, text }))
  }
  if ('says' in one) await tells(grace, one.tag, `${one.says}\n`)
  else if ('reports' in one) {
    const last = world.sentTo(alice).at(-1)
    const headers = [`In-Reply-To: <${last?.messageId ?? ''}>`]
    const letter = { subject: `Re: [${one.reports}] x`, text: 'There is more.', headers }
    world.deliver(await world.write(alice, { ...letter, as: 'encrypted' }))
  } else if ('hours' in one) world.pass(one.hours * HOUR)
  else if ('jumps' in one) world.jump(one.jumps * HOUR)
  else if ('restarts' in one) world.restart()
  else if ('embargoDays' in one) {
    const date = addMs(world.clock.now, one.embargoDays * 24 * HOUR)
    const text = `/embargo ${date} because we walk\n/notice draft\n${FIELDS}`
    await tells(grace, one.tag, text)
  } else {
    await tells(grace, one.approves, '/notice preview\n')
    await world.settle()
    const [preview] = world.rows<{ code: string }>(
      'SELECT code FROM previews ORDER BY issued_at DESC LIMIT 1'
    )
    world.pass(1000)
    await tells(linus, one.approves, `/notice approve ${preview?.code ?? 'none'}\n`)
  }
  await world.settle()
}

/** The state that the record of a case leads to, by the machine alone. */
function stateByRecord(events: readonly DeskEvent[]): CaseState | string {
  // Where a case begins.
  let state: CaseState = 'received'
  let history = historyOf([])
  let disclosureAt: Instant | null = null
  for (const event of events) {
    const { kind, about } = event
    if (kind === 'opened') continue
    if (kind === 'embargo-set') disclosureAt = about.date
    const rows = MACHINE[kind]
    const facts = { ...history, notice: null, disclosureAt, mayEndInternally: false } as never
    if (rows !== undefined) {
      const row = rows.find(
        ({ from, unless }) => from.includes(state) && unless?.(facts, about as never) !== true
      )
      if (row === undefined) return `${kind} in ${state}`
      if (row.to !== 'same') state = row.to
    }
    history = historyAfter(history, event)
  }
  return state
}

function check(world: World): void {
  const [product] = world.desk.settings.products
  if (product === undefined) throw new Error('bad test data')
  const { calendar } = product
  const { db, clock } = world.desk
  const now = clock.now()
  for (const { case: record } of db.read((read) => listCases(read, 'all'))) {
    const subject = aboutCase(record.tag as CaseTag)
    const [events, rings] = db.read((read) => [listEvents(read, subject), listRings(read, subject)])
    expect(stateByRecord(events)).toBe(record.state)

    // Nothing ends without its reporter being told, or the recorded reason why not.
    for (const end of events) {
      if (end.kind !== 'rejected' && end.kind !== 'closed') continue
      const told = events.some(
        ({ id, kind, about }) =>
          id > end.id && kind === 'told' && 'audience' in about && about.audience === 'reporter'
      )
      expect(end.about.told === 'told' ? told : end.about.told).toBeTruthy()
    }

    const clocks = clocksOf(subject.kind, product, world.desk.settings).filter(
      ({ counts }) => counts !== 'each'
    )
    const rang = events.flatMap((event) => (event.kind === 'rang' ? [event] : []))
    // What rings has started and was not stopped; what is told once is told once.
    for (const { id, about } of rang) {
      if (clocks.every((one) => one.id !== about.clock)) continue
      const before = events.filter((event) => event.id < id)
      const runs = openRuns(clocks, before, calendar)
      expect(runs.map((run) => `${run.clock.id} ${run.start.id}`)).toContain(
        `${about.clock} ${about.generation}`
      )
    }
    const isOver = (id: number): boolean => {
      const turns = ['rejected', 'merged', 'closed', 'reopened', 'reporter-wrote']
      const last = events.findLast((event) => event.id < id && turns.includes(event.kind))
      return last !== undefined && ['rejected', 'merged', 'closed'].includes(last.kind)
    }
    const ofOver = rang.filter(
      ({ id, about }) => clocks.some((one) => one.id === about.clock) && isOver(id)
    )
    expect(ofOver).toEqual([])
    const once = rang
      .map(({ about }) => `${about.clock} ${about.generation} ${about.step}`)
      .filter((name) => !name.includes('/'))
    expect(new Set(once).size).toBe(once.length)

    // What is due has been told to everybody.
    for (const run of openRuns(clocks, events, calendar)) {
      for (const recipient of ['grace', 'linus']) {
        const told = rings.filter((ring) => ring.recipient === recipient)
        const due = ringNow(run, told, calendar, now)
        const isForAll = due?.tell.includes('everybody') === true
        expect(isForAll ? `${run.clock.id} ${due.step} ${recipient}` : null).toBeNull()
      }
    }
  }
}

/** `walks` whole cases; a walk takes about a second, and several on a busy machine. */
export function itWalks(walks: number): void {
  beforeAll(setUp)

  it(
    '(A2, A3) whatever people, time and restarts do to cases, no state is left by a side door, no end is silent, and no clock rings twice, late or for what is over',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), async (steps) => {
          const world = await openWorld({ maintainers: [them.grace, them.linus], policy: dispatch })
          try {
            for (const member of them.members) await world.addMember(member)
            for (const text of ['one', 'two']) {
              const letter = { subject: 'x', text, as: 'encrypted', autocrypt: true } as const
              await world.receive(await world.write(them.alice, letter))
            }
            await take(world, { says: '/accept', tag: TAGS[0] })
            for (const one of [...steps, ...END]) {
              await take(world, one)
              check(world)
            }
          } finally {
            world.close()
          }
        }),
        { numRuns: walks }
      )
    },
    walks * 20_000
  )
}
