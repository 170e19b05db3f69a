/**
 * The charset of a decrypted text that nothing protected names: nobody on the way can turn signed bytes into other words
 * (mail.md §1.3, §2.23).
 */
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { givenCorrespondence, headWith, lines } from './material.ts'

const UTF8 = Buffer.from('grün: pay 10 €')
const LATIN1 = Buffer.from('grün', 'latin1')
const KOI8 = Buffer.from([0xf0, 0xf2, 0xe9, 0xf7, 0xe5, 0xf4])

const NEUTRAL = headWith('Subject', '...')

const alice = await givenCorrespondence()

describe('the charset of a decrypted text', () => {
  const openInline = async (text: Uint8Array, outer: string): Promise<OpenedMail> => {
    const type = `Content-Type: text/plain${outer === '' ? '' : `; charset=${outer}`}`
    const raw = lines(...NEUTRAL, type, '', await alice.seal(text))
    const opened = await alice.open(raw)
    expect(opened.signatures).toMatchObject([{ state: 'valid', coversWhole: true }])
    return opened
  }

  it.each(['iso-8859-1', 'windows-1251', 'utf-7', 'us-ascii'])(
    'is not what a part around UTF-8 says: %s',
    async (outer) => {
      expect((await openInline(UTF8, outer)).text).toBe(`${UTF8.toString()}\n`)
    }
  )

  it.each<[string, Buffer, string, string, readonly string[]]>([
    ['a part around it, where it is no UTF-8', KOI8, 'koi8-r', 'ПРИВЕТ\n', []],
    ['nobody', LATIN1, '', 'grün\n', ['undecodable-text']]
  ])('is taken from %s', async (_, text, outer, expected, warnings) => {
    expect(await openInline(text, outer)).toMatchObject({ text: expected, warnings })
  })
})
