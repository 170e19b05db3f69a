/**
 * The verbs that talk: to the reporter, or to the other maintainers (practice.md §6, M-10, M-13). Each takes a draft and returns
 * a new one with its decisions, or the reason why not.
 */
import { reporterOf } from '../../domain/case.ts'
import { quotes } from '../commands.ts'
import {
  accepted,
  type CommandContext,
  decided,
  type Handler,
  refused,
  withActivity
} from '../draft.ts'
import { hasQuotation, namesDesk, newText, quotingText } from '../new-text.ts'
import { reporterPath } from '../recipients.ts'
import { contentFree, toReporter, withNote } from '../reporter-mail.ts'
import { ACTING, type Verb } from './verb.ts'

const note: Handler = (draft, command, context) => {
  const text = command.text ?? command.words.join(' ')
  if (text === '') return refused('A note needs text below it or between << and >>.')
  return accepted(withNote(draft, text, context), 'Noted for the maintainers.')
}

const reply: Handler = (draft, command, context) => {
  const given = command.text ?? ''
  const own = newText(given)
  const isQuoting = quotes(command)
  if (command.words.length > 0 && !isQuoting) {
    return refused(
      'After /reply comes nothing, or the word quote; the text stands below it or between << and >>.'
    )
  }
  const complaint = textComplaint(own, context)
  if (complaint !== null) return refused(complaint)
  const text = isQuoting ? quotingText(given) : own
  if (isQuoting && !hasQuotation(text)) {
    return refused(
      'No quoted text could go along: quote the mail of the desk from its first line on, or copy the lines into your own text.'
    )
  }
  const path = reporterPath(draft.case, draft.reporterKey, context.product)
  if (isQuoting && path.kind === 'clear') {
    return refused('A quotation leaves only sealed, and no key of the reporter is known.')
  }
  const files =
    context.files.length === 0 ? '' : '; the attachments were NOT: /reply sends text only'
  return toReporter(draft, context, {
    mail: 'reply',
    text,
    decision: '',
    title: 'To the reporter',
    says: `Sent to the reporter${isQuoting ? ' with what it quotes' : leftOut(given, own)}${files}`
  })
}

/** Why these words must not go to the reporter; null when they may. */
function textComplaint(own: string, context: CommandContext): string | null {
  if (own === '') return 'There is no text to send: write it below /reply or between << and >>.'
  return namesDesk(own, context.settings.desk) ? NAMES_DESK : null
}

export const NAMES_DESK =
  'Not sent: the text names the desk, as the head of a quoted mail does. Delete what your client copied of the mail that you answer, and the address or name of the desk.'

export const NOTHING_OWN =
  'Nothing of the text is your own: it only quotes, and what it quotes stays here.'

/** Said where lines of a `<<` block stayed here, so that nobody takes them for sent. */
function leftOut(given: string, own: string): string {
  const count = (text: string): number =>
    text.split('\n').filter((line) => line.trim() !== '').length
  return count(own) < count(given)
    ? '; quoted lines with what stood above them, and lines below a signature or a forward mark, were left out'
    : ''
}

const ask: Handler = (draft, command, context) => {
  const text = newText(command.text ?? '')
  if (text === '' && (command.text ?? '') !== '') return refused(NOTHING_OWN)
  if (namesDesk(text, context.settings.desk)) return refused(NAMES_DESK)
  if (text !== '') {
    return toReporter(draft, context, {
      mail: 'question',
      text,
      decision: '',
      title: 'Question to the reporter',
      says: 'Asked the reporter'
    })
  }
  const stub = contentFree(draft, context, 'resend-request')
  if (stub === null) return refused('The report names no address that could be asked.')
  const reporter = reporterOf(draft.case)?.id ?? ''
  const step = decided(draft, context, 'info-asked', { reporter, how: 'in-clear' })
  if (step.kind === 'refused') return step
  const asked = { ...step.draft, decisions: [...step.draft.decisions, stub] }
  return accepted(
    withActivity(asked, 'asked the reporter to send the report again'),
    'Asked the reporter to send it again.'
  )
}

export const TALK: readonly Verb[] = [
  {
    name: 'reply',
    arguments: '[quote]',
    binds: 'case',
    roles: ACTING,
    needsCode: false,
    text: { goesTo: 'reporter', isOptional: false },
    help: 'sends the text below to the reporter, without what it quotes; with quote, also that',
    more: 'With quote, the lines that you quote go along, but never what the desk itself had added to them, and only encrypted.',
    run: reply
  },
  {
    name: 'ask',
    arguments: '',
    binds: 'case',
    roles: ACTING,
    needsCode: false,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'asks the reporter the question below; without text, asks for the report to be sent again',
    more: 'The case then waits for the reporter.',
    run: ask
  },
  {
    name: 'note',
    arguments: '',
    binds: 'case',
    roles: [],
    needsCode: false,
    text: { goesTo: 'maintainers', isOptional: false },
    help: 'keeps the text below among the maintainers',
    more: 'A plain reply without a command does the same, unless the policy sends plain replies to the reporter.',
    run: note
  }
]
