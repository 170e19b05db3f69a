/**
 * What an advance notice says, what it still lacks under the product's policy, and when it leaves (M-24, M-26 to M-29). Built
 * from fields only, never from the thread.
 */
import { type CaseRecord } from '../domain/case.ts'
import { ACTIVE } from '../domain/case-machine.ts'
import { formatFingerprint, type Sha256 } from '../domain/ids.ts'
import {
  isListTold,
  type MemberRecord,
  NOTICE_FIELDS,
  NOTICE_TEXT_FIELDS,
  type NoticeField,
  type NoticeRecord,
  type NoticeTextField,
  type Preview,
  type ToldNotice
} from '../domain/notice.ts'
import * as time from '../domain/time.ts'
import { type Block } from '../messages/to-maintainers.ts'
import {
  type Deployment,
  type NoticeParams,
  notice as noticeMessage
} from '../messages/to-members.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { approversOf, CLOCK_JUMP_MS } from './embargo.ts'

/** A form for `/notice draft`: what the policy wants, and the command with what is there, to fill in and send. */
export function noticeForm({ case: record, notice, product, settings }: Draft): Block {
  const required = product.policy.notice?.required ?? []
  const given = notice?.fields ?? {}
  const present: Partial<Record<NoticeField, string>> = {
    disclosure_at: dateWords(record, settings.desk.timezone),
    patches: (notice?.patches ?? []).map(({ filename }) => filename).join(', ')
  }
  const field = (key: string, value = '') => ({ key, value })
  const isShown = (key: NoticeTextField): boolean =>
    (given[key] ?? '') !== '' || (key !== 'no_patches' && required.includes(key))
  return {
    kind: 'form',
    wanted: required.map((key) => field(key, present[key])),
    others: NOTICE_TEXT_FIELDS.filter((key) => !isShown(key)).map((key) => field(key)),
    given: NOTICE_TEXT_FIELDS.filter(isShown).map((key) => field(key, given[key]))
  }
}

/** The disclosure date in the zone of the desk, in UTC and in the zone in which it was written (B17). */
export function dateWords(
  { disclosureAt, disclosureZone }: Pick<CaseRecord, 'disclosureAt' | 'disclosureZone'>,
  timezone: string
): string {
  return disclosureAt === null ? '' : time.formatInstant(disclosureAt, timezone, disclosureZone)
}

/** Whether a notice can still be written and approved. This message knows of no members but those of the product before it. */
export function isNoticeOpen({ case: record, notice, product, now, bound }: Draft): boolean {
  const { state, disclosureAt } = record
  const isUnfinished = notice === null || notice.state === 'drafting' || notice.state === 'held'
  const isAhead = ACTIVE.includes(state) && (disclosureAt === null || disclosureAt > now)
  const isMoved = record.product !== bound.case.product
  return !isMoved && product.policy.notice !== null && isUnfinished && isAhead
}

/** The policy's required fields that are empty, under the names a maintainer would type. */
export function missingFields(about: Pick<Draft, 'case' | 'notice' | 'product'>): string[] {
  const { required = [] } = about.product.policy.notice ?? {}
  return required.flatMap((field) => missingField(field, about) ?? [])
}

function missingField(
  field: NoticeField,
  { case: record, notice, product: { supported } }: Parameters<typeof missingFields>[0]
): string | null {
  const has = (name: NoticeTextField): boolean => (notice?.fields[name] ?? '') !== ''
  if (field === 'disclosure_at')
    return record.disclosureAt === null ? 'the disclosure instant (/embargo)' : null
  if (field === 'patches') {
    return (notice?.patches.length ?? 0) > 0 || has('no_patches')
      ? null
      : 'patches (attach them, or say why there are none in no_patches:)'
  }
  if (has(field)) return null
  return field === 'affected_versions' && supported.length > 0
    ? `affected_versions (supported: ${supported.join(', ')})`
    : field
}

/** When it leaves: the lead of the policy before the disclosure, or now; a change leaves at once. */
export function plannedRelease({ case: record, notice, product, now }: Draft): time.Instant | null {
  const rule = product.policy.notice
  const { disclosureAt } = record
  if (rule === null || disclosureAt === null) return null
  if (isListTold(notice)) return now
  const planned = time.startBefore(disclosureAt, rule.lead, product.calendar)
  return planned < now ? now : planned
}

