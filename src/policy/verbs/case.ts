/**
 * The verbs that say where a case stands or move it (practice.md §6, M-10, M-16). Each takes a draft and returns a new one with
 * its decisions, or the reason why not.
 */
import { type Addressed, addresseesOf, reporterWith } from '../../domain/case.ts'
import { type ReporterTold } from '../../domain/event.ts'
import { formatInstant, readInstant } from '../../domain/time.ts'
import { count } from '../../domain/words.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  decided,
  type Handler,
  happening,
  hasHappened,
  Refusal,
  splitReason,
  withActivity
} from '../draft.ts'
import { nameOf } from '../recipients.ts'
import { decisionMail } from '../reporter-mail.ts'
import { statusBlock } from '../status.ts'
import { textFor } from './talk.ts'
import { type Verb } from './verb.ts'

const status: Handler = (draft, _command, context) =>
  accepted({ ...draft, blocks: [...draft.blocks, statusBlock(draft, context)] }, 'See below.')

const take: Handler = (draft, _command, context) => {
  const { owner: from } = draft.case
  if (from === context.author.id) return accepted(draft, 'The case was yours already.')
  const done = decided(draft, context, 'taken', { from })
  const next = { ...done, case: { ...done.case, owner: context.author.id } }
  if (from === null) return accepted(withActivity(next, 'took the case'), 'The case is yours.')
  const name = nameOf(from, context.settings)
  return accepted(
    withActivity(next, `took the case from ${name}`),
    `The case is yours now; its owner was ${name}.`
  )
}

/** Sends the acknowledgement that is on hold, for example because the sender's address may be forged. */
const acknowledge: Handler = (draft, _command, context) => {
  const to = context.bound.heldAnswerTo
  if (to === null) throw new Refusal('No acknowledgement of this case is on hold.')
  if (hasHappened(draft, 'acknowledgement-released'))
    return accepted(draft, `It goes to ${to} already.`)
  const done = decided(draft, context, 'acknowledgement-released', {})
  return accepted(
    withActivity(done, 'sent the acknowledgement'),
    `The acknowledgement goes to ${to}.`
  )
}

const accept: Handler = (draft, command, context) => {
  const text = textFor(command.text ?? '', context)
  const owner = draft.case.owner ?? context.author.id
  const owned = { ...draft, case: { ...draft.case, owner } }
  return decisionMail(owned, context, (to) => decided(to, context, 'accepted', {}), {
    mail: 'accepted',
    text,
    decision:
      'Thank you. We confirmed the issue that you reported and treat it as a security issue.'
  })
}

const reject: Handler = (draft, command, context) => {
  const { reject: rule } = context.product.policy
  const [first = '', ...words] = command.words
  const code = first.toLowerCase()
  const says = new Map(Object.entries(rule.codes)).get(code)
  if (says === undefined)
    throw new Refusal(`Please give one of these codes: ${Object.keys(rule.codes).join(', ')}.`)
  if (command.text !== null && words.length > 0)
    throw new Refusal(
      'Please give the reason once: on the line, or below it, or between << and >>.'
    )
  const text = textFor(command.text ?? words.join(' '), context)
  if (text.length < rule.reason_length) {
    throw new Refusal(
      `The policy wants the reason in detail: at least ${rule.reason_length} characters below the command, or between << and >>.`
    )
  }
  const decide = (to: Draft, told: ReporterTold): Draft =>
    decided(to, context, 'rejected', { code, told })
  return decisionMail(draft, context, decide, {
    mail: 'rejected',
    text,
    decision: `Thank you for the time you put into this. We looked into your report and decided not to take it further. ${says}`,
    title: `Reason (${code})`,
    why: ` (${code})`
  })
}

const close: Handler = (draft, command, context) => {
  const [first = '', ...others] = command.words
  const isSilent = first.toLowerCase() === 'internal'
  // Words before "because" belong to the reason: /close duplicate of 7 because of the audit.
  const reason = (isSilent ? others : command.words).join(' ').replace(/^because\b\s*/iu, '')
  const text = textFor(command.text ?? '', context)
  const disposition = dispositionOf(draft)
  const why = reason === '' ? '' : `, because: ${reason}`
  const decide = (to: Draft, told: ReporterTold): Draft =>
    decided(to, context, 'closed', { disposition, reason, told })
  if (!isSilent) {
    const decision = CLOSING[disposition]
    const words = { mail: 'closed', text, decision, why } as const
    return decisionMail(draft, context, decide, words)
  }
  if (text !== '')
    throw new Refusal(
      '/close internal tells nobody; write the text with /note, or leave out internal.'
    )
  if (context.product.policy.close.internal === 'deny')
    throw new Refusal(
      'The policy of this product does not allow closing a case without telling the reporter.'
    )
  const done = decide(draft, 'silent-by-policy')
  return accepted(
    withActivity(done, `closed the case${why}; the reporter was not told`),
    'The case is closed. The reporter was not told.'
  )
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
      writes: (draft, { bound }) =>
        bound.heldAnswerTo === null || hasHappened(draft, 'acknowledgement-released')
          ? null
          : '/acknowledge'
    }
  }
]

