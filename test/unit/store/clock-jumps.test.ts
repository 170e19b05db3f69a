/** Jumps of the clock on disk, and the order of approvals and jumps by their places in the record (G7). */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SaveNotice } from '../../../src/domain/decision.ts'
import { BY_DESK, DESK, event, NO_EVIDENCE } from '../../../src/domain/event.ts'
import { type Instant } from '../../../src/domain/time.ts'
import { insertCase } from '../../../src/store/cases.ts'
import {
  findUntoldJumps,
  insertClockJump,
  lastOpenJump,
  listOpenJumps,
  markJumpsTold,
  setLeftOfJump,
  sumOpenJumps
} from '../../../src/store/clock-jumps.ts'
import { type Database } from '../../../src/store/database.ts'
import { appendEvent } from '../../../src/store/events.ts'
import {
  findNotice,
  insertApproval,
  insertPreview,
  listApprovalsAfter,
  listUntoldHolds,
  saveNotice,
  setUntoldHold,
  stopNotice
} from '../../../src/store/notices.ts'
import { type TempFolder, tempFolder } from '../../support/temp.ts'
import { messageId, openCase, sha256, TAG } from '../policy/samples.ts'
import { at, NOON, openIn } from './support.ts'

const NEXT_YEAR = at('2027-11-23T12:00:00Z')
const HOUR = 3_600_000
const HOLD = { because: 'notice-held', copies: 'withdraw' } as const

let folder: TempFolder
let db: Database

beforeEach(() => {
  folder = tempFolder()
  db = openIn(folder.path)
  const roots = { maintainer: messageId('m@acme.example'), reporter: messageId('r@acme.example') }
  db.transact((tx) => insertCase(tx, openCase(), roots))
})
afterEach(() => {
  db.close()
  folder.remove()
})

function jump(ms: number, isTold = false): number {
  return db.transact((tx) => {
    const jumped = event('clock-doubted', DESK, BY_DESK, { ms })
    const { id: eventId } = appendEvent(tx, jumped, { at: NOON, evidence: NO_EVIDENCE })
    insertClockJump(tx, { eventId, ms, isTold })
    return eventId
  })
}
function save(change: Partial<SaveNotice>): number {
  const usual: SaveNotice = {
    kind: 'save-notice',
    caseTag: TAG,
    product: 'parser',
    version: 0,
    state: 'scheduled',
    revision: 1,
    fields: {},
    told: null,
    releaseAt: NOON,
    patches: null,
    approvals: 'keep',
    copies: 'go-on'
  }
  return db.transact((tx) => saveNotice(tx, 1, { ...usual, ...change }))
}
function preview(code: string): void {
  db.transact((tx) => {
    insertPreview(tx, 1, { code, digest: sha256('a'), issuedAt: NOON })
  })
}
function approve(maintainerId: string, code: string, when: Instant = NOON): void {
  db.transact((tx) => {
    insertApproval(tx, 1, { maintainerId, digest: sha256('a'), code, at: when })
  })
}
function since(eventId: number): string[] {
  return db
    .read((read) => listApprovalsAfter(read, 1, eventId))
    .map(({ maintainerId }) => maintainerId)
}

describe('jumps of the clock', () => {
  it('are open until all of them is set back, and known by their places in the record', () => {
    expect(db.read(lastOpenJump)).toBe(null)
    const first = jump(24 * HOUR)
    const second = jump(HOUR)
    expect(db.read(lastOpenJump)).toBe(second)
    expect(db.read(listOpenJumps)).toEqual([
      { eventId: first, leftMs: 24 * HOUR },
      { eventId: second, leftMs: HOUR }
    ])
    db.transact((tx) => {
      setLeftOfJump(tx, { eventId: second, leftMs: 0 })
    })
    expect(db.read(lastOpenJump)).toBe(first)
  })

  it('are told together, and one that comes while they are told is not told with them', () => {
    jump(24 * HOUR, true)
    expect(db.read(findUntoldJumps)).toBe(null)
    jump(2 * HOUR)
    const second = jump(3 * HOUR)
    expect(db.read(findUntoldJumps)).toEqual({ longestMs: 3 * HOUR, eventId: second })
    const third = jump(HOUR)
    db.transact((tx) => {
      markJumpsTold(tx, second)
    })
    expect(db.read(findUntoldJumps)).toEqual({ longestMs: HOUR, eventId: third })
  })

  it('add up to what the clock would have to be set back by, without what was set back already', () => {
    expect(db.read(sumOpenJumps)).toBe(null)
    const undone = jump(24 * HOUR)
    const half = jump(4 * HOUR)
    const last = jump(HOUR)
    db.transact((tx) => {
      setLeftOfJump(tx, { eventId: undone, leftMs: 0 })
      setLeftOfJump(tx, { eventId: half, leftMs: 2 * HOUR })
    })
    expect(db.read(sumOpenJumps)).toEqual({ eventId: last, leftMs: 3 * HOUR })
  })
})

describe('approvals and jumps', () => {
  it('are ordered by the record, whatever the clock showed at the approval', () => {
    save({})
    preview('first')
    approve('linus', 'first', NEXT_YEAR)
    const eventId = jump(HOUR)
    preview('second')
    expect(since(eventId)).toEqual([])
    approve('ada', 'second')
    expect(since(eventId)).toEqual(['ada'])
  })

  it('of a preview from before the jump does not count, however late it is given (G7)', () => {
    save({})
    preview('first')
    const eventId = jump(HOUR)
    approve('linus', 'first')
    expect(since(eventId)).toEqual([])
  })

  it('an approval that is given again takes its new place', () => {
    save({})
    preview('first')
    approve('linus', 'first')
    const eventId = jump(HOUR)
    preview('second')
    approve('linus', 'second')
    expect(since(eventId)).toEqual(['linus'])
  })

  it('an approval without its preview is a bug', () => {
    save({})
    expect(() => {
      approve('linus', 'never issued')
    }).toThrow('an approval without its preview')
  })
})

describe('a hold of which nobody could be told', () => {
  const untold = () => db.read((read) => listUntoldHolds(read, 10)).map(({ what }) => what)
  function stop(): void {
    db.transact((tx) => {
      const notice = findNotice(tx, TAG)
      if (notice === null) throw new Error('bad test data')
      stopNotice(tx, notice, HOLD, NOON)
      setUntoldHold(tx, notice.id, 'it was held')
    })
  }

  it('waits to be told until it is, through edits of the held notice', () => {
    save({})
    stop()
    save({ version: 2, state: 'held', releaseAt: null })
    expect(untold()).toEqual(['it was held'])
    db.transact((tx) => {
      setUntoldHold(tx, 1, null)
    })
    expect(untold()).toEqual([])
  })

  it('is not told any more once somebody lets the notice go', () => {
    save({})
    stop()
    save({ version: 2 })
    expect(untold()).toEqual([])
  })
})
