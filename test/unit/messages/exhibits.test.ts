/** Every sample of the gallery, for every preset. */
import { describe, expect, it } from 'vitest'
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

  it('says message, and never messages, in any text', () => {
    for (const [title, text] of ALL) expect(`${title}: ${text}`).not.toMatch(/\bmails\b/)
  })
})
