/**
 * What came of the corpus, as README states it, and what must hold of the expectations themselves: counted from the
 * expectations, which the other tests here hold to be true.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { type ExpectedMail, readExpectations } from './expectation.ts'
import { DIFFERENCES, FILES, MAILPARSER_DIFFERENCES, SUITES } from './suites.ts'

const MAILS = SUITES.flatMap(({ file }) => Object.entries(readExpectations(file))).flatMap(
  ([path, each]): [string, ExpectedMail][] => ('is' in each ? [] : [[path, each]])
)

it('every text that is expected by its digest has words beside it that a person finds in the file', () => {
  const mute = MAILS.filter(
    ([, { text, says = '' }]) => /^(?:sha256|words|html):/.test(text) && says === ''
  )
  expect(mute.map(([path]) => path)).toEqual([])
})

it('README states how many sample messages open fully, and how many are rightly refused', () => {
  const closed = MAILS.map(([, mail]) => mail).filter(
    ({ limit, refused, seal }) =>
      limit !== undefined || refused !== undefined || (seal !== 'clear' && seal !== 'opened')
  )
  const limited = closed.filter(
    ({ limit, refusedKey }) => limit !== undefined || refusedKey !== undefined
  ).length
  const total = MAILS.length
  const open = total - closed.length
  const same = (table: typeof DIFFERENCES): number => FILES - Object.keys(table).length

  const readme = readFileSync(resolve(import.meta.dirname, '../../../README.md'), 'utf8')
  const stated = /Of its \d+ messages .* explained one by one/.exec(readme.replaceAll(/\s+/g, ' '))
  expect(stated?.[0]).toBe(
    `Of its ${total} messages ${open} open fully, ${total - open - limited} are rightly refused, ` +
      `${limited} need an algorithm or a key that no desk can hold, and none is read wrongly. ` +
      '`postal-mime` sees the same parts, file names, bytes and text in ' +
      `${same(DIFFERENCES)} of ${FILES} files, and \`mailparser\` finds the same text and files in ` +
      `${same(MAILPARSER_DIFFERENCES)}; the others are explained one by one`
  )
})
