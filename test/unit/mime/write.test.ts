import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bodyEntity, encodeBase64, encodeText, writeEntity } from '../../../src/mime/write.ts'
import * as parts from '../../support/mail-parts.ts'

const textOf = (text: string): string => {
  const raw = writeEntity(bodyEntity({ text, attachments: [], original: null }, ''), [], '')
  return parts.decodedBody(parts.splitPart(raw)).toString('utf8')
}

describe('text parts', () => {
  it('are decoded to what was written (property)', () => {
    const any = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.string({ unit: fc.constantFrom('\n', ' ', '\t', '.', '=', 'From ', 'ä', '-', 'word') })
    )
    fc.assert(
      fc.property(any, (text) => {
        const wellFormed = Buffer.from(text).toString('utf8')
        expect(textOf(text).replaceAll('\r\n', '\n')).toBe(wellFormed.replaceAll(/\r\n?/g, '\n'))
      }),
      { numRuns: 1000 }
    )
  })

  it('have only lines that no mail system changes (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 600 }), (text) => {
        for (const line of encodeText(`From here\n.\n${text}`).lines.split('\r\n')) {
          expect(line).toMatch(/^[\t\x20-\x7e]{0,76}$/)
          expect(line).not.toMatch(/[ \t]$|^From |^\.$/)
        }
      })
    )
  })

  it('stay readable without decoding when they are plain ASCII', () => {
    expect(encodeText('Hello,\n\nthank you.\n')).toEqual({
      encoding: '7bit',
      lines: 'Hello,\r\n\r\nthank you.\r\n'
    })
  })
})

describe('bodies', () => {
  const original = Buffer.from(
    'From: a@b.example\r\nSubject: \xfc 8bit\r\n\r\nbare\nLF\0\r\n',
    'latin1'
  )

  it('are one text part when there is nothing else', () => {
    const part = parts.splitPart(
      writeEntity(
        bodyEntity({ text: 'x', attachments: [], original: null }, ''),
        [],
        '; hp="cipher"'
      )
    )
    expect(parts.headerOf(part, 'Content-Type')).toBe('text/plain; charset=utf-8; hp="cipher"')
  })

  it('carry files and the original byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (content) => {
        const attachments = [
          { filename: 'a b.bin', contentType: 'application/x-thing', content },
          { filename: 'x.eml', contentType: 'message/rfc822', content }
        ]
        const part = parts.splitPart(
          writeEntity(bodyEntity({ text: 't', attachments, original }, ''), [], '')
        )
        const read = parts.contentOf(part)
        expect(read.text).toBe('t')
        expect(
          read.attachments.map(({ filename, contentType }) => [filename, contentType])
        ).toEqual([
          ['a b.bin', 'application/x-thing'],
          ['x.eml', 'application/octet-stream'],
          ['original.eml', 'message/rfc822']
        ])
        for (const file of read.attachments.slice(0, 2)) {
          expect(Buffer.from(file.content).equals(content)).toBe(true)
        }
        expect(Buffer.from(read.attachments[2]?.content ?? []).equals(original)).toBe(true)
      }),
      { numRuns: 50 }
    )
  })

  it('never use a boundary twice', () => {
    const boundaries = Array.from({ length: 50 }, () => {
      const raw = writeEntity(bodyEntity({ text: '', attachments: [], original }, ''), [], '')
      return parts.contentTypeOf(parts.splitPart(raw)).parameters['boundary']
    })
    expect(new Set(boundaries).size).toBe(50)
  })

  it('end each part with exactly one line end of the delimiter', () => {
    const raw = writeEntity(
      bodyEntity({ text: 'no line end', attachments: [], original }, ''),
      [],
      ''
    )
    expect(parts.childrenOf(parts.splitPart(raw))[0]?.body.toString()).toBe('no line end')
  })
})

describe('base64', () => {
  it('has lines of 76 columns and CRLF between them', () => {
    for (const size of [0, 1, 56, 57, 58, 114, 5000]) {
      const content = new Uint8Array(size).map((_, index) => index * 7)
      const written = Buffer.from(encodeBase64(content)).toString('latin1')
      const lines = written.split('\r\n')
      for (const line of lines.slice(0, -1)) expect(line).toHaveLength(76)
      expect(Buffer.from(written, 'base64').equals(content)).toBe(true)
    }
  })
})
