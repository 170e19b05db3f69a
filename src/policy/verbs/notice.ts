/**
 * `/notice draft` and `/notice preview` (M-22 to M-30, G7). Any edit voids the approval.
 */
import { type Decision } from '../../domain/decision.ts'
import { type EventKind } from '../../domain/event.ts'
import { groupBy } from '../../domain/group.ts'
import {
  isListTold,
  NOTICE_FIELDS,
  NOTICE_TEXT_FIELDS,
  type NoticeFields,
  type NoticeRecord,
  type NoticeTextField,
  type ToldNotice
} from '../../domain/notice.ts'
import { NO_HISTORY } from '../../domain/notice-history.ts'
import { formatInstant, withZone } from '../../domain/time.ts'
import { count, listed, oneALine } from '../../domain/words.ts'
import { preview as previewMessage } from '../../messages/to-maintainers.ts'
import { notice as noticeMessage } from '../../messages/to-members.ts'
import { whomToTell } from '../clocks.ts'
import {
  type Command,
  changeComplaint,
  type Draft,
  decided,
  type Handler,
  hasHappened,
  Refusal,
  refuseIf,
  requireLegal
} from '../draft.ts'
import { whoApproves } from '../embargo.ts'
import * as content from '../notice-content.ts'
import { memberMentions, NOBODY_LISTED, noticeComplaint, noticeFaults } from '../notice-lint.ts'
import { nameOf } from '../recipients.ts'
import { sealedTo } from '../send.ts'
import { dateLines } from '../status.ts'
import { attachedMail, WHOSE_FILES } from './talk.ts'
import { type Verb } from './verb.ts'

const PATCH_NAME = /^[A-Za-z0-9][A-Za-z0-9+._-]{0,119}$/

const CHANGE_WAITS =
  'The list has had the notice: this is a change. Nobody on the list knows of it until it is approved; then it leaves at once.'

const BLANK = 'All fields of this form are empty. Please write at least one of them.'

const NO_NOTICE = 'The policy of this product has no advance notice.'

const draftNotice: Handler = (draft, command) => {
  const { files, notice } = draft
  if (draft.product.policy.notice === null) throw new Refusal(NO_NOTICE)
  if (draft.words.some((said) => (said.files ?? []).length > 0)) throw new Refusal(WHOSE_FILES)
  requireLegal(draft, 'notice-drafted')
  if (command.fields.length === 0 && files.length === 0) {
    draft.blocks.push(content.noticeForm(draft))
    return 'Nothing is changed. The form is below: fill it in and send it.'
  }
  // A line of the form that was left empty says nothing; behind a field that had a text it takes that out.
  const fields = command.fields.filter(
    ({ key, value }) => value !== '' || (notice?.fields[key as NoticeTextField] ?? '') !== ''
  )
  const blank = [...fields, ...files].length === 0 ? BLANK : null
  refuseIf(changeComplaint(draft) ?? attachedMail(draft) ?? filesComplaint(draft) ?? blank)
  const edited = announceEdit(draft)
  const written = editNotice(draft, fields)
  decided(draft, 'notice-drafted', {
    revision: written.revision,
    fields: fields.map(({ key }) => key as NoticeTextField),
    patches: files.map(({ sha256 }) => sha256)
  })
  const emptied = fields.filter(({ value }) => value === '').map(({ key }) => key)
  const without = emptied.length === 0 ? '' : `, and took out the text of ${listed(emptied)}`
  draft.activity.push(`wrote the notice, revision ${written.revision}${without}`)
  const did = notice?.revision === written.revision ? 'Changed' : 'Stored'
  return `${did} revision ${written.revision} of the notice${without}.${storedWords(files, notice)}${instantWords(written, fields, draft.settings.desk.timezone)}${editWords(draft, edited)}`
}

/** The files of a message become the patches in place of those that were there. */
function storedWords({ length }: Draft['files'], before: NoticeRecord | null): string {
  const names = (before?.patches ?? []).map(({ filename }) => filename)
  const instead = names.length === 0 ? '' : `, in place of ${listed(names)}`
  return length === 0 ? '' : ` ${count(length, 'patch', 'patches')} stored${instead}.`
}

/** The instants among these fields as the notice says them: in the zone of the desk, in UTC and as written (B17). */
function instantWords(notice: NoticeRecord, given: Command['fields'], timezone: string): string {
  return content.INSTANTS.filter((name) =>
    given.some(({ key, value }) => key === name && value !== '')
  )
    .map((name) => ` ${NOTICE_FIELDS[name]}: ${content.shownText(name, notice, timezone)}.`)
    .join('')
}

function editNotice(draft: Draft, fields: Command['fields']): NoticeRecord {
  draft.notice ??= emptyNotice(draft)
  const open = draft.notice
  const given = fields.map(({ key, value }): [string, string] => [
    key,
    withZone(value, draft.settings.desk.timezone)
  ])
  const all = [...new Map([...Object.entries(open.fields), ...given])]
  const written: NoticeFields = Object.fromEntries(all.filter(([, value]) => value !== ''))
  if (draft.files.length > 0) draft.newPatches = draft.files
  const patches = draft.newPatches?.map(({ content: _, ...patch }) => patch) ?? open.patches
  return reopenNotice(draft, { ...open, patches, fields: written })
}

