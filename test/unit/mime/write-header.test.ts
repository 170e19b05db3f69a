import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { Invariant } from '../../../src/domain/assert.ts'
import { type MessageId } from '../../../src/domain/ids.ts'
import {
  headerField,
  mailbox,
  messageIdList,
  parameter,
  unstructured
} from '../../../src/mime/write-header.ts'
import { decodeWords } from '../../support/mail-parts.ts'

const address = 'security@desk.example' as Address
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom('\r', '\n', ' ', '\0', ':', 'Bcc', '@', '<', '"', 'é', '=?') })
)
const hasControl = (text: string): boolean =>
  [...text].some((character) => character < ' ' || character === '\u007f')

/** The value of one written field; fails the test when the field is anything but one legal field. */
function valueOf(field: string, name: string): string {
  const [first = '', ...rest] = field.split('\r\n')
  expect(first.startsWith(`${name}:`)).toBe(true)
  for (const line of rest) expect(line).toMatch(/^ \S/)
  for (const line of [first, ...rest]) {
    expect(line).toMatch(/^[\x20-\x7e]*$/)
    expect(line.length).toBeLessThanOrEqual(998)
  }
  return field
    .slice(name.length + 1)
    .replaceAll('\r\n', '')
    .replace(/^ /, '')
}

describe('header fields', () => {
  it('never let a value become a second field (property)', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        if (hasControl(text)) {
          expect(() => headerField('Subject', unstructured(text))).toThrow(Invariant)
          expect(() => headerField('Subject', text)).toThrow(Invariant)
          return
        }
        const value = valueOf(headerField('Subject', unstructured(text)), 'Subject')
        expect(decodeWords(value)).toBe(Buffer.from(text).toString('utf8'))
      }),
      { numRuns: 1000 }
    )
  })

  it('never let a display name become an address (property)', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        if (hasControl(name.trim())) {
          expect(() => mailbox({ name, address })).toThrow(Invariant)
          return
        }
        const value = valueOf(headerField('From', mailbox({ name, address })), 'From')
        const bare = name.trim() === ''
        expect(value.endsWith(bare ? address : ` <${address}>`)).toBe(true)
        const phrase = bare ? '' : value.slice(0, -address.length - 3)
        // A quoted string, encoded words, or atoms: nothing that a parser could take for syntax.
        expect(phrase).toMatch(
          /^(?:"(?:\\["\\]|[^"\\])*"|(?:=\?UTF-8\?B\?[A-Za-z0-9+/=]+\?= ?)+|[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*)$/
        )
      }),
      { numRuns: 1000 }
    )
  })

  it('never let a file name become a parameter or a field (property)', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        if (hasControl(name)) {
          expect(() => parameter('filename', name)).toThrow(Invariant)
          return
        }
        const written = parameter('filename', name)
        valueOf(headerField('Content-Disposition', `attachment${written}`), 'Content-Disposition')
        const pieces = written.match(/(?:"(?:\\.|[^"\\])*"|[^;"])+/g) ?? []
        const values = pieces.map((piece) => {
          const [, raw = ''] = /^ filename(?:\*\d*\*?)?=(.*)$/s.exec(piece) ?? []
          return raw.startsWith('"') ? raw.slice(1, -1).replaceAll(/\\(.)/g, '$1') : raw
        })
        const joined = values.join('')
        const decoded = written.startsWith('; filename*')
          ? decodeURIComponent(joined.replace("utf-8''", ''))
          : joined
        expect(decoded).toBe(Buffer.from(name).toString('utf8'))
      }),
      { numRuns: 1000 }
    )
  })

  it('refuse a bad field name and bytes outside US-ASCII', () => {
    expect(() => headerField('Subject\r\nBcc', 'x')).toThrow(Invariant)
    expect(() => headerField('Sub ject', 'x')).toThrow(Invariant)
    expect(() => headerField('Subject', 'é')).toThrow(Invariant)
  })

  it('fold long lists at 78 columns and keep every id', () => {
    const ids = Array.from({ length: 40 }, (_, i) => `id${i}.0123456789@mail.example` as MessageId)
    const field = headerField('References', messageIdList(ids))
    for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78)
    expect(valueOf(field, 'References')).toBe(ids.map((id) => `<${id}>`).join(' '))
  })

  it('refuse an id that could end its own brackets', () => {
    expect(() => messageIdList(['a> <b@x' as MessageId])).toThrow(Invariant)
  })

  it('keep encoded words under 76 characters and characters whole', () => {
    const value = unstructured('Überlauf in der Größenprüfung 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂 zu groß')
    for (const word of value.split(' ')) {
      expect(word.length).toBeLessThanOrEqual(75)
      expect(decodeWords(word)).not.toContain('\ufffd')
    }
  })
})
