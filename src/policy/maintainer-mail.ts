/**
 * A message that speaks or claims to speak for a maintainer: refused without content, a note, commands, or a report of their
 * own. Everything that acts starts here, and only with judged authority (G4).
 */
import { withoutAddresses } from '../domain/address.ts'
import { addresseesOf, numbersOf } from '../domain/case.ts'
import { type Decision, dispose, recorded, spend } from '../domain/decision.ts'
import { aboutCase, BY_SOMEBODY, byMaintainer, type Subject } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { CLIENT_FILES, isByProgram, type OpenedMail, type Refused } from '../domain/mail.ts'
import { type Maintainer, productNamed, type Settings } from '../domain/settings.ts'
import { formatInstant } from '../domain/time.ts'
import {
  hint as hintMessage,
  note as noteMessage,
  refusal,
  relay
} from '../messages/to-maintainers.ts'
import { claimedMaintainer, findBinding, isCase, refusalOf } from './authority.ts'
import { dueOf } from './clocks.ts'
import { doubtsAbout, type ParsedCommands, parseCommands } from './commands.ts'
import { conversationAbout, firstLines, memberIn, NOBODYS, reporterIn } from './conversation.ts'
import { type CommandContext, type DeskContext } from './draft.ts'
import { earlierCopy } from './ownership.ts'
import { memberReach, reachSentence } from './recipients.ts'
import { caseFacts } from './relay.ts'
import { decideReport } from './report.ts'
import { isSignedWith } from './reporter-key.ts'
import { message } from './reporter-mail.ts'
import { type RunResult, runCommands, runWithoutCase } from './run-commands.ts'
import { toAuthor, toOthers } from './send.ts'
import { answeredMessage, type Situation } from './situation.ts'
import { decideThread } from './threading.ts'
import { VERBS } from './verbs/index.ts'
import { missingRoles } from './verbs/verb.ts'

/** A message that names its case. */
type InCase = Situation & CommandContext

/** What becomes of the message; null when no maintainer signed it and it claims none, or when it is a report of their own. */
export function decideMaintainerMail(situation: Situation): Decision[] | null {
  const { opened, bound, settings } = situation
  const author = claimedMaintainer(opened, settings)
  if (author === null) return null
  const because = refusalOf(situation, author)
  if (because !== null) return refuse(situation, author, because)
  const parsed = parseCommands(opened.text, VERBS)
  const remember = opened.signatures.map(spend)
  const desk = { ...situation, author, message: answeredMessage(situation) }
  const named = findBinding(situation, parsed, settings, followed(situation))
  const hasCommands = parsed.commands.length + parsed.problems.length > 0
  if (isCase(named) && bound !== null) {
    const product = productNamed(bound.case.product, settings)
    // Keys and visiting cards that clients attach by themselves are no patches.
    const files = opened.attachments.filter(
      ({ contentType }) => !CLIENT_FILES.includes(contentType)
    )
    const hasClientFiles = files.length < opened.attachments.length
    const context = { ...desk, bound, product, files, hasClientFiles }
    return [...remember, ...act(parsed, hasCommands, context)]
  }
  const isAnswer = situation.isAnswer || situation.quoted.length > 0
  if (named === null && !hasCommands && !isAnswer) return null
  const isHeld = holdsWords(parsed, opened)
  const says = noCase(named, settings, { hasCommands, isHeld })
  const { decisions, ...result } = hasCommands
    ? runWithoutCase(parsed, desk, VERBS, says)
    : {
        ...{ ran: false, refused: [{ verb: '', says }] },
        decisions: [refusalTo(desk, { because: '', says, isHeld })]
      }
  const subject = { kind: 'maintainer', id: author.id } as const
  const done = result.ran
    ? dispose('done', 'commands', '')
    : dispose(isHeld ? 'held' : 'done', 'commands-refused', 'no-case')
  return [...remember, ...decisions, resultOf(parsed, result, subject, author), done]
}

/** Whether a message holds more than lines of commands: words or files that somebody may want to have again. */
function holdsWords({ commands, rest }: ParsedCommands, { attachments }: OpenedMail): boolean {
  const isWritten = commands.some(({ text, fields }) => text !== null || fields.length > 0)
  const files = attachments.filter(({ contentType }) => !CLIENT_FILES.includes(contentType))
  return isWritten || rest !== '' || files.length > 0
}

/** Turns every number of the case at hand into its present one; any other number stays as it is. */
function followed({ bound }: Situation): (tag: CaseTag) => CaseTag {
  const numbers = bound === null ? [] : numbersOf(bound.case)
  return (tag) => (bound !== null && numbers.includes(tag) ? bound.case.tag : tag)
}