/** What comes next after an edit of the notice or its date; `edited` is what {@link announceEdit} said before it. */
export function editWords(draft: Draft, edited: string): string {
  const { notice, settings, product } = draft
  if (notice?.state === 'released') return ' This is what the list has: nothing is left to approve.'
  if (notice === null || product.policy.notice === null) return edited
  const says = `${edited} ${whoApproves(content.approving(notice, draft))}`
  const faults = [...noticeFaults(draft)]
  if (faults.length > 0)
    return `${says} Before the preview, please correct this: ${oneALine(faults)}`
  const patch = content.fieldInstant(notice, 'patch_available_at', settings.desk.timezone)?.instant
  const late = patch !== undefined && patch > (draft.case.disclosureAt ?? patch) ? PATCH_LATE : ''
  return `${says}${late}${content.missingFields(draft).length === 0 ? ' The fields of the notice are complete.' : ''}`
}

const PATCH_LATE =
  ' Please note: patch_available_at is after the disclosure, so the issue becomes public before the patch.'

function filesComplaint({ files }: Draft): string | null {
  const badName = files.find((file) => !PATCH_NAME.test(file.filename))
  if (badName !== undefined)
    return `Please rename "${badName.filename}": the name of a patch may use letters, digits and + . _ - only, and starts with a letter or digit.`
  const names = new Set(files.map((file) => file.filename))
  return names.size === files.length ? null : 'Two attachments have the same file name.'
}

/**
 * Opens the notice for change again: as a new revision if the list has read the present one. What the list has to learn is on the
 * record, so that it is not forgotten (B16). What is again as the list has it is no change: the revision that left stands.
 */
export function reopenNotice(draft: Draft, notice: NoticeRecord): NoticeRecord {
  const { hasLeft: left } = notice
  const told = left ? toldBy(draft.bound.notice ?? notice, draft) : notice.told
  const revision = left ? notice.revision + 1 : notice.revision
  const open = { ...notice, ...UNSENT, told, revision }
  const standing = standingAs(open, draft)
  draft.notice = standing ?? open
  const date = draft.case.disclosureAt
  if (told !== null && told.disclosureAt !== null && date !== null) {
    const { disclosureAt: oldDate } = told
    const approveBy = standing !== null ? null : oldDate < date ? oldDate : date
    decided(draft, 'change-proposed', { oldDate, date, approveBy })
  }
  return draft.notice
}

/** The revision that left for the whole list, where this one says the same; null where it does not. */
function standingAs(notice: NoticeRecord, draft: Draft): NoticeRecord | null {
  const { told } = notice
  const left = draft.bound.events.findLast(
    ({ kind }) => kind === 'notice-left' || kind === 'notice-held'
  )
  if (told === null || left?.kind !== 'notice-left' || hasHappened(draft, 'notice-held'))
    return null
  // The same instant may have been written in another zone.
  const changes = content
    .noticeParams(notice, draft)
    .changes.filter(({ what }) => what !== 'Disclosure')
  if (changes.length > 0 || told.disclosureAt !== draft.case.disclosureAt) return null
  const { revision } = told
  return { ...notice, revision, releasedAt: left.at, state: 'released', hasLeft: true }
}

const UNSENT = { state: 'drafting', releaseAt: null, releasedAt: null, hasLeft: false } as const

function emptyNotice({ case: { tag }, product }: Draft): NoticeRecord {
  return {
    ...{ id: 0, caseTag: tag, product: product.id, version: 0, revision: 1 },
    ...UNSENT,
    ...NO_HISTORY,
    fields: {},
    patches: [],
    told: null
  }
}

/** What a later revision is compared with: the last one that left for the whole list, or the first that left at all. */
function toldBy(notice: NoticeRecord, { bound, now }: Draft): ToldNotice {
  const { revision, fields, patches, told, releasedAt } = notice
  if (told !== null && releasedAt === null) return told
  const at = told?.at ?? releasedAt ?? now
  const { disclosureAt, disclosureZone } = bound.case
  return { revision, fields, patches, disclosureAt, disclosureZone, at }
}

const preview: Handler = (draft) => {
  if (draft.product.policy.notice === null) throw new Refusal(NO_NOTICE)
  const none = 'There is no notice yet; start with /notice draft.'
  const notice = noticeFor(draft, 'notice-previewed', none)
  refuseIf(previewComplaint(draft, notice))
  const digest = content.noticeDigest(draft, notice)
  draft.decisions.push(...previewMails(draft, notice))
  const about = { digest, code: draft.tools.code, members: draft.bound.members.length }
  decided(draft, 'notice-previewed', { revision: notice.revision, ...about })
  draft.activity.push('previewed the notice')
  return 'Every maintainer gets the preview with its code.'
}

