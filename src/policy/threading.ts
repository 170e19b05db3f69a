/**
 * Which case a mail belongs to (DESIGN §6): the unguessable Message-IDs that the desk itself issued, then the tag in the
 * protected subject together with a known participant. A clear subject alone never joins a mail to a case.
 */
import { isSameAddress } from '../domain/address.ts'
import { type CaseRecord } from '../domain/case.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Situation } from './situation.ts'

export type Thread =
  | { readonly kind: 'case'; readonly case: CaseRecord; readonly senderKnown: boolean }
  | { readonly kind: 'new' }

/** The case that the mail continues, and whether its sender is the reporter of that case. */
export function decideThread(situation: Situation): Thread {
  const { opened, answers, tagged } = situation
  if (answers !== null) {
    return { kind: 'case', case: answers.case, senderKnown: isReporter(opened, answers.case) }
  }
  if (
    tagged !== null &&
    opened.subjectProtected &&
    opened.encrypted &&
    isReporter(opened, tagged)
  ) {
    return { kind: 'case', case: tagged, senderKnown: true }
  }
  return { kind: 'new' }
}

function isReporter(opened: OpenedMail, record: CaseRecord): boolean {
  const from = opened.outer.from
  return (
    from !== null &&
    record.reporter !== null &&
    isSameAddress(from.address, record.reporter.address)
  )
}
