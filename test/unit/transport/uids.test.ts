/** Sequence sets, against a plain reading of them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { firstUids, packUids } from '../../../src/transport/imap-mailbox.ts'

const uidSets = fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 80 })

describe('firstUids', () => {
  it('gives the same page as listing every UID, whatever the set and the page', () => {
    fc.assert(
      fc.property(uidSets, fc.nat(320), fc.integer({ min: 1, max: 30 }), (uids, after, limit) => {
        const above = uids.filter((uid) => uid > after).sort((a, b) => a - b)

        const page = firstUids(packUids(uids), after, limit)

        expect(page).toEqual({ uids: above.slice(0, limit), more: above.length > limit })
      })
    )
  })

  it('takes a page from a range of four billion without expanding it', () => {
    expect(firstUids('7,10:4294967295', 8, 2)).toEqual({ uids: [10, 11], more: true })
  })

  it('reads ranges in either direction, overlapping and unsorted, each UID once', () => {
    expect(firstUids('9,5:3,4:6', 0, 9)).toEqual({ uids: [3, 4, 5, 6, 9], more: false })
  })

  it('ignores what is not a UID', () => {
    expect(firstUids('', 0, 5)).toEqual({ uids: [], more: false })
    expect(firstUids('*,a:b,3', 0, 5)).toEqual({ uids: [3], more: false })
  })
})

describe('packUids', () => {
  it('joins neighbours into ranges', () => {
    expect(packUids([7, 1, 2, 3, 9])).toBe('1:3,7,9')
    expect(packUids([])).toBe('')
  })
})
