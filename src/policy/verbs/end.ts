/**
 * The verbs that say that a case is public, or open it again (practice.md §4.2.1). The machine for cases says when they are
 * allowed. Each takes a draft and returns a new one, or the reason why not.
 */
import { type Addressed, addresseesOf, reporterWith } from '../../domain/case.ts'
import { formatInstant, readInstant } from '../../domain/time.ts'
import { count } from '../../domain/words.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  decided,
  type Handler,
  happening,
  Refusal,
  splitReason,
  withActivity
} from '../draft.ts'
import { decisionMail } from '../reporter-mail.ts'
import { type Verb } from './verb.ts'

const disclosed: Handler = (draft, command, context) => {
  const { timezone } = context.settings.desk
  const { before, reason } = splitReason(command.words)
  if (reason === '') throw new Refusal('Please give the reason after "because".')
  const read =
    before === ''
      ? ({ kind: 'read', instant: context.now, zone: timezone } as const)
      : readInstant(before, timezone)
  if (read.kind === 'refused') throw new Refusal(read.says)
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

export const END: readonly Verb[] = [
  {
    name: 'disclosed',
    arguments: '[INSTANT] [because REASON]',
    binds: 'case',
    roles: ['committer', 'release'],
    help: 'records that the issue is public, now or since INSTANT',
    more: 'Before the disclosure date, add because REASON. After the date, the maintainers are reminded until it is recorded.',
    run: disclosed,
    next: {
      happens: 'disclosed',
      writes: () => '/disclosed'
    }
  },
  {
    name: 'reopen',
    arguments: 'because REASON',
    binds: 'case',
    roles: ['committer'],
    help: 'opens a rejected or closed case again',
    more: 'REASON stays on the record. A reporter who was told of the end is told that the case is open again.',
    run: reopen
  }
]
