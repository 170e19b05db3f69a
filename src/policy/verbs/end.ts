/**
 * The verbs that say that a case is public, or open it again (practice.md §4.2.1). Where they may stand the machine for cases
 * says; each takes a draft and returns a new one, or the reason why not.
 */
import { formatInstant, readInstant } from '../../domain/time.ts'
import { accepted, decided, type Handler, refused, splitReason, withActivity } from '../draft.ts'
import { type Verb } from './verb.ts'

const disclosed: Handler = (draft, command, context) => {
  const { timezone } = context.settings.desk
  const { before, reason } = splitReason(command.words)
  if (reason === '') return refused('Please give the reason after "because".')
  const read =
    before === ''
      ? ({ kind: 'read', instant: context.now, zone: timezone } as const)
      : readInstant(before, timezone)
  if (read.kind === 'refused') return refused(read.says)
  const said = formatInstant(read.instant, timezone, read.zone)
  if (read.instant > context.now)
    return refused(`${said} has not come yet. Record the disclosure when it is public.`)
  const about = { date: read.instant, reason: reason ?? '' }
  const step = decided(draft, context, 'disclosed', about)
  if (step.kind === 'refused') return step
  const why = reason === null ? '' : `, because: ${reason}`
  return accepted(
    withActivity(step.draft, `recorded that the issue is public since ${said}${why}`),
    `Recorded: public since ${said}${why}.`
  )
}

const reopen: Handler = (draft, command, context) => {
  const { before, reason } = splitReason(command.words)
  if (before !== '' || reason === null || reason === '')
    return refused('Please give the reason: /reopen because REASON.')
  const step = decided(draft, context, 'reopened', { reason })
  if (step.kind === 'refused') return step
  return accepted(
    withActivity(step.draft, `opened the case again, because: ${reason}`),
    'The case is open again.'
  )
}

export const END: readonly Verb[] = [
  {
    name: 'disclosed',
    arguments: '[INSTANT] [because REASON]',
    binds: 'case',
    roles: ['committer', 'release'],
    needsCode: false,
    text: null,
    help: 'records that the issue is public, now or since INSTANT',
    more: 'Before the disclosure date, add because REASON. After the date, the maintainers are reminded until it is recorded.',
    run: disclosed,
    next: {
      tries: (draft, context) =>
        decided(draft, context, 'disclosed', { date: context.now, reason: '' }),
      writes: () => '/disclosed'
    }
  },
  {
    name: 'reopen',
    arguments: 'because REASON',
    binds: 'case',
    roles: ['committer'],
    needsCode: false,
    text: null,
    help: 'opens a rejected or closed case again',
    more: 'REASON stays on the record.',
    run: reopen
  }
]
