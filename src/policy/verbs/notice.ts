/**
 * `/embargo` and `/notice …`: draft and preview (M-22 to M-30, G7). Any edit voids the approval.
 */

import { NO_AUTHORS, withAuthor } from '../../domain/authors.ts'
import { type Decision } from '../../domain/decision.ts'
import {
  isListTold,
  type NoticeFields,
  type NoticeRecord,
  type NoticeTextField,
  type ToldNotice
} from '../../domain/notice.ts'
import { type OutgoingAttachment } from '../../domain/outgoing.ts'
import { formatInstant, type Instant, readInstant } from '../../domain/time.ts'
import { preview as previewMessage } from '../../messages/to-maintainers.ts'
import { notice as noticeMessage } from '../../messages/to-members.ts'
import {
  accepted,
  type Command,
  type CommandContext,
  changeComplaint,
  type Draft,
  decided,
  type Handler,
  refused,
  splitReason,
  withActivity,
  withEvent,
  withNotice
} from '../draft.ts'
import { approvalRule } from '../embargo.ts'
import { whatIsUnusual } from '../embargo-date.ts'
import { missingFields, noticeDigest, noticeParams, releasePlan } from '../notice-content.ts'
import { namesOf } from '../recipients.ts'
import { toMaintainers } from '../send.ts'
import { ACTING, type Verb } from './verb.ts'

const PATCHES_MAX = 50
const CLOCK_IN_DOUBT = {
  label: 'Clock',
  value: 'it JUMPED forward and was not set back; an approval says that the time above is right'
}
const PATCH_NAME = /^[A-Za-z0-9][A-Za-z0-9+._-]{0,119}$/

const embargo: Handler = (draft, command, context) => {
  const { timezone } = context.settings.desk
  const { before: instant, reason } = splitReason(command.words)
  const read = readInstant(instant, timezone)
  if (read.kind === 'refused') return refused(read.says)
  if (reason === '') return refused('Say why after "because".')
  const disclosureAt = read.instant
  const said = formatInstant(disclosureAt, timezone)
  if (disclosureAt <= context.now) return refused(`${said} has passed already.`)
  const cannot = changeComplaint(draft)
  if (cannot !== null) return refused(cannot)
  const moved = { ...draft, case: { ...draft.case, disclosureAt } }
  const unusual = reason === null ? whatIsUnusual(moved, disclosureAt, context) : []
  if (unusual.length > 0)
    return refused(`${unusual.join(' ')} If you mean it, add to the line: because REASON.`)
  const { releaseAt } = releasePlan(moved, context)
  const step = decided(moved, context, 'embargo-set', {
    oldDate: draft.case.disclosureAt,
    date: disclosureAt,
    written: instant,
    reason: reason ?? '',
    leaveBy: draft.known.isListTold ? null : releaseAt
  })
  if (step.kind === 'refused') return step
  const reopened = withReopened(step.draft, context)
  const why = reason === null ? '' : `, because: ${reason}`
  return accepted(
    withActivity(reopened, `set the disclosure to ${said}${why}`),
    `Disclosure: ${said}${why}.${leavesWords(reopened, releaseAt, context)}${voidedWords(draft)}${goingOnWords(draft, context)}`
  )
}

/** The date is part of what is approved: whoever sets it is an author of the notice, too. */
function withReopened(draft: Draft, context: CommandContext): Draft {
  if (draft.notice === null) return draft
  return withChange(withNotice(draft, reopenedNotice(draft.notice, context)), context)
}

/** A new date or content that the list has to learn: on the record, so that it is not forgotten (B16). */
function withChange(draft: Draft, context: CommandContext): Draft {
  const oldDate = draft.notice?.told?.disclosureAt ?? null
  const date = draft.case.disclosureAt
  return oldDate === null || date === null
    ? draft
    : withEvent(draft, context, 'change-proposed', { oldDate, date })
}

function leavesWords(
  draft: Draft,
  releaseAt: Instant | null,
  { settings: { desk } }: CommandContext
): string {
  if (releaseAt === null) return ''
  return isListTold(draft.notice)
    ? ` ${CHANGE_WAITS}`
    : ` The notice leaves ${formatInstant(releaseAt, desk.timezone)}, once approved.`
}

const CHANGE_WAITS =
  'The list has had the notice: this is a change. Nobody on the list knows of it until it is approved; then it leaves at once.'

