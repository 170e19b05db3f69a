/**
 * A message that speaks or claims to speak for a maintainer: refused without content, a note, commands, or a report of their
 * own. Everything that acts starts here, and only with judged authority (G4).
 */
import { numbersOf } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { aboutCase, BY_SOMEBODY, byMaintainer, event } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Maintainer, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { note as noteMessage } from '../messages/to-maintainers.ts'
import { findBinding, judgeAuthority, missingRole, type Refusal } from './authority.ts'
import { claimCiphertext } from './ciphertext.ts'
import { dueOf } from './clocks.ts'
import { doubtsAbout, type ParsedCommands, parseCommands } from './commands.ts'
import { NOBODYS, reporterIn } from './conversation.ts'
import { dispose } from './dispose.ts'
import { type CommandContext, type DeskContext, type HashedFile } from './draft.ts'
import { answersRelay, hint, stayedInside } from './plain-answer.ts'
import { reachSentence, reporterPath } from './recipients.ts'
import { refusalStanding, refuseMail, unboundMail } from './refusals.ts'
import { caseFacts } from './relay.ts'
import { runCommands, runWithoutCase } from './run-commands.ts'
import { toMaintainers } from './send.ts'
import { answeredMessage, type BoundCase, type Moment, type Situation } from './situation.ts'
import { VERBS } from './verbs/index.ts'
import { ACTING } from './verbs/verb.ts'

/** What becomes of the message; null when it is nobody's with authority and claims no maintainer. */
export function decideMaintainerMail(
  situation: Situation,
  settings: Settings,
  moment: Moment
): Decision[] | null {
  const { opened } = situation
  const authority = judgeAuthority(opened, settings, moment.now, situation)
  if (authority.kind === 'none') return null
  if (authority.kind === 'refused') return refuse(situation, settings, moment.now, authority)
  const { maintainer, signature } = authority
  const parsed = parseCommands(opened.text, VERBS)
  const remember: readonly Decision[] = [
    {
      kind: 'remember-signature',
      sha256: signature.sha256,
      createdAt: signature.createdAt ?? moment.now
    },
    ...claimCiphertext(situation, settings)
  ]
  const binding = findBinding(situation, parsed, settings, followed(situation))
  const hasCommands = parsed.commands.length > 0 || parsed.problems.length > 0
  if (binding.kind === 'case' && situation.bound !== null) {
    const context = commandContext({
      situation,
      bound: situation.bound,
      author: maintainer,
      settings,
      moment
    })
    return [...remember, ...act(parsed, hasCommands, context, situation)]
  }
  if (binding.kind === 'none' && !hasCommands && situation.answers === null) return null
  const says = NO_CASE[binding.kind]
  if (hasCommands) {
    const context = deskContext(situation, maintainer, settings, moment)
    const { ran, decisions } = runWithoutCase(parsed, context, VERBS, says)
    const done = ran ? dispose('done', 'commands', '') : dispose('held', 'commands-refused', says)
    return [...remember, ...decisions, done]
  }
  return [
    ...remember,
    unboundMail(maintainer, says, situation, { settings, now: moment.now }),
    dispose('held', 'commands-refused', says)
  ]
}

/** The number under which a case goes on, as far as the case at hand tells. */
function followed({ bound }: Situation): (tag: CaseTag) => CaseTag {
  const numbers = bound === null ? [] : numbersOf(bound.case)
  return (tag) => (bound !== null && numbers.includes(tag) ? bound.case.tag : tag)
}

const NO_CASE = {
  none: 'The signed part of your message names no case. Reply to a message of the case and keep its last line (Ref: …), or begin your message with a line "case: NUMBER".',
  case: 'There is no case with the number that your message names.',
  ambiguous: 'Your message names more than one case. Begin it with one line "case: NUMBER".'
} as const

function act(
  parsed: ParsedCommands,
  hasCommands: boolean,
  context: CommandContext,
  situation: Situation
): Decision[] {
  const { tag } = context.bound.case
  if (hasCommands) {
    return run(parsed, context)
  }
  if (parsed.rest === '' && situation.opened.attachments.length === 0) {
    return [dispose('done', 'note', 'without new text', tag)]
  }
  const mayAnswer = missingRole(context.author, ACTING) === null
  const isForReporter = mayAnswer && context.product.policy.replies === 'reporter'
  if (isForReporter && answersRelay(situation, context.bound.case)) {
    return plainReply(parsed.rest, context, situation.opened.text)
  }
  return [
    ...internalNote(parsed.rest, context, situation),
    ...(isForReporter ? [stayedInside(context)] : mayAnswer ? hint(context) : []),
    { kind: 'record', event: event('noted', aboutCase(tag), byMaintainer(context.author.id), {}) },
    dispose('done', 'note', '', tag)
  ]
}

/** Sent on as if it stood under `/reply` (policy/plain-answer.ts). `whole` is the message's text. */
function plainReply(text: string, context: CommandContext, whole: string): Decision[] {
  const command = { at: 1, line: '/reply', verb: 'reply', words: [], text, fields: [] } as const
  return run(
    { caseLine: null, commands: [command], problems: doubtsAbout(whole, command), rest: '' },
    context
  )
}

