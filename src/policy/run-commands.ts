/**
 * Runs the commands of one authorised mail over a working copy, all or nothing, and turns the result into decisions: the
 * changes, the mails they send, one transcript to the author and one line of activity to everybody else (F10).
 */
import { type CaseRecord } from '../domain/case.ts'
import { type Decision, type UpdateCase } from '../domain/decision.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import {
  activity as activityMessage,
  type TranscriptLine,
  transcript as transcriptMessage
} from '../messages/to-maintainers.ts'
import { missingRole } from './authority.ts'
import { type ParsedCommands } from './commands.ts'
import {
  accepted,
  type Command,
  type CommandContext,
  type Draft,
  refused,
  type Step,
  startDraft
} from './draft.ts'
import { missingFields } from './notice-content.ts'
import { maintainerRecipient } from './recipients.ts'
import { caseFacts } from './relay.ts'
import { withNote } from './reporter-mail.ts'
import { sealedTo, toMaintainers } from './send.ts'
import { needsNoCase, type Verb } from './verbs/verb.ts'

export type RunResult = { readonly ran: boolean; readonly decisions: readonly Decision[] }

/** Executes every command or none. */
export function runCommands(
  parsed: ParsedCommands,
  context: CommandContext,
  verbs: readonly Verb[]
): RunResult {
  const before = startDraft(context)
  const lines: TranscriptLine[] = parsed.problems.map(({ line, says }) => ({
    command: line,
    accepted: false,
    says
  }))
  const anyway: Decision[] = []
  let draft = before
  if (parsed.commands.length > context.settings.limits.commandsPerMail) {
    lines.push({
      command: '',
      accepted: false,
      says: `At most ${context.settings.limits.commandsPerMail} commands go into one mail.`
    })
  }
  for (const command of parsed.commands) {
    const step = runOne(draft, command, context, verbs)
    if (step.kind === 'accepted') draft = step.draft
    else anyway.push(...(step.anyway ?? []))
    lines.push({ command: command.line, accepted: step.kind === 'accepted', says: step.says })
  }
  if (parsed.rest !== '') draft = withNote(draft, parsed.rest, context)
  const ran = lines.every((line) => line.accepted)
  return ran
    ? {
        ran,
        decisions: [
          ...changes(before, draft),
          ...draft.decisions,
          ...activity(draft, context),
          transcript(before, draft, context, lines)
        ]
      }
    : { ran, decisions: [...anyway, transcript(before, before, context, lines)] }
}

function runOne(
  draft: Draft,
  command: Command,
  context: CommandContext,
  verbs: readonly Verb[]
): Step {
  const verb = verbs.find(({ name }) => name === command.verb)
  if (verb === undefined) throw new RangeError(`no verb ${command.verb}`)
  const missing = missingRole(context.author, verb.roles)
  if (missing !== null)
    return refused(`This takes the role ${missing.join(' or ')}, which your key does not have.`)
  if (!needsNoCase(verb)) return verb.run(draft, command, context)
  const answer = verb.run(command, context, verbs)
  return answer.kind === 'refused'
    ? answer
    : accepted({ ...draft, blocks: [...draft.blocks, answer.block] }, answer.says)
}

/** What the commands changed, as decisions; approvals after the save, because saving an edit voids them. */
function changes(before: Draft, after: Draft): Decision[] {
  const changed: Decision[] = []
  const caseChange = caseChanges(before.case, after.case)
  if (caseChange !== null) changed.push(caseChange)
  if (after.notice !== null && after.notice !== before.notice)
    changed.push(savedNotice(after.notice, after))
  return changed
}

function savedNotice(notice: NoticeRecord, draft: Draft): Decision {
  return {
    kind: 'save-notice',
    caseTag: notice.caseTag,
    product: notice.product,
    version: notice.version,
    state: notice.state,
    revision: notice.revision,
    fields: notice.fields,
    told: notice.told,
    releaseAt: notice.releaseAt,
    patches: draft.newPatches,
    approvals: draft.voided ? 'void' : 'keep',
    copies: draft.withdrawn ? 'withdraw' : 'go-on'
  }
}

function transcript(
  before: Draft,
  after: Draft,
  context: CommandContext,
  lines: readonly TranscriptLine[]
): Decision {
  const message = transcriptMessage({
    lines,
    ran: lines.every((line) => line.accepted),
    before: stateWords(before.case, before.notice),
    after: stateWords(after.case, after.notice),
    missing: after.notice === null ? [] : missingFields(after, context),
    blocks: after.blocks
  })
  return sealedTo([maintainerRecipient(context.author)], context.now, message, {
    once: String(context.arrivalId),
    tag: before.case.tag
  })
}

/** Where a case stands, in a few words, for the transcript. */
export function stateWords(record: CaseRecord, notice: NoticeRecord | null): string {
  const owner = record.owner === null ? 'without owner' : `owner ${record.owner}`
  const told = notice === null ? '' : `, notice ${notice.state}`
  return `${record.state}, ${owner}${told}`
}

/** Who did what, to the other maintainers, so that nobody answers twice or thinks that somebody else did. */
function activity(draft: Draft, context: CommandContext): Decision[] {
  const { author, settings, now, arrivalId, product } = context
  const isAlone = settings.maintainers.length < 2
  if (isAlone || (draft.activity.length === 0 && draft.texts.length === 0)) return []
  const message = activityMessage({
    author: author.name,
    lines: draft.activity,
    texts: draft.texts,
    facts: caseFacts(draft.case, product, settings)
  })
  const sending = { once: String(arrivalId), tag: draft.case.tag, via: author.name }
  return [toMaintainers(settings, now, message, { ...sending, except: author.id })]
}

/** The changed fields of the case, or null when nothing changed. */
function caseChanges(before: Draft['case'], after: Draft['case']): UpdateCase | null {
  const set: UpdateCase['set'] = {
    ...(before.state === after.state ? {} : { state: after.state }),
    ...(before.owner === after.owner || after.owner === null ? {} : { owner: after.owner }),
    ...(before.answeredAt === after.answeredAt || after.answeredAt === null
      ? {}
      : { answeredAt: after.answeredAt }),
    ...(before.disclosureAt === after.disclosureAt || after.disclosureAt === null
      ? {}
      : { disclosureAt: after.disclosureAt })
  }
  return Object.keys(set).length === 0
    ? null
    : { kind: 'update-case', tag: before.tag, version: before.version, set }
}
