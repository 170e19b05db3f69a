/** Which product a report is about (B12). */
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type Product } from '../../../src/domain/settings.ts'
import { type acknowledgement } from '../../../src/messages/to-reporters.ts'
import { arrive, headers, only, openedMail, PRODUCT, SETTINGS, sent } from './samples.ts'

const LEXER = { ...PRODUCT, id: 'lexer', name: 'ACME Lexer' }
const SLOW: Product = { ...LEXER, policy: { ...LEXER.policy, title: 'Slow', clocks: [] } }

type Params = Parameters<typeof acknowledgement>[0]

function opened(change: Partial<OpenedMail>, second = SLOW) {
  const settings = { ...SETTINGS, products: [PRODUCT, second] }
  const decisions = arrive(openedMail(change), {}, settings)
  const [answer] = sent(decisions, 'acknowledgement')
  return {
    record: only(decisions, 'open-case')[0]?.case,
    answer: answer?.message.params as Params | undefined
  }
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

  const OTHER = {
    ...LEXER,
    policy: {
      ...PRODUCT.policy,
      title: 'Other',
      clocks: PRODUCT.policy.clocks.map((clock) =>
        clock.id === 'answer'
          ? { ...clock, due: { within: { hours: 999 } }, firmness: 'soft' as const }
          : clock
      ),
      reporter_rules: ['Please call.', ...PRODUCT.policy.reporter_rules]
    }
  }
  it('whose outside names none of several products is promised only what holds for each of them (B12, G6)', () => {
    const outer = (subject: string) => ({ outer: headers({ subject }) })
    const parser = opened(outer('parser'), OTHER).answer
    const other = opened(outer('lexer'), OTHER).answer
    expect(parser).toMatchObject({ isFirm: true, policy: { title: PRODUCT.policy.title } })
    expect(opened(outer('a hole'), OTHER).answer).toMatchObject({
      answerBy: other?.answerBy,
      isFirm: false,
      policy: { ...parser?.policy, title: '' }
    })
    expect(other?.answerBy).not.toBe(parser?.answerBy)
    expect(opened(outer('parser'), SLOW).answer?.answerBy).not.toBe('')
    expect(opened(outer('a hole'), SLOW).answer?.answerBy).toBe('')
  })
})
