/**
 * Alarms to the maintainers: sealed, one per cause, always with what to do next. `once` keeps a cause from ringing twice.
 */
import { type SendSealed } from '../domain/decision.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type FactLine } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { alert } from '../messages/to-maintainers.ts'
import { toMaintainers } from './send.ts'

export type Alert = {
  /** What makes the cause unique, for example `gave-up:17`. */
  readonly once: string
  readonly tag: CaseTag | null
  readonly title: string
  readonly what: string
  readonly doNext: string
  readonly facts: readonly FactLine[]
}

/** The decision that tells all maintainers. */
export function alertMaintainers(
  settings: Settings,
  now: Instant,
  { once, tag, ...params }: Alert
): SendSealed {
  return toMaintainers(settings, now, alert(params), { once, tag })
}
