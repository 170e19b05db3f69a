/**
 * What happens to one received message. The one entry of the pure core for mail: a complete list of decisions comes out,
 * ending in exactly one disposition (G1). Order matters: first what only looks like a report is sorted out, then who has
 * authority, then which case it continues.
 */
import { type Decision, dispose, recorded } from '../domain/decision.ts'
import { BY_SOMEBODY, DESK } from '../domain/event.ts'
import { type BounceFacts, isFrom } from '../domain/mail.ts'
import { decideMaintainerMail } from './maintainer-mail.ts'
import { rememberContent } from './ownership.ts'
import { decideReport } from './report.ts'
import { type Situation } from './situation.ts'

/** Decides everything about one arrival. */
export function decideArrival(situation: Situation): Decision[] {
  return [...rememberContent(situation), ...received(situation), ...decideKind(situation)]
}

/** Only the reader of an encrypted message can quote its last line. */
function received({ quoted }: Situation): Decision[] {
  return quoted.map(({ messageId }) => ({ kind: 'received', messageId }))
}

function decideKind(situation: Situation): Decision[] {
  const { opened } = situation
  if (isOwn(situation)) return [dispose('done', 'own', 'the desk sent it itself')]
  const { bounce, automatic } = opened
  if (bounce !== null && (situation.bounced !== null || automatic.includes('bounce')))
    return decideBounce(situation, bounce)
  return decideMaintainerMail(situation) ?? decideReport(situation)
}

function isOwn({ opened, settings }: Situation): boolean {
  return isFrom(opened.outer, settings.desk.address) && opened.automatic.includes('loop')
}

/**
 * A delivery report moves a delivery only if it returns a Message-ID that the desk issued. One about no message of ours is held
 * and the maintainers are told: it may be a report in disguise. What only looks like one, or like a receipt, is read like any
 * message then.
 */
function decideBounce({ bounced }: Situation, facts: BounceFacts): Decision[] {
  const reason = 'a delivery report about a message that the desk did not send'
  if (bounced === null)
    return [
      recorded('bounce-unmatched', DESK, BY_SOMEBODY, {}),
      dispose('held', 'bounce-unmatched', reason)
    ]
  const done = dispose('done', 'bounce', 'a delivery report or receipt', bounced.case.tag)
  const { hasFailed, isTooLarge, hasArrived } = facts
  const { messageId } = bounced
  if (hasFailed) return [{ kind: 'bounce', messageId, isTooLarge }, done]
  return hasArrived ? [{ kind: 'received', messageId }, done] : [done]
}
