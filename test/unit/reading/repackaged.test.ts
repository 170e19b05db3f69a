/**
 * The sealed words of one person in another wrapper, sent by somebody else: whatever the wrapper, the inside still contradicts
 * the claimed sender, and none of it is shown as a header (G6).
 */
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import {
  type Contradiction,
  contradictionOf,
  withholdContent
} from '../../../src/policy/ownership.ts'
import { address, SETTINGS, situation } from '../policy/samples.ts'
import {
  DESK_ADDRESS,
  encryptedEntity,
  encryptedMail,
  filePart,
  givenCorrespondence,
  HEAD,
  headWith,
  lines,
  mixed,
  signedEntity,
  textPart
} from './material.ts'

const BY_MALLORY = headWith('From', 'Mallory <mallory@evil.example>')
const SETTINGS_HERE = { ...SETTINGS, desk: { ...SETTINGS.desk, address: address(DESK_ADDRESS) } }
const TEXT = 'Content-Type: text/plain; charset=utf-8; protected-headers="v1"'

/** What Alice encrypted: a whole MIME entity with her protected header. */
function payload(to = DESK_ADDRESS, type = TEXT): string {
  const fields = ['From: alice@reporter.example', `To: ${to}`, 'Subject: SECRET subject']
  return lines(...fields, type, '', 'The SECRET of Alice.')
}

/** The wrappers, from a head and an armored message to a whole message. */
const WRAPPERS: readonly [string, (head: readonly string[], armored: string) => string][] = [
  ['as it was', (head, armored) => encryptedMail(armored, head)],
  [
    'with a footer behind it',
    (head, armored) => lines(...head) + mixed([encryptedEntity(armored), textPart('footer')])
  ],
  [
    'with a text before it',
    (head, armored) => lines(...head) + mixed([textPart('words'), encryptedEntity(armored)])
  ],
  ['as inline PGP', (head, armored) => lines(...head, '', armored)],
  ['as inline PGP with a footer', (head, armored) => lines(...head, '', armored, 'footer')],
  [
    'as an attached file',
    (head, armored) => lines(...head) + mixed([textPart('see'), filePart('a.txt.asc', armored)])
  ]
]

const alice = await givenCorrespondence()

describe('a payload that somebody else wrapped', () => {
  const seal = (text: string): Promise<string> => alice.seal(text, 0)
  const judge = (opened: OpenedMail): Contradiction | null =>
    contradictionOf(situation({ opened, settings: SETTINGS_HERE }))

  it.each(WRAPPERS)('contradicts a sender who is not the one inside: %s', async (_, wrap) => {
    const opened = await alice.open(wrap(BY_MALLORY, await seal(payload())))

    expect(opened.decrypted).toBe(true)
    expect(judge(opened)).toBe('from')
    expect(opened.warnings).toContain('from-mismatch')
    expect(JSON.stringify(withholdContent(opened))).not.toContain('SECRET')
  })

  it.each(WRAPPERS)('contradicts when it was meant for others alone: %s', async (_, wrap) => {
    const opened = await alice.open(wrap(HEAD, await seal(payload('bob@x.example'))))
    expect(judge(opened)).toBe('to')
    expect(opened.warnings).not.toContain('from-mismatch')
  })

  it.each(WRAPPERS)('contradicts by a signed entity inside, too: %s', async (_, wrap) => {
    const signed = signedEntity(payload(), 'none')
    const opened = await alice.open(wrap(BY_MALLORY, await seal(signed)))
    expect(judge(opened)).toBe('from')
  })

  it('is told as another sender’s where only the part signed inside names Alice, without a mark', async () => {
    const unmarked = payload(DESK_ADDRESS, 'Content-Type: text/plain')
    const signed = signedEntity(unmarked, 'none')
    const parts = [encryptedEntity(await seal(signed)), textPart('footer')]
    const opened = await alice.open(lines(...BY_MALLORY) + mixed(parts))
    expect(judge(opened)).toBe('from')
    expect(opened.warnings).toContain('from-mismatch')
  })

  it.each(['hp="cipher"', 'hp="clear"', 'protected-headers="v1"'])(
    'is no inline PGP nor an encrypted file, even where it names the sender: %s',
    async (mark) => {
      const type = `Content-Type: text/plain; ${mark}`
      const armored = await seal(payload(DESK_ADDRESS, type))
      for (const [name, wrap] of WRAPPERS) {
        const isMime = !/inline|file/.test(name)
        const opened = await alice.open(wrap(HEAD, armored))
        expect([name, judge(opened)]).toEqual([name, isMime ? null : 'form'])
      }
      const bare = await seal(lines(type, '', 'The SECRET of Alice.'))
      const opened = await alice.open(lines(...BY_MALLORY, '', bare))
      expect(judge(opened)).toBe('form')
    }
  )

  it('does not apply to the outer message: its header is never shown', async () => {
    const armored = await seal(payload())
    for (const [name, wrap] of WRAPPERS) {
      const opened = await alice.open(wrap(HEAD, armored))
      const isShown = ['as it was', 'with a text before it'].includes(name)
      expect([name, opened.protected !== null, opened.subjectProtected]).toEqual([
        name,
        isShown,
        isShown
      ])
      expect(opened.innerFacts?.subject).toBe(isShown ? undefined : 'SECRET subject')
    }
  })

  it('is not a whole message when it is plain text', async () => {
    const armored = await seal('From: mallory@evil.example\r\nprotected-headers="v1"\r\n\r\nwords')
    for (const [, wrap] of WRAPPERS) {
      expect(judge(await alice.open(wrap(HEAD, armored)))).toBeNull()
    }
  })
})
