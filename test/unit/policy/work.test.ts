/**
 * (A4) What the worst text costs the rules that read replies, refusals and notices: each text here is so long that a pattern whose
 * cost grows with the square of it would need minutes.
 */
import { describe, expect, it } from 'vitest'
import { withoutAddresses } from '../../../src/domain/address.ts'
import { type NoticeFields } from '../../../src/domain/notice.ts'
import { splitReason, startDraft } from '../../../src/policy/draft.ts'
import { noticeFaults } from '../../../src/policy/notice-lint.ts'
import { readVersions, sharedVersions } from '../../../src/policy/versions.ts'
import { meaningOf } from '../../../src/transport/smtp-reply.ts'
import { bound, commandContext, noticeRecord, POLICY, PRODUCT } from './samples.ts'

const LONG = 400_000

function faults(fields: NoticeFields, reported: readonly string[] = []): readonly string[] {
  const { notice } = POLICY
  const policy = { ...POLICY, notice: notice && { ...notice, links: [] } }
  const known = { ...bound({ notice: noticeRecord({ fields }) }), reported }
  const context = commandContext({ bound: known, product: { ...PRODUCT, policy } })
  return [...noticeFaults(startDraft(context))]
}

describe('(A4) the worst text costs no more than its length', () => {
  it('of a mail server', () => {
    const error = (words: string) =>
      Object.assign(new Error('x'), { responseCode: 550, response: `550 5.7.1 ${words}` })
    for (const words of ['x'.repeat(LONG), '@'.repeat(LONG), '<'.repeat(LONG), '<a@'.repeat(LONG)])
      expect(meaningOf(error(words) as never, 1)).toMatchObject({ outcome: { kind: 'unclear' } })
  })

  it('without the addresses in it', () => {
    const said = 'x <a@b.example> y@z.example, @ @a a@ (b@c) end'
    expect(withoutAddresses(said, '…')).toBe('x … … @ @a a@ … end')
    expect(withoutAddresses('x'.repeat(LONG), '…')).toHaveLength(LONG)
  })

  it('in front of a reason', () => {
    const words = [`${'-'.repeat(LONG)}x`, 'because', 'y']
    expect(splitReason(words)).toMatchObject({ reason: 'y' })
    expect(splitReason(['3', '-', ',', 'because', 'y']).before).toBe('3')
  })

  it.each([
    ['a number in front of a letter', `${'1'.repeat(LONG)}a.x`],
    ['blanks', `1${' '.repeat(LONG)}2`],
    ['a range of blanks', `1 to${' '.repeat(LONG)}x`],
    ['commas', ','.repeat(LONG)],
    ['versions', Array.from({ length: LONG / 4 }, (_, index) => index).join(',')]
  ])('of the versions in a notice: %s', (_what, text) => {
    expect(readVersions(text, ['4']).unread).toBeDefined()
  })

  it('of versions that are compared: a thousand of each field, and what is beyond is said', () => {
    const ones = readVersions('1,'.repeat(1000).slice(0, -1), [])
    const twos = readVersions('2;'.repeat(1000), [])
    expect([ones.unread, ones.ranges.length]).toEqual([undefined, 1000])
    expect(sharedVersions(ones.ranges, twos.ranges)).toBeNull()
    expect(readVersions(`${'1,'.repeat(1000)}3`, []).unread).toBe('3')
  })

  it('of what a reporter wrote, which a notice may not repeat', () => {
    const reported = ['\n'.repeat(LONG), ' '.repeat(LONG)]
    expect(faults({ description: 'x' }, reported)).toEqual(faults({ description: 'x' }))
  })
})
