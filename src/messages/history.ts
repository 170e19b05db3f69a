/**
 * The record as a history that an auditor understands without the messages (G8): one sentence for every event, which says who did
 * what, from what to what, why, and on which message. The words are in history.yaml. Must name list members by id only (G5).
 */
import { type DeskEvent, type EventKind } from '../domain/event.ts'
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

/** The Liquid of a line about any event, and of the end of its sentence for each kind. */
type Sentences = Readonly<Record<EventKind | 'line', string>>

/** Says one event in one line: `Sat 28 Nov 2026, 14:02 UTC: Grace Hopper took the case; signed message 4f3a….` */
export function createHistory(sentences: Sentences, names: HistoryNames) {
  const engine = liquid()
  for (const [name, filter] of Object.entries(filtersOf(names))) engine.registerFilter(name, filter)
  const parsed = new Map<string, ReturnType<typeof engine.parse>>()
  const fill = (name: keyof Sentences, values: object): string => {
    const template = parsed.get(name) ?? engine.parse(sentences[name])
    parsed.set(name, template)
    return String(engine.renderSync(template, values))
  }
  return (event: DeskEvent): string =>
    fill('line', { ...event, did: fill(event.kind, event.about) })
}

function filtersOf({ timezone, maintainer, ...names }: HistoryNames) {
  const reporter = (id: string, article = 'the'): string =>
    names.reporter(id) ?? `${article} reporter of ${id}`
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
    digest: (sha256: string) => `${sha256.slice(0, 12)}…`
  }
}
