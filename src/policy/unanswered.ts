/** Mail that is no report and that nobody is answered: delivery reports. */
import { type Decision } from '../domain/decision.ts'
import { type Settings } from '../domain/settings.ts'
import { alertMaintainers } from './alerts.ts'
import { dispose } from './dispose.ts'
import { type Moment, type Situation } from './situation.ts'

/** A delivery report moves a delivery only if it returns a Message-ID that the desk issued (mail.md §1.10). */
export function decideBounce(situation: Situation, settings: Settings, moment: Moment): Decision[] {
  const { bounced, opened } = situation
  const action = opened.bounce?.action ?? 'other'
  if (bounced === null) return unmatched(situation, settings, moment)
  const tag = bounced.case.tag
  const done = dispose('done', 'bounce', `a delivery report (${action})`, tag)
  if (action !== 'failed') return [done]
  const status = opened.bounce?.status ?? ''
  const moved: Decision = { kind: 'bounce', messageId: bounced.messageId, status }
  return [moved, done]
}

/** Nobody's delivery report: kept in sight, and the maintainers told once a day, because it may be a report in disguise. */
function unmatched(situation: Situation, settings: Settings, moment: Moment): Decision[] {
  return [
    alertMaintainers(settings, moment.now, {
      once: `bounce-unmatched:${moment.now.slice(0, 10)}`,
      tag: null,
      title: 'A delivery report about a message that we did not send',
      what: 'We received a delivery report about a message that the desk did not send. It is in the held folder; further ones of today go there, too, without another alarm.',
      doNext: 'Please look at it in the held folder: a delivery report can hide a real report.',
      facts: [{ label: 'Arrival', value: String(situation.arrivalId) }]
    }),
    dispose('held', 'bounce-unmatched', 'a delivery report about no mail of the desk')
  ]
}
