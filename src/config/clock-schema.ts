/**
 * The shape of a clock in a policy file: `clocks: { id: { … } }` (domain/clock.ts says what each key means). Unknown keys and
 * events are refused: a clock that never starts would be a promise that nobody watches.
 */
import { z } from 'zod'
import { type Clock } from '../domain/clock.ts'
import { EVENT_KINDS, INSTANT_NAMES } from '../domain/event.ts'
import { ROLES } from '../domain/role.ts'
import { line, shortName, span } from './fields.ts'

const events = z.array(
  z.enum(EVENT_KINDS, 'must be a kind of event of the record, like answered'),
  'must be a list of kinds of events'
)

const stepTime = z.union(
  [
    z.strictObject({ percent: z.number().min(0).max(100) }),
    z.strictObject({ before: span, every: span.optional() }),
    z.strictObject({ after: span, every: span.optional() })
  ],
  'must be { percent: N }, { before: SPAN } or { after: SPAN }, the latter two with every: SPAN if they repeat'
)

const tell = z.union(
  [z.enum(['owner', 'everybody', 'member', ...ROLES]), z.strictObject({ maintainer: shortName })],
  `must be owner, everybody, member, a role (${ROLES.join(', ')}) or { maintainer: ID }`
)

const clock = z.strictObject({
  subject: z
    .enum(['case', 'member', 'maintainer', 'desk'], 'must be case, member, maintainer or desk')
    .default('case')
    .describe('What it runs for.'),
  starts: events.min(1, 'must name an event').describe('Events that start it.'),
  stops: events.describe('Events that stop it.'),
  counts: z
    .enum(['first', 'latest', 'each'], 'must be first, latest or each')
    .default('first')
    .describe('Which starts count.'),
  key: line.nullable().default(null).describe('Particular by which a stop finds its run.'),
  since: events.default([]).describe('A stop after the latest of these keeps it from starting.'),
  from: z
    .enum(INSTANT_NAMES, `must be one of ${INSTANT_NAMES.join(', ')}`)
    .default('at')
    .describe('The instant of the starting event that it counts from.'),
  due: z
    .union(
      [z.strictObject({ within: span }), z.strictObject({ before: span })],
      'must be { within: SPAN } or { before: SPAN }'
    )
    .describe('When it is due.'),
  firmness: z
    .enum(['hard', 'soft'], 'must be hard or soft')
    .default('hard')
    .describe('A promise, or a target.'),
  steps: z
    .array(
      z.strictObject({ at: stepTime, tell: z.array(tell).min(1, 'must name somebody') }),
      'must be a list'
    )
    .min(1, 'must have a step: nobody would be told')
    .describe('Who is told when.'),
  message: shortName.default('reminder').describe('The message that a step sends.'),
  title: line.describe('Title of the reminder.'),
  risk: line.describe('What is at risk, one sentence.'),
  remedy: line.describe('What to do, one sentence.'),
  quote: z
    .string('must be text')
    .max(500, 'must have at most 500 characters')
    .default('')
    .describe('The promise in the words of the policy.')
})

/** All clocks of a policy by id. */
export const clocks = z
  .record(shortName, clock, 'must be a block of clocks by id')
  .transform((all): Clock[] =>
    Object.entries(all).map(([id, { steps, ...rest }]) => ({
      id,
      ...rest,
      steps: steps.map((step) => ({ ...step, at: step.at as Clock['steps'][number]['at'] }))
    }))
  )
