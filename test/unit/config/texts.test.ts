/** The wordings are read once, with the configuration, so that what is rendered is what approvals cover (G7). */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { builtInTexts, readTexts } from '../../../src/config/texts.ts'
import { MESSAGES } from '../../../src/messages/catalogue.ts'
import { useFolder } from '../../support/folder.ts'

const folder = useFolder()

it('every message has its wording, byte for byte, and there are no others', () => {
  const texts = builtInTexts()
  expect([...texts.keys()].sort()).toEqual(MESSAGES.map(({ kind }) => kind).sort())
  const file = new URL('../../../src/messages/notice.liquid', import.meta.url)
  expect([...texts.values()].filter(({ samples }) => Object.keys(samples).length === 0)).toEqual([])
  expect(texts.get('notice')?.source).toBe(readFileSync(file, 'utf8'))
})

it('a wording in the operator’s folder replaces the built-in one (A4)', () => {
  const file = join(folder.path, 'note.liquid')
  writeFileSync(file, '{{ text | guard }}')
  const texts = readTexts(folder.path)
  const own = { file, source: '{{ text | guard }}' }
  expect(texts.get('note')).toEqual({ ...builtInTexts().get('note'), ...own })
  expect(texts.size).toBe(MESSAGES.length)
})

it.each([
  ['a name that no message has', 'nope.liquid', 'there is no message for nope.liquid'],
  ['a folder that is not there', null, 'cannot be read']
])('the operator’s folder is refused with %s (A4)', (_, name, complaint) => {
  if (name !== null) writeFileSync(join(folder.path, name), 'x')
  const own = name === null ? join(folder.path, 'gone') : folder.path
  expect(() => readTexts(own)).toThrow(complaint)
})
