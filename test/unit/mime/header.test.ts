import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeWords, sanitizeHeaderText } from '../../../src/mime/encoded-words.ts'
import { readFields } from '../../../src/mime/fields.ts'
import { readHeader, readMailboxes, readMailDate } from '../../../src/mime/header.ts'
import { readParameterized } from '../../../src/mime/parameters.ts'

function header(...fields: readonly string[]): ReturnType<typeof readHeader> {
  const raw = Buffer.from(`${fields.join('\r\n')}\r\n\r\n`)
  return readHeader(readFields(raw, 0, raw.length).fields)
}

describe('a mailbox', () => {
  it.each([
    ['alice@x.example', '', 'alice@x.example'],
    ['Alice <alice@X.example>', 'Alice', 'alice@x.example'],
    ['"Lovelace, Alice" <alice@x.example>', 'Lovelace, Alice', 'alice@x.example'],
    ['=?utf-8?B?w4RsaWNl?= <alice@x.example>', 'Älice', 'alice@x.example'],
    ['alice@x.example (Alice L.)', 'Alice L.', 'alice@x.example'],
    ['(c) Alice (c) <alice@x.example> (c)', 'Alice', 'alice@x.example'],
    ['Team: Alice <alice@x.example>;', 'Alice', 'alice@x.example'],
    ['a@münchen.example', '', 'a@xn--mnchen-3ya.example'],
    ['"boss@good.example" <evil@x.example>', 'boss@good.example', 'evil@x.example']
  ])('is read from %s', (value, name, address) => {
    expect(readMailboxes(value)).toEqual({ count: 1, contacts: [{ name, address }] })
  })

  it.each([
    '"x@good x"@internal.example',
    '"a b"@x.example',
    '<a@x.example> <b@x.example>',
    'a@x.example b@y.example',
    '<a@x.example',
    '<@route.example:a@x.example>',
    '=?utf-8?Q?a=40x.example?=',
    '"victim@x.example"',
    '"victim@x.example" <>',
    'a@x.example\u0000',
    '\u0430lice@x.example',
    'undisclosed'
  ])('is not fabricated from %s', (value) => {
    expect(readMailboxes(value).contacts).toEqual([])
  })

  it('cannot be fabricated by an encoded word in a name', () => {
    const { contacts } = readMailboxes('=?utf-8?Q?boss=40good.example=3E=2C?= <evil@x.example>')
    expect(contacts).toEqual([{ name: 'boss@good.example>,', address: 'evil@x.example' }])
  })
})

describe('header facts', () => {
  it('have no From when there are two, in one field or in two', () => {
    for (const fields of [
      ['From: a@x.example, b@x.example'],
      ['From: a@x.example', 'From: b@x.example'],
      ['From: Team: a@x.example, b@x.example;']
    ]) {
      const { facts, warnings } = header(...fields)
      expect(facts.from).toBeNull()
      expect(warnings).toContain('repeated-header')
    }
  })

  it('put References first and In-Reply-To last, without duplicates', () => {
    expect(
      header('In-Reply-To: <c@x>', 'References: <a@x>', ' <b@x> <a@x> junk <no brackets').facts
        .references
    ).toEqual(['a@x', 'b@x', 'c@x'])
  })

  it('keep the root and the newest of too many references', () => {
    const ids = Array.from({ length: 500 }, (_, index) => `<${index}@x>`)
    const { references } = header(`References: ${ids.join('\r\n ')}`).facts
    expect(references).toHaveLength(100)
    expect([references[0], references.at(-1)]).toEqual(['0@x', '499@x'])
  })

  it('join encoded words and decode characters split between them', () => {
    expect(
      header('Subject: =?utf-8?B?w4M=?= =?UTF-8?Q?=C3?=', ' =?utf-8?Q?=BC_x?= y').facts.subject
    ).toBe('Ãü x y')
    expect(decodeWords('=?iso-8859-1?Q?=FC?= =?x-unknown?Q?=FC?=')).toBe('üü')
    // Bare letters in a word, as some senders leave them there.
    expect(decodeWords('=?iso-8859-1?Q?f\u00fcr_=FC?= =?utf-8?Q?f\u00fcr?=')).toBe('für üfür')
  })

  it('never contain a control or bidirectional character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        const encoded = `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`
        for (const clean of [
          sanitizeHeaderText(text),
          header(`Subject: ${encoded}`).facts.subject
        ]) {
          expect(clean).not.toMatch(
            /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/
          )
          expect(Array.from(clean).length).toBeLessThanOrEqual(200)
        }
      })
    )
  })
})

describe('a date', () => {
  it.each([
    ['Sun, 22 Nov 2026 02:00:00 +0100', '2026-11-22T01:00:00.000Z'],
    ['22 Nov 26 01:00 GMT (comment)', '2026-11-22T01:00:00.000Z'],
    ['Sun, 22 Nov 2026 01:00:00 EST', '2026-11-22T06:00:00.000Z'],
    ['yesterday', null],
    ['Sun, 32 Nov 2026 01:00:00 +0000', null],
    ['', null],
    ['Fri,27 Nov 2026 10:00:00 +0000', '2026-11-27T10:00:00.000Z'],
    ['Fri, 27 Nov 2026 10:00:00+0000', '2026-11-27T10:00:00.000Z'],
    ['Fri, 27Nov 2026 11:00:00 +0100', '2026-11-27T10:00:00.000Z'],
    ['27 Nov2026 10:00:00GMT', '2026-11-27T10:00:00.000Z']
  ])('%s is %s', (value, expected) => {
    expect(readMailDate(value)).toBe(expected)
  })
})

describe('parameters (RFC 2231)', () => {
  it.each([
    ["x; filename*=utf-8''%C3%BC.txt", 'ü.txt'],
    ["x; filename*0*=utf-8''%C3; filename*1*=%BC; filename*2=.txt", 'ü.txt'],
    ['x; filename="=?utf-8?Q?=C3=BC?=.txt"', 'ü.txt'],
    ['x; filename=plain.txt; filename=other.txt', 'plain.txt']
  ])('%s', (value, expected) => {
    expect(readParameterized(value).params.get('filename')).toBe(expected)
  })
})
