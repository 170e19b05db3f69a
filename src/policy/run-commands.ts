/**
 * Runs the commands of one authorised message over a working copy, all or nothing, and turns the result into decisions: the
 * changes, the messages they send, one transcript to the author and one line of activity to everybody else (F10).
 */
import { addresseesOf, isOpen, type ListedCase } from '../domain/case.ts'
import { type Decision, type UpdateCase } from '../domain/decision.ts'
import { type RefusedLine } from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { type CaseTag } from '../domain/ids.ts'
import { productNamed } from '../domain/settings.ts'
import { count, listed, oneALine } from '../domain/words.ts'
import {
  activity as activityMessage,
  type Block,
  type TranscriptLine
} from '../messages/to-maintainers.ts'
import { LISTED_MAX, numbersFor, splitCases } from './case-numbers.ts'
import { type ParsedCommands, verbIn } from './commands.ts'
import { NOBODYS } from './conversation.ts'
import { dateTalk } from './date-talk.ts'
import {
  type Command,
  type CommandContext,
  copyOf,
  type DeskContext,
  type Draft,
  hasHappened,
  Refusal,
  startDraft
} from './draft.ts'
import { caseFacts } from './relay.ts'
import { addNote, spokenWords } from './reporter-mail.ts'
import { sealedTo, toOthers } from './send.ts'
import { dueInDraft, stateWords, statusLines } from './status.ts'
import { isDone, transcript } from './transcript.ts'
import {
  type CaseVerb,
  type DeskAnswer,
  missingRoles,
  needsNoCase,
  type Verb
} from './verbs/verb.ts'
import { settle } from './waiting-words.ts'

export type RunResult = {
  readonly ran: boolean
  /** The lines that were refused. */
  readonly refused: readonly RefusedLine[]
  readonly decisions: readonly Decision[]
}

/** `here`: the case of its message, in which it has run already. */
type ListedCommand = NonNullable<ReturnType<typeof splitCases>> & { readonly here?: CaseTag }

/** A line of the answer, and its verb for the record. */
type Line = TranscriptLine & Pick<RefusedLine, 'verb'>

function refusedIn(lines: readonly Line[]): RefusedLine[] {
  return lines
    .filter(({ outcome }) => outcome === 'refused')
    .map(({ verb, says }) => ({ verb, says }))
}

/** Executes every command or none. */
export function runCommands(
  parsed: ParsedCommands,
  context: CommandContext,
  verbs: readonly Verb[]
): RunResult {
  const before = startDraft(context)
  let draft = copyOf(before)
  const lines = readLines(parsed, context, verbs, (command) => {
    const changed = copyOf(draft)
    const says = runOne(changed, command, verbs)
    draft = changed
    return changed.isCut ? `${says} ${LEFT_OUT}` : says
  })
  if (parsed.rest !== '') {
    addNote(draft, parsed.rest)
    const says = 'Kept as a note for the maintainers.'
    lines.push({ ...TEXT_BELOW, outcome: 'done', says })
  }
  if (isDone({ lines }) && !filesHaveTaker(draft)) {
    const files = { at: '+', command: '(the attached files)', verb: '' }
    lines.push({ ...files, outcome: 'refused', says: NO_TAKER })
  }
  if (!isDone({ lines })) {
    const about = { before, after: before, verbs }
    const decisions = [transcript({ lines, blocks: [] }, context, about)]
    return { ran: false, refused: refusedIn(lines), decisions }
  }
  const { decisions, sent, after, texts } = carriedOut(before, draft)
  // Where the case stands is said as the whole message leaves it, wherever /status stands in it.
  const status = (): Block => ({ kind: 'lines', text: [...statusLines(after)].join('\n') })
  const blocks = draft.blocks.map((block) => (block === 'status' ? status() : block))
  return {
    ran: true,
    refused: [],
    decisions: [
      ...decisions,
      ...activity({ ...after, texts: [...texts, ...after.texts] }),
      transcript({ lines, blocks, sent }, context, { before, after, verbs })
    ]
  }
}

