import { randomBytes } from 'node:crypto'
import { armor, enums } from 'openpgp'
import { expect, it } from 'vitest'
import { armorMessage } from '../../../src/sealing/armor.ts'

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
