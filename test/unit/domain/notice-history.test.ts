/** What the record says of a notice: its authors, the codes and the approvals that stand (G7). */
import { expect, it } from 'vitest'
import {
  aboutCase,
  byMaintainer,
  type DeskEvent,
  type EventKind,
  event,
  NO_EVIDENCE
} from '../../../src/domain/event.ts'
import { NO_HISTORY, noticeHistory } from '../../../src/domain/notice-history.ts'
import { NOW, sha256, TAG } from '../policy/samples.ts'

const GIVEN = { digest: sha256('a'), code: 'c', revision: 1 }

/** The history after these events, each as `KIND by PERSON`. */
function after(...happened: readonly string[]) {
  const events = happened.map((one, index): DeskEvent => {
    const [kind, by = ''] = one.split(' by ')
    const made = event(kind as EventKind, aboutCase(TAG), byMaintainer(by), GIVEN as never)
    return { ...made, id: index + 1, at: NOW, evidence: NO_EVIDENCE }
  })
  return noticeHistory(events)
}
const APPROVED = ['notice-drafted by ada', 'notice-previewed by ada', 'notice-approved by linus']

it('keeps one approval a maintainer, from the place of the preview on the record', () => {
  const [approval, ...others] = after(...APPROVED, 'notice-approved by linus').approvals
  expect(approval).toMatchObject({ maintainerId: 'linus', digest: GIVEN.digest, eventId: 2 })
  expect(others).toEqual([])
})

it.each(['notice-drafted', 'embargo-set', 'moved-product', 'notice-held'])(
  '(G7) the approvals and the codes of before are void after %s',
  (kind) => {
    expect(after(...APPROVED).approvals).toHaveLength(1)
    expect(after(...APPROVED, `${kind} by ada`)).toMatchObject({ approvals: [], previews: [] })
  }
)

it('knows nothing of what was decided before there was a notice', () => {
  expect(after('embargo-set by ada', 'moved-product by ada')).toEqual(NO_HISTORY)
})