/** The notice, if the case is in a state for what is to happen to it; `none` says that there is none. */
export function noticeFor(draft: Draft, kind: EventKind | null, none: string): NoticeRecord {
  if (kind !== null) requireLegal(draft, kind)
  if (draft.notice === null) throw new Refusal(none)
  return draft.notice
}

function previewComplaint(draft: Draft, notice: NoticeRecord): string | null {
  return changeComplaint(draft) ?? content.sentComplaint(notice, draft) ?? noticeComplaint(draft)
}

/** Which members the text names is said to list admins alone (G5), or to everybody if nobody is a list admin. */
function previewMails(draft: Draft, notice: NoticeRecord): Decision[] {
  const { settings, product, bound, now, case: record } = draft
  const { timezone } = settings.desk
  const releaseAt = content.plannedRelease(draft)
  const params = content.noticeParams(notice, draft)
  const expired = bound.members.filter(
    ({ keyExpiresAt }) => keyExpiresAt !== null && releaseAt !== null && keyExpiresAt <= releaseAt
  )
  const said = {
    by: draft.author.name,
    specimen: noticeMessage(params),
    patches: params.patches,
    leaves: releaseAt === null ? '' : content.willLeave(releaseAt, draft),
    product: product.name,
    members: bound.members.length,
    expired: expired.length,
    supported: product.supported.join(', '),
    authors: listed(notice.authors.ids.map((id) => nameOf(id, settings))),
    approvers: whoApproves(content.approving(notice, draft)),
    now: formatInstant(now, timezone),
    dates: [...dateLines(draft)],
    isClockDoubted: bound.clockJump !== null,
    code: draft.tools.code
  }
  const sending = {
    once: String(draft.arrivalId),
    tag: record.tag,
    files: { from: 'list', files: draft.newPatches ?? bound.patchFiles }
  } as const
  const mentions = memberMentions(notice.fields, bound.members)
  const admins = whomToTell(['list-admin'], { ...settings, owner: null, start: null })
  const groups = groupBy(settings.maintainers, ({ id }) => String(admins.includes(id)))
  return [...groups].map(([isAdmin, people]) => {
    const message = previewMessage({ ...said, mentions: isAdmin === 'true' ? mentions : [] })
    return sealedTo(people, message, sending)
  })
}

/**
 * What an edit means for what was approved or told before. Above all, it stops no copy of a released revision. `draft` is from
 * before the edit; that the approvals are void goes on its record.
 */
export function announceEdit(draft: Draft): string {
  const { here, onTheWay, revision } = draft.bound.copies
  const { notice } = draft
  const approvals = notice?.state === 'released' ? [] : (notice?.approvals ?? [])
  const of = approvals.map(({ maintainerId }) => maintainerId)
  if (of.length > 0) decided(draft, 'approvals-voided', { of })
  const isGoingOn = here + onTheWay > 0 && !hasHappened(draft, 'notice-held')
  const copies = count(here + onTheWay, 'copy', 'copies')
  return [
    isListTold(notice) ? CHANGE_WAITS : '',
    of.length > 0 ? 'The approval it had is void.' : '',
    isGoingOn ? `${copies} of revision ${revision} will still leave; /notice hold stops that.` : ''
  ]
    .map((sentence) => (sentence === '' ? '' : ` ${sentence}`))
    .join('')
}

/** Whether a field has to be written or corrected; the date has a command of its own. */
function isUnready(draft: Draft): boolean {
  const dated = { ...draft, case: { ...draft.case, disclosureAt: draft.now } }
  const faults = [...noticeFaults(draft)].filter((fault) => fault !== NOBODY_LISTED)
  return content.missingFields(dated).length > 0 || faults.length > 0
}

export const AUTHORS = ['committer', 'release'] as const

export const NOTICE: readonly Verb[] = [
  {
    name: 'notice draft',
    binds: 'notice',
    roles: AUTHORS,
    text: { goesTo: 'fields', keys: NOTICE_TEXT_FIELDS, isOptional: true },
    help: 'writes the notice from the lines below; alone, it sends you the form',
    more: 'Fields that you do not give stay as they are; a field with nothing behind its colon takes its text out. Any change voids the approvals.',
    run: draftNotice,
    next: {
      happens: 'notice-drafted',
      writes: (draft) => (content.isNoticeOpen(draft) && isUnready(draft) ? '/notice draft' : null)
    }
  },
  {
    name: 'notice preview',
    binds: 'notice',
    help: 'sends every maintainer what the list would read, with a code',
    run: preview,
    next: {
      happens: 'notice-previewed',
      writes: (draft) =>
        content.isNoticeOpen(draft) &&
        draft.notice !== null &&
        draft.case.disclosureAt !== null &&
        previewComplaint(draft, draft.notice) === null &&
        content.standingPreview(draft) === null
          ? '/notice preview'
          : null
    }
  }
]
