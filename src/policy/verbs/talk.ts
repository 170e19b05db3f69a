/** The verbs that talk: to the reporter, to a list member, or to the other maintainers (M-10, M-13). */
import { type Addressed, addresseesOf, isOpen } from '../../domain/case.ts'
import { byMaintainer } from '../../domain/event.ts'
import { count } from '../../domain/words.ts'
import { memberAnswer } from '../../messages/to-members.ts'
import { doubtsAbout } from '../commands.ts'
import { conversationComplaint, MIXED, memberIn, reporterIn } from '../conversation.ts'
import {
  type Draft,
  decided,
  type Handler,
  Refusal,
  refuseIf,
  splitReason,
  tellsEnd,
  withdrawWords
} from '../draft.ts'
import { namesDesk, newText } from '../new-text.ts'
import * as reporterMail from '../reporter-mail.ts'
import { sealedTo } from '../send.ts'
import { isPromised } from '../status.ts'
import { waitingFor } from '../waiting-words.ts'
import { type Verb } from './verb.ts'

const note: Handler = (draft, command) => {
  const text = [command.words.join(' '), command.text ?? ''].filter((part) => part !== '')
  if (text.length === 0) throw new Refusal('A note needs text below it or between << and >>.')
  reporterMail.addNote(draft, text.join('\n\n'))
  return 'Kept for the maintainers.'
}

const reply: Handler = (draft, command) => {
  refuseIf(conversationComplaint(draft.conversation))
  const text = textToSend(command.text ?? '', draft)
  refuseIf(draft.files.length === 0 ? null : filesComplaint(draft))
  // The files of the message go along once, however many replies it holds.
  const files = draft.words.some((said) => said.files !== undefined) ? [] : draft.files
  const along = files.length > 0 ? ` ${count(files.length, 'file', 'files')} went along.` : ''
  const stayed = draft.hasClientFiles ? CLIENT_FILES_STAY : ''
  return `${reporterMail.toReporter(draft, { mail: 'reply', text, files })}${along}${stayed}`
}

const CLIENT_FILES_STAY =
  ' OpenPGP keys and visiting cards do not go along, because mail clients attach them by themselves.'

function filesComplaint(draft: Draft): string | null {
  if (draft.newPatches !== null) return WHOSE_FILES
  const attached = attachedMail(draft)
  if (attached !== null) return attached
  const way = reporterMail.pathIn(draft)
  return way === null || way === 'encrypted' ? null : FILES_WITHOUT_KEY
}

const FILES_WITHOUT_KEY =
  'Not sent: files leave encrypted only, and we have no usable key of the reporter. Please send the text without the files, and the files when a key has come; /ask asks for one.'

/** Refuses a whole message as a file: mail clients can attach the one that they answer, with all that others wrote (B1, B7). */
export function attachedMail({ files }: Pick<Draft, 'files'>): string | null {
  return files.some(
    ({ filename, contentType }) =>
      contentType.startsWith('message/') || /\.(?:eml|mbox|msg)$/i.test(filename)
  )
    ? 'A whole message is attached, which may hold what others wrote. Please leave it out, or attach what you mean as another kind of file.'
    : null
}

export const WHOSE_FILES =
  'The files of this message could be for the reporter or for the list. Please send /reply and /notice draft in two messages.'

const plan: Handler = (draft, command) => {
  const said = { plan: '', workarounds: '' }
  for (const { key, value } of command.fields) {
    said[key === 'plan' ? 'plan' : 'workarounds'] = textFor(value, draft)
    refuseIf(doubtsAbout(value, command)[0]?.says ?? null)
  }
  const text = `Plan:\n${said.plan}\n\nWorkarounds:\n${said.workarounds}`
  refuseIf(reporterMail.holdsPlan(text) ? null : PLAN_FORM)
  const words = { mail: 'reply', text } as const
  const { conversation, bound, case: record } = draft
  const isForAll =
    reporterIn(record, conversation) === 'several' &&
    conversation.kind === 'one' &&
    conversation.with === '' &&
    bound.named === record.tag
  return isForAll
    ? reporterMail.toEach(addresseesOf(draft.case), draft, words)
    : reporterMail.toReporter(draft, words)
}

const PLAN_FORM =
  'A plan needs both: a line "plan: ..." and a line "workarounds: ..." below /plan, longer text between << and >>. If no workaround is known, write "workarounds: none known".'

