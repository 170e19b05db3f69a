/** What a maintainer reads of a message in their name that had no effect (mail.md §2.10). */
import { expect, it } from 'vitest'
import { decideMaintainerMail } from '../../../src/policy/maintainer-mail.ts'
import { type Situation } from '../../../src/policy/situation.ts'
import {
  GRACE,
  MOMENT,
  maintainerMail,
  only,
  rendered,
  SETTINGS,
  signature,
  situation
} from './samples.ts'

function refuse(change: Parameters<typeof maintainerMail>[2], around: Partial<Situation> = {}) {
  const opened = maintainerMail('/take', GRACE, change)
  return decideMaintainerMail(situation({ opened, ...around }), SETTINGS, MOMENT) ?? []
}

it.each<[string, string, ReturnType<typeof refuse>]>([
  [
    'It was not signed.',
    'send it again, signed with your registered key',
    refuse({ signatures: [] })
  ],
  [
    'Its signature was used before.',
    'If you did not write it, somebody used your name',
    refuse({}, { signatureSeen: true })
  ],
  [
    'Your key has expired.',
    'Extend your key',
    refuse({ signatures: [signature({ state: 'expired-key' })] })
  ],
  [
    'Nothing in its signed part says that it is meant for this desk.',
    `"to: ${SETTINGS.desk.address}"`,
    refuse({ protected: null })
  ]
])('says why and what to do, and nothing of the message (G6): %s', (why, remedy, decisions) => {
  const [message] = only(decisions, 'send-sealed')
  const text = message === undefined ? '' : rendered(message).replaceAll(/\s+/g, ' ')
  expect(text).toMatch(
    /^We received a message in your name, dated Sun 22 Nov 2026, .*, and did not/
  )
  expect(text).toContain(why)
  expect(text).toContain(remedy)
  expect(`${message?.message.subject ?? ''} ${text}`).not.toMatch(/hole in the parser|\/take/)
})
