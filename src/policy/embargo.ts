/**
 * Whether a scheduled notice leaves now (G7): never before its instant, never without the approvals its policy demands over
 * exactly its present content and recipients, never silently late, and after a jump of the clock only on approvals of
 * previews from after it.
 */
import { type CaseRecord } from '../domain/case.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type HoldBecause, type NoticeRecord } from '../domain/notice.ts'
import { type Maintainer, type Policy } from '../domain/settings.ts'
import { type Instant, msBetween } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'

export type ReleaseVerdict =
  | { readonly kind: 'wait' }
  | { readonly kind: 'release'; readonly lateMs: number; readonly isLate: boolean }
  | { readonly kind: 'hold'; readonly because: HoldBecause }

/** Judges one scheduled notice. `digest` is over its present content and recipients. */
export function decideRelease(input: {
  readonly notice: NoticeRecord
  readonly case: CaseRecord
  readonly policy: Policy
  /** The maintainers of the present configuration. An approval by anybody else does not count any more. */
  readonly maintainers: readonly Pick<Maintainer, 'id' | 'name' | 'roles'>[]
  readonly digest: Sha256
  /** The place on the record of a jump of the clock that is in doubt; null for none. */
  readonly clockJump: number | null
  readonly now: Instant
}): ReleaseVerdict {
  const { notice, policy, clockJump, now } = input
  const { needed } = approvalRule(policy)
  if (policy.notice === null) return { kind: 'hold', because: 'no-notice' }
  if (approversOf(input, null).length < needed) return { kind: 'hold', because: 'approval-void' }
  if (notice.state !== 'scheduled' || notice.releaseAt === null || now < notice.releaseAt)
    return { kind: 'wait' }
  if (approversOf(input, clockJump).length < needed) return { kind: 'hold', because: 'clock' }
  const { disclosureAt } = input.case
  if (disclosureAt === null || now >= disclosureAt) return { kind: 'hold', because: 'disclosed' }
  const lateMs = msBetween(notice.releaseAt, now)
  const isLate = lateMs > policy.notice.late_after_minutes * 60_000
  if (isLate && policy.notice.late === 'hold') return { kind: 'hold', because: 'too-late' }
  return { kind: 'release', lateMs, isLate }
}

/** How many approve. With `approvals: 0` one person decides, the author too: only by a code, so nothing else leaves (G7). */
export function approvalRule(policy: Policy) {
  const others = policy.notice?.approvals ?? 1
  return { needed: Math.max(others, 1), byAuthor: others === 0 }
}

type Approving = Pick<Parameters<typeof decideRelease>[0], 'notice' | 'policy' | 'maintainers'>

function ableTo({ notice, policy, maintainers }: Approving): Approving['maintainers'] {
  const excluded = approvalRule(policy).byAuthor ? [] : notice.authors.ids
  return maintainers.filter(({ id, roles }) => roles.includes('approver') && !excluded.includes(id))
}

/** Who can approve this notice, by name; where too few can, what to do about it. */
export function whoApproves(approving: Approving): string {
  const { needed } = approvalRule(approving.policy)
  const names = ableTo(approving).map(({ name }) => name)
  if (names.length >= needed)
    return needed === 1
      ? `${listed(names, 'or')} can approve it.`
      : `It needs ${needed} approvals; ${listed(names)} can give them.`
  // Another date by somebody else leaves only the authors of the text and of the list.
  const { authors } = approving.notice
  const ids = authors.edits.filter(({ kind }) => kind !== 'embargo-set').map(({ id }) => id)
  const redated = { ...approving.notice, authors: { ...authors, ids } }
  const then = ableTo({ ...approving, notice: redated }).map(({ name }) => name)
  const freed = then.filter((name) => !names.includes(name))
  const date =
    freed.length === 0
      ? ''
      : ` If somebody else sets another date with /embargo, ${listed(freed, 'or')} can approve it.`
  return `It needs ${count(needed, 'approver', 'approvers')} besides its authors, and there is ${names.length === 0 ? 'nobody' : `only ${listed(names)}`}: as it stands it cannot leave.${date} The operator can give another maintainer the role approver, or set approvals: 0 in the policy, so that its author may approve it.`
}

/** Who may and did approve exactly this. After a doubtful jump of the clock only later previews count. */
export function approversOf(
  approving: Approving & { readonly digest: Sha256 },
  clockJump: number | null
): readonly string[] {
  const given = approving.notice.approvals.filter(
    ({ digest, eventId }) => digest === approving.digest && eventId >= (clockJump ?? 0)
  )
  const able = ableTo(approving).map(({ id }) => id)
  return able.filter((id) => given.some(({ maintainerId }) => maintainerId === id))
}

/** A difference between wall clock and monotonic clock above this is a jump, not drift. */
export const CLOCK_JUMP_MS = 5 * 60_000

/** How far the wall clock jumped between two looks: positive is forward, 0 is no more than drift. Sleep is no jump. */
export function clockJumpMs(
  before: { readonly now: Instant; readonly bootMs: number },
  after: { readonly now: Instant; readonly bootMs: number }
): number {
  const moved = msBetween(before.now, after.now) - (after.bootMs - before.bootMs)
  return Math.abs(moved) > CLOCK_JUMP_MS ? Math.trunc(moved) : 0
}