/** What commands have changed and send, what is said of it to their author, and the case as they leave it. */
function carriedOut(before: Draft, draft: Draft) {
  const talk = dateTalk(draft)
  const { leaving, says, after } = settle(before, draft)
  const words = spokenWords(draft)
  if (talk.says !== '') after.activity.push(talk.says)
  return {
    // What waited was written first.
    decisions: [
      ...changes(before, draft),
      ...draft.decisions,
      ...leaving,
      ...words.decisions,
      ...talk.decisions
    ],
    sent: [...says, talk.says].join(' ').trim(),
    after,
    texts: words.texts
  }
}

/**
 * Runs a command in each of the cases that it names, as if it stood alone in a message to that case: in all of them, or in none.
 * One update tells the other maintainers of all. `earlier` is what the message has decided so far.
 */
function runInEach(
  verb: CaseVerb,
  { own, tags, unread, isCut, here }: ListedCommand,
  context: DeskContext,
  earlier: readonly Decision[]
): DeskAnswer & { readonly decisions: readonly Decision[] } {
  if (unread !== null) throw new Refusal(`This names no case: "${unread}". ${HOW_TO_NAME}`)
  if (tags.length === 0) throw new Refusal(verb.withoutCases?.(context) ?? HOW_TO_NAME)
  if (isCut) throw new Refusal(TOO_MANY)
  const done = tags.map((tag) => {
    try {
      const before = startDraft(contextIn(tag, context, earlier))
      const draft = copyOf(before)
      const says = verb.run(draft, own)
      const out = carriedOut(before, draft)
      return { tag, ...out, says: `${says} ${out.sent}`.trim(), complaint: '' }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { tag, complaint: error.message }
    }
  })
  const complaints = [...groupBy(done, ({ complaint }) => complaint)].filter(([one]) => one !== '')
  if (complaints.length > 0) {
    const says = oneALine(complaints.map(([one, all]) => `${casesOf(all, done)}: ${one}`))
    const tried = here === undefined ? done : [{ tag: here, complaint: '' }, ...done]
    throw new Refusal(`${says}${lineWithout(verb, own, tried, context)}`)
  }
  const carried = done.flatMap((one) => ('after' in one ? one : []))
  const lines = carried.map(({ tag, says }) => `${tag}  ${says}`)
  return {
    says: `In ${count(tags.length, 'case, which', 'cases; each')} is listed below.${unwritten(carried)}`,
    block: { kind: 'lines', text: lines.join('\n') },
    decisions: [
      ...carried.flatMap(({ decisions }) => decisions),
      ...updateOn(carried, own, context)
    ]
  }
}

/** The line without the numbers that were refused, ready to be copied; '' where none is left. */
function lineWithout(
  { name, casesAfter }: CaseVerb,
  { words }: Command,
  done: readonly { readonly tag: CaseTag; readonly complaint: string }[],
  context: DeskContext
): string {
  const good = done.flatMap(({ tag, complaint }) => (complaint === '' ? tag : []))
  if (good.length === 0) return ''
  const numbers = numbersFor(good, context)
  const line = [`/${name}`, ...words.slice(0, casesAfter), numbers, ...words.slice(casesAfter)]
  return `\n      Without ${good.length === done.length - 1 ? 'it' : 'them'}, the line is:\n        ${line.join(' ')}`
}

/** To how many senders no message went because their address may be forged; '' for none. */
function unwritten(carried: readonly Pick<ReturnType<typeof carriedOut>, 'after'>[]): string {
  const silent = carried.filter(
    ({ after }) => after.isUnverified === true && addresseesOf(after.case).length > 0
  )
  const [first] = silent
  if (first === undefined) return ''
  const isChecked = first.after.settings.authentication.servers.length > 0
  const why = isChecked
    ? ''
    : ' (the configuration names no server that verifies any: imap.authserv_ids)'
  const who = count(silent.length, 'sender, whose address is', 'senders, whose addresses are')
  return ` No message went to ${who} not verified${why}. To write to such a sender all the same, use /reply in a message to that case.`
}

