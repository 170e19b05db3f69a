/**
 * The page of `postern open`: it shows everything that was found, and nothing of the message can pass for a line of ours.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toOpenJson, toOpenPage } from '../../../src/cli/open-page.ts'
import {
  explainSignature,
  FAILURES,
  type OpenedMail,
  WARNINGS,
  type WarningCode
} from '../../../src/domain/mail.ts'
import { HEAD, lines, mixed, open, testNow, textPart } from '../reading/material.ts'

const page = (opened: OpenedMail): string => `${toOpenPage(opened, testNow())}\n`
const plain = (text: string): Promise<OpenedMail> => open(lines(...HEAD, '', text), [])
const UNUSED = { source: 'attached', keyData: new Uint8Array() } as const
const SIGNATURE: OpenedMail['signatures'][number] = {
  ...{ state: 'valid', stateThen: 'valid', coversWhole: true, isInside: true },
  fingerprint: 'ab'.repeat(20) as never,
  ...{ signer: '', issuer: 'cd'.repeat(8), createdAt: testNow(), sha256: '0'.repeat(64) as never },
  intendedRecipients: []
}
/** The page in one line, so that line breaks of the page do not matter. */
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')

describe('the page of an opened message', () => {
  it('lets no content act on the terminal, and makes such characters visible', async () => {
    const evil = 'a\u001b[2Jb \u202ereversed\u202c \u200bzero \u009b5n \u{e0041}tag'
    const shown = page(await plain(evil))
    expect(shown).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}]/u)
    expect(shown).toContain(
      '│ a\u241b[2Jb <U+202E>reversed<U+202C>\n│  <U+200B>zero \ufffd5n <U+E0041>tag'
    )
  })

  it('(14) shows who sent it beside the person whom it names as its writer', async () => {
    const head = HEAD.map((line) => line.replace(/^From: .*/, 'From: Site <www@shop.example>'))
    const opened = await open(lines(...head, 'Reply-To: Tara <t@people.example>', '', 'x'), [])
    expect(flat(page(opened))).toContain(
      'From Tara <t@people.example> Sent by Site <www@shop.example>, as From says'
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
      const shown = page({ ...opened, ...changed[field] })
      const titles = shown.split('\n').filter((line) => /^[^ │]/.test(line))
      expect(titles.slice(0, 5)).toEqual([
        'RECEIVED',
        'HEADER OUTSIDE',
        'SIGNATURES',
        'WHAT TO DISTRUST',
        'TEXT'
      ])
      expect(titles).toHaveLength(field === 'file name' ? 6 : 5)
      expect(shown).not.toMatch(/^ {4}sha256 f/m)
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
    const shown = (coversWhole: boolean, outsideText: string): string => {
      const signatures = [{ ...SIGNATURE, coversWhole }]
      return flat(page({ ...opened, signatures, outsideText }))
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
    const [, outside = '', inside = ''] = shown.split('HEADER ')
    expect(outside).toMatch(/^OUTSIDE\n {2}Subject {6}\[\.\.\.\]\n {2}From {9}Alice <alice@/)
    expect(outside).toContain('To           <security@acme.example>')
    expect(outside).toContain('Protection   none: anybody on the way')
    expect(inside).toMatch(/^INSIDE\n {2}Subject {6}the real one\n {2}From {9}Alice <alice@/)
    expect(inside).toContain('Cc           <security@acme.example>')
    expect(inside).toContain('these fields were protected')
    const unreadable = { ...outer, from: null, unreadableFrom: '"alice"@victim.example' }
    const bare = page({ ...opened, protected: unreadable })
    expect(bare).toContain('From         "alice"@victim.example [not one readable address]')
    expect(flat(bare)).toContain('neither encrypted nor validly signed')
  })

  it('shows the state, the key, the date and the coverage of each signature', async () => {
    const opened = await plain('x')
    expect(flat(page(opened))).toContain('Not encrypted: anybody on the way could read it.')
    expect(flat(page(opened))).toContain('None: nothing proves who wrote it.')
    const states = ['valid', 'expired-key', 'revoked-key', 'unknown-key', 'bad'] as const
    for (const state of states) {
      const signature = {
        ...SIGNATURE,
        state,
        stateThen: state === 'expired-key' ? ('valid' as const) : state,
        fingerprint: state === 'valid' ? SIGNATURE.fingerprint : null,
        coversWhole: state === 'valid'
      }
      const shown = flat(page({ ...opened, signatures: [signature] }))
      expect(shown).toContain(`${explainSignature(signature)} [${state}]`)
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
    const shown = flat(page({ ...opened, warnings }))
    for (const code of warnings) expect(shown).toContain(`! ${WARNINGS[code]} [${code}]`)
    const failed = { ...opened, encrypted: true, failure: 'no-integrity' } as const
    // Nobody has looked for one.
    expect(flat(page(failed))).toContain(
      'Not known: the message was not opened, and a signature may be inside.'
    )
    expect(flat(page(failed))).toContain(`${FAILURES['no-integrity']} [no-integrity]`)
  })

  it('names unusable keys in the message, with the reason', async () => {
    const fingerprint = 'ab'.repeat(20) as never
    const opened = await plain('x')
    for (const [because, words] of [
      ['expired', 'the key has expired'],
      ['revoked', 'the key is revoked'],
      ['cannot-encrypt', 'the key cannot be used to encrypt']
    ] as const) {
      const shown = flat(page({ ...opened, unusableKeys: [{ ...UNUSED, fingerprint, because }] }))
      expect(shown).toMatch(new RegExp(`Key included ABAB .*, which cannot be used: ${words}`))
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

  it('loses no character of a text, and stays within its columns (property)', async () => {
    const opened = await plain('x')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (raw) => {
        const text = `a${raw.replaceAll(/\s/g, 'x')}`
        const shown = page({ ...opened, text })
        expect(shown).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}]/u)
        const bars = shown.split('\n').filter((line) => line.startsWith('│ '))
        for (const line of bars) expect(Array.from(line).length).toBeLessThanOrEqual(80)
        const said = bars.map((line) => line.slice(2)).join('')
        const back = said.replaceAll(/<U\+([0-9A-F]+)>/g, (_, hex: string) =>
          String.fromCodePoint(Number.parseInt(hex, 16))
        )
        expect(back).toBe(text)
      })
    )
  })

  it('makes characters visible that only look blank', async () => {
    const blanks = '\u2800\u3164\uffa0\u115f\u034f\u180b\u180f\ufe0f\u{e0100}'
    const shown = page({ ...(await plain('x')), text: `a${blanks}` })
    expect(shown.match(/<U\+[0-9A-F]{4,5}>/g)).toHaveLength(9)
  })

  it('takes linear time, whatever the text is made of', async () => {
    const opened = await plain('x')
    const bars = (text: string): number => page({ ...opened, text }).match(/^│ /gm)?.length ?? 0
    expect(bars(`${'\t'.repeat(250_000)}x`)).toBeGreaterThan(20_000)
    expect(bars(`a${'\n'.repeat(200_000)}b${'\n'.repeat(5)}`)).toBe(200_001)
    expect(page({ ...opened, text: '\n \n' })).toContain('TEXT\n  None.')
  })
})

