/** Mail that is no report and that nobody is answered: delivery reports. */
import { type Decision } from '../domain/decision.ts'
import { BY_SOMEBODY, DESK, event } from '../domain/event.ts'
import { dispose } from './dispose.ts'
import { type Situation } from './situation.ts'

/** A delivery report moves a delivery only if it returns a Message-ID that the desk issued (mail.md §1.10). */
export function decideBounce(situation: Situation): Decision[] {
  const { bounced, opened } = situation
  const action = opened.bounce?.action ?? 'other'
  if (bounced === null) return unmatched()
  const tag = bounced.case.tag
  const done = dispose('done', 'bounce', `a delivery report (${action})`, tag)
  if (action !== 'failed') return [done]
  return [{ kind: 'bounce', messageId: bounced.messageId }, done]
}

/** Nobody's delivery report: kept in sight, and the maintainers told, because it may be a report in disguise. */
function unmatched(): Decision[] {
  return [
    { kind: 'record', event: event('bounce-unmatched', DESK, BY_SOMEBODY, {}) },
    dispose('held', 'bounce-unmatched', 'a delivery report about no mail of the desk')
  ]
}