function noCase(
  named: CaseTag | 'conflict' | null,
  settings: Settings,
  { hasCommands, isHeld }: Readonly<Record<'hasCommands' | 'isHeld', boolean>>
): string {
  if (isCase(named)) return `There is no case ${named}; /cases lists the open ones.`
  const lines = firstLines(settings, 'NUMBER')
  if (named === null && !hasCommands && !isHeld) return NO_TEXT
  if (named === null && !hasCommands)
    return `Only the case is missing: what you signed names none. Please reply to a message of the case, not to a list, and keep its last line (Ref: …); /show NUMBER forwards the report to you once more. Or write a message that ${lines}`
  return named === null
    ? `The signed part of your message names no case. Please reply to a message of the case and keep its last line (Ref: …), or write a message that ${lines}`
    : `Your message names more than one case: in a line "case:", in its subject, or in what it answers or quotes. Please reply to a message of the case that you mean and quote nothing else, or write a new message that ${lines}`
}

/** What the message does in its case. */
function act(parsed: ParsedCommands, hasCommands: boolean, context: InCase): Decision[] {
  const { opened } = context
  const { tag } = context.bound.case
  if (hasCommands) return run(parsed, context)
  if (isByReporter(context)) return decideReport(context)
  if (parsed.rest === '' && opened.attachments.length === 0)
    return [
      refusalTo(context, { because: '', says: NO_TEXT, isHeld: false }),
      dispose('done', 'note', 'without new text', tag)
    ]
  const mayAnswer = missingRoles(context.author).length === 0
  const isForReporter = mayAnswer && context.product.policy.replies === 'reporter'
  if (isForReporter && answersRelay(context)) return plainReply(parsed.rest, context, opened.text)
  // Said once to each maintainer of a case: how to reach a reporter who is still waiting.
  const isAwaited = addresseesOf(context.bound.case).some(({ answeredAt }) => answeredAt === null)
  const hasHint = mayAnswer && isAwaited
  const hints = hasHint ? [stayed(context, 'note', tag)] : []
  return [
    ...internalNote(parsed.rest, context),
    ...(isForReporter ? [stayed(context, 'reply', String(context.arrivalId))] : hints),
    recorded('noted', aboutCase(tag), byMaintainer(context.author.id), {}),
    dispose('done', 'note', '', tag)
  ]
}

/** Whether the signed part answers what its author was told as a reporter of the case, and nothing else. */
function isByReporter(context: InCase): boolean {
  const { opened, answers, quoted, bound } = context
  const isNamed = answers !== null && opened.protected?.references.at(-1) === answers.messageId
  const inside = isNamed ? [...quoted, answers] : quoted
  if (inside.length === 0 || inside.some(({ audience }) => audience !== 'reporter')) return false
  const { joined } = decideThread(context)
  return joined?.case.tag === bound.case.tag && joined.sender.kind === 'reporter'
}

const NO_TEXT =
  'Your message holds no text of your own, so nothing was done. Quoted lines are not read: please write commands and text on lines without a mark of quotation.'

/** Sends a plain reply on as if it stood under `/reply`. `whole` is the whole text of the message. */
function plainReply(text: string, context: CommandContext, whole: string): Decision[] {
  const line = '(your text, as under /reply)'
  const command = { at: 1, line, verb: 'reply', words: [], text, fields: [] } as const
  const problems = doubtsAbout(whole, command)
  return run({ caseLine: null, commands: [command], problems, rest: '' }, context)
}

function run(parsed: ParsedCommands, context: CommandContext): Decision[] {
  const { decisions, ...result } = runCommands(parsed, context, VERBS)
  const { tag } = context.bound.case
  return [
    ...decisions,
    resultOf(parsed, result, aboutCase(tag), context.author),
    dispose('done', result.ran ? 'commands' : 'commands-refused', '', tag)
  ]
}

/** What became of the commands, for the record, which outlives them: their verbs and our words, without what they hold (G8). */
function resultOf(
  { commands }: ParsedCommands,
  { ran, refused }: Omit<RunResult, 'decisions'>,
  subject: Subject,
  { id }: Maintainer
): Decision {
  const verbs = commands.map(({ verb }) => verb)
  const lines = refused.map(({ verb, says }) => ({ verb, says: withoutContent(says) }))
  return ran
    ? recorded('commands-ran', subject, byMaintainer(id), { verbs })
    : recorded('commands-refused', subject, byMaintainer(id), { refused: lines })
}

