/**
 * What the record says of a notice beside its content: who wrote it since it was approved last (four eyes, G7), which codes were
 * issued and which approvals stand. Kept nowhere else. Pure.
 */
import { type DeskEvent, type EventKind } from './event.ts'
import { type NoticeRecord } from './notice.ts'

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
