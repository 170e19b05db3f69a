/**
 * What came of the corpus, as README states it, and what must hold of the expectations themselves: counted from the
 * expectations, which the other tests here hold to be true.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { DIFFERENCES, FILES } from './differences.ts'
import { type ExpectedMail } from './expectation.ts'
import { MIME_SUITES, readExpectations } from './mime-expectation.ts'
import { SUITES } from './suites.ts'

it('every text that is expected by its digest has words beside it that a person finds in the file', () => {
  const mime = MIME_SUITES.flatMap(({ file }) => Object.entries(readExpectations(file)))
  const openpgp = SUITES.flatMap(({ expected }) => Object.entries(expected))
  const mute = [...mime, ...openpgp].filter(
    ([, each]) =>
      !('is' in each) && /^(?:sha256|words|html):/.test(each.text ?? '') && (each.says ?? '') === ''
  )
  expect(mute.map(([path]) => path)).toEqual([])
})

it('README states how many sample messages open fully, and how many are rightly refused', () => {
  const mime = MIME_SUITES.flatMap(({ file }) => Object.values(readExpectations(file)))
  const openpgp = SUITES.flatMap(({ expected }) => Object.values(expected)).flatMap((each) =>
    'is' in each ? [] : [each]
  )
  const isClosed = ({ seal = 'clear' }: ExpectedMail): boolean =>
    seal !== 'clear' && seal !== 'opened'
  const closed = openpgp.filter((mail) => mail.limit !== undefined || isClosed(mail))
  const limited = closed.filter(
    (mail) => mail.limit !== undefined || mail.refusedKey !== undefined
  ).length
  const refused = mime.filter((mail) => mail.refused !== undefined).length
  const total = mime.length + openpgp.length
  const open = total - refused - closed.length
  const differ = Object.keys(DIFFERENCES).length

  const readme = readFileSync(resolve(import.meta.dirname, '../../../README.md'), 'utf8')
  const stated = /Of its \d+ messages .* explained one by one/.exec(readme.replaceAll(/\s+/g, ' '))
  expect(stated?.[0]).toBe(
    `Of its ${total} messages ${open} open fully, ${total - open - limited} are rightly refused, ` +
      `${limited} need an algorithm or a key that no desk can hold, and none is read wrongly. ` +
      '`postal-mime` sees the same parts, file names, bytes and text in ' +
      `${FILES - differ} of ${FILES} files; the other ${differ} are explained one by one`
  )
})