const FILE =
  'Content-Type: text/x-diff\r\nContent-Disposition: attachment; filename="../fix.diff"\r\n\r\n-a\r\n+b'

describe('the JSON of an opened message', () => {
  it('is the contract JSON', async () => {
    const opened = await open(lines(...HEAD) + mixed([textPart('hello'), FILE]), [])

    expect(toOpenJson(opened)).toEqual({
      structure: 'clear',
      encrypted: false,
      decrypted: false,
      signatures: [],
      from: 'alice@reporter.example',
      to: ['security@acme.example'],
      subject: 'a report',
      subjectProtected: false,
      messageId: '1@reporter.example',
      date: '2026-11-22T01:00:00.000Z',
      text: 'hello\n',
      outsideText: '',
      sealedParts: [],
      attachments: [
        {
          filename: 'fix.diff',
          contentType: 'text/x-diff',
          size: 6,
          sha256: 'c32107055f1e994fb040615cb69bdbb27525d25083e06c33c7239121364d89ab'
        }
      ],
      autoSubmitted: false,
      bounce: false,
      warnings: []
    })
  })

  it('names the failure only if there is one', async () => {
    const sealed = lines(...HEAD, 'Content-Type: multipart/encrypted; boundary=e', '', '--e--')
    expect(toOpenJson(await open(sealed, []))).toMatchObject({ failure: 'empty' })
    expect(toOpenJson(await open(lines(...HEAD), []))).not.toHaveProperty('failure')
  })
})