/** A sentence that says when a notice leaves if it is approved; `to` says whom it reaches. */
export function willLeave(
  releaseAt: time.Instant,
  { now, settings }: Pick<CommandContext, 'now' | 'settings'>,
  to = ''
): string {
  return releaseAt <= now
    ? `The notice leaves${to} as soon as it is approved.`
    : `Once approved, the notice leaves ${time.formatInstant(releaseAt, settings.desk.timezone)}${to}.`
}

/** Everything the text of the notice may use. */
export function noticeParams(notice: NoticeRecord, about: NoticeSetting): NoticeParams {
  const { case: record, product, settings } = about
  const { timezone, name, fingerprint } = settings.desk
  const { caseTag, revision, told, patches, fields } = notice
  const shown = NOTICE_TEXT_FIELDS.filter((key) => key !== 'no_patches').map((key) => {
    return { label: NOTICE_FIELDS[key], text: shownText(key, notice, timezone) }
  })
  const instantOf = (key: InstantField) => ({
    at: fieldInstant(notice, key, timezone)?.instant ?? '',
    said: shownText(key, notice, timezone)
  })
  return {
    desk: name,
    tag: caseTag,
    revision,
    since: told?.revision ?? 0,
    changes: told === null ? [] : whatChanged(notice, told, record, timezone),
    product: product.name,
    tlp: product.policy.notice?.tlp ?? '',
    disclosure: { at: record.disclosureAt ?? '', said: dateWords(record, timezone) },
    patch: instantOf('patch_available_at'),
    release: instantOf('release_at'),
    deployment: readDeployment(fields.deploy_permission ?? '')?.kind ?? 'none',
    fields: shown.filter(({ text }) => text !== ''),
    patches: patches.map(({ filename, sha256, size }) => ({ filename, sha256, size })),
    noPatches: fields.no_patches ?? '',
    isWithoutFiles: false,
    fingerprint: formatFingerprint(fingerprint)
  }
}

/** A permission with its conditions, as `deploy_permission` states it; null where it is neither. */
export function readDeployment(
  text: string
): { readonly kind: Deployment; readonly conditions: string } | null {
  if (/^(?:none)?$/iu.test(text.trim())) return { kind: 'none', conditions: '' }
  const [, kind, conditions = ''] = /^\s*(hosted|yes)\s*:([^]*)$/iu.exec(text) ?? []
  if (kind === undefined || conditions.trim() === '') return null
  return { kind: kind.toLowerCase() as Deployment, conditions: conditions.trim() }
}

export const INSTANTS = ['patch_available_at', 'release_at'] as const
type InstantField = (typeof INSTANTS)[number]
type Written = Pick<NoticeRecord, 'fields'>

/** The instant that a field states; null where it states none. */
export function fieldInstant(
  { fields }: Pick<NoticeRecord, 'fields'>,
  key: InstantField,
  timezone: string
): time.WrittenInstant | null {
  const read = time.readInstant(fields[key] ?? '', timezone)
  return typeof read === 'string' ? null : read
}

/** A field as members read it: an instant in UTC and in the zone of the desk, a permission as its conditions alone. */
export function shownText(key: NoticeTextField, notice: Written, timezone: string): string {
  const text = notice.fields[key] ?? ''
  if (key === 'deploy_permission') return readDeployment(text)?.conditions ?? ''
  if (key !== 'patch_available_at' && key !== 'release_at') return text
  const read = fieldInstant(notice, key, timezone)
  return read === null ? text : time.formatInstant(read.instant, timezone, read.zone)
}

/** What is not as the list had it, in the order of the notice: both values, '' for none. */
function whatChanged(notice: NoticeRecord, told: ToldNotice, record: CaseRecord, timezone: string) {
  const valuesOf = ({ fields, patches }: NoticeRecord | ToldNotice) =>
    new Map<string, string>([
      ...NOTICE_TEXT_FIELDS.map((key) => [NOTICE_FIELDS[key], fields[key] ?? ''] as const),
      ...INSTANTS.map((key) => [NOTICE_FIELDS[key], shownText(key, { fields }, timezone)] as const),
      ...patches.map(({ filename, sha256 }) => [`Patch ${filename}`, sha256] as const)
    ])
  const before = valuesOf(told).set('Disclosure', dateWords(told, timezone))
  const after = valuesOf(notice).set('Disclosure', dateWords(record, timezone))
  return (
    [...new Set(['Disclosure', ...after.keys(), ...before.keys()])]
      .map((what) => ({ what, was: before.get(what) ?? '', is: after.get(what) ?? '' }))
      .filter(({ was, is }) => was !== is)
      // Why there were no patches is told no more once there are some.
      .filter(({ what, is }) => what !== 'Patches' || is !== '' || notice.patches.length === 0)
  )
}

