import { afterEach, describe, expect, it, vi } from 'vitest'
import { readFields } from '../../../src/mime/fields.ts'

const read = (raw: Buffer | string): ReturnType<typeof readFields> => {
  const bytes = Buffer.from(raw)
  return readFields(bytes, 0, bytes.length)
}

describe('a header block', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it('is unfolded with either line end, including a line of blanks', () => {
    const raw = 'Subject: one\r\n two\n\tthree\r\n \r\nX:y\r\n\r\nbody'
    const block = read(raw)
    expect(block.fields).toEqual([
      { name: 'subject', value: 'one two\tthree' },
      { name: 'x', value: 'y' }
    ])
    expect(block).toMatchObject({ bodyStart: raw.indexOf('body'), isBroken: false })
  })

  it('is UTF-8 or windows-1252, field by field', () => {
    const { fields } = read(Buffer.from('a: \xc3\xa9\r\nb: \xe9 \x80\r\n\r\n', 'latin1'))
    expect(fields.map(({ value }) => value)).toEqual(['é', 'é €'])
  })

  it('takes no decoder of its own for each of its fields, of which one message has 200,000', () => {
    vi.stubGlobal(
      'TextDecoder',
      class {
        constructor() {
          throw new Error('a decoder was made')
        }
      }
    )
    expect(read(Buffer.from('x:\xff\r\n\r\n', 'latin1')).fields).toHaveLength(1)
  })

  it('is malformed after its thousandth field, and its body begins after its end', () => {
    const line = 'x: y\r\n z\r\n'
    const full = read(`${line.repeat(1000)}\r\nbody`)
    expect(full).toMatchObject({ isBroken: false, bodyStart: 1000 * line.length + 2 })
    const over = read(`${line.repeat(1001)} w\r\n\r\nbody`)
    expect(over).toMatchObject({ isBroken: true, bodyStart: 1001 * line.length + 6 })
    expect(over.fields).toEqual(full.fields)
  })
})
