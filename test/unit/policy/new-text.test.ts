/** Cutting a reply down to its author's words (mail.md §2.4, G6), also on replies that real clients wrote. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DESK_RULE } from '../../../src/domain/template.ts'
import { newText } from '../../../src/policy/new-text.ts'

describe('new text of a reply', () => {
  it.each([
    ['a plain mail', 'One.\n\nTwo.\n', 'One.\n\nTwo.'],
    ['an English attribution', 'Yes.\n\nOn Mon, 22 Nov 2026, X wrote:\n> No?\n', 'Yes.'],
    [
      'a wrapped attribution',
      'Yes.\n\nOn Mon, 22 Nov 2026 at 10:00\nX <x@y.example> wrote:\n\n> No?',
      'Yes.'
    ],
    ['a German attribution', 'Ja.\n\nAm 22.11.26 um 10:00 schrieb X:\n> Nein?', 'Ja.'],
    ['a French attribution', 'Oui.\n\nLe 22 nov. 2026 à 10:00, X a écrit :\n> Non ?', 'Oui.'],
    [
      'an attribution that begins with a date',
      'Yes.\n22.11.2026 10:00 пользователь "X" <\nx@y.example> написал:\n\n> No',
      'Yes.'
    ],
    ['a bottom-posted answer', 'On Monday X wrote:\n> No?\n\nYes.', 'Yes.'],
    ['an answer between quotes', '> One?\nYes.\n> Two?\nNo.', 'Yes.\nNo.'],
    ['a signature', 'Yes.\n-- \nGrace\nACME', 'Yes.'],
    ['an Outlook header', 'Yes.\n\nFrom: X\nSent: Monday\nTo: Y\n\nsecret', 'Yes.'],
    ['a German Outlook header', 'Ja.\n\nVon: X\nGesendet: Montag\n\ngeheim', 'Ja.'],
    [
      'a Yahoo header with its attribution',
      'Yes.\n\n--- On Wed, 4/4/12, X <x@y.example> wrote:\n\n\nFrom: X\nSubject: Y\nTo: Z\n\nsecret',
      'Yes.'
    ],
    ['an original message', 'Yes.\n\n-----Original Message-----\nsecret', 'Yes.'],
    ['desk text without quote marks', `Yes.\n\n${DESK_RULE}\nCase: ACME-2026-0001\n`, 'Yes.'],
    ['only a quote', '> all\n> quoted', ''],
    ['nothing', '', '']
  ])('is right for %s', (_name, text, expected) => {
    expect(newText(text)).toBe(expected)
  })

  it('never keeps a quoted line, whatever surrounds it (property, G6)', () => {
    const line = fc.oneof(
      fc.constantFrom('On Monday X wrote:', '-- ', '', '> quoted', '>> deep', DESK_RULE, 'plain'),
      fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '))
    )
    fc.assert(
      fc.property(fc.array(line), fc.array(line), (before, after) => {
        const kept = newText([...before, '> SECRET', ...after].join('\n'))
        expect(kept).not.toContain('SECRET')
      })
    )
  })

  it('never adds anything and is stable when applied twice (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '> b', 'X wrote:', 'On d', '-- ', '')), (lines) => {
        const once = newText(lines.join('\n'))
        expect(newText(once).length).toBeLessThanOrEqual(once.length)
        for (const kept of once.split('\n')) expect(['', ...lines]).toContain(kept)
      })
    )
  })
})

const corpus = resolve(import.meta.dirname, '../../../../shared/corpus/talon/standard_replies')
const EXACT: Readonly<Record<string, string>> = {
  'android.eml': 'Hello',
  'aol.eml': 'Hello',
  'apple_mail.eml': 'Hello',
  'apple_mail_2.eml': 'Hello',
  'comcast.eml': 'Hello',
  'gmail.eml': 'Hello',
  'hotmail.eml': 'Hello',
  'iphone.eml': 'Hello\n\nSent from my iPhone',
  'outlook.eml': 'Hello',
  'sparrow.eml': 'Hello',
  'thunderbird.eml': 'Hello',
  'yahoo.eml': 'Hello'
}

/** The plain text of a mail of the corpus: its body, or its first text/plain part. */
function plainText(path: string): string {
  const raw = readFileSync(path, 'latin1').replaceAll('\r\n', '\n')
  const boundary = /boundary="?([^"\n;]+)"?/.exec(raw.slice(0, raw.indexOf('\n\n') + 2))?.[1]
  const entity =
    boundary === undefined
      ? raw
      : (raw.split(`--${boundary}`).find((part) => /text\/plain/i.test(part)) ?? '').trimStart()
  const split = entity.indexOf('\n\n')
  const [head, body] = [entity.slice(0, split).toLowerCase(), entity.slice(split + 2)]
  if (head.includes('base64')) return Buffer.from(body, 'base64').toString('utf8')
  return head.includes('quoted-printable') ? body.replaceAll('=\n', '') : body
}

describe.skipIf(!existsSync(corpus))(
  'replies that real clients wrote (sample mails of another project, which are no part of this one: needs ../shared/corpus/talon)',
  () => {
    it.each(Object.entries(EXACT))('%s comes down to what its author wrote', (name, expected) => {
      expect(newText(plainText(join(corpus, name)))).toBe(expected)
    })
  }
)
