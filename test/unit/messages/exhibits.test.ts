/** Every sample of the gallery, for every preset. */
import { describe, expect, it } from 'vitest'
import { listPresets, readPolicy } from '../../../src/config/policy-file.ts'
import { builtInTexts } from '../../../src/config/texts.ts'
import { exhibits, shown } from '../../demo/exhibits.ts'

const ALL = (await exhibits()).map((exhibit) => [exhibit.title, shown(exhibit)] as const)
const LINES_MAX = 25

describe('the gallery', () => {
  it.each(ALL.filter(([title]) => title.includes('acknowledgement')))(
    '%s: an acknowledgement has at most 25 lines',
    (_title, text) => {
      const [, body = ''] = text.split(/\n\n([^]*)/)
      expect(body.trimEnd().split('\n').length).toBeLessThanOrEqual(LINES_MAX)
    }
  )

  it('has every refusal (A7)', () => {
    const { source = '', samples = {} } = builtInTexts().get('refusal') ?? {}
    const known = [...source.matchAll(/when "([^"]+)"/g)].map(([, code]) => code)
    expect(Object.values(samples).map((one) => 'because' in one && one.because)).toEqual(known)
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

  it('says message, and never messages, in any text', () => {
    for (const [title, text] of ALL) expect(`${title}: ${text}`).not.toMatch(/\bmails\b/)
  })
})