const TOO_MANY = `One message runs commands in at most ${LISTED_MAX} cases by their numbers. Please write more messages.`

const HOW_TO_NAME = 'Please write the numbers of the cases like this: 12 15-18.'

/** Those cases among `all`; many of them are not named one by one when it is all. */
function casesOf(some: readonly { readonly tag: CaseTag }[], all: readonly unknown[]): string {
  return some.length > 2 && some.length === all.length ? `All ${all.length} cases` : tagsOf(some)
}

function tagsOf(cases: readonly { readonly tag: CaseTag }[]): string {
  return listed(cases.map(({ tag }) => tag))
}

/** One of the listed cases, in a message that answers nobody in it. */
function contextIn(
  tag: CaseTag,
  context: DeskContext,
  earlier: readonly Decision[]
): CommandContext {
  const found = context.listed.find(({ bound }) => bound.named === tag)
  if (found === undefined && context.listed.length === LISTED_MAX) throw new Refusal(TOO_MANY)
  if (found === undefined) throw new Refusal('There is no such case; /cases lists the open ones.')
  const { bound, isUntouched, isVerified } = found
  if (bound.case.tag !== tag) throw new Refusal(`It was merged into ${bound.case.tag}.`)
  if (!isOpen(bound.case.state))
    throw new Refusal(`The case is ${stateWords(bound.case)}. Please leave its number out.`)
  if (!isUntouched)
    throw new Refusal(
      'A maintainer has acted in the case. Please leave its number out, or send the command in a message to the case.'
    )
  const isTwice = earlier.some(
    (one) => one.kind === 'record' && one.event.kind !== 'forwarded' && one.event.subject.id === tag
  )
  if (isTwice) throw new Refusal('An earlier line of this message acts there, too.')
  const product = productNamed(bound.case.product, context.settings)
  const nothing = {
    answers: null,
    answeredMember: null,
    quoted: [],
    files: [],
    hasClientFiles: false
  }
  const isUnverified = !isVerified
  return { ...context, ...nothing, bound, product, conversation: NOBODYS, isUnverified }
}

/** Tells the other maintainers what was done in these cases: what was done in several of them, once. */
function updateOn(
  carried: readonly (Pick<ReturnType<typeof carriedOut>, 'after' | 'texts'> & {
    readonly tag: CaseTag
  })[],
  { at }: Command,
  { author, settings, arrivalId }: DeskContext
): Decision[] {
  const others = settings.maintainers.filter(({ id }) => id !== author.id)
  if (others.length === 0) return []
  const acts = carried.flatMap(({ tag, after }) => after.activity.map((act) => ({ tag, act })))
  const texts = carried.flatMap((one) => [...one.texts, ...one.after.texts])
  const message = activityMessage({
    author: author.name,
    lines: [...groupBy(acts, ({ act }) => act)].map(([act, all]) => `in ${tagsOf(all)}: ${act}`),
    texts: [...groupBy(texts, ({ text }) => text)].map(([text, all]) => {
      const [{ title }] = all
      const isSame = all.every((one) => one.title === title)
      return { title: isSame ? title : `To ${all.length} reporters`, text }
    }),
    facts: []
  })
  const sending = { once: `${arrivalId}:${at}`, tag: null, via: author.name }
  return [sealedTo(others, message, sending)]
}

const LEFT_OUT = 'Quoted lines, and lines below a signature or a forward mark, were left out.'
const TEXT_BELOW = { at: '+', command: '(the rest of your text)', verb: '' }
const NO_TAKER =
  'None of these commands takes files. /reply sends them to the reporter, /notice draft makes them the patches, and a message without commands gives them to the maintainers. Please use one of these, or leave them out.'

