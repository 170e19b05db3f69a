/**
 * `/notice approve` and `/notice hold` (M-27, G7): another maintainer approves with the code that the desk issued for exactly this
 * content and these recipients; a hold voids all approvals.
 */
import { copiesHeld, isAnyHere, isWithheld, type NoticeRecord } from '../../domain/notice.ts'
import { formatInstant } from '../../domain/time.ts'
import { count, listed } from '../../domain/words.ts'
import { type Draft, decided, type Handler, hasHappened, refuseIf, splitReason } from '../draft.ts'
import { approvalRule, whoApproves } from '../embargo.ts'
import * as content from '../notice-content.ts'
import { noticeComplaint } from '../notice-lint.ts'
import { nameOf } from '../recipients.ts'
import { dateLines } from '../status.ts'
import { noticeFor } from './notice.ts'
import { type Verb } from './verb.ts'

const approve: Handler = (draft, command) => {
  const { now, settings } = draft
  const notice = noticeFor(draft, 'notice-approved', 'There is no notice to approve.')
  const code = (command.words[0] ?? '').toLowerCase()
  refuseIf(approvalComplaint(draft, notice, code))
  const { revision } = notice
  const digest = content.noticeDigest(draft, notice)
  // A reporter has no commands: an objection stops nothing, not even one that came after the preview.
  const objections = [...dateLines(draft)].filter((line) => line.includes('OBJECTED'))
  const also = objections.map((line) => ` ${line}.`).join('')
  const about = { digest, code, members: draft.bound.members.length }
  decided(draft, 'notice-approved', { revision, ...about })
  draft.activity.push('approved the notice')
  const given = content.approvedBy(draft.notice ?? notice, draft).length
  const lacking = approvalRule(draft.product.policy).needed - given
  if (lacking > 0)
    return `Approved. ${count(lacking, 'more approval is', 'more approvals are')} needed.${also}`
  const releaseAt = content.plannedRelease(draft)
  const isNow = releaseAt === null || releaseAt <= now
  const when = isNow ? 'at once' : formatInstant(releaseAt, settings.desk.timezone)
  draft.notice = { ...notice, ...draft.notice, state: 'scheduled', releaseAt }
  decided(draft, 'notice-scheduled', { revision, leavesAt: releaseAt ?? now })
  draft.activity.push(`scheduled the notice: it leaves ${when}`)
  return `Approved. The notice leaves ${when}.${also}`
}

function approvalComplaint(draft: Draft, notice: NoticeRecord, code: string): string | null {
  const { author, product } = draft
  const rule = approvalRule(product.policy)
  const issued = notice.previews.find((one) => one.code === code)
  const counted = content.approvedBy(notice, draft)
  const over = counted.length < rule.needed ? ['releasing'] : ['scheduled', 'releasing']
  if (over.includes(notice.state)) return 'The notice is approved already.'
  const done = content.sentComplaint(notice, draft)
  if (done !== null) return done
  if (['', 'code'].includes(code))
    return 'Please add the code that stands in the preview: /notice approve CODE.'
  if (issued === undefined)
    return 'This code does not count: it is mistyped, or the notice was changed or put on hold after its preview. /notice preview makes a new one.'
  if (notice.authors.ids.includes(author.id) && !rule.byAuthor) return authorSentence(notice, draft)
  // Once a jump of the clock is undone, enough approvals may count again: then a repeated one schedules the notice.
  const isGiven = counted.includes(author.id) && counted.length < rule.needed
  const given = isGiven ? 'You have approved it already.' : null
  return (
    content.outdatedPreview(issued, content.noticeDigest(draft, notice), draft) ??
    given ??
    noticeComplaint(draft)
  )
}

function authorSentence(notice: NoticeRecord, draft: Draft): string {
  const { author, settings } = draft
  const others = notice.authors.ids.filter((id) => id !== author.id)
  const names = others.map((id) => nameOf(id, settings))
  const too = others.length === 0 ? '' : ` So did ${listed(names)}.`
  return `You wrote the notice, set its date or moved it to another product since it was last approved.${too} ${whoApproves(content.approving(notice, draft))}`
}

/** Puts a notice on hold. Possible while any copy of it has not left the desk, even after all copies were queued. */
const hold: Handler = (draft, command) => {
  const { before, reason, why } = splitReason(command.words)
  refuseIf(before === '' ? null : 'Please write: /notice hold, or /notice hold because REASON.')
  const { copies } = draft.bound
  const isHere = isAnyHere(copies)
  // Where no copy is left to stop, a hold is for a notice that could still go on.
  const notice = noticeFor(draft, isHere ? null : 'notice-drafted', 'There is no notice to hold.')
  refuseIf(hasHappened(draft, 'notice-previewed') ? HOLD_FIRST : null)
  const { revision, state } = notice
  refuseIf(state === 'released' && !isHere ? LEFT_ALREADY : null)
  draft.notice = { ...notice, state: 'held', releaseAt: null }
  const withheldSince = isWithheld(notice, copies) ? draft.now : null
  const about = { because: 'maintainer', reason: reason ?? '', copies, withheldSince } as const
  decided(draft, 'notice-held', { revision, ...about })
  draft.activity.push(`put the notice on hold${why}`)
  return state === 'releasing' || isHere
    ? `On hold${why}. ${copiesHeld(copies)}`
    : `On hold${why}. A new /notice preview and approval let it go on.`
}

const LEFT_ALREADY =
  'The notice has left already: there is no copy to stop. If the issue is public, record that with /disclosed because REASON; if it has to become public earlier, set the date with /embargo.'
const HOLD_FIRST =
  'This would void the code of the preview in the same message. Please send /notice hold alone, or above /notice preview.'

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
      writes: (draft) => {
        const code = content.standingPreview(draft)?.code
        if (draft.notice === null || code === undefined) return null
        const complaint = approvalComplaint(draft, draft.notice, code)
        // The code itself stands in the preview alone: only somebody who has that before them can approve it (G7).
        return complaint === null ? '/notice approve CODE' : null
      }
    }
  },
  {
    name: 'notice hold',
    arguments: '[because REASON]',
    binds: 'notice',
    help: 'stops the notice',
    more: 'Copies that have not left stay here. A new preview and approval let it go on.',
    run: hold
  }
]
