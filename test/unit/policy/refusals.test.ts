/** What a maintainer reads of a message in their name that had no effect (mail.md §2.10). */
import { expect, it } from 'vitest'
import { refuseMail } from '../../../src/policy/refusals.ts'
import { GRACE, maintainerMail, only, rendered, SETTINGS, situation } from './samples.ts'

type Because = Parameters<typeof refuseMail>[1]['because']

const opened = maintainerMail('/take', GRACE, { signatures: [] })

function refuse(because: Because, refusalsLastHour = 0) {
  const history = { ...situation().history, refusalsLastHour }
  const about = { maintainer: GRACE, because }
  return refuseMail(situation({ opened, history }), about, SETTINGS)
}

it.each<[Because, string, string]>([
  ['unsigned', 'It was not signed.', 'send it again, signed with your registered key'],
  [
    'replayed',
    'Its signature was used before.',
    'If you did not write it, somebody used your name'
  ],
  ['expired-key', 'Your key has expired.', 'Extend your key'],
  ['for-another', 'meant for this desk.', `"to: ${SETTINGS.desk.address}"`]
])('%s: says why, and what to do', (because, why, remedy) => {
  const [message] = only(refuse(because), 'send-sealed')
  const text = message === undefined ? '' : rendered(message).replaceAll(/\s+/g, ' ')
  expect(text).toContain(
    'We received a message in your name, dated Sun 22 Nov 2026, 13:00 Berlin (12:00 UTC), and did not act on it.'
  )
  expect(text).toContain(why)
  expect(text).toContain(remedy)
})

it('above ten an hour a clock tells of them instead', () => {
  expect(only(refuse('unsigned', 9), 'send-sealed')).toHaveLength(1)
  expect(refuse('unsigned', 10)).toMatchObject([
    { kind: 'record', event: { kind: 'refused-unanswered', about: { because: 'unsigned' } } }
  ])
})