/** Whether the files of the message went somewhere; `/key accept` and `/key refuse` may have read them as keys. */
function filesHaveTaker({ words, newPatches, settled, files }: Draft): boolean {
  return (
    files.length === 0 ||
    newPatches !== null ||
    settled.length > 0 ||
    words.some((one) => one.files !== undefined)
  )
}

/** Executes the commands of a message that names no case. Those that need one are refused with `why`. */
export function runWithoutCase(
  parsed: ParsedCommands,
  context: DeskContext,
  verbs: readonly Verb[],
  why: string
): RunResult {
  const blocks: Block[] = []
  const sent: Decision[] = []
  const { caseLine, rest } = parsed
  // A line that names a wrong case is at fault, and not the commands that need the case.
  const fault = caseLine === null ? [] : [{ ...caseLine, says: why }]
  const all = { ...parsed, problems: [...parsed.problems, ...fault] }
  const lines = readLines(all, context, verbs, (command) => {
    const verb = allowed(verbs, command, context)
    const inCases = splitCases(command, verb, context)
    let answer: DeskAnswer
    if (needsNoCase(verb))
      answer = verb.run(
        command,
        { ...context, openCases: stillOpen(context.openCases, sent) },
        verbs
      )
    else if (caseLine !== null && !inCases?.tags.length) return ''
    else if (inCases !== null) answer = runInEach(verb, inCases, context, sent)
    else throw new Refusal(why)
    blocks.push(...[answer.block ?? []].flat())
    sent.push(...(answer.decisions ?? []))
    return answer.says
  })
  if (rest !== '') lines.push({ ...TEXT_BELOW, outcome: 'refused', says: why })
  const ran = isDone({ lines })
  const decisions = [...(ran ? sent : []), transcript({ lines, blocks }, context, null)]
  return { ran, refused: refusedIn(lines), decisions }
}

