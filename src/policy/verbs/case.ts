/** The verbs that say where a case stands or move it (M-10, M-16). */
import { type Addressed, addresseesOf, reporterWith } from '../../domain/case.ts'
import { type ReporterTold } from '../../domain/event.ts'
import { groupBy } from '../../domain/group.ts'
import { type MessageKind } from '../../domain/message.ts'
import { isListTold } from '../../domain/notice.ts'
import { type Product } from '../../domain/settings.ts'
import { formatInstant, type Instant, readInstant } from '../../domain/time.ts'
import { count, listed } from '../../domain/words.ts'
import { embargoEnded } from '../../messages/to-members.ts'
import {
  type DeskContext,
  type Draft,
  decided,
  type Handler,
  hasHappened,
  Refusal,
  recordAfter,
  refuseIf,
  requireLegal,
  splitReason,
  tellsEnd
} from '../draft.ts'
import { nameOf } from '../recipients.ts'
import { decisionMail, droppedFor } from '../reporter-mail.ts'
import { sealedTo } from '../send.ts'
import { whoWrote } from '../status.ts'
import { waitingFor } from '../waiting-words.ts'
import { askedFor, textFor } from './talk.ts'
import { TEXT_BELOW_DECISION, type Verb } from './verb.ts'

const status: Handler = (draft) => {
  draft.blocks.push('status')
  return 'See below.'
}

const take: Handler = (draft) => {
  const { author, settings } = draft
  const { owner: from } = draft.case
  if (from === author.id) return 'The case is yours already.'
  decided(draft, 'taken', { from })
  draft.case = { ...draft.case, owner: author.id }
  const name = from === null ? '' : nameOf(from, settings)
  draft.activity.push(name === '' ? 'took the case' : `took the case from ${name}`)
  return name === '' ? 'The case is yours.' : `The case is yours now; its owner was ${name}.`
}

/** Sends the acknowledgement that is on hold, for example because the sender's address may be forged. */
const acknowledge: Handler = (draft) => {
  const to = draft.bound.heldAnswerTo
  if (to === null) throw new Refusal('No acknowledgement of this case is on hold.')
  if (hasHappened(draft, 'acknowledgement-released')) return `It goes to ${to} already.`
  refuseIf(pastComplaint(draft))
  decided(draft, 'acknowledgement-released', {})
  draft.activity.push('sent the acknowledgement')
  return `The acknowledgement goes to ${to}. If you write to them before it has left, it never leaves.`
}

/**
 * Why the acknowledgement on hold would say what is not true any more: that nobody has read the report, or that an answer comes
 * by an instant that has passed.
 */
function pastComplaint({ bound, case: record, now, settings, words }: Draft): string | null {
  const isAnswered = words.some(({ reporter }) => reporter.contact.address === bound.heldAnswerTo)
  if (isAnswered)
    return 'The acknowledgement says that nobody has read the report yet, and this message says something to the reporter.'
  const reports = bound.events.flatMap((one) =>
    one.kind === 'opened' || one.kind === 'merged-in' ? [one] : []
  )
  const held = reports.findLast(
    ({ about: { reporter } }) =>
      reporterWith(record, reporter)?.contact?.address === bound.heldAnswerTo
  )
  const due = held?.about.promised?.['answer']
  // One that was late from the start says so.
  if (held === undefined || due == null || due > now || due <= held.at) return null
  return `The acknowledgement says that a member of our team replies by ${formatInstant(due, settings.desk.timezone)}, and that has passed. Please answer with /reply.`
}

const accept: Handler = (draft, command) => {
  requireLegal(draft, 'accepted')
  const text = textFor(command.text ?? '', draft)
  draft.case = { ...draft.case, owner: draft.case.owner ?? draft.author.id }
  return decisionMail(draft, () => decided(draft, 'accepted', {}), {
    mail: 'accepted',
    text,
    decision:
      'Thank you. We confirmed the issue that you reported and treat it as a security issue.'
  })
}

function codesOf({ codes }: Product['policy']['reject']): string {
  return Object.entries(codes)
    .map((one) => `\n      ${one.join('\n          ')}`)
    .join('')
}