/** An answer to a list member's message reaches that member and nobody else (G5). */
const member: Handler = (draft, command) => {
  const { answeredMember: to, author, conversation, case: record } = draft
  if (conversation.kind === 'mixed') throw new Refusal(MIXED)
  if (memberIn(conversation) === null) throw new Refusal(NOT_A_MEMBER)
  if (!conversation.isSigned) throw new Refusal(WHICH_MEMBER)
  const text = textToSend(command.text ?? '', draft)
  if (to === null) throw new Refusal('This list member is not active on the list any more.')
  const { id, name, address, keyExpiresAt } = to
  if (keyExpiresAt !== null && keyExpiresAt <= draft.now) throw new Refusal(MEMBER_KEY)
  const sending = { once: `${draft.arrivalId}:${draft.decisions.length}`, tag: record.tag }
  decided(draft, 'member-answered', { member: id })
  draft.texts.push({ title: `To list member ${id}`, text })
  const sent = sealedTo([to], memberAnswer({ author: author.name, text }), sending)
  draft.decisions.push(reporterMail.message(draft, 'member', text), sent)
  draft.activity.push(`answered list member ${id} (encrypted)`)
  const whom = author.roles.includes('list-admin') ? `${name} <${address}>` : `list member ${id}`
  return `On its way to ${whom}, encrypted.`
}

const NOT_A_MEMBER =
  '/member answers a message of a list member: write it in a reply to that message. /reply goes to the reporter.'
const MEMBER_KEY =
  'Not sent: the key of this list member has expired. Please get a current key from the member; the operator puts it in place of the old one with "postern members remove ID" and "postern members add".'
const WHICH_MEMBER =
  'Your signed text does not show which message it answers. Reply again and keep the last line (Ref: …) of that message in your text.'

/** The author's own words for the reporter; refused if nothing is their own, they name the desk, or they answer somebody else. */
export function textFor(given: string, draft: Draft): string {
  const own = ownWords(given, draft)
  refuseIf(own === '' ? null : conversationComplaint(draft.conversation))
  return own
}

function textToSend(given: string, draft: Draft): string {
  const own = ownWords(given, draft)
  if (own !== '') return own
  throw new Refusal('There is no text to send: write it below the command or between << and >>.')
}

function ownWords(given: string, draft: Draft): string {
  const own = newText(given)
  if (own === '' && given.trim() !== '') throw new Refusal(NOTHING_OWN)
  if (namesDesk(own, draft.settings.desk)) throw new Refusal(NAMES_DESK)
  const size = (text: string): number => text.replaceAll(/\s+/g, '').length
  draft.isCut ||= size(own) < size(given)
  return own
}

const NAMES_DESK =
  'The text still contains a quoted message: it names the address or the name of the desk, or holds a reference line (Ref: …). Please remove that and send it again.'
const NOTHING_OWN = 'Nothing of the text is your own: it only quotes, and quoted text is not sent.'

const ask: Handler = (draft, command) => {
  const text = textFor(command.text ?? '', draft)
  if (text !== '') return reporterMail.toReporter(draft, { mail: 'question', text })
  refuseIf(conversationComplaint(draft.conversation))
  const reporter = reporterMail.reporterMeant(draft)
  const name = askedFor(draft)
  const isForKey = name === 'key-request'
  if (isForKey && reporterMail.pathIn(draft) === 'encrypted')
    throw new Refusal(
      'There is nothing to ask for: the report could be read, and we have a key of the reporter. Please write your question below /ask.'
    )
  const { says, decisions } = reporterMail.askFor(reporter, draft, name)
  refuseIf(decisions.length === 0 ? `Not sent: ${says}` : null)
  if (!isForKey) decided(draft, 'info-asked', { reporter: reporter.id, how: 'in-clear' })
  draft.decisions.push(...decisions)
  draft.activity.push(`asked the reporter ${isForKey ? 'for a key' : 'to send the report again'}`)
  return says
}

/** What to ask the reporters for: a key, or where nothing that they wrote could be read, the report. */
export function askedFor({ bound }: Draft): 'key-request' | 'resend-request' {
  return bound.reported.some((text) => text.trim() !== '') ? 'key-request' : 'resend-request'
}

const unsend: Handler = (draft, { words }) => {
  const { before, reason, why } = splitReason(words)
  if (before !== '') throw new Refusal('Please write /unsend or /unsend because REASON.')
  const reporter = reporterMail.reporterMeant(draft)
  const { address } = reporter.contact
  const waiting = waitingFor(reporter, draft).filter(({ tag }) => tag === draft.case.tag)
  if (waiting.length === 0) {
    if (reason === null || !isPromised(draft, 'told-otherwise', reporter))
      throw new Refusal(`Nothing waits for ${address} in this case. ${HAS_LEFT}`)
    decided(draft, 'told-otherwise', { reporter: reporter.id, reason })
    draft.activity.push(`recorded that the reporter was told another way or cannot be told${why}`)
    return `Recorded. Nobody is reminded any more of what did not reach ${address}.`
  }
  // A reporter must learn of the end of their case: what tells it is withdrawn only with the decision, or for a recorded reason.
  const isEnd = waiting.some(tellsEnd) && !isOpen(draft.case.state)
  refuseIf(isEnd && reason === null ? MUST_LEARN : null)
  const isMerge = waiting.some(({ mail }) => mail === 'merged')
  refuseIf(isMerge && reason === null ? MUST_LEARN_MERGE : null)
  const by = byMaintainer(draft.author.id)
  withdrawWords(draft, waiting, by, { because: 'unsent', reason: reason ?? '' })
  const messages = count(waiting.length, 'message', 'messages')
  const says = `${messages} that waited for a key of ${address} will not leave.`
  const isUntold = waiting.some(({ mail }) => mail === 'accepted')
  return isUntold ? `${says} ${ACCEPTED_UNTOLD}` : says
}

