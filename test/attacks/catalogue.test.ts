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

describe('the catalogue of attacks', () => {
  it('has a test of its own for every attack', () => {
    // The formatter puts what stands under a condition or in a function further right.
    const tests = /^ {2}(?:it\(|it\.each.*\)\(|\].*\)\()\s*(['"`])(.*)\1,/gm
    const titles = SOURCES.flatMap((source) =>
      [...source.matchAll(tests)].map(([, , name]) => name)
    )
    const missing = ATTACKS.filter((name) => !titles.some((title) => title?.startsWith(name)))
    expect(missing).toEqual([])
  })

  it('leaves none of its tests out', () => {
    const ways = /(?<=\.|\['|\{ )(?:skip|skipIf|runIf|todo|fails|only)\b|\bskip(?=\()/g
    expect(SOURCES.flatMap((source) => source.match(ways) ?? [])).toEqual([])
  })
})
