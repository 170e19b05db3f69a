/**
 * The shape of a clock in a policy: `clocks: { id: { … } }` (domain/clock.ts says what each key means).
 * Unknown keys and events are refused: a clock that never starts would leave a promise unwatched.
 */
import { z } from 'zod'
import { type Clock } from '../domain/clock.ts'
import { CLOCK_KINDS, type InstantName, KINDS_WITH } from '../domain/event.ts'
import { ROLES } from '../domain/role.ts'
import { spanMs } from '../domain/time.ts'
import { readBuiltIn } from './built-in.ts'
import { block, line, list, oneOf, shortName, span, textUpTo } from './fields.ts'

const events = z.array(
  z.enum(CLOCK_KINDS, 'must be a kind of event of the record, like answered'),
  'must be a list of kinds of events'
)

const PERCENT = 'must be a number from 0 to 100'

const pause = span.refine(
  (value) => spanMs(value) > 0 && !('business_days' in value),
  'must be longer than nothing, in minutes, hours or days: it does not leave out the weekend'
)

const stepTime = z.union(
  [
    block({ percent: z.number(PERCENT).min(0, PERCENT).max(100, PERCENT) }),
    block({ before: span, every: pause.exactOptional() }),
    block({ after: span, every: pause.exactOptional() })
  ],
  'must be { percent: N }, { before: SPAN } or { after: SPAN }; add every: SPAN to the latter two to repeat them'
)

const tell = z.union(
  [
    z.enum(['owner', 'everybody', 'member', 'recipient', 'others', ...ROLES]),
    block({ maintainer: shortName })
  ],
  `must be owner, everybody, member, recipient, others, a role (${ROLES.join(', ')}) or { maintainer: ID }`
)

type Written = Partial<Record<'message' | 'key', string>> & {
  readonly subjects?: Clock['subjects']
}

const file = readBuiltIn('policies/shared/built-in-clocks.yaml')
const { clocks: written } = file as { readonly clocks: Readonly<Record<string, Written>> }

/** What the built-in clocks name, so that the program knows it. */
function named(name: 'message' | 'key'): Set<string> {
  return new Set(Object.values(written).flatMap((stated) => stated[name] ?? []))
}

const words = textUpTo(500).min(1, 'must not be empty')

const clock = block({
  starts: events.min(1, 'must name an event'),
  stops: events,
  counts: oneOf('first', 'latest', 'each').default('first'),
  key: oneOf(...named('key'))
    .nullable()
    .default(null),
  since: events.default([]),
  until: oneOf(...Object.keys(written))
    .nullable()
    .default(null),
  from: oneOf('at', ...(Object.keys(KINDS_WITH) as InstantName[])).default('at'),
  due: z.union(
    [block({ within: span }), block({ before: span })],
    'must be { within: SPAN } or { before: SPAN }'
  ),
  firmness: oneOf('hard', 'soft').default('hard'),
  steps: list(block({ at: stepTime, tell: list(tell).min(1, 'must name somebody') })).min(
    1,
    'must have at least one step, or nobody would be told'
  ),
  message: oneOf('reminder', ...named('message')).default('reminder'),
  title: line,
  risk: words,
  remedy: words,
  quote: textUpTo(500).default('')
}).refine(
  ({ from, starts }) =>
    from === 'at' || starts.every((kind) => KINDS_WITH[from].some((one) => one === kind)),
  'must not count from an instant that one of its starts does not have: use from: at, or other starts'
)

/** Tells only whom its events name: of a message, the one who was to get it. */
const clockOfCase = clock.refine(({ starts, steps }) => {
  const isOfMessage = starts.every((kind) => kind === 'not-encrypted' || kind === 'undelivered')
  const unnamed: readonly unknown[] = isOfMessage ? ['member'] : ['member', 'recipient', 'others']
  return !steps.some(({ tell }) => tell.some((whom) => unnamed.includes(whom)))
}, 'must not tell member, recipient or others: only not-encrypted and undelivered have a recipient, and no event of a case is about a member')

/** All clocks of a policy by id: they are those of its cases. */
export const clocks = z
  .record(shortName, clockOfCase, 'must be a block of clocks by id')
  .refine(
    ({ answer }) =>
      answer === undefined ||
      (answer.counts !== 'each' && 'within' in answer.due && spanMs(answer.due.within) > 0),
    'must have due: { within: SPAN }, longer than nothing, and not counts: each, in answer: the reporter is told by when'
  )
  .transform((all) =>
    Object.entries(all).map(([id, stated]): Clock => ({ id, subjects: ['case'], ...stated }))
  )

/** The clocks that every desk has: for itself, its maintainers, its members and cases whose product is gone. */
export const BUILT_IN_CLOCKS: readonly Clock[] = Object.entries(written).map(
  ([id, { subjects = ['case'] as const, ...stated }]) => ({ id, subjects, ...clock.parse(stated) })
)

/** The built-in clocks that a policy can change, by id. */
export const CASE_CLOCKS = Object.fromEntries(
  BUILT_IN_CLOCKS.flatMap(({ id, subjects, ...stated }) =>
    subjects.includes('case') ? [[id, stated]] : []
  )
)
