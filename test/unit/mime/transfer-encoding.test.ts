import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentOf } from '../../../src/mime/leaf.ts'
import { parseTree } from '../../../src/mime/tree.ts'

function undo(body: string, encoding: string): string {
  const mail = `Content-Transfer-Encoding: ${encoding}\r\n\r\n${body}`
  return contentOf(parseTree(Buffer.from(mail, 'latin1'))).toString('latin1')
}

describe('base64', () => {
  it('continues after padding, because some senders encode piece by piece', () => {
    expect(undo('Zmly\r\nc3Q=\r\nIHNlY29uZA==\r\nIHRoaXJk', 'base64')).toBe('first second third')
  })

  it('ignores every byte outside its alphabet', () => {
    expect(undo('Z-m_l y!\r\n\u0000c3Q=', 'base64')).toBe('first')
    expect(undo('-----', 'base64')).toBe('')
  })

  it('gives all 256 bytes back, with each length of padding and in lines of any length', () => {
    for (const length of [253, 254, 255, 256]) {
      const bytes = Buffer.from(Array.from({ length }, (_, index) => index))
      const wrapped = bytes.toString('base64').replaceAll(/(.{7})/g, '$1\r\n')
      for (const sent of [wrapped, `${wrapped}\r\n-`]) {
        expect(undo(sent, 'base64')).toBe(bytes.toString('latin1'))
      }
    }
  })

  it('(E21) is the same in lines of one length, whatever stands among them', () => {
    const line = fc.constantFrom(`${'Zm9v'.repeat(19)}\r\n`, `${'Zm9v'.repeat(16)}\n`, 'Zm9vY\r\n')
    const lines = fc.tuple(line, fc.integer({ min: 0, max: 2500 }))
    const odd = fc.constantFrom('', '=', '-', '_', ' ', '\r', '\n', '\xff', 'Zg==', 'Z', 'Zm9v')
    const cut = fc.integer({ min: 0, max: 200_000 })
    fc.assert(
      fc.property(fc.array(fc.tuple(lines, odd, cut), { minLength: 1, maxLength: 3 }), (parts) => {
        const body = parts.reduce((before, [[one, times], strange, at]) => {
          const text = before + one.repeat(times)
          return text.slice(0, at) + strange + text.slice(at + strange.length)
        }, '')
        const groups = body.replaceAll(/[^A-Za-z0-9+/=]/g, '').split('=')
        const bytes = groups.map((group) => Buffer.from(group, 'base64'))
        expect(undo(body, 'base64') === Buffer.concat(bytes).toString('latin1')).toBe(true)
      }),
      { numRuns: 100 }
    )
  })
})

it('an unknown encoding leaves the bytes unchanged', () => {
  expect(undo('=41\u00ff', 'x-secret')).toBe('=41\u00ff')
})