/** A refusal without addresses, up to what it repeats of the message: behind a double quote, or as a line to copy. */
function withoutContent(says: string): string {
  const own = withoutAddresses(says.replace(/(?:"|\n[^\S\n]+\/)[^]*$/u, '[…]'), '[…]')
  return own.replaceAll(/\s+/gu, ' ').trim().replace(/\.$/u, '').slice(0, 300)
}

function internalNote(text: string, context: InCase): Decision[] {
  const { author, product, bound } = context
  const member = memberIn(context.conversation)
  const reporter = reporterIn(bound.case, NOBODYS)
  const params = {
    author: author.name,
    facts: caseFacts(bound.case, {
      ...context,
      due: dueOf(bound.case, bound.events, [], context)
    }),
    text,
    reach:
      member === null
        ? reachSentence(reporter, bound.reporterKeys, product, 'internal')
        : memberReach(member)
  }
  const left = context.opened.attachments.map(({ filename, size }) => `${filename} (${size} bytes)`)
  const noteMail = toOthers(context, noteMessage({ ...params, left: [] }), {
    files: { from: 'arrival', original: false, parts: 'all', isSenderHidden: false },
    smaller: noteMessage({ ...params, left })
  })
  const stored = message(context, 'internal', text)
  return noteMail.recipients.length === 0 ? [stored] : [stored, noteMail]
}

/** After so many refusals to one maintainer in an hour, others are recorded but not answered; an alarm tells of them. */
const REFUSALS_PER_HOUR_MAX = 10

/**
 * The message has no effect and stays in the held folder. Its refusal quotes nothing and goes to the registered address,
 * encrypted to the registered key, never to the sender of the message.
 */
function refuse(situation: Situation, author: Maintainer, because: Refused): Decision[] {
  // A maintainer's vacation robot answers every relay: recorded, and nobody is bothered.
  if (isByProgram(situation.opened, 'auto-replied'))
    return [dispose('done', 'auto-reply', 'an automatic answer')]
  // A message to two of the desk's addresses comes twice; the first one counts.
  if (because === 'replayed' && earlierCopy(situation) !== null)
    return [dispose('done', 'duplicate', 'the same message came over another path')]
  const subject = { kind: 'maintainer', id: author.id } as const
  // Each of a maintainer's own signatures is refused once: nobody else can use up these refusals.
  const isTheirs = !situation.signatureSeen && isSignedWith(situation.opened, author.fingerprint)
  const isTooMany = !isTheirs && situation.history.refusalsLastHour >= REFUSALS_PER_HOUR_MAX
  const kind = isTooMany ? 'refused-unanswered' : 'message-refused'
  const desk = { ...situation, author, message: answeredMessage(situation) }
  return [
    ...spendSignatures(situation),
    recorded(kind, subject, BY_SOMEBODY, { because }),
    ...(isTooMany ? [] : [refusalTo(desk, { because, says: '', isHeld: true })]),
    dispose('held', 'refused', because)
  ]
}

function refusalTo(
  desk: Parameters<typeof toAuthor>[0] & Pick<DeskContext, 'settings'>,
  words: Omit<Parameters<typeof refusal>[0], 'date'>
): Decision {
  const date = formatInstant(desk.message.date, desk.settings.desk.timezone)
  return toAuthor(desk, refusal({ ...words, date }), { tag: null })
}

/** A signed part that the desk refused must not run when somebody else encrypts it anew and sends it again. */
function spendSignatures({ opened, signatureSeen, settings }: Situation): Decision[] {
  if (signatureSeen) return []
  const own = opened.signatures.filter(({ fingerprint }) =>
    settings.maintainers.some((maintainer) => maintainer.fingerprint === fingerprint)
  )
  const bySha256 = new Map(own.map((signature) => [signature.sha256, signature]))
  return [...bySha256.values()].map(spend)
}

/**
 * Whether a message answers a forwarded report of its case, and the signed part says so, too. No signature covers the header
 * outside: a server on the way could name a forwarded report there in place of a colleague's note. Only the newest reference
 * counts: a server that replaced the Message-ID of the answered message left the older ones of the thread.
 */
function answersRelay({ opened, answers, conversation, quoted, bound }: InCase): boolean {
  const { case: record } = bound
  if (answers?.kind !== relay.kind || answers.case.tag !== record.tag) return false
  if (opened.outer.references.at(-1) !== answers.messageId) return false
  // The reporter must not read an answer to a list member, or to two people (G5).
  if (conversation.kind === 'mixed' || !conversation.with.startsWith('reporter:')) return false
  const newest = opened.protected?.references.at(-1)
  return newest === undefined
    ? quoted.some(
        ({ kind, tag }) => kind === relay.kind && tag !== null && numbersOf(record).includes(tag)
      )
    : newest === answers.messageId
}

/** Tells the author that a plain message stayed among the maintainers, once for each `once`. */
function stayed(context: CommandContext, what: 'reply' | 'note', once: string): Decision {
  const conversation = conversationAbout(context.conversation)
  const { tag } = context.bound.case
  return toAuthor(context, hintMessage({ stayed: what }), { tag, once, conversation })
}