const disclosed: Handler = (draft, command, context) => {
  const { timezone } = context.settings.desk
  const { before, reason } = splitReason(command.words)
  if (reason === '') throw new Refusal('Please give the reason after "because".')
  const read =
    before === '' ? { instant: context.now, zone: timezone } : readInstant(before, timezone)
  if (typeof read === 'string') throw new Refusal(read)
  const said = formatInstant(read.instant, timezone, read.zone)
  if (read.instant > context.now)
    throw new Refusal(`${said} has not come yet. Record the disclosure when it is public.`)
  const about = { date: read.instant, reason: reason ?? '' }
  const done = decided(draft, context, 'disclosed', about)
  const why = reason === null ? '' : `, because: ${reason}`
  const { here } = context.bound.copies
  const late =
    here === 0
      ? ''
      : ` ${count(here, 'copy', 'copies')} of the notice had not left and will not leave; we tell ${here === 1 ? 'its member' : 'their members'} that the embargo is over.`
  return accepted(
    withActivity(done, `recorded that the issue is public since ${said}${why}`),
    `Recorded: public since ${said}${why}.${late}`
  )
}

const reopen: Handler = (draft, command, context) => {
  const { before, reason } = splitReason(command.words)
  if (before !== '' || reason === null || reason === '')
    throw new Refusal('Please give the reason: /reopen because REASON.')
  const told = toldOfEnd(draft, context)
  const decide = (to: Draft): Draft => decided(to, context, 'reopened', { reason })
  const why = `, because: ${reason}`
  if (told.length > 0) return decisionMail(draft, context, decide, { ...OPEN_AGAIN, why, to: told })
  const done = decide(draft)
  return accepted(withActivity(done, `reopened the case${why}`), 'The case is open again.')
}

const OPEN_AGAIN = {
  mail: 'reopened',
  text: '',
  decision:
    'We have opened your case again. You do not need to do anything. If you know more, please reply.'
} as const

/** The reporters who were told that the case has ended, and got no other decision since. */
function toldOfEnd(draft: Draft, { bound }: CommandContext): readonly Addressed[] {
  const told = [...bound.events, ...happening(draft)].flatMap((one) =>
    one.kind === 'answered' && one.about.with !== 'reply' ? [one.about] : []
  )
  return addresseesOf(draft.case).filter(({ id }) => {
    const last = told.findLast(({ reporter }) => reporterWith(draft.case, reporter)?.id === id)
    return last?.with === 'rejected' || last?.with === 'closed'
  })
}

export const DECIDE: readonly Verb[] = [
  {
    name: 'accept',
    roles: COMMITTER,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'accepts the report and tells the reporter, with any text below',
    run: accept,
    next: { happens: 'accepted', writes: () => '/accept' }
  },
  {
    name: 'reject',
    arguments: 'CODE',
    roles: COMMITTER,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'rejects the report and tells the reporter why, in the text below',
    more: '/reject alone lists the codes. The policy of the product says how long the reason must be.',
    run: reject
  },
  {
    name: 'close',
    arguments: '[REASON]',
    roles: COMMITTER,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'closes the case and tells the reporter, with any text below',
    more: 'REASON stays on the record. /close internal REASON tells nobody outside, where the policy allows that.',
    run: close,
    next: { happens: 'closed', writes: () => '/close' }
  },
  {
    name: 'disclosed',
    arguments: '[INSTANT] [because REASON]',
    roles: ['committer', 'release'],
    help: 'records that the issue is public, now or since INSTANT',
    more: 'Before the disclosure date, add because REASON. After the date, the maintainers are reminded until it is recorded.',
    run: disclosed,
    next: { happens: 'disclosed', writes: () => '/disclosed' }
  },
  {
    name: 'reopen',
    arguments: 'because REASON',
    roles: COMMITTER,
    help: 'opens a rejected or closed case again',
    more: 'REASON stays on the record. A reporter who was told of the end is told that the case is open again.',
    run: reopen
  }
]
