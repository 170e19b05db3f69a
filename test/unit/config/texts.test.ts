/** The mail texts are read once, with the configuration, so that what is rendered is what approvals cover (G7). */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { readTexts } from '../../../src/config/texts.ts'
import { TEMPLATE_NAMES } from '../../../src/templates/render.ts'

it('every text that can be rendered is read, byte for byte', () => {
  const texts = readTexts()
  expect([...texts.keys()].sort()).toEqual([...TEMPLATE_NAMES].sort())
  const file = new URL('../../../src/templates/notice.liquid', import.meta.url)
  expect(texts.get('notice')).toBe(readFileSync(file, 'utf8'))
})
