/**
 * The page of `postern open`: it shows everything that was found, and nothing of the message can pass for a line of ours.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  explainSignature,
  FAILURES,
  type OpenedMail,
  type SignatureState,
  WARNINGS,
  type WarningCode
} from '../../../src/domain/mail.ts'
import { gutter, safe, toOpenPage, wrap } from '../../../src/reading/page.ts'
import { HEAD, lines, mixed, open, testNow, textPart } from './material.ts'

const page = (opened: OpenedMail, width = 80): string =>
  toOpenPage(opened, { width, now: testNow() })
const plain = (text: string): Promise<OpenedMail> => open(lines(...HEAD, '', text), [])
/** The page in one line, so that line breaks of the page do not matter. */
const UNUSED = { source: 'attached', keyData: new Uint8Array() } as const
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')

describe('the page of an opened message', () => {
  it('lets no content act on the terminal, and makes such characters visible', async () => {
    const evil = 'a\u001b[2Jb \u202ereversed\u202c \u200bzero \u009b5n \u{e0041}tag \u2028line'
    const shown = page(await plain(evil))
    expect(shown).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}]/u)
    expect(shown).toContain(
      '│ a\u241b[2Jb <U+202E>reversed<U+202C> <U+200B>zero \ufffd5n <U+E0041>tag <U+2028>line'
    )
  })

  it.each(['subject', 'name', 'file name'])(
    'lets nothing in a %s act on the terminal',
    async () => {
      const word = '=?utf-8?B?' + Buffer.from('x\u001b[2J\u202ey\r\nTEXT').toString('base64') + '?='
      const head = HEAD.map((field) =>
        field.replace('a report', word).replace('From: Alice', `From: ${word}`)
      )
      const file = `Content-Disposition: attachment; filename="${word}"\r\n\r\nx`
      const shown = page(await open(lines(...head) + mixed([textPart('hi'), file]), []))
      expect(shown).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u)
      expect(shown.match(/^TEXT/gm)).toHaveLength(1)
    }
  )

  it('keeps every line of the text behind a bar, however long or wide', async () => {
    const fake = 'SIGNATURES\n  The signature is valid.'
    const text = `${fake}\n${'x'.repeat(78)}SIGNATURES\n${'好'.repeat(60)}\n\tSIGNATURES`
    const shown = page(await plain(text)).split('\n')
    const body = shown.slice(shown.indexOf('TEXT') + 1, -1)
    expect(shown.filter((line) => line.startsWith('SIGNATURES'))).toHaveLength(1)
    for (const line of body) expect(line).toMatch(/^│ /)
    expect(body.join('')).toContain('│         SIGNATURES')
    const columns = (line: string): number =>
      Array.from(line).reduce((sum, char) => sum + (char === '好' ? 2 : 1), 0)
    for (const line of shown) expect(columns(line)).toBeLessThanOrEqual(80)
  })

  it.each(['Subject', 'From', 'file name'])(
    'has no line of its own look made by a %s: neither at column 0 nor as another row',
    async (field) => {
      const forged = `${'好'.repeat(40)}${'x'.repeat(65)}SIGNATURES\u2800(outside)${'y'.repeat(40)}`
      const opened = await plain('x')
      const { outer } = opened
      const contact = { name: forged, address: outer.from?.address as never }
      const file = {
        filename: `${'好'.repeat(40)} sha256 ${'f'.repeat(64)}`,
        contentType: 'text/plain',
        size: 1,
        sha256: '0'.repeat(64) as never,
        content: Buffer.from('x')
      }
      const changed: Record<string, Partial<OpenedMail>> = {
        Subject: { outer: { ...outer, subject: forged } },
        From: { outer: { ...outer, from: contact } },
        'file name': { attachments: [file] }
      }
      for (const width of [40, 80, 100]) {
        const shown = page({ ...opened, ...changed[field] }, width)
        const titles = shown.split('\n').filter((line) => /^[^ │]/.test(line))
        expect(titles).toEqual(
          expect.arrayContaining(['RECEIVED', 'HEADER', 'SIGNATURES', 'WHAT TO DISTRUST'])
        )
        expect(titles).toHaveLength(field === 'file name' ? 6 : 5)
        expect(shown).not.toMatch(/^ {4}sha256 f/m)
      }
    }
  )

  it('shows text outside the protected part separately, as unverified', async () => {
    const opened: OpenedMail = { ...(await plain('inside')), outsideText: 'footer\nTEXT\n│ forged' }
    const shown = page(opened)
    expect(shown).toContain('│ inside')
    expect(shown).toMatch(/TEXT OUTSIDE THE PROTECTED PART .*\n\? footer\n\? TEXT\n\? │ forged\n$/)
  })

  it('never says that a signature covers text outside, which anybody may have added', async () => {
    const opened = await plain('inside')
    const signature = {
      state: 'valid',
      stateThen: 'valid',
      fingerprint: 'ab'.repeat(20) as never,
      issuer: '',
      createdAt: testNow(),
      sha256: '0'.repeat(64) as never,
      coversWhole: true,
      isInside: true,
      intendedRecipients: []
    } as const
    const shown = (coversWhole: boolean, outsideText: string): string => {
      const signatures = [{ ...signature, coversWhole }]
      return flat(page({ ...opened, signatures, outsideText }, 200))
    }
    expect(shown(true, '')).toContain('Covers everything shown')
    expect(shown(true, '')).not.toContain('text outside')
    expect(shown(true, 'pay')).toContain('Covers the text and the files, not the text outside')
    expect(shown(true, 'pay')).toContain('It proves nothing about the text outside.')
    for (const outside of ['', 'pay']) {
      expect(shown(false, outside)).toContain('Covers not the whole message')
      expect(shown(false, outside)).toContain('No valid signature covers all of it')
    }
  })

  it('keeps the outer and the protected header apart', async () => {
    const opened = await plain('x')
    const { outer } = opened
    const shown = page({
      ...opened,
      encrypted: true,
      decrypted: true,
      outer: { ...outer, subject: '[...]', cc: [] },
      protected: { ...outer, subject: 'the real one', to: [], cc: outer.to },
      subjectProtected: true
    })
    expect(shown).toMatch(/Subject +the real one \(inside\)\n +\[\.\.\.\] \(outside\)/)
    expect(shown).toMatch(/From +Alice <alice@reporter\.example> \(outside and inside\)/)
    expect(shown).toMatch(/To +security@acme\.example \(outside\)/)
    expect(shown).toMatch(/Cc +security@acme\.example \(inside\)\n +nothing \(outside\)/)
    expect(shown).toContain('the fields inside were protected')
    const unreadable = { ...outer, from: null, unreadableFrom: '"alice"@victim.example' }
    expect(page({ ...opened, protected: unreadable })).toMatch(
      /From +"alice"@victim\.example \[not one readable address\] \(inside\)\n +Alice .* \(outside\)/
    )
    const bare = { ...opened, protected: outer, subjectProtected: false }
    expect(flat(page(bare))).toContain('neither encrypted nor validly signed')
    expect(flat(page(opened))).toContain('none of these fields')
  })

  it('shows the state, the key, the date and the coverage of each signature', async () => {
    const opened = await plain('x')
    const states: readonly SignatureState[] = [
      'valid',
      'expired-key',
      'revoked-key',
      'unknown-key',
      'bad'
    ]
    for (const state of states) {
      const signature = {
        state,
        stateThen: state === 'expired-key' ? ('valid' as const) : state,
        fingerprint: state === 'valid' ? ('ab'.repeat(20) as never) : null,
        issuer: 'cd'.repeat(8),
        createdAt: testNow(),
        sha256: '0'.repeat(64) as never,
        coversWhole: state === 'valid',
        isInside: true,
        intendedRecipients: []
      }
      const shown = flat(page({ ...opened, signatures: [signature] }))
      expect(shown).toContain(explainSignature(signature))
      expect(shown.includes('the key was still valid')).toBe(state === 'expired-key')
      expect(shown).toContain(state === 'valid' ? 'ABAB ABAB' : 'the signature names CDCDCDCD')
      expect(shown).toContain(state === 'valid' ? 'everything shown' : 'not the whole message')
      expect(shown).toContain(
        state === 'valid' ? 'compare the fingerprint' : 'anybody may have written'
      )
    }
  })

  it('explains every warning and every failure in one sentence', async () => {
    const opened = await plain('x')
    const warnings: readonly WarningCode[] = ['mangled', 'fake-key', 'unsigned-filename', 'smime']
    const shown = flat(page({ ...opened, warnings }, 200))
    for (const code of warnings) expect(shown).toContain(`! ${WARNINGS[code]} [${code}]`)
    const failed = { ...opened, encrypted: true, failure: 'no-integrity' } as const
    expect(flat(page(failed))).toContain(`${FAILURES['no-integrity']} [no-integrity]`)
  })

  it('names unusable keys in the message, with the reason', async () => {
    const fingerprint = 'ab'.repeat(20) as never
    const words = {
      expired: 'it has expired',
      revoked: 'it is revoked',
      'cannot-encrypt': 'nothing can be encrypted to it'
    } as const
    const opened = await plain('x')
    for (const because of ['expired', 'revoked', 'cannot-encrypt'] as const) {
      const shown = flat(page({ ...opened, unusableKeys: [{ ...UNUSED, fingerprint, because }] }))
      expect(shown).toMatch(
        new RegExp(`Key included ABAB .*, which cannot be used: ${words[because]}`)
      )
    }
  })

  it('names the keys that it was encrypted to, and its contents', async () => {
    const file = 'Content-Disposition: attachment; filename=a.bin\r\n\r\nabc'
    const opened = await open(lines(...HEAD) + mixed([textPart('hi'), file]), [])
    const shown = page({
      ...opened,
      encrypted: true,
      sealedTo: 'other',
      sealedToKeyIds: ['0123456789ABCDEF', '0000000000000000']
    })
    expect(flat(shown)).toContain('keys that the desk does not have: 0123456789ABCDEF, hidden')
    expect(flat(shown)).toContain(
      'a.bin text/plain 3 bytes sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    )
  })
})

