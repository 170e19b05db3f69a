/** The wordings are read once, with the configuration, so that what is rendered is what approvals cover (G7). */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { readTexts } from '../../../src/config/texts.ts'
import { MESSAGES } from '../../../src/messages/catalogue.ts'

it('every message has its wording, byte for byte, and there is no other', () => {
  const texts = readTexts(null)
  expect([...texts.keys()].sort()).toEqual(MESSAGES.map(({ kind }) => kind).sort())
  const file = new URL('../../../src/messages/notice.liquid', import.meta.url)
  expect(texts.get('notice')?.source).toBe(readFileSync(file, 'utf8'))
})
