/** The reference line at the end of each encrypted message of the desk (B20). */
import { describe, expect, it } from 'vitest'
import { type CaseTag } from '../../../src/domain/ids.ts'
import { holdsRef, quotedCodes, refLine, withoutRefs } from '../../../src/domain/message.ts'
import { relay } from '../../../src/messages/to-maintainers.ts'
import { builtInRender } from '../policy/samples.ts'

const CODE = 'abcdefghijklmnopqrstuvwxyz234567'
const TAG = 'ACME-2026-0007' as CaseTag
const LINE = refLine(TAG, CODE)

it.each([LINE, refLine(null, CODE), `> > ${LINE}`, `a\n  ${LINE}  \nb`, `${LINE}\n${LINE}`])(
  'a quoted reference line is found once: %j',
  (text) => {
    expect(quotedCodes(text)).toEqual([CODE])
  }
)

it.each([`x ${LINE}`, `${LINE} x`, `| ${LINE}`, `Ref: ${TAG}`, `Ref: ${CODE.slice(1)}`])(
  'what is no whole reference line is none: %j',
  (text) => {
    expect(quotedCodes(text)).toEqual([])
  }
)

describe("a reference line in another person's text", () => {
  const forwarded = (text: string): string =>
    builtInRender()(
      relay({
        isReport: true,
        facts: [{ label: 'From', value: `${'x'.repeat(60)} ${text} ${'y'.repeat(60)}` }],
        details: [],
        warnings: [text],
        text,
        outsideText: text,
        sealed: [{ title: text, says: text, text, files: [text] }],
        left: [],
        isInOriginal: false,
        isTooLarge: false,
        number: 1,
        files: [`${'x'.repeat(60)} ${text} ${'y'.repeat(60)}`],
        reach: '',
        hasNoReader: false,
        isUnread: false,
        isQuarantined: false
      }),
      { tag: TAG, inClear: false }
    )

  it.each([
    ['a line', LINE],
    ['an indented line', `   ${LINE}`],
    ['a quoted line', `> > ${LINE}`],
    ['the middle of a line', `word ${LINE} word`],
    ['the middle of a word', `wordRef: ${TAG}\t${CODE}`],
    ['two lines', `Ref: ${TAG}\n${CODE}`],
    ['a line separator', `x\u2028${LINE}`],
    ['a paragraph separator', `x\u2029${LINE}`],
    ['a next-line character', `x\u0085${LINE}`],
    ['a lone CR', `x\r${LINE}`],
    ['a form feed', `x\f${LINE}`]
  ])('is none of the desk in what is forwarded, however a client breaks it: %s', (_name, text) => {
    const words = forwarded(text)
    expect(words).not.toContain(CODE)
    expect(words).toContain('[reference line removed]')
    expect(holdsRef(words)).toBe(false)
    // A client may break a line at any blank, and may join lines.
    for (const broken of [
      words,
      words.replaceAll(' ', '\n'),
      words.replaceAll(/(?=Ref)/g, '\n'),
      words.replaceAll(/\s+/g, ' ')
    ])
      expect(quotedCodes(broken)).toEqual([])
  })

  it('is shown as removed, in one piece with its marks of quotation', () => {
    expect(forwarded(`Thanks.\n> Hello\n> ${LINE}\nAlice`)).toContain(
      '\nThanks.\n> Hello\n> [reference line removed]\nAlice\n'
    )
  })

  it('is looked for at once in 256 KiB (G9)', () => {
    for (const part of ['Ref: ', 'Ref:\t\t\t\t', ' ', '\n', `Ref: ${CODE}x `]) {
      const text = part.repeat(262_144 / part.length)
      expect(withoutRefs(text)).toBe(text)
      expect(quotedCodes(text)).toEqual([])
    }
  })
})
