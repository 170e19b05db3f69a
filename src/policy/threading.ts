/**
 * Which case a mail belongs to (DESIGN §6): the unguessable Message-IDs that the desk itself issued, then the tag in the
 * protected subject together with a known participant whom our mail servers or the known key prove. A clear subject alone
 * never joins a mail to a case, and a tag is no secret.
 */
import { isSameAddress } from '../domain/address.ts'
import { type CaseRecord } from '../domain/case.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { lackOfProof } from './authentication.ts'
import { type Situation } from './situation.ts'

export type Thread =
  | { readonly kind: 'case'; readonly case: CaseRecord; readonly senderKnown: boolean }
  /** `warnings` say why it does not continue the case that it names. */
  | { readonly kind: 'new'; readonly warnings: readonly string[] }

/** The case that the mail continues, and whether its sender is the reporter of that case. */
export function decideThread(situation: Situation, settings: Settings): Thread {
  const { opened, answers, tagged } = situation
  if (answers !== null) {
    return { kind: 'case', case: answers.case, senderKnown: isReporter(opened, answers.case) }
  }
  const isNamed =
    tagged !== null && opened.subjectProtected && opened.encrypted && isReporter(opened, tagged)
  if (!isNamed) return { kind: 'new', warnings: [] }
  const doubt = isSignedBySender(situation) ? null : lackOfProof(opened, settings)
  if (doubt === null) return { kind: 'case', case: tagged, senderKnown: true }
  return {
    kind: 'new',
    warnings: [
      `The mail names the case ${tagged.tag} and says that it comes from its reporter, but the sender is ${doubt}. So it is a case of its own. If you know that it is the reporter's, go on in ${tagged.tag}.`
    ]
  }
}

/** Whether the key that is proved to be the sender's signed all of it. */
function isSignedBySender({ opened, senderKey }: Situation): boolean {
  return opened.signatures.some(
    ({ state, coversWhole, fingerprint }) =>
      state === 'valid' &&
      coversWhole &&
      senderKey?.isProved === true &&
      fingerprint === senderKey.fingerprint
  )
}

function isReporter(opened: OpenedMail, record: CaseRecord): boolean {
  const from = opened.outer.from
  return (
    from !== null &&
    record.reporter !== null &&
    isSameAddress(from.address, record.reporter.address)
  )
}