const draftNotice: Handler = (draft, command, context) => {
  const rule = context.product.policy.notice
  if (rule === null) return refused('The policy of this product has no advance notice.')
  const cannot = changeComplaint(draft)
  if (cannot !== null) return refused(cannot)
  if (command.fields.length === 0 && context.files.length === 0) {
    return refused('Write the fields below (key: value, or key: << text >>) or attach patches.')
  }
  const complaint = filesComplaint(context)
  if (complaint !== null) return refused(complaint)
  const notice = editedNotice(draft, command, context)
  const edited: Draft = {
    ...withNotice(draft, notice),
    newPatches: context.files.length > 0 ? context.files : draft.newPatches
  }
  const step = decided(edited, context, 'notice-drafted', {
    revision: notice.revision,
    fields: command.fields.map(({ key }) => key as NoticeTextField),
    patches: context.files.map(({ sha256 }) => sha256)
  })
  if (step.kind === 'refused') return step
  const next = withChange(step.draft, context)
  const missing = missingFields(next, context)
  const files = context.files.length === 0 ? '' : ` ${context.files.length} patches stored.`
  const still =
    missing.length === 0
      ? ' Nothing is missing; /notice preview is next.'
      : ` Still missing: ${missing.join('; ')}.`
  return accepted(
    withActivity(next, `wrote the notice, revision ${notice.revision}`),
    `Notice revision ${notice.revision} stored.${files}${still}${isListTold(notice) ? ` ${CHANGE_WAITS}` : ''}${voidedWords(draft)}${goingOnWords(draft, context)}`
  )
}

/** Why these files cannot be the patches of a notice; null when they can. */
function filesComplaint({ files }: CommandContext): string | null {
  const badName = files.find((file) => !PATCH_NAME.test(file.filename))
  if (badName !== undefined)
    return 'Patch file names may use letters, digits and + . _ - only, and start with a letter or digit.'
  const names = new Set(files.map((file) => file.filename))
  if (names.size !== files.length) return 'Two attachments have the same file name.'
  return files.length > PATCHES_MAX ? `A notice takes at most ${PATCHES_MAX} patches.` : null
}

/** Fields given replace stored ones; those not given stay. A notice that has left gets a new revision. */
function editedNotice(draft: Draft, command: Command, context: CommandContext): NoticeRecord {
  const given: NoticeFields = Object.fromEntries(
    command.fields.map(({ key, value }) => [key, value])
  )
  const base =
    draft.notice === null ? emptyNotice(draft, context) : reopenedNotice(draft.notice, context)
  return {
    ...base,
    fields: { ...base.fields, ...given },
    patches:
      context.files.length === 0
        ? base.patches
        : context.files.map(({ filename, contentType, content, sha256 }) => ({
            filename,
            contentType,
            size: content.length,
            sha256
          }))
  }
}

function emptyNotice(draft: Draft, context: CommandContext): NoticeRecord {
  return {
    id: 0,
    caseTag: draft.case.tag,
    product: context.product.id,
    state: 'drafting',
    revision: 1,
    fields: {},
    patches: [],
    authors: withAuthor(NO_AUTHORS, context.author.id),
    approvals: [],
    releaseAt: null,
    releasedAt: null,
    hasLeft: false,
    told: null,
    version: 0
  }
}

/** The notice open for change again: one revision further if the list has read the present one. */
function reopenedNotice(notice: NoticeRecord, context: CommandContext): NoticeRecord {
  const left = notice.releasedAt !== null || notice.hasLeft
  return {
    ...notice,
    authors: withAuthor(notice.authors, context.author.id),
    told: left ? toldBy(notice, context) : notice.told,
    state: 'drafting',
    revision: left ? notice.revision + 1 : notice.revision,
    releaseAt: null,
    releasedAt: null,
    hasLeft: false
  }
}

/** What a later revision compares itself with: the last one that left for all of the list, or the first that left at all. */
function toldBy(notice: NoticeRecord, { bound, now }: CommandContext): ToldNotice {
  const { revision, fields, patches, told, releasedAt } = notice
  if (told !== null && releasedAt === null) return told
  const at = told?.at ?? releasedAt ?? now
  return { revision, fields, patches, disclosureAt: bound.case.disclosureAt, at }
}