/** What the commands do, or why none ran, on the record. */
function run(parsed: ParsedCommands, context: CommandContext): Decision[] {
  const { decisions, ran } = runCommands(parsed, context, VERBS)
  const { tag } = context.bound.case
  const by = byMaintainer(context.author.id)
  const about = { verbs: parsed.commands.map(({ verb }) => verb) }
  const kind = ran ? 'commands-ran' : 'commands-refused'
  return [
    ...decisions,
    { kind: 'record', event: event(kind, aboutCase(tag), by, about) },
    dispose('done', ran ? 'commands' : 'commands-refused', '', tag)
  ]
}

function internalNote(text: string, context: CommandContext, situation: Situation): Decision[] {
  const { author, settings, product, bound, now, arrivalId } = context
  const { tag } = bound.case
  const reporter = reporterIn(bound.case, NOBODYS)
  const path = reporterPath(reporter, bound.reporterKeys, product)
  const noteMail = toMaintainers(
    settings,
    now,
    noteMessage({
      author: author.name,
      facts: caseFacts(bound.case, {
        product,
        settings,
        due: dueOf(bound.case, bound.events, [], context),
        now
      }),
      text,
      reach: reachSentence(reporter, path, 'internal')
    }),
    {
      once: String(arrivalId),
      tag,
      via: author.name,
      except: author.id,
      files: { from: 'arrival', original: false, keys: true }
    }
  )
  const stored: Decision = {
    kind: 'add-message',
    tag,
    message: {
      at: now,
      author: 'maintainer',
      authorId: author.id,
      audience: 'internal',
      subject: '',
      text,
      messageId: situation.opened.outer.messageId,
      arrivalId
    }
  }
  return noteMail.recipients.length === 0 ? [stored] : [stored, noteMail]
}

function commandContext(from: {
  readonly situation: Situation
  readonly bound: BoundCase
  readonly author: Maintainer
  readonly settings: Settings
  readonly moment: Moment
}): CommandContext {
  const { situation, bound, author, settings, moment } = from
  const product =
    settings.products.find(({ id }) => id === bound.case.product) ?? settings.products[0]
  if (product === undefined) throw new RangeError('a desk without products')
  const { sha256 } = moment.tools
  // Keys and visiting cards that clients attach by themselves are no patches.
  const files: HashedFile[] = situation.opened.attachments
    .filter(({ contentType }) => !CLIENT_FILES.includes(contentType))
    .map(({ filename, contentType, content }) => ({
      filename,
      contentType,
      content,
      sha256: sha256(content)
    }))
  return {
    ...deskContext(situation, author, settings, moment),
    product,
    bound,
    conversation: situation.conversation,
    answeredMember: situation.answeredMember,
    files,
    tools: moment.tools
  }
}

function deskContext(
  situation: Situation,
  author: Maintainer,
  settings: Settings,
  { now }: Moment
): DeskContext {
  const { arrivalId, openCases } = situation
  return { arrivalId, now, settings, author, openCases, message: answeredMessage(situation) }
}

const CLIENT_FILES: readonly string[] = [
  'application/pgp-keys',
  'application/pgp-signature',
  'text/vcard',
  'text/x-vcard'
]

/** No effect, the message kept in sight, and a content-free word to the real maintainer (DESIGN §6, mail.md §2.10). */
function refuse(
  situation: Situation,
  settings: Settings,
  now: Instant,
  { maintainer, because }: { readonly maintainer: Maintainer; readonly because: Refusal }
): Decision[] {
  // A maintainer's vacation robot answers every relay: recorded, and nobody is bothered.
  if (situation.opened.automatic.includes('auto-replied')) {
    return [dispose('done', 'auto-reply', 'an automatic answer')]
  }
  const { arrivalId, history } = situation
  // A maintainer's mail program tells that a message was read: nobody wrote it, so nobody is told that it did nothing.
  const isReceipt = situation.opened.automatic.includes('receipt')
  const about = {
    maintainer,
    because,
    standing: refusalStanding(situation, maintainer, settings),
    arrivalId,
    message: answeredMessage(situation)
  }
  const subject = { kind: 'maintainer', id: maintainer.id } as const
  const refused: Decision[] = isReceipt
    ? [{ kind: 'record', event: event('message-refused', subject, BY_SOMEBODY, { because }) }]
    : refuseMail(about, history.refusalsLastHour, settings, now)
  return [
    ...spendSignatures(situation, settings, now),
    ...refused,
    dispose('held', 'refused', because)
  ]
}

/**
 * What a maintainer signed and the desk refused must not run when somebody else seals the same signed part and sends it again
 * (mail.md §2.10).
 */
function spendSignatures(situation: Situation, settings: Settings, now: Instant): Decision[] {
  if (situation.signatureSeen) return []
  const own = situation.opened.signatures.filter(({ fingerprint }) =>
    settings.maintainers.some((maintainer) => maintainer.fingerprint === fingerprint)
  )
  const bySha256 = new Map(own.map((signature) => [signature.sha256, signature]))
  return [...bySha256.values()].map(({ sha256, createdAt }) => ({
    kind: 'remember-signature',
    sha256,
    createdAt: createdAt ?? now
  }))
}