/** What the disclosure has made public of this notice, for a member who had no copy: its title and CVE numbers. */
export function publicWords(notice: NoticeRecord | null): string {
  // A change that nobody has approved yet is not said.
  const known = notice?.hasLeft === true ? notice : (notice?.told ?? notice)
  const { title = '', cve = '' } = known?.fields ?? {}
  return [title, ...(cve.match(/CVE-\d{4}-\d{4,}/giu) ?? [])].filter(Boolean).join(', ')
}

/** What the text of a notice depends on besides the notice itself. */
export type NoticeSetting = Pick<Draft, 'case' | 'product' | 'settings'>

/** What an approval covers (G7), in one fixed order: any other byte, date, file, recipient or wording changes it. */
export function approvedText(
  notice: NoticeRecord,
  about: NoticeSetting,
  recipients: readonly Pick<MemberRecord, 'id' | 'address' | 'fingerprint'>[]
): string {
  const { caseTag, product, revision, fields, patches } = notice
  const params = noticeParams(notice, about)
  return JSON.stringify([
    [caseTag, product, revision, about.case.disclosureAt],
    NOTICE_TEXT_FIELDS.map((key) => fields[key] ?? null),
    patches.map(({ filename, contentType, size, sha256 }) => [filename, contentType, size, sha256]),
    recipients.map(({ id, address, fingerprint }) => `${id} ${address} ${fingerprint}`).sort(),
    noticeMessage(params).subject,
    params,
    about.settings.noticeTemplate
  ])
}

/** SHA-256 over everything that an approval of this notice would cover (G7). */
export function noticeDigest(draft: Draft, notice: NoticeRecord): Sha256 {
  return draft.tools.sha256(approvedText(notice, draft, draft.bound.members))
}

const PREVIEW_MS_MAX = 72 * time.HOUR_MS

/** Why nobody would get anything if the notice were approved as it is; null when somebody would. */
export function sentComplaint(
  { state, releasedAt }: NoticeRecord,
  { bound, settings }: CommandContext
): string | null {
  if (state !== 'released' || releasedAt === null || bound.unreached > 0) return null
  const when = time.formatInstant(releasedAt, settings.desk.timezone)
  const retry =
    bound.copies.givenUp === 0
      ? ''
      : ' What could not be delivered is sent again by the operator with "postern outbox retry ID".'
  return `Nothing has changed since the notice was sent, ${when}, so nobody would get anything. Change it with /notice draft or /embargo first.${retry}`
}

/** Why this preview can no longer be approved; null when it can. */
export function outdatedPreview(
  issued: Preview,
  digest: Sha256,
  { bound, now }: CommandContext
): string | null {
  // An approval also says that the clock is right, so the preview must show the time as it is now.
  if (bound.clockJump !== null && issued.eventId < bound.clockJump)
    return 'The clock of the desk jumped after that preview. Make a new one, compare the time in it with a clock that you trust, and approve that.'
  const age = time.msBetween(issued.issuedAt, now)
  if (age > PREVIEW_MS_MAX || age < -CLOCK_JUMP_MS)
    return 'That preview is older than 72 hours or was made while the clock was ahead; make a new one.'
  return issued.digest === digest
    ? null
    : 'The notice, its date or its recipients have changed since that preview; make a new one.'
}

/** What decides who may approve a notice. */
export function approving(notice: NoticeRecord, { product, settings }: NoticeSetting) {
  return { notice, policy: product.policy, maintainers: settings.maintainers }
}

/** The ids of the maintainers whose approvals of exactly this content count now. The release counts in the same way. */
export function approvedBy(notice: NoticeRecord, draft: Draft): readonly string[] {
  const about = { ...approving(notice, draft), digest: noticeDigest(draft, notice) }
  return approversOf(about, draft.bound.clockJump)
}

/** The newest preview that may be approved; null when there is none. */
export function standingPreview(draft: Draft): Preview | null {
  const { notice } = draft
  if (notice === null) return null
  const digest = noticeDigest(draft, notice)
  return notice.previews.find((issued) => outdatedPreview(issued, digest, draft) === null) ?? null
}
