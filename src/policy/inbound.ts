/**
 * What happens to one received mail. The one entry of the pure core for mail: a complete list of decisions comes out,
 * ending in exactly one disposition (G1). Order matters: first what only looks like a report is sorted out, then who has
 * authority, then which case it continues.
 */
import { isSameAddress } from '../domain/address.ts'
import { type Decision, dispose, recorded } from '../domain/decision.ts'
import { BY_SOMEBODY, DESK } from '../domain/event.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { isReused, noteCiphertext, quarantineReused } from './ciphertext.ts'
import { decideMaintainerMail } from './maintainer-mail.ts'
import { decideReport } from './report.ts'
import { type Moment, type Situation } from './situation.ts'

/** Decides everything about one arrival. */
export function decideArrival(
  situation: Situation,
  settings: Settings,
  moment: Moment
): Decision[] {
  const decided = isReused(situation, settings)
    ? quarantineReused(settings, situation)
    : decideKind(situation, settings, moment)
  return [...noteCiphertext(situation, decided), ...decided]
}

function decideKind(situation: Situation, settings: Settings, moment: Moment): Decision[] {
  const { opened } = situation
  if (isOwn(opened, settings)) return [dispose('done', 'own', 'the desk sent it itself')]
  const returnsOurs = opened.bounce !== null && situation.bounced !== null
  if (opened.automatic.includes('bounce') || returnsOurs) {
    return decideBounce(situation)
  }
  // Any other receipt goes on like a report and is not acknowledged: no message stays unread because of its form (G1).
  if (situation.receiptOf !== null) {
    return [dispose('done', 'receipt', 'a reading receipt', situation.receiptOf.case.tag)]
  }
  const fromMaintainer = decideMaintainerMail(situation, settings, moment)
  return fromMaintainer ?? decideReport(situation, settings, moment)
}

function isOwn(opened: OpenedMail, settings: Settings): boolean {
  const { from } = opened.outer
  return (
    from !== null &&
    isSameAddress(from.address, settings.desk.address) &&
    opened.automatic.includes('loop')
  )
}

/** A delivery report moves a delivery only if it returns a Message-ID that the desk issued (mail.md §1.10). */
function decideBounce(situation: Situation): Decision[] {
  const { bounced, opened } = situation
  const action = opened.bounce?.action ?? 'other'
  if (bounced === null) return unmatched()
  const tag = bounced.case.tag
  const done = dispose('done', 'bounce', `a delivery report (${action})`, tag)
  if (action !== 'failed') return [done]
  return [{ kind: 'bounce', messageId: bounced.messageId }, done]
}

/** A delivery report about no message of ours is held and the maintainers are told: it may be a report in disguise. */
function unmatched(): Decision[] {
  return [
    recorded('bounce-unmatched', DESK, BY_SOMEBODY, {}),
    dispose(
      'held',
      'bounce-unmatched',
      'a delivery report about a message that the desk did not send'
    )
  ]
}
