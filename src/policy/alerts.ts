/**
 * Alarms to the maintainers: sealed, one per cause, always with what to do next. `once` keeps a cause from ringing twice.
 */
import { type SendSealed } from '../domain/decision.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { type FactLine } from '../domain/template.ts'
import { type Instant } from '../domain/time.ts'
import { allMaintainers } from './recipients.ts'

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
export function alertMaintainers(settings: Settings, now: Instant, alert: Alert): SendSealed {
  const { tag, title, what, doNext, facts } = alert
  return {
    kind: 'send-sealed',
    once: `alert:${alert.once}`,
    mail: 'alert',
    caseTag: tag,
    audience: 'maintainer',
    noticeId: null,
    subject: `[${tag ?? settings.desk.casePrefix}] ${title}`,
    autoSubmitted: 'auto-generated',
    via: null,
    notBefore: now,
    recipients: allMaintainers(settings, null),
    files: { from: 'nothing' },
    template: {
      name: 'alert',
      params: {
        title,
        what,
        doNext,
        facts,
        ref: tag === null ? '' : `${tag} ${settings.desk.address}`
      }
    }
  }
}
