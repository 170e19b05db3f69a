/**
 * Who wrote a notice: everybody who touched its content, its date or its list since it was approved last (four eyes, G7).
 * Read from the record, so that nothing else can say otherwise. Pure.
 */
import { type DeskEvent } from './event.ts'
import { type NoticeAuthors } from './notice.ts'

export const NO_AUTHORS: NoticeAuthors = { ids: [], isApproved: false }

export function withAuthor({ ids, isApproved }: NoticeAuthors, id: string): NoticeAuthors {
  return { ids: isApproved ? [id] : [...new Set([...ids, id])], isApproved: false }
}

/** Kinds of events that {@link authorsOf} reads. */
export const AUTHORING = [
  'notice-drafted',
  'embargo-set',
  'moved-product',
  'notice-scheduled'
] as const

/** The authors of the notice of a case, from the record, oldest event first. A date without a notice is no part of it. */
export function authorsOf(events: readonly DeskEvent[]): NoticeAuthors {
  const first = events.findIndex(({ kind }) => kind === 'notice-drafted')
  return (first < 0 ? [] : events.slice(first)).reduce<NoticeAuthors>(
    (authors, { kind, actor }) =>
      kind === 'notice-scheduled'
        ? { ...authors, isApproved: true }
        : withAuthor(authors, actor.id),
    NO_AUTHORS
  )
}
