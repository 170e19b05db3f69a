/**
 * What the record says of a notice beside its content: who wrote it since it was approved last (four eyes, G7), which codes were
 * issued, which approvals stand, and what came of its date. Kept nowhere else. Pure.
 */
import { type DeskEvent, type EventKind, type NewEvent } from './event.ts'
import { type NoticeRecord } from './notice.ts'
import { type Instant } from './time.ts'

export type NoticeHistory = Pick<NoticeRecord, 'authors' | 'previews' | 'approvals'>

export const NO_HISTORY: NoticeHistory = {
  authors: { ids: [], edits: [] },
  previews: [],
  approvals: []
}

/** Events that change the content, the date or the list of a notice. Whoever causes one that stands is an author of it. */
const EDITS: readonly EventKind[] = ['notice-drafted', 'embargo-set', 'moved-product']

/** The history of the notice of a case, oldest event first. A date without a notice is no part of it. */
export function noticeHistory(events: readonly DeskEvent[]): NoticeHistory {
  const first = events.findIndex(({ kind }) => kind === 'notice-drafted')
  return (first < 0 ? [] : events.slice(first)).reduce(noticeAfter, NO_HISTORY)
}

/** The history with one more event. Any edit and any hold voids the approvals and the codes with which another could be given. */
export function noticeAfter(
  history: NoticeHistory,
  event: Omit<DeskEvent, 'evidence' | 'subject'>
): NoticeHistory {
  const { kind, about, actor, at, id } = event as DeskEvent
  const { authors, previews, approvals } = history
  if (kind === 'notice-held') return { ...NO_HISTORY, authors }
  if (kind === 'notice-scheduled') return { ...history, authors: { ...authors, edits: [] } }
  if (kind === 'notice-previewed') {
    const { code, digest } = about
    return { ...history, previews: [{ code, digest, issuedAt: at, eventId: id }, ...previews] }
  }
  if (kind === 'notice-approved') {
    const { code, digest } = about
    // The maintainer has read nothing later than the preview, so its place on the record is that of the approval.
    const eventId = previews.find((issued) => issued.code === code)?.eventId ?? 0
    const others = approvals.filter(({ maintainerId }) => maintainerId !== actor.id)
    return { ...history, approvals: [...others, { maintainerId: actor.id, digest, at, eventId }] }
  }
  if (!EDITS.includes(kind)) return history
  // A maintainer whose date was replaced by another date is no author because of it.
  const standing = authors.edits.filter((edit) => kind !== 'embargo-set' || edit.kind !== kind)
  const edits = [...standing, { id: actor.id, kind }]
  return { ...NO_HISTORY, authors: { ids: [...new Set(edits.map(({ id }) => id))], edits } }
}

/** The date in the notice of which the list had the first copy last, or has all copies on their way; null for none. */
export function dateOfList(events: readonly DeskEvent[]): Instant | null {
  const held = events.findLastIndex(({ kind }) => kind === 'notice-held')
  const told = events.findLastIndex(
    ({ kind }, at) => kind === 'list-told' || (kind === 'notice-left' && at > held)
  )
  const left = events.slice(0, told + 1).findLastIndex(({ kind }) => kind === 'notice-leaving')
  const set = events.slice(0, left + 1).findLast((one) => one.kind === 'embargo-set')
  return set?.about.date ?? null
}

/**
 * Whether a message about a date to this reporter, if it has not left yet, is not true any more: a newer one or another date
 * takes its place, or the case ends. That it is public stays true when the case is closed.
 */
export function outdates({ kind, about }: NewEvent, reporter: string): boolean {
  if (kind === 'date-asked' || kind === 'date-told') return about.reporter === reporter
  if (kind === 'closed') return about.disposition !== 'disclosed'
  return ['embargo-set', 'disclosed', 'rejected', 'merged'].includes(kind)
}

/** Whether the message that asked or told a date never left, because of what came first. */
function isOutdated(said: DeskEvent, events: readonly DeskEvent[]): boolean {
  if (said.kind !== 'date-asked' && said.kind !== 'date-told') return false
  const { reporter } = said.about
  const next = events
    .slice(events.indexOf(said) + 1)
    .find(
      (one) =>
        outdates(one, reporter) || (one.kind === 'date-left' && one.about.reporter === reporter)
    )
  return next !== undefined && next.kind !== 'date-left'
}

type AboutReporter = Extract<NewEvent, { readonly about: { readonly reporter: string } }>['kind']

/** The events of these kinds that concern this reporter. No message about a date that never left asked or told them anything. */
export function wordsWith<E extends DeskEvent, K extends AboutReporter>(
  events: readonly E[],
  { id }: { readonly id: string },
  ...kinds: readonly K[]
) {
  return events
    .filter((one): one is Extract<E, { readonly kind: K }> => kinds.includes(one.kind as K))
    .filter((one) => one.about.reporter === id && !isOutdated(one, events))
}
