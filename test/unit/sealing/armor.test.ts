import { randomBytes } from 'node:crypto'
import { armor, enums } from 'openpgp'
import { expect, it } from 'vitest'
import { armorAround, armorLines, armorMessage } from '../../../src/sealing/armor.ts'

it('armor is what the library writes, checksum included, whether base64 ends with padding or not', () => {
  for (const length of [1, 2, 3, 47, 48, 49, 3071, 49_151, 49_152, 49_153, 200_000]) {
    const data = randomBytes(length)
    const library = armor(
      enums.armor.message,
      data,
      undefined,
      undefined,
      undefined,
      true
    ) as string
    const chunks = [data.subarray(0, 20), data.subarray(20, 50_000), data.subarray(50_000)]
    const written = Buffer.from(armorMessage({ size: length, chunks })).toString('latin1')
    // The library writes lines of another length.
    expect(written.replaceAll('\r\n', '')).toBe(library.replaceAll(/\r?\n/g, ''))
    expect(written.split('\r\n').every((line) => line.length <= 64)).toBe(true)
  }
})

it('(E20) armor whose end several messages share is that of the whole message, checksum included', () => {
  const around = [Buffer.from('before\r\n'), Buffer.from('\r\nafter')] as const
  for (const length of [1, 2, 3, 47, 48, 49_152, 200_001]) {
    const packet = randomBytes(length)
    const common = armorLines({ size: length, chunks: [packet] })
    for (const own of [3, 48, 96, 270].map((size) => randomBytes(size))) {
      const [before, after] = around
      const { raw, at } = armorAround(own, common, [before], [after])
      const whole = Buffer.concat([raw.subarray(0, at), common.lines, raw.subarray(at)])
      const chunks = [own, packet]
      const alone = armorMessage({ size: own.length + length, chunks }, [before], [after])
      const text = whole.toString('latin1')
      expect(text.replaceAll('\r\n', '')).toBe(
        Buffer.from(alone).toString('latin1').replaceAll('\r\n', '')
      )
      expect(text.split('\r\n').every((line) => line.length <= 64)).toBe(true)
      expect(text).toMatch(/-----\r\n\r\n\S/)
    }
  }
})
