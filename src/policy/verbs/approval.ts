/**
 * `/notice approve` and `/notice hold` (M-27, G7): another maintainer approves with the code that the desk issued for exactly this
 * content and these recipients; a hold voids all approvals.
 */
import { type Sha256 } from '../../domain/ids.ts'
import { copiesHeld, isAnyHere, isListTold, type NoticeRecord } from '../../domain/notice.ts'
import { formatInstant } from '../../domain/time.ts'
import { count, listed } from '../../domain/words.ts'
import {
  accepted,
  type Command,
  type CommandContext,
  type Draft,
  decided,
  type Handler,
  Refusal,
  refuseIf,
  withActivity
} from '../draft.ts'
import { approvalRule, approversOf, whoApproves } from '../embargo.ts'
import {
  noticeDigest,
  outdatedPreview,
  plannedRelease,
  sentComplaint,
  standingPreview
} from '../notice-content.ts'
import { noticeComplaint } from '../notice-lint.ts'
import { nameOf } from '../recipients.ts'
import { approving } from './notice.ts'
import { type Verb } from './verb.ts'

const approve: Handler = (draft, command, context) => {
  const { notice } = draft
  if (notice === null) throw new Refusal('There is no notice to approve.')
  refuseIf(approvalComplaint(draft, notice, command, context))
  const digest = noticeDigest(draft, notice, context)
  const about = { revision: notice.revision, digest, code: codeOf(command) }
  const next = withActivity(draft, 'approved the notice')
  const done = decided(next, context, 'notice-approved', about)
  const given = approved(done.notice ?? notice, digest, context).length
  const lacking = approvalRule(context.product.policy).needed - given
  if (lacking > 0) {
    const says = `Approved. ${count(lacking, 'more approval is', 'more approvals are')} needed.`
    return accepted(done, says)
  }
  const releaseAt = plannedRelease(draft, context)
  const isNow = releaseAt === null || releaseAt <= context.now || isListTold(notice)
  const when = isNow ? 'at once' : formatInstant(releaseAt, context.settings.desk.timezone)
  const ready: Draft = {
    ...done,
    notice: { ...notice, ...done.notice, state: 'scheduled', releaseAt }
  }
  const scheduled = decided(ready, context, 'notice-scheduled', {
    revision: notice.revision,
    leavesAt: releaseAt ?? context.now
  })
  return accepted(
    withActivity(scheduled, `scheduled the notice: it leaves ${when}`),
    `Approved. The notice leaves ${when}.`
  )
}

function codeOf({ words: [code = ''] }: Pick<Command, 'words'>): string {
  return code.toLowerCase()
}

/** The ids of the maintainers whose approvals of exactly this content count. The release counts in the same way. */
function approved(
  notice: NoticeRecord,
  digest: Sha256,
  context: CommandContext
): readonly string[] {
  return approversOf({ ...approving(notice, context), digest }, context.bound.clockJump)
}

function approvalComplaint(
  draft: Draft,
  notice: NoticeRecord,
  command: Pick<Command, 'words'>,
  context: CommandContext
): string | null {
  const issued = notice.previews.find(({ code }) => code === codeOf(command))
  const done = doneComplaint(notice, context)
  if (done !== null) return done
  if (issued === undefined)
    return 'This code does not count: it is mistyped, or the notice was changed or put on hold after its preview. /notice preview makes a new one.'
  const isAuthor = notice.authors.ids.includes(context.author.id)
  if (isAuthor && !approvalRule(context.product.policy).byAuthor)
    return authorSentence(notice, context)
  const digest = noticeDigest(draft, notice, context)
  const outdated = outdatedPreview(issued, digest, context)
  if (outdated !== null) return outdated
  const counted = approved(notice, digest, context)
  // Once a jump of the clock is undone, enough approvals may count again: then a repeated one schedules the notice.
  if (
    counted.includes(context.author.id) &&
    counted.length < approvalRule(context.product.policy).needed
  )
    return 'You have approved it already.'
  const { disclosureAt } = draft.case
  const isPast = disclosureAt !== null && disclosureAt <= context.now
  const past = 'The disclosure instant has passed; set a new one with /embargo.'
  return noticeComplaint(draft, context) ?? (isPast ? past : null)
}

function doneComplaint(notice: NoticeRecord, context: CommandContext): string | null {
  return notice.state === 'scheduled' || notice.state === 'releasing'
    ? 'The notice is approved already.'
    : sentComplaint(notice, context)
}

function authorSentence(notice: NoticeRecord, context: CommandContext): string {
  const { ids } = notice.authors
  const others = ids
    .filter((id) => id !== context.author.id)
    .map((id) => nameOf(id, context.settings))
  const too = others.length === 0 ? '' : ` So did ${listed(others)}.`
  return `You wrote the notice, set its date or moved it to another product since it was last approved.${too} ${whoApproves(approving(notice, context))}`
}

/** Puts a notice on hold. Possible while any copy of it has not left the desk, even after all copies were queued. */
const hold: Handler = (draft, _command, context) => {
  const { notice } = draft
  if (notice === null) throw new Refusal('There is no notice to hold.')
  const { copies } = context.bound
  if (notice.state === 'released' && !isAnyHere(copies))
    throw new Refusal('The notice has left already.')
  const held: Draft = { ...draft, notice: { ...notice, state: 'held', releaseAt: null } }
  const wasLeaving = notice.state === 'releasing' || isAnyHere(copies)
  return accepted(
    withActivity(
      decided(held, context, 'notice-held', {
        revision: notice.revision,
        because: 'maintainer',
        copies,
        withheldSince: notice.hasLeft ? context.now : null
      }),
      'put the notice on hold'
    ),
    wasLeaving
      ? `On hold. ${copiesHeld(copies)}`
      : 'On hold. A new /notice preview and approval let it go on.'
  )
}

export const APPROVAL: readonly Verb[] = [
  {
    name: 'notice approve',
    arguments: 'CODE',
    binds: 'notice',
    roles: ['approver'],
    help: 'approves exactly what the preview with this code showed',
    more: 'Not for an author of the notice, unless the policy wants no second person (approvals: 0). The code holds for 72 hours, and only as long as content, date and recipients stay the same.',
    run: approve,
    next: {
      happens: 'notice-approved',
      writes: (draft, context) => {
        const code = standingPreview(draft, context)?.code
        if (draft.notice === null || code === undefined) return null
        const complaint = approvalComplaint(draft, draft.notice, { words: [code] }, context)
        // The code itself stands in the preview alone: only somebody who has that before them can approve it (G7).
        return complaint === null ? '/notice approve CODE' : null
      }
    }
  },
  {
    name: 'notice hold',
    binds: 'notice',
    help: 'stops the notice',
    more: 'Copies that have not left stay here. A new preview and approval let it go on.',
    run: hold
  }
]
