/**
 * In which charset a decrypted text is read where nothing protected names one: nobody on the way can turn signed bytes into
 * other words (mail.md §1.3, §2.23).
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import {
  type Correspondence,
  givenCorrespondence,
  HEAD,
  headWith,
  lines,
  mixed,
  textPart
} from './material.ts'

const UTF8 = Buffer.from('grün: pay 10 €')
const LATIN1 = Buffer.from('grün', 'latin1')
const KOI8 = Buffer.from([0xf0, 0xf2, 0xe9, 0xf7, 0xe5, 0xf4])

const NEUTRAL = headWith('Subject', '...')

describe('the charset of a decrypted text', () => {
  let alice: Correspondence
  beforeAll(async () => {
    alice = await givenCorrespondence()
  })
  const seal = async (binary: Uint8Array, ...armorHeaders: readonly string[]): Promise<string> => {
    const [begin = '', ...rest] = (await alice.seal(binary)).split('\r\n')
    return [begin, ...armorHeaders, ...rest].join('\r\n')
  }
  const openInline = async (
    text: Uint8Array,
    outer: string,
    ...armorHeaders: readonly string[]
  ): Promise<OpenedMail> => {
    const type = `Content-Type: text/plain${outer === '' ? '' : `; charset=${outer}`}`
    const raw = lines(...NEUTRAL, type, '', await seal(text, ...armorHeaders))
    const opened = await alice.open(raw)
    expect(opened.signatures).toMatchObject([{ state: 'valid', coversWhole: true }])
    return opened
  }

  it.each(['iso-8859-1', 'windows-1251', 'utf-7', 'us-ascii'])(
    'is not what a part around UTF-8 says: %s',
    async (outer) => {
      expect((await openInline(UTF8, outer)).text).toBe(UTF8.toString())
    }
  )

  it.each<[string, Buffer, string, readonly string[], string, readonly string[]]>([
    ['the armor', KOI8, '', ['Charset: KOI8-R'], 'ПРИВЕТ', []],
    ['the armor before a part around it', KOI8, 'iso-8859-1', ['charset: koi8-r'], 'ПРИВЕТ', []],
    ['a part around it, where it is no UTF-8', KOI8, 'koi8-r', [], 'ПРИВЕТ', []],
    ['nobody', LATIN1, '', [], 'grün', ['undecodable-text']]
  ])('is taken from %s', async (_, text, outer, headers, expected, warnings) => {
    expect(await openInline(text, outer, ...headers)).toMatchObject({ text: expected, warnings })
  })

  it.each<[string, readonly string[]]>([
    ['names none', ['Charset: no-such-charset']],
    ['would hide ASCII', ['Charset: utf-7']],
    ['would make other words of it', ['Charset: utf-16le']],
    ['is said twice', ['Charset: koi8-r', 'Charset: windows-1251']]
  ])('is not taken from the armor when that %s', async (_, headers) => {
    expect((await openInline(UTF8, '', ...headers)).text).toBe(UTF8.toString())
  })

  it('is not taken from the surrounding part when that would change ASCII', async () => {
    const head = lines(...NEUTRAL, 'Content-Type: text/plain; charset=utf-16le', '')
    const body = Buffer.from(await seal(LATIN1), 'utf16le')
    const opened = await alice.open(Buffer.concat([Buffer.from(head), body]))
    expect(opened).toMatchObject({ text: 'grün', warnings: ['undecodable-text'] })
    expect(opened.signatures).toMatchObject([{ state: 'valid' }])
  })

  it('of an attached file is the same', async () => {
    const file = async (text: Uint8Array, ...headers: readonly string[]): Promise<OpenedMail> => {
      const cipher = `Content-Disposition: attachment; filename=a.txt.asc\r\n\r\n${await seal(text, ...headers)}`
      return alice.open(lines(...HEAD) + mixed([textPart(''), cipher]))
    }
    expect((await file(UTF8, 'Charset: utf-16le')).text).toBe(UTF8.toString())
    expect((await file(Buffer.from('\u001b$B$"\u001b(B'), 'Charset: iso-2022-jp')).text).toBe('あ')
  })
})
