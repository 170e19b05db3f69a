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
})

it('an unknown encoding leaves the bytes unchanged', () => {
  expect(undo('=41\u00ff', 'x-secret')).toBe('=41\u00ff')
})
