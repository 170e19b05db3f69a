/** Every sample of the gallery, for every preset. */
import { describe, expect, it } from 'vitest'
import { BUILT_IN_CLOCKS } from '../../../src/config/clock-schema.ts'
import { listPresets, readPolicy } from '../../../src/config/policy-file.ts'
import { builtInTexts } from '../../../src/config/texts.ts'
import { REFUSED } from '../../../src/domain/mail.ts'
import { COMPOSED, exhibits, shown } from '../../demo/exhibits.ts'

const ALL = (await exhibits()).map((exhibit) => [exhibit.title, shown(exhibit)] as const)
const LINES_MAX = 25

const plain = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

/** The words of a wording between its tags. */
function fragmentsOf(source: string): string[] {
  const text = source.replaceAll(/{%-? comment -?%}[^]*?{%-? endcomment -?%}/g, '')
  return text
    .split(/{%.*?%}|{{.*?}}/s)
    .map(plain)
    .filter((one) => /[a-z]{3}/i.test(one))
}

describe('the gallery', () => {
  it.each(ALL.filter(([title]) => title.includes('acknowledgement')))(
    '%s: an acknowledgement has at most 25 lines',
    (_title, text) => {
      const [, body = ''] = text.split(/\n\n([^]*)/)
      expect(body.trimEnd().split('\n').length).toBeLessThanOrEqual(LINES_MAX)
    }
  )

  it('has every refusal (A7)', () => {
    const { samples = {} } = builtInTexts().get('refusal') ?? {}
    const shown = Object.values(samples).map((one) => 'because' in one && one.because)
    expect(shown).toEqual([...Object.keys(REFUSED), ''])
  })

  it('has every rejection, the form and the plan of every preset (A7)', async () => {
    const has = (preset: string, what: string): boolean =>
      ALL.some(([title]) => {
        const [, names = '', rest = ''] = /^policy (.+?): (.*)$/.exec(title) ?? []
        return names.split(', ').includes(preset) && rest.startsWith(what)
      })
    for (const preset of listPresets()) {
      const { policy } = await readPolicy(preset, '.')
      const codes = Object.keys(policy.reject.codes).map((code) => `rejection, ${code}`)
      for (const what of [...codes, 'status', 'plan', 'form of the notice'])
        expect([preset, what, has(preset, what)]).toEqual([preset, what, true])
    }
  })

  it('has every alarm: of each built-in clock with its own title, and whatever its wording may say (A7)', () => {
    const clocks = BUILT_IN_CLOCKS.filter(({ message }) => !COMPOSED.includes(message))
    for (const { id, title, message } of clocks) {
      const own = ALL.filter(([name]) => new RegExp(`^alert: clock ${id}($|,)`).test(name))
      const subjects = own.map(([, text]) => text.split('\n')[0] ?? '')
      expect([
        id,
        subjects.some((subject) => subject.includes(title) || message === 'certificate')
      ]).toEqual([id, true])
    }
    const said = ALL.map(([, text]) => plain(text)).join('\n')
    const missing = fragmentsOf(builtInTexts().get('alert')?.source ?? '').filter(
      (one) => !said.includes(one)
    )
    expect(missing).toEqual([])
  })

  it('shows risk and remedy of every key that expires, and no case that it is about (A7)', () => {
    const keys = BUILT_IN_CLOCKS.filter(({ message }) => message === 'certificate')
    expect(keys.map(({ id }) => id)).toHaveLength(3)
    for (const { id, risk, remedy } of keys) {
      const [, text = ''] = ALL.find(([name]) => name === `alert: clock ${id}`) ?? []
      expect(plain(text)).toContain(plain(risk))
      expect(plain(text)).toContain(plain(remedy))
      expect(text).not.toMatch(/ACME-2026|Owner:/)
    }
  })

  it('sends nobody to /notice preview while the product has no notice: it would be refused', () => {
    for (const because of ['no-product', 'no-notice']) {
      const [, text = ''] =
        ALL.find(([name]) => name === `alert: clock notice-held, ${because}`) ?? []
      expect(plain(text)).toContain('What to do: Please move the case with /product ID')
    }
  })

  it('says message, and never messages, in any text', () => {
    for (const [title, text] of ALL) expect(`${title}: ${text}`).not.toMatch(/\bmails\b/)
  })
})
