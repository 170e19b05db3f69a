/**
 * The verbs that talk: to the reporter, or to the other maintainers (practice.md §6, M-10, M-13). Each takes a draft and returns
 * a new one with its decisions, or the reason why not.
 */
import { isOpen, reporterOf } from '../../domain/case.ts'
import { count } from '../../domain/words.ts'
import { quotes } from '../commands.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  decided,
  type Handler,
  refused,
  type Step,
  withActivity
} from '../draft.ts'
import { hasQuotation, namesDesk, newText, quotingText } from '../new-text.ts'
import { reporterPath } from '../recipients.ts'
import { askFor, toReporter, withNote } from '../reporter-mail.ts'
import { ACTING, type Verb } from './verb.ts'

const note: Handler = (draft, command, context) => {
  const text = [command.words.join(' '), command.text ?? ''].filter((part) => part !== '')
  if (text.length === 0) return refused('A note needs text below it or between << and >>.')
  return accepted(withNote(draft, text.join('\n\n'), context), 'Kept for the maintainers.')
}

const reply: Handler = (draft, command, context) => {
  const given = command.text ?? ''
  const isQuoting = quotes(command)
  if (command.words.length > 0 && !isQuoting) {
    return refused(
      'After /reply comes nothing, or the word quote; the text stands below it or between << and >>.'
    )
  }
  const { settings, product, files } = context
  const own = newText(given)
  if (own === '')
    return refused('There is no text to send: write it below /reply or between << and >>.')
  if (namesDesk(own, settings.desk)) return refused(NAMES_DESK)
  const text = isQuoting ? quotingText(given) : own
  const complaint = isQuoting ? quotationComplaint(text, draft, product) : null
  if (complaint !== null) return refused(complaint)
  const remarks = [
    ...(isQuoting ? ['What you quoted went along.'] : leftOut(given, own)),
    ...(files.length === 0
      ? []
      : [
          `${count(files.length, 'attachment was', 'attachments were')} NOT sent: /reply sends text only.`
        ])
  ]
  const words = { mail: 'reply', text, decision: '', title: 'To the reporter' } as const
  return toReporter(draft, context, words, remarks.join(' '))
}

/** Why a quotation cannot go along; null when it can. */
function quotationComplaint(
  text: string,
  draft: Draft,
  product: CommandContext['product']
): string | null {
  if (!hasQuotation(text))
    return 'No quoted text could go along: quote the message of the desk from its first line on, or copy the lines into your own text.'
  return reporterPath(draft.case, draft.reporterKey, product).kind === 'clear'
    ? 'A quotation leaves only encrypted, and we have no key of the reporter.'
    : null
}

type TextFor = { readonly kind: 'text'; readonly own: string } | Extract<Step, { kind: 'refused' }>

/** The author's own words of a text that may go to the reporter; refused where it holds none, or names the desk. */
export function textFor(given: string, { settings }: CommandContext): TextFor {
  const own = newText(given)
  if (own === '' && given.trim() !== '') return { kind: 'refused', says: NOTHING_OWN }
  if (namesDesk(own, settings.desk)) return { kind: 'refused', says: NAMES_DESK }
  return { kind: 'text', own }
}

const NAMES_DESK =
  'The text still contains a quoted message: it names the address or the name of the desk. Please remove that and send it again.'
const NOTHING_OWN = 'Nothing of the text is your own: it only quotes, and quoted text is not sent.'

/** Said where lines of a `<<` block stayed here, so that nobody takes them for sent. */
function leftOut(given: string, own: string): string[] {
  const count = (text: string): number =>
    text.split('\n').filter((line) => line.trim() !== '').length
  return count(own) < count(given)
    ? ['Quoted lines, and lines below a signature or a forward mark, were left out.']
    : []
}

const ask: Handler = (draft, command, context) => {
  const text = textFor(command.text ?? '', context)
  if (text.kind === 'refused') return text
  if (text.own !== '') {
    const title = 'Question to the reporter'
    return toReporter(draft, context, { mail: 'question', text: text.own, decision: '', title })
  }
  const { says, decisions } = askFor(draft, context, 'resend-request')
  if (says === null) return refused('The report names no address that could be asked.')
  const reporter = reporterOf(draft.case)?.id ?? ''
  const step = decided(draft, context, 'info-asked', { reporter, how: 'in-clear' })
  if (step.kind === 'refused') return step
  const asked = { ...step.draft, decisions: [...step.draft.decisions, ...decisions] }
  return accepted(withActivity(asked, 'asked the reporter to send the report again'), says)
}

const CAN_ANSWER = { sealed: true, clear: true, 'no-key': false, 'no-address': false } as const

export const TALK: readonly Verb[] = [
  {
    name: 'reply',
    arguments: '[quote]',
    binds: 'case',
    roles: ACTING,
    needsCode: false,
    text: { goesTo: 'reporter', isOptional: false },
    help: 'sends the text below to the reporter; with quote, what it quotes, too',
    more: 'Without quote, only your own lines leave. With quote, the lines that you quote go along, but never what the desk itself had added to them, and only encrypted.',
    run: reply,
    next: (draft, { product }) =>
      draft.case.answeredAt === null &&
      CAN_ANSWER[reporterPath(draft.case, draft.reporterKey, product).kind]
        ? '/reply'
        : null
  },
  {
    name: 'ask',
    arguments: '',
    binds: 'case',
    roles: ACTING,
    needsCode: false,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'asks the reporter the question below, or to send the report again',
    more: 'The case then waits for the reporter.',
    run: ask,
    next: (draft, { product }) =>
      isOpen(draft.case.state) &&
      draft.case.state !== 'needs-info' &&
      reporterPath(draft.case, draft.reporterKey, product).kind === 'no-key'
        ? '/ask'
        : null
  },
  {
    name: 'note',
    arguments: '[TEXT]',
    binds: 'case',
    roles: [],
    needsCode: false,
    text: { goesTo: 'maintainers', isOptional: false },
    help: 'keeps the text below among the maintainers',
    more: 'A plain reply without a command does the same, unless the policy sends plain replies to the reporter.',
    run: note
  }
]
