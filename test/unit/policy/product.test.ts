/** Which product a report is about (B12). */
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type Product } from '../../../src/domain/settings.ts'
import { type acknowledgement } from '../../../src/messages/to-reporters.ts'
import { rows } from '../../support/rows.ts'
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

const inside = (subject: string, text = 'x') => ({ protected: headers({ subject }), text })

describe('an encrypted report', () => {
  it.each(rows`
    its protected subject       | lexer  | hole in ACME Lexer | x
    its text                    | lexer  | a hole             | The lexer crashes.
    its subject before its text | lexer  | lexer              | As the parser.
    nothing where it names two  | parser | x                  | Parser and lexer crash.
  `)('(B12) finds its product by %s', (_title, product, subject, text) => {
    expect(opened(inside(subject, text)).record?.product).toBe(product)
  })

  it('(B12) is acknowledged in the same words whatever product it names inside (G6)', () => {
    expect(opened(inside('lexer')).answer).toEqual(opened(inside('a hole')).answer)
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
