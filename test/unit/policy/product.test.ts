/** Which product a report is about (B12). */
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { arrive, headers, only, openedMail, PRODUCT, SETTINGS, sent } from './samples.ts'

const LEXER = { ...PRODUCT, id: 'lexer', name: 'ACME Lexer' }
const SLOW = { ...LEXER, policy: { ...LEXER.policy, title: 'Slow', clocks: [] } }
const settings = { ...SETTINGS, products: [PRODUCT, SLOW] }

function opened(change: Partial<OpenedMail>) {
  const decisions = arrive(openedMail(change), {}, settings)
  const [answer] = sent(decisions, 'acknowledgement')
  return { record: only(decisions, 'open-case')[0]?.case, answer: answer?.message.params }
}

describe('an encrypted report', () => {
  it.each<[string, string, Partial<OpenedMail>]>([
    ['its protected subject', 'lexer', { protected: headers({ subject: 'hole in ACME Lexer' }) }],
    ['its text', 'lexer', { text: 'The lexer crashes.' }],
    [
      'its subject before its text',
      'lexer',
      { protected: headers({ subject: 'lexer' }), text: 'As the parser.' }
    ],
    [
      'nothing where it names two',
      'parser',
      { text: 'Parser and lexer crash.', protected: headers({ subject: 'x' }) }
    ]
  ])('(B12) finds its product by %s', (_title, product, change) => {
    expect(opened({ protected: headers({ subject: 'a hole' }), ...change }).record?.product).toBe(
      product
    )
  })

  it('(B12) is acknowledged in the same words whatever product it names inside (G6)', () => {
    const hole = opened({ protected: headers({ subject: 'a hole' }), text: 'x' })
    const lexer = opened({ protected: headers({ subject: 'lexer' }), text: 'x' })
    expect(lexer.answer).toEqual(hole.answer)
  })
})
