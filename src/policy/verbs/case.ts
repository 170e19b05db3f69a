/**
 * The verbs that say where a case stands or move it (practice.md §6, M-10, M-16). Each takes a draft and returns a new one with
 * its decisions, or the reason why not.
 */
import { type ReporterTold } from '../../domain/event.ts'
import { formatInstant } from '../../domain/time.ts'
import { countAnswer } from '../acknowledgement.ts'
import {
  accepted,
  type Draft,
  decided,
  type Handler,
  type Happened,
  refused,
  withActivity
} from '../draft.ts'
import { namesDesk, newText } from '../new-text.ts'
import { decisionMail } from '../reporter-mail.ts'
import { statusBlock } from '../status.ts'
import { NAMES_DESK, NOTHING_OWN } from './talk.ts'
import { ACTING, type Verb } from './verb.ts'

const status: Handler = (draft, _command, context) =>
  accepted({ ...draft, blocks: [...draft.blocks, statusBlock(draft, context)] }, 'See below.')

const take: Handler = (draft, _command, context) => {
  const { owner: from } = draft.case
  if (from === context.author.id) return accepted(draft, 'The case was yours already.')
  const step = decided(draft, context, 'taken', { from })
  if (step.kind === 'refused') return step
  const next = { ...step.draft, case: { ...step.draft.case, owner: context.author.id } }
  if (from === null) return accepted(withActivity(next, 'took the case'), 'The case is yours.')
  const name = context.settings.maintainers.find(({ id }) => id === from)?.name ?? from
  return accepted(
    withActivity(next, `took the case from ${name}`),
    `The case is yours. It was ${name}'s before.`
  )
}

/** Lets the acknowledgement go that was held, because nobody could tell whether the sender's address is forged or otherwise. */
const acknowledge: Handler = (draft, _command, context) => {
  const to = context.bound.heldAnswerTo
  if (to === null) return refused('No acknowledgement of this case is held.')
  if (draft.decisions.some(({ kind }) => kind === 'release-answer')) {
    return accepted(draft, 'It is on its way already.')
  }
  const { answeredLatelyAt } = context.bound
  if (answeredLatelyAt !== null) {
    const { limits, desk } = context.settings
    return refused(
      `${to} got an acknowledgement at ${formatInstant(answeredLatelyAt, desk.timezone)}, and nobody gets two within ${limits.acknowledgementWindowHours} hours. Write to the reporter with /reply or /ask.`
    )
  }
  const released = [
    { kind: 'release-answer', tag: draft.case.tag } as const,
    countAnswer(to, context.now)
  ]
  const next = { ...draft, decisions: [...draft.decisions, ...released] }
  return accepted(withActivity(next, 'sent the acknowledgement'), `It goes to ${to}.`)
}

const accept: Handler = (draft, _command, context) => {
  const owner = draft.case.owner ?? context.author.id
  const owned = { ...draft, case: { ...draft.case, owner } }
  return decisionMail(owned, context, (to) => decided(to, context, 'accepted', {}), {
    mail: 'accepted',
    text: '',
    decision:
      'Thank you. We confirmed the issue that you reported and treat it as a security issue.',
    title: '',
    says: 'Accepted; the reporter is told'
  })
}

const reject: Handler = (draft, command, context) => {
  const { reject: rule } = context.product.policy
  const code = (command.words[0] ?? '').toLowerCase()
  const says = new Map(Object.entries(rule.codes)).get(code)
  if (says === undefined)
    return refused(`Which reason? One of: ${Object.keys(rule.codes).join(', ')}.`)
  const text = newText(command.text ?? command.words.slice(1).join(' '))
  if (text === '' && (command.text ?? '') !== '') return refused(NOTHING_OWN)
  if (namesDesk(text, context.settings.desk)) return refused(NAMES_DESK)
  if (text.length < rule.reason_length) {
    return refused(
      `The policy wants the reason in detail: at least ${rule.reason_length} characters between << and >>.`
    )
  }
  const decide = (to: Draft, told: ReporterTold): Happened =>
    decided(to, context, 'rejected', { code, told })
  return decisionMail(draft, context, decide, {
    mail: 'rejected',
    text,
    decision: `Thank you for the time you put into this. We looked into it and do not treat it as a security issue: ${says}`,
    title: `Reason (${code})`,
    says: 'Rejected; the reporter is told why'
  })
}

const close: Handler = (draft, command, context) => {
  const [first = ''] = command.words
  if (first.toLowerCase() === 'internal' && context.product.policy.close.internal === 'deny') {
    return refused(
      'The policy of this product does not allow to close a case without telling anybody.'
    )
  }
  const reason = command.text ?? command.words.join(' ')
  const disposition = dispositionOf(draft)
  const told = 'silent-by-policy'
  const step = decided(draft, context, 'closed', { disposition, reason, told })
  if (step.kind === 'refused') return step
  return accepted(
    withActivity(step.draft, reason === '' ? 'closed the case' : `closed the case: ${reason}`),
    'The case is closed.'
  )
}

/** How a case ends that is closed now. */
function dispositionOf({ case: { state }, known }: Draft): 'disclosed' | 'rejected' | 'internal' {
  if (state === 'disclosed') return 'disclosed'
  return state === 'rejected' || known.wasRejected ? 'rejected' : 'internal'
}

const COMMITTER = ['committer'] as const

export const CASE: readonly Verb[] = [
  {
    name: 'status',
    arguments: '',
    binds: 'case',
    roles: [],
    needsCode: false,
    text: null,
    help: 'says where the case stands and what is missing',
    more: '',
    run: status
  },
  {
    name: 'take',
    arguments: '',
    binds: 'case',
    roles: ACTING,
    needsCode: false,
    text: null,
    help: 'makes the case yours',
    more: '',
    run: take
  },
  {
    name: 'acknowledge',
    arguments: '',
    binds: 'case',
    roles: ACTING,
    needsCode: false,
    text: null,
    help: 'sends the acknowledgement that the desk holds back because the sender is not verified',
    more: '',
    run: acknowledge
  }
]

export const DECIDE: readonly Verb[] = [
  {
    name: 'accept',
    arguments: '',
    binds: 'case',
    roles: COMMITTER,
    needsCode: false,
    text: null,
    help: 'accepts the report and tells the reporter',
    more: '',
    run: accept
  },
  {
    name: 'reject',
    arguments: 'CODE <<REASON>>',
    binds: 'case',
    roles: COMMITTER,
    needsCode: false,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'rejects the report and tells the reporter why',
    more: 'The policy of the product says which codes there are and how long the reason must be.',
    run: reject
  },
  {
    name: 'close',
    arguments: '[REASON]',
    binds: 'case',
    roles: COMMITTER,
    needsCode: false,
    text: null,
    help: 'closes the case',
    more: '',
    run: close
  }
]