describe('text for a terminal', () => {
  it('loses no character and stays within its columns (property)', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    fc.assert(
      fc.property(text, fc.integer({ min: 40, max: 120 }), (raw, columns) => {
        const line = safe(raw)
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}]/u)
        for (const [at, each] of wrap(line, columns, 4).entries()) {
          expect(Array.from(each).length).toBeLessThanOrEqual(columns)
          if (at > 0) expect(each).toMatch(/^ {4}/)
        }
        expect(wrap(line, columns, 4).join('').replaceAll(' ', '')).toBe(line.replaceAll(' ', ''))
        const one = raw.replaceAll(/[\n\t]/g, 'x')
        const bars = gutter(one, '│ ', columns).map((each) => each.slice(2))
        expect(one.trim() === '' ? '' : bars.join('')).toBe(one.trim() === '' ? '' : safe(one))
      })
    )
  })

  it('begins only the first line at column 0, however long a word is (property)', () => {
    const word = fc.string({ unit: fc.constantFrom('x', '好', '\u00e9', ' '), maxLength: 300 })
    const columns = fc.integer({ min: 40, max: 120 })
    fc.assert(
      fc.property(word, columns, fc.integer({ min: 1, max: 15 }), (line, width, indent) => {
        for (const each of wrap(line, width, indent).slice(1)) {
          expect(each.startsWith(' '.repeat(indent))).toBe(true)
        }
      })
    )
  })

  it('makes characters visible that only look blank', () => {
    const blanks = '\u2800\u3164\uffa0\u115f\u034f\u180b\u180f\ufe0f\u{e0100}'
    for (const char of blanks) expect(safe(char)).toMatch(/^<U\+[0-9A-F]{4,5}>$/)
  })

  it('handles a line of a quarter million tabs quickly', () => {
    expect(gutter('\t'.repeat(250_000) + 'x', '│ ', 80).length).toBeGreaterThan(20_000)
  })
})

it('the page of a text takes linear time, even with many empty lines', () => {
  const text = `a${'\n'.repeat(200_000)}b${'\n'.repeat(5)}`
  const shown = gutter(text, '│ ', 80)
  expect(shown).toHaveLength(200_001)
  expect(shown.at(-1)).toBe('│ b')
  expect(gutter('\n \n', '│ ', 80)).toEqual([])
})