/** How to reject several reports, and with which codes; each product may have its own. */
function howToReject({ settings: { products } }: DeskContext): string {
  const byCodes = groupBy(products, ({ policy }) => codesOf(policy.reject))
  const codes = [...byCodes].map(([all, those]) => {
    const whose = byCodes.size === 1 ? '' : ` for ${listed(those.map(({ name }) => name))}`
    return `\n    These codes tell the reporter${whose}:${all}`
  })
  return `Please write a code and then the numbers of the cases, such as /reject CODE 12 15-18, or answer a message of the case.${codes.join('')}`
}

const reject: Handler = (draft, command) => {
  requireLegal(draft, 'rejected')
  const { reject: rule } = draft.product.policy
  const { before, reason, why } = splitReason(command.words)
  const [first = '', ...words] = before.split(' ')
  const code = first.toLowerCase()
  const says = new Map(Object.entries(rule.codes)).get(code)
  if (says === undefined) {
    const unknown = code === '' ? '' : `There is no code "${code}". `
    throw new Refusal(
      `${unknown}Please give one of these codes, which tell the reporter:${codesOf(rule)}`
    )
  }
  refuseIf(words.length > 0 ? TEXT_OR_REASON : null)
  const text = textFor(command.text ?? '', draft)
  const about = { code, reason: reason ?? '' }
  // What nobody reads need not be written.
  if (draft.isUnverified !== true && text.length < rule.reason_length) {
    throw new Refusal(
      `The policy wants the reason for the reporter in detail: at least ${rule.reason_length} characters below the command, or between << and >>.`
    )
  }
  return decisionMail(draft, (told) => decided(draft, 'rejected', { ...about, told }), {
    mail: 'rejected',
    text,
    decision: `Thank you for the time you put into this. ${says}`,
    why: ` (${code})${why}`
  })
}

const TEXT_OR_REASON =
  'On the line stand only the code of /reject and numbers of cases such as 12 15-18, or the word internal of /close, and a reason for the record after "because": /reject CODE [NUMBERS] because REASON, /close [internal] because REASON. A text for the reporter stands below it, or between << and >>.'

const close: Handler = (draft, command) => {
  const [first = '', ...others] = command.words
  const isSilent = first.toLowerCase() === 'internal'
  const { before, reason: stated, why } = splitReason(isSilent ? others : command.words)
  refuseIf(before === '' ? null : TEXT_OR_REASON)
  const reason = stated ?? ''
  const text = textFor(command.text ?? '', draft)
  const disposition = dispositionOf(draft)
  const decide = (told: ReporterTold): void =>
    decided(draft, 'closed', { disposition, reason, told })
  if (!isSilent) {
    // If the policy forbids it, that is said before a text is asked for.
    requireLegal(draft, 'closed', { reason, told: 'told' })
    refuseIf(text === '' ? answerDue(draft) : null)
    const decision = CLOSING[disposition]
    const to = notYetTold(draft, text)
    return decisionMail(draft, decide, { mail: 'closed', text, decision, why, to })
  }
  if (text !== '')
    throw new Refusal(
      '/close internal tells nobody, so it takes no text. Write the text with /note, or leave out internal.'
    )
  decide('silent-by-policy')
  draft.activity.push(`closed the case${why}; the reporter was not told`)
  return `The case is closed${why}. The reporter was not told.${droppedFor(draft.bound.heldAnswerTo, draft)}`
}

/**
 * Those to whom it is news that the case is closed. If one reporter wrote into a closed case, nobody tells the others that it is
 * open again, so they are not told either that it is closed again. A text goes to all.
 */
function notYetTold(draft: Draft, text: string): readonly Addressed[] {
  const all = addresseesOf(draft.case)
  const isWaiting = (one: Addressed): boolean => waitingFor(one, draft).length > 0
  const to = all.filter((one) => lastNews(draft, one) !== 'closed' || isWaiting(one))
  return text === '' && to.length > 0 ? to : all
}

function answerDue(draft: Draft): string | null {
  // A closed case asks nobody about the date that an earlier line has set.
  const wrote = whoWrote({ ...draft, case: { ...draft.case, state: 'closed' } })
  if (wrote.length === 0) return null
  return `Nobody has answered the last message of ${listed(wrote)}. Please answer it with /reply first, or write a text below /close, which all reporters read.`
}