const preview: Handler = (draft, _command, context) => {
  const { notice } = draft
  if (notice === null) return refused('There is no notice yet; start with /notice draft.')
  if (notice.state === 'releasing')
    return refused('The notice is leaving at this moment; try again in a minute.')
  if (draft.shown) return refused('One mail makes one preview.')
  const missing = missingFields(draft, context)
  if (missing.length > 0) return refused(`The policy wants more first: ${missing.join('; ')}.`)
  const digest = noticeDigest(draft, notice, context)
  const decisions: Decision[] = [
    { kind: 'issue-preview', caseTag: draft.case.tag, code: context.tools.code, digest },
    previewMail(draft, notice, context)
  ]
  const shown = { ...draft, shown: true, decisions: [...draft.decisions, ...decisions] }
  const step = decided(shown, context, 'notice-previewed', {
    revision: notice.revision,
    digest,
    code: context.tools.code
  })
  if (step.kind === 'refused') return step
  return accepted(
    withActivity(step.draft, 'previewed the notice'),
    approvalRule(context.product.policy).byAuthor
      ? 'Every maintainer gets the preview with its code. One approver can let it go, the author included.'
      : 'Every maintainer gets the preview with its code. An approver who did not write the notice can approve it.'
  )
}

function previewMail(draft: Draft, notice: NoticeRecord, context: CommandContext): Decision {
  const { settings, product, bound, now } = context
  const { timezone } = settings.desk
  const { releaseAt } = releasePlan(draft, context)
  const files = draft.newPatches ?? bound.patchFiles
  const params = noticeParams(notice, draft.case, product, settings)
  const expired = bound.members.filter(
    (member) =>
      member.keyExpiresAt !== null && releaseAt !== null && member.keyExpiresAt <= releaseAt
  )
  const message = previewMessage({
    by: context.author.name,
    specimen: noticeMessage(params),
    files: params.patches.map(
      (patch) => `${patch.filename} (${patch.size} bytes, SHA-256 ${patch.sha256})`
    ),
    facts: [
      {
        label: 'Leaves',
        value: releaseAt === null ? 'no instant yet' : formatInstant(releaseAt, timezone)
      },
      {
        label: 'Recipients',
        value: `${bound.members.length} active members of ${product.name}`
      },
      {
        label: 'Not deliverable',
        value: `${expired.length} whose key will have expired by then`
      },
      ...(product.supported.length === 0
        ? []
        : [{ label: 'Supported versions', value: product.supported.join(', ') }]),
      { label: 'Written by', value: namesOf(notice.authors.ids, settings) },
      { label: 'Time of this machine', value: formatInstant(now, timezone) },
      ...(bound.clockJump === null ? [] : [CLOCK_IN_DOUBT])
    ],
    code: context.tools.code
  })
  return toMaintainers(settings, now, message, {
    once: String(context.arrivalId),
    tag: draft.case.tag,
    files: { from: 'list', files: files.map(plainFile) }
  })
}

function plainFile({ filename, contentType, content }: OutgoingAttachment): OutgoingAttachment {
  return { filename, contentType, content }
}

/** An edit stops no copy of what was released already; whoever edits because that was wrong has to know. */
function goingOnWords(draft: Draft, { bound }: CommandContext): string {
  const { here, onTheWay, revision } = bound.copies
  return here + onTheWay === 0 || draft.withdrawn
    ? ''
    : ` ${here + onTheWay} copies of revision ${revision} have not left yet and go on; /notice hold stops them.`
}

function voidedWords(draft: Draft): string {
  return (draft.notice?.approvals.length ?? 0) > 0 ? ' The approval it had is void.' : ''
}

const AUTHORS = ['committer', 'release'] as const

export const NOTICE: readonly Verb[] = [
  {
    name: 'embargo',
    arguments: 'INSTANT [because REASON]',
    binds: 'case',
    roles: AUTHORS,
    needsCode: false,
    text: null,
    help: 'sets the disclosure, for example 2026-12-01 14:00 Europe/Berlin',
    more: 'Without a zone or an offset the time is in the zone of the desk. A weekend, a holiday, or a lead outside what the policy promises needs because and the reason.',
    run: embargo
  },
  {
    name: 'notice draft',
    arguments: '',
    binds: 'notice',
    roles: AUTHORS,
    needsCode: false,
    text: { goesTo: 'fields', isOptional: true },
    help: 'writes the notice: key: value lines below, patches attached',
    more: 'Fields that you do not give stay as they are. Any change voids the approvals.',
    run: draftNotice
  },
  {
    name: 'notice preview',
    arguments: '',
    binds: 'notice',
    roles: ACTING,
    needsCode: false,
    text: null,
    help: 'sends every maintainer exactly what the list would read, with a code',
    more: '',
    run: preview
  }
]
