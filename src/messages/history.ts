/**
 * The record as a history that an auditor understands without the messages (G8): one sentence for every event, which says who did
 * what, from what to what, why, and on which message. The words are in history.yaml. Must name list members by id only (G5).
 */
import { type Actor, type DeskEvent, type EventKind, type Evidence } from '../domain/event.ts'
import { type Fingerprint, formatFingerprint } from '../domain/ids.ts'
import { type Audience } from '../domain/message.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { nounOf } from './catalogue.ts'
import { liquid } from './render.ts'

/** The names of people in the sentences; a name may have been purged or taken out of the configuration since. */
export type HistoryNames = {
  readonly timezone: string
  /** Full name of a maintainer, or the id where it is not known any more. */
  readonly maintainer: (id: string) => string
  /** Name and address of a reporter of the case at hand; null where they are not kept any more. */
  readonly reporter: (id: string) => string | null
}

/**
 * Says one event in one line: `Sat 28 Nov 2026, 14:02 UTC: Grace Hopper took the case; signed message 4f3a….` `ends` are the ends
 * of the sentences, in Liquid.
 */
export function createHistory(ends: Readonly<Record<EventKind, string>>, names: HistoryNames) {
  const engine = liquid()
  for (const [name, filter] of Object.entries(filtersOf(names))) engine.registerFilter(name, filter)
  const actors = actorsOf(names)
  const parsed = new Map<EventKind, ReturnType<typeof engine.parse>>()
  return ({ kind, at, actor, about, evidence }: DeskEvent): string => {
    const template = parsed.get(kind) ?? engine.parse(ends[kind])
    parsed.set(kind, template)
    const did = String(engine.renderSync(template, about))
    const when = formatInstant(at, names.timezone)
    return `${when}: ${actors[actor.kind](actor.id)} ${did}${evidenceWords(evidence)}.`
  }
}

function actorsOf(names: HistoryNames): Readonly<Record<Actor['kind'], (id: string) => string>> {
  return {
    desk: () => 'The desk',
    operator: () => 'The operator',
    somebody: () => 'An unverified sender',
    maintainer: names.maintainer,
    member: (id) => `List member ${id}`,
    reporter: (id) => names.reporter(id) ?? `The reporter of ${id}`
  }
}

function evidenceWords({ messageSha256, signatureSha256 }: Evidence): string {
  if (messageSha256 === null) return ''
  return `; ${signatureSha256 === null ? 'message' : 'signed message'} ${shortened(messageSha256)}`
}

function filtersOf({ timezone, maintainer, ...names }: HistoryNames) {
  const reporter = (id: string): string => names.reporter(id) ?? `the reporter of ${id}`
  return {
    maintainer,
    reporter,
    count,
    members: (number: number) => (number === 0 ? 'no member' : count(number, 'member', 'members')),
    noun: nounOf,
    person: (id: string, audience: Audience) => {
      if (audience === 'maintainer') return maintainer(id)
      if (audience === 'member') return `list member ${id}`
      return audience === 'reporter' ? reporter(id) : 'an outsider'
    },
    instant: (at: Instant) => formatInstant(at, timezone),
    reason: (reason: string) => (reason === '' ? '' : `, because: ${reason}`),
    key: (fingerprint: Fingerprint) => formatFingerprint(fingerprint),
    digest: shortened
  }
}

function shortened(sha256: string): string {
  return `${sha256.slice(0, 12)}…`
}
