/**
 * Which previews of a notice may still be approved (M-27, G7): those of exactly this content, date and recipients, not too old,
 * and from after the newest jump of the clock.
 */
import { type Sha256 } from '../domain/ids.ts'
import { type Preview } from '../domain/notice.ts'
import { msBetween } from '../domain/time.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { noticeDigest } from './notice-content.ts'

/** A preview's code may be used for this long. */
const PREVIEW_MS_MAX = 72 * 3_600_000

/** Why what this preview showed is not what an approval would be about now; null when it is. */
export function outdatedPreview(
  issued: Preview,
  digest: Sha256,
  { bound, now }: CommandContext
): string | null {
  // Whoever approves says that the clock is right, too; that takes a preview that shows it.
  if (bound.clockJump !== null && issued.eventId < bound.clockJump)
    return 'The clock of the desk jumped after that preview. Make a new one, compare the time in it with a clock that you trust, and approve that.'
  if (msBetween(issued.issuedAt, now) > PREVIEW_MS_MAX)
    return 'That preview is older than 72 hours; make a new one.'
  return issued.digest === digest
    ? null
    : 'The notice, its date or its recipients have changed since that preview; make a new one.'
}

/** The newest preview that may be approved; null when there is none, or when this message changed the notice. */
export function standingPreview(draft: Draft, context: CommandContext): Preview | null {
  const { notice, voided } = draft
  if (notice === null || voided) return null
  const digest = noticeDigest(draft, notice, context)
  const standing = context.bound.previews.filter(
    (issued) => outdatedPreview(issued, digest, context) === null
  )
  return standing.reduce<Preview | null>(
    (latest, one) => (latest === null || one.issuedAt > latest.issuedAt ? one : latest),
    null
  )
}
