/**
 * The verbs that say where a report belongs: to which product. Each takes a draft and returns a new one with its decisions, or
 * the reason why not.
 */
import { earlier } from '../../domain/time.ts'
import { answerDueAt } from '../acknowledgement.ts'
import {
  accepted,
  changeComplaint,
  type Draft,
  decided,
  type Handler,
  refused,
  withActivity,
  withNotice
} from '../draft.ts'
import { ACTING, type Verb } from './verb.ts'

const product: Handler = (draft, command, context) => {
  const { products } = context.settings
  const wanted = command.words.join(' ')
  const to = products.find(({ id }) => id.toLowerCase() === wanted.toLowerCase())
  if (to === undefined) {
    const known = products.map(({ id, name }) => `${id} (${name})`).join(', ')
    const what = wanted === '' ? 'Which product?' : 'There is no product with this id.'
    return refused(`${what} One of: ${known}.`)
  }
  const from = draft.case.product
  if (from === to.id) return accepted(draft, `The case belongs to ${to.name} already.`)
  const complaint = draft.notice === null ? null : changeComplaint(draft)
  if (complaint !== null) return refused(complaint)
  const step = decided(draft, context, 'moved-product', { from, to: to.id })
  if (step.kind === 'refused') return step
  // What the reporter was promised is kept.
  const due = earlier(draft.case.answerDueAt, answerDueAt(to, draft.case.receivedAt))
  const next: Draft = {
    ...step.draft,
    case: { ...step.draft.case, product: to.id, answerDueAt: due },
    known: { ...step.draft.known, mayEndInternally: to.policy.close.internal === 'allow' }
  }
  const moved = next.notice === null ? next : withNotice(next, { ...next.notice, product: to.id })
  return accepted(
    withActivity(moved, `moved the case to ${to.name}`),
    `The case belongs to ${to.name} now, and its times follow the policy of that product.`
  )
}

export const PLACE: readonly Verb[] = [
  {
    name: 'product',
    arguments: 'ID',
    binds: 'case',
    roles: ACTING,
    needsCode: false,
    text: null,
    help: 'moves the case to another product, with its times',
    more: 'From then on the policy of that product holds. A time that the reporter was promised is kept.',
    run: product
  }
]
