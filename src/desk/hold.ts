/** Holds a notice by the desk's own judgement (G7). A clock tells the maintainers of it, as soon as anybody can be told. */
import { aboutCase, BY_DESK, event } from '../domain/event.ts'
import { type HoldBecause, type NoticeRecord } from '../domain/notice.ts'
import { countCopies } from '../store/deliveries.ts'
import { stopNotice } from '../store/notices.ts'
import { ofNoMail, record } from './commit.ts'
import { type Desk } from './desk.ts'

/** Stops a notice and, where it was leaving, what is still here. Deferred copies of a release before go on. */
export function hold(desk: Desk, notice: NoticeRecord, because: HoldBecause): void {
  const now = desk.clock.now()
  desk.db.transact((tx) => {
    const about = { revision: notice.revision, because, copies: countCopies(tx, notice.id) }
    const isLeaving = notice.state === 'releasing'
    const stop = { because: 'notice-held', copies: isLeaving ? 'withdraw' : 'go-on' } as const
    stopNotice(tx, notice, stop, now)
    const work = ofNoMail(now)
    record(tx, event('notice-held', aboutCase(notice.caseTag), BY_DESK, about), work)
  })
  desk.log({ event: 'notice.held', notice: notice.id, because })
}
