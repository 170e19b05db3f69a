/** The catalogue is whole: every attack has a test, and every test that it names is there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ATTACKS, type Proof } from './catalogue.ts'

const NUMBERED = Array.from({ length: 27 }, (_, index) => String(index + 1))
const NAMED = [
  'M',
  'I',
  'U',
  'EFAIL, direct',
  'EFAIL, malleability',
  'several signatures',
  'partial encryption'
]

describe('the catalogue of attacks', () => {
  it('has a test of its own for every attack', () => {
    expect(Object.keys(ATTACKS).toSorted()).toEqual([...NUMBERED, ...NAMED].toSorted())
    const without = Object.entries(ATTACKS).filter(
      ([, [, ...proofs]]) => !proofs.some(([file]) => file.startsWith('attacks/'))
    )
    expect(without).toEqual([])
  })

  it('names tests that are there', () => {
    const proofs = Object.values(ATTACKS).flatMap(([, ...all]): Proof[] => all)
    const missing = proofs.filter(
      ([file, name]) => !namesIn(file).some((each) => each.startsWith(name))
    )
    expect(missing).toEqual([])
  })
})

/** The names of the tests in a file, as they are written there; one that is skipped is none. */
function namesIn(file: string): string[] {
  const source = readFileSync(join(import.meta.dirname, '..', file), 'utf8')
  const calls = source.matchAll(
    /\bit(?:\.each(?:<[^>]*>)?\((?:[^()]|\([^()]*\))*\))?\(\s*(['"`])(.*?)\1,/g
  )
  return [...calls].map(([, , name = '']) => name)
}
