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

  it.each([
    ['a line of blanks', 'A: 1\r\n \r\n', 'Words\r\n\r\nmore words'],
    ['a line of blanks, above words that look like a field', 'A: 1\n\t\n', 'Summary: an overflow'],
    ['nothing', 'A: 1\r\n', 'The words of the report,\r\nin one paragraph'],
    ['nothing, above an empty line in the text', 'A: 1\n', 'The report.\n\nSee: below\n']
  ])('(D19) that %s ends swallows no text, and is said to be broken', (_, head, body) => {
    const block = read(head + body)
    expect(block.fields).toEqual([{ name: 'a', value: '1' }])
    expect([block.bodyStart, block.isBroken]).toEqual([head.length, true])
  })

  it('goes on below a line that is no field when nothing but fields follows', () => {
    const { fields, isBroken } = read('A: 1\nsomebody put this here\nB: 2\n\nbody')
    expect([fields.map(({ name }) => name), isBroken]).toEqual([['a', 'b'], true])
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