const HAS_LEFT =
  'What has left cannot be withdrawn. While you are reminded of something that did not reach them, /unsend because REASON records that they were told another way or cannot be told.'

const ACCEPTED_UNTOLD =
  'So the desk has not told the reporter that the report is accepted. If they do not know, please say so in what you write to them next.'

const MUST_LEARN =
  'Not withdrawn: the reporter must learn that the case has ended. To undo the decision and withdraw what waits with it, write /reopen because REASON. If the reporter was told another way, write /unsend because REASON.'

const MUST_LEARN_MERGE =
  'Not withdrawn: the reporter must learn that the case was merged. If the reporter was told another way, write /unsend because REASON.'

/** The reporter whom an answer in this conversation reaches at once; null where there is none. */
function reached(draft: Draft): Addressed | null {
  const { case: record, conversation } = draft
  const reporter = reporterIn(record, conversation)
  if (reporter === 'several' || conversationComplaint(conversation) !== null) return null
  return reporterMail.pathIn(draft) === 'no-key' ? null : reporter
}

export const TALK: readonly Verb[] = [
  {
    name: 'plan',
    followsMerges: true,
    text: { goesTo: 'fields', keys: ['plan', 'workarounds'], isOptional: true },
    help: 'sends the reporter your lines plan: and workarounds: below',
    more: 'Both are needed; "workarounds: none known" is enough. Any text for the reporter that holds both headings counts as well. If the case has several reporters, it reaches the one whose message you answer, or all of them if you answer none of theirs and name no case that was merged into this one.',
    run: plan,
    next: {
      happens: 'plan-told',
      writes: (draft) => {
        const to = reached(draft)
        return to !== null && isPromised(draft, 'plan-told', to) ? '/plan' : null
      }
    }
  },
  {
    name: 'reply',
    followsMerges: true,
    text: { goesTo: 'reporter', isOptional: false },
    help: 'sends the text below to the reporter',
    more: 'If the case has several reporters, it reaches the one whose message you answer. Only your own lines leave, never what you quote.',
    run: reply,
    next: {
      happens: 'answered',
      writes: (draft) => {
        const to = reached(draft)
        if (to === null) return null
        const { state } = draft.case
        const isNew = isOpen(state) && to.answeredAt === null
        const isWanted = isNew || state === 'disclosed' || isPromised(draft, 'answered', to)
        return isWanted ? '/reply' : null
      }
    }
  },
  {
    name: 'ask',
    followsMerges: true,
    text: { goesTo: 'reporter', isOptional: true },
    help: 'asks the reporter the question below; alone, asks for a key',
    more: 'After a question the case waits for the reporter. Alone, it asks for the report again if nothing of it could be read.',
    run: ask,
    next: {
      happens: 'info-asked',
      writes: (draft) => {
        const reporter = reporterIn(draft.case, draft.conversation)
        if (reporter === null || reporter === 'several') return null
        return conversationComplaint(draft.conversation) === null &&
          reporterMail.pathIn(draft) === 'no-key' &&
          reporterMail.askFor(reporter, draft, askedFor(draft)).decisions.length > 0
          ? '/ask'
          : null
      }
    }
  },
  {
    name: 'unsend',
    arguments: '[because REASON]',
    followsMerges: true,
    help: 'withdraws messages to the reporter that still wait for a key',
    more: 'The answer says whose words they were and from when. What has left cannot be withdrawn. To withdraw a message about the end of a case, add because REASON, which stays on the record. With a reason, it also ends the reminders of what did not reach the reporter or could not be told to them.',
    run: unsend
  },
  {
    name: 'member',
    followsMerges: true,
    text: { goesTo: 'member', isOptional: false },
    help: 'sends the text below to the list member whose message you answer',
    more: 'Write it in a reply to the forwarded message of that member and keep its last line (Ref: …) in your text.',
    run: member
  },
  {
    name: 'note',
    arguments: '[TEXT]',
    followsMerges: true,
    roles: [],
    text: { goesTo: 'maintainers', isOptional: false },
    help: 'keeps the text below among the maintainers',
    more: 'A plain reply without a command does the same, unless the policy sends plain replies to the reporter.',
    run: note
  }
]