/** What a reporter reads at the end of a case, whether or not the maintainer adds a text. */
const CLOSING = {
  disclosed:
    'The issue that you reported is public now, and we have closed the case. Thank you for your help.',
  rejected:
    'We have closed the case of your report, which we decided not to take further. If you disagree, please reply.',
  internal: 'We have closed the case of your report. If you disagree or know more, please reply.'
} as const

function dispositionOf({ case: { state }, known }: Draft): 'disclosed' | 'rejected' | 'internal' {
  if (state === 'disclosed') return 'disclosed'
  return state === 'rejected' || known.wasRejected ? 'rejected' : 'internal'
}

const COMMITTER = ['committer'] as const

export const CASE: readonly Verb[] = [
  {
    name: 'status',
    followsMerges: true,
    roles: [],
    help: 'says where the case stands and what is missing',
    run: status
  },
  {
    name: 'take',
    help: 'makes the case yours',
    more: 'If somebody else has the case, the answer says who, and they are told.',
    run: take,
    next: { happens: 'taken', writes: ({ case: { owner } }) => (owner === null ? '/take' : null) }
  },
  {
    name: 'acknowledge',
    help: 'sends the acknowledgement that is on hold',
    more: 'The desk holds it while the sender is not verified, so that nobody whose address was forged gets an answer.',
    run: acknowledge,
    next: {
      happens: 'acknowledgement-released',
      writes: (draft) =>
        draft.bound.heldAnswerTo === null ||
        hasHappened(draft, 'acknowledgement-released') ||
        pastComplaint(draft) !== null
          ? null
          : '/acknowledge'
    }
  }
]

const disclosed: Handler = (draft, command) => {
  const { now } = draft
  const { timezone } = draft.settings.desk
  requireLegal(draft, 'disclosed')
  const { before, reason, why } = splitReason(command.words)
  const { disclosureAt, disclosureZone } = draft.case
  const isPast = disclosureAt !== null && disclosureAt <= now
  const usual = { instant: isPast && reason === null ? disclosureAt : now, zone: disclosureZone }
  const read = before === '' ? usual : readInstant(before, timezone)
  if (typeof read === 'string') throw new Refusal(read)
  const said = formatInstant(read.instant, timezone, read.zone)
  if (read.instant > now)
    throw new Refusal(`${said} has not come yet. Record the disclosure when it is public.`)
  decided(draft, 'disclosed', { date: read.instant, reason: reason ?? '' })
  draft.activity.push(`recorded that the issue has been public since ${said}${why}`)
  const early = endEmbargo(draft, read.instant, said)
  const { here } = draft.bound.copies
  const late =
    here === 0
      ? ''
      : ` ${count(here, 'copy', 'copies')} of the notice had not left and will not leave; we tell ${here === 1 ? 'its member' : 'their members'} that the embargo is over.`
  return `Recorded: public since ${said}${why}.${early}${late}`
}

/**
 * The members to whom we sent the notice and who go by a date that has not come are told at once that the embargo is over: the
 * issue is public, so no second person has to approve it. Returns the sentence about that, or about a notice that never left.
 */
function endEmbargo(draft: Draft, at: Instant, disclosure: string): string {
  const { notice, bound, product, case: record, now } = draft
  const { noticed: members } = bound
  if (notice === null) return ''
  if (!isListTold(notice)) {
    draft.activity.push('recorded it although nobody on the list had the advance notice')
    return ' Nobody on the list had the advance notice.'
  }
  // Members go by the date of the present revision where it has left, by that of the one before where it has not.
  const present = notice.hasLeft ? record.disclosureAt : null
  const before = notice.releasedAt === null ? notice.told?.disclosureAt : null
  if (members.length === 0 || [present, before].every((date) => (date ?? now) <= now)) return ''
  const { patches = [] } = (notice.hasLeft ? notice : notice.told) ?? {}
  const had = patches.length > 0 ? 'patches' : 'notice'
  const message = embargoEnded({ product: product.name, disclosure, had, issue: '' })
  const once = `${notice.id}:${notice.revision}:${at}`
  draft.decisions.push(sealedTo(members, message, { once, tag: record.tag }))
  const who = `${count(members.length, 'member', 'members')} of the list, to whom we sent the notice,`
  draft.activity.push(`told ${who} that the embargo is over`)
  return ` We tell ${who} that the embargo is over.`
}