/** What becomes of every line, in the order of the message. A command with a problem is not tried. */
function readLines(
  { commands, problems }: ParsedCommands,
  { settings: { limits } }: DeskContext,
  verbs: readonly Verb[],
  run: (command: Command) => string
): Line[] {
  const wrong = groupBy(problems, ({ at }) => String(at))
  const lines = [...wrong.values()].map((all) => ({
    ...all[0],
    verb: verbIn(all[0].line, verbs),
    outcome: 'refused' as const,
    says: all.map(({ says }) => says).join(' ')
  }))
  const tried = commands.filter(({ at }) => !wrong.has(String(at)))
  return [
    ...lines,
    ...tried.map((command, index) => ({ ...command, ...outcomeOf(command, index) }))
  ]
    .sort((a, b) => a.at - b.at)
    .map(({ at, line: command, verb, outcome, says }) => {
      return { at: String(at), command, verb, outcome, says }
    })

  function outcomeOf(command: Command, index: number) {
    try {
      if (index >= limits.commands_per_mail)
        throw new Refusal(`One message takes at most ${limits.commands_per_mail} commands.`)
      return { outcome: 'done' as const, says: run(command) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { outcome: 'refused' as const, says: error.message }
    }
  }
}

function allowed(verbs: readonly Verb[], { verb: name }: Command, { author }: DeskContext): Verb {
  const verb = verbs.find((candidate) => candidate.name === name)
  if (verb === undefined) throw new RangeError(`no verb ${name}`)
  const missing = missingRoles(author, verb.roles)
  if (missing.length === 0) return verb
  throw new Refusal(`This takes the role ${listed(missing, 'or')}, which your key does not have.`)
}

function runOne(draft: Draft, command: Command, verbs: readonly Verb[]): string {
  const verb = allowed(verbs, command, draft)
  const { named, case: record } = draft.bound
  // The members who get the notice were read for the product that the case had before.
  if (verb.binds === 'notice' && draft.case.product !== record.product)
    throw new Refusal(
      'Please send what concerns the notice or its date in a separate message after /product.'
    )
  if (needsNoCase(verb)) {
    const answer = verb.run(command, { ...draft, openCases: openAfter(draft) }, verbs)
    draft.blocks.push(...[answer.block ?? []].flat())
    draft.decisions.push(...(answer.decisions ?? []))
    return answer.says
  }
  const inCases = splitCases(command, verb, draft)
  if (inCases !== null && inCases.tags.length > 0) return runHereAndThere(verb, inCases, draft)
  if (named !== record.tag && verb.followsMerges !== true)
    throw new Refusal(
      `${named} was merged into ${record.tag}. If you mean that case, please send this command in answer to a message of ${record.tag}.`
    )
  return verb.run(draft, command)
}

/** Runs a command in the case of its message and in others; one that does not name the case of its message is a mistake. */
function runHereAndThere(verb: CaseVerb, inCases: ListedCommand, draft: Draft): string {
  const { tag } = draft.case
  if (!inCases.tags.includes(tag))
    throw new Refusal(
      `Your message is about ${tag}, which is not among these cases. Please name it, too, or send the line in a message that names no case.`
    )
  const says = verb.run(draft, inCases.own)
  const tags = inCases.tags.filter((one) => one !== tag)
  if (tags.length === 0) return says
  const others = runInEach(verb, { ...inCases, tags, here: tag }, draft, draft.decisions)
  draft.blocks.push(...[others.block ?? []].flat())
  draft.decisions.push(...others.decisions)
  return `${says} What became of ${count(tags.length, 'other case', 'other cases')} is below.`
}

/** Without those that earlier lines of the message have ended. */
function stillOpen(
  all: readonly ListedCase[],
  earlier: readonly Decision[]
): readonly ListedCase[] {
  const ended = earlier.flatMap((one) =>
    one.kind === 'update-case' && one.set.state !== undefined && !isOpen(one.set.state)
      ? one.tag
      : []
  )
  return all.filter(({ tag }) => !ended.includes(tag))
}

function openAfter(draft: Draft): readonly ListedCase[] {
  const { case: record, openCases, decisions } = draft
  const others = stillOpen(openCases, decisions).filter((one) => one.tag !== record.tag)
  const due = dueInDraft(draft)
  return isOpen(record.state) || due !== null ? [{ ...record, due }, ...others] : others
}

/** The fields of a case that commands may change. They never empty one. */
const CHANGING = ['state', 'owner', 'product', 'disclosureAt', 'disclosureZone'] as const

function changes(before: Draft, after: Draft): Decision[] {
  const { tag, version } = before.case
  const fields = CHANGING.filter(
    (field) => after.case[field] !== before.case[field] && after.case[field] !== null
  )
  const entries = fields.map((field) => [field, after.case[field]] as const)
  const set = Object.fromEntries(entries) as UpdateCase['set']
  const changed: Decision[] =
    fields.length === 0 ? [] : [{ kind: 'update-case', tag, version, set }]
  const { notice, newPatches: patches } = after
  const copies = hasHappened(after, 'notice-held') ? 'withdraw' : 'go-on'
  return notice === null || notice === before.notice
    ? changed
    : [...changed, { ...notice, kind: 'save-notice', patches, copies }]
}

/** Who did what, to the other maintainers, so that nobody answers twice or thinks that somebody else did. */
function activity(draft: Draft): Decision[] {
  const { author, settings } = draft
  const isAlone = settings.maintainers.length < 2
  if (isAlone || (draft.activity.length === 0 && draft.texts.length === 0)) return []
  const message = activityMessage({
    author: author.name,
    lines: draft.activity,
    texts: draft.texts,
    facts: caseFacts(draft.case, { ...draft, due: dueInDraft(draft) })
  })
  return [toOthers(draft, message)]
}
