/**
 * Every attack that the desk must survive, by its number in the project's notes on mail (27 of them) or its name, has a test in this
 * folder whose title begins so, and nothing keeps a test from running. The tests of this folder are end to end: a message made with
 * gpg or sq and by hand is delivered to a desk, and what matters is what left it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ATTACKS = [
  ...Array.from({ length: 27 }, (_, index) => `${index + 1} `),
  '1 EFAIL, direct exfiltration',
  '2 EFAIL, malleability',
  '5 M1 to M4, MIME wrapping',
  '6 I1 to I3, identities',
  'U, user interface',
  '7 several signatures: none',
  'partial encryption'
]
const SOURCES = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.ts') && name !== 'catalogue.test.ts')
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))

/** The titles of the tests that always run: the formatter puts what stands under a condition or in a function further right. */
function titlesIn(source: string): string[] {
  const tests = /^ {2}(?:it\(|it\.each.*\)\(|\].*\)\()\s*(['"`])(.*)\1,/gm
  return [...source.matchAll(tests)].map(([, , title = '']) => title)
}

/** The ways in which vitest can skip a test, invert its outcome or run it alone. */
function leftOutIn(source: string): string[] {
  return source.match(/(?<=\.|\['|\{ )(?:skip|skipIf|runIf|todo|fails|only)\b|\bskip(?=\()/g) ?? []
}

describe('the catalogue of attacks', () => {
  it('has a test of its own for every attack', () => {
    const titles = SOURCES.flatMap(titlesIn)
    const missing = ATTACKS.filter((name) => !titles.some((title) => title.startsWith(name)))
    expect(missing).toEqual([])
  })

  it('leaves none of its tests out', () => {
    expect(SOURCES.flatMap(leftOutIn)).toEqual([])
  })

  it.each([
    ["  it('a', f)", ['a']],
    ["  it.each([1])('a %i', f)", ['a %i']],
    ["  it.each(A)(\n    'a',\n    f)", ['a']],
    ["  if (c) {\n    it('a', f)", []],
    ["  // it('a', f)", []]
  ])('takes for a test what vitest runs: %j', (source, expected) => {
    expect(titlesIn(source)).toEqual(expected)
  })

  it.each([
    ["it.skip('a', f)", ['skip']],
    ["it['todo']('a')", ['todo']],
    ["it.each([1]).fails('a', f)", ['fails']],
    ["it('a', ({ skip }) => { skip() })", ['skip', 'skip']],
    ["it('a', { only: true }, f)", ['only']],
    ["describe.runIf(c)('x', f)", ['runIf']],
    ["it('of one only, a todo', f)", []]
  ])('sees that a test is left out: %j', (source, expected) => {
    expect(leftOutIn(source)).toEqual(expected)
  })
})
