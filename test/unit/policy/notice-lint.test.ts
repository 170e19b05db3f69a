/** What is wrong with the fields of a notice is said before anybody approves it (B18). */
import { expect, it } from 'vitest'
import { type NoticeFields } from '../../../src/domain/notice.ts'
import { noticeFaults } from '../../../src/policy/notice-lint.ts'
import { at, bound, caseRecord, commandContext, noticeRecord, runText } from './samples.ts'

const DISCLOSURE = at('2026-12-04T12:00:00Z')

it.each<[string, NoticeFields, string]>([
  ['a relative date', { description: 'The fix comes next week.' }, 'description says "next week"'],
  ['a span from now', { mitigations: 'Update within 3 days.' }, 'mitigations says "within 3 days"'],
  ['a wrong weekday', { remedy_steps: 'Deploy on Thu 4 Dec 2026.' }, 'that day is a Fri'],
  ['an instant without a zone', { release_at: '2026-12-04 10:00' }, 'release_at has no zone'],
  ['no instant', { patch_available_at: 'soon' }, 'patch_available_at: '],
  ['a release after the disclosure', { release_at: '2026-12-05T12:00:00Z' }, 'release_at is after']
])('(B18) %s is a sentence that names the field', (_name, fields, says) => {
  expect(noticeFaults({ fields }, DISCLOSURE).join('\n')).toContain(says)
})

it('(B18) exact dates are fine', () => {
  const fields = {
    description: 'Public on Fri 4 Dec 2026.',
    release_at: '2026-12-04 12:00 Europe/Berlin',
    patch_available_at: '2026-12-01T14:00+01:00'
  }
  expect(noticeFaults({ fields }, DISCLOSURE)).toEqual([])
})

it('(B18) a notice with such a field gets no preview', () => {
  const notice = noticeRecord({ fields: { ...noticeRecord().fields, description: 'Tomorrow.' } })
  const dated = caseRecord({ state: 'planned', disclosureAt: DISCLOSURE })
  const context = commandContext({ bound: bound({ case: dated, notice }) })
  expect(runText('/notice preview', context).ran).toBe(false)
})