const reopen: Handler = (draft, command) => {
  requireLegal(draft, 'reopened')
  const { before, reason, why } = splitReason(command.words)
  if (before !== '' || reason === null)
    throw new Refusal('Please give the reason: /reopen because REASON.')
  refuseIf(draft.words.some(tellsEnd) ? ENDED_ABOVE : null)
  const text = textFor(command.text ?? '', draft)
  const all = addresseesOf(draft.case)
  // Those who were told that the case has ended, and got no other decision since.
  const to = all.filter((one) => ['rejected', 'closed'].includes(lastNews(draft, one) ?? ''))
  refuseIf(text !== '' && to.length < all.length ? NO_NEWS : null)
  const decide = (): void => decided(draft, 'reopened', { reason })
  const decision = `We have opened your case again.${text === '' ? ' You do not need to do anything.' : ''} If you know more, please reply.`
  if (to.length > 0 || text !== '')
    return decisionMail(draft, decide, { mail: 'reopened', text, decision, why, to })
  decide()
  draft.activity.push(`reopened the case${why}`)
  return `The case is open again${why}.`
}

const ENDED_ABOVE =
  'An earlier line of this message tells the reporter that the case has ended. Please leave out both lines, or send /reopen in a separate message.'

const NO_NEWS =
  'The text below would go along with the news that the case is open again, and not every reporter was told that it had ended. Please put the text under a line /reply.'

/** The last decision that this reporter was told; null if there is none, or if they wrote after it. */
function lastNews(draft: Draft, { id }: Addressed): MessageKind | null {
  const last = recordAfter(draft).findLast(
    ({ kind, about }) =>
      (kind === 'reporter-wrote' || (kind === 'answered' && about.with !== 'reply')) &&
      reporterWith(draft.case, about.reporter)?.id === id
  )
  return last?.kind === 'answered' ? last.about.with : null
}

export const DECIDE: readonly Verb[] = [
  {
    name: 'accept',
    roles: COMMITTER,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'accepts the report and tells the reporter, with any text below',
    more: TEXT_BELOW_DECISION,
    run: accept,
    next: {
      happens: 'accepted',
      writes: (draft) => (askedFor(draft) === 'key-request' ? '/accept' : null)
    }
  },
  {
    name: 'reject',
    arguments: 'CODE [NUMBERS] [because REASON]',
    casesAfter: 1,
    withoutCases: howToReject,
    roles: COMMITTER,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'rejects the report and tells the reporter why, in the text below',
    more: `${TEXT_BELOW_DECISION} /reject CODE 21 25-30 rejects each of these cases in the same way, or none of them if one cannot be rejected. Such a message needs no case of its own, and takes at most 100 cases in which no maintainer has acted yet. A sender whose address is not verified gets no message from such a line, because the address may be forged. REASON stays on the record; the reporter does not read it. /reject alone lists the codes and what they tell the reporter. The policy of the product says how long the reason must be.`,
    run: reject
  }
]

export const END: readonly Verb[] = [
  {
    name: 'disclosed',
    arguments: '[INSTANT] [because REASON]',
    roles: ['committer', 'release'],
    help: 'records that the issue is public, since its date or INSTANT',
    more: 'With because REASON and no INSTANT it is public from now on; before the date, or without one, the reason is needed. If it became public before its date, the reporter and the members of the list who had the notice are told at once. After the date, a reporter whom we could not tell it is told, and the maintainers are reminded until it is recorded.',
    run: disclosed,
    next: { happens: 'disclosed', writes: () => '/disclosed' }
  },
  {
    name: 'close',
    arguments: '[because REASON]',
    roles: COMMITTER,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'closes the case and tells the reporter, with any text below',
    more: `${TEXT_BELOW_DECISION} REASON stays on the record. /close internal because REASON tells nobody outside, where the policy allows that.`,
    run: close,
    next: { happens: 'closed', writes: (draft) => (whoWrote(draft).length > 0 ? null : '/close') }
  },
  {
    name: 'reopen',
    arguments: 'because REASON',
    roles: COMMITTER,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'opens an ended case again and tells the reporter, with any text below',
    more: `${TEXT_BELOW_DECISION} REASON stays on the record. A reporter who was told of the end is told that the case is open again.`,
    run: reopen
  }
]
