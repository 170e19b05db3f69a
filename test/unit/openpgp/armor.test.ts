/** ASCII armor as the desk writes it (RFC 9580 §6). */
import { createMessage, encrypt, enums, generateKey, readKey } from 'openpgp'
import { expect, it } from 'vitest'
import { armorChecksum } from '../../../src/openpgp/armor.ts'

it('has the checksum that other writers give the same message', async () => {
  const { publicKey } = await generateKey({ userIDs: [{ email: 'a@b.example' }], format: 'object' })
  for (const size of [0, 1, 100, 70_000]) {
    const message = await createMessage({ binary: new Uint8Array(size).fill(7) })
    const options = { message, encryptionKeys: publicKey, config: { aeadProtect: false } }
    const armored = await encrypt({ ...options, format: 'armored' })
    const body = /\n\r?\n([\s\S]*)\n(=.{4})\r?\n/.exec(armored)
    const packets = Buffer.from(body?.[1] ?? '', 'base64')
    expect(armorChecksum(packets)).toBe(body?.[2])
  }
})

it('has no checksum where SEIPD version 2 forbids it', async () => {
  const { publicKey } = await generateKey({
    userIDs: [{ email: 'a@b.example' }],
    config: { v6Keys: true, aeadProtect: true, preferredAEADAlgorithm: enums.aead.ocb }
  })
  const packets = await encrypt({
    message: await createMessage({ text: 'x' }),
    encryptionKeys: await readKey({ armoredKey: publicKey }),
    format: 'binary'
  })
  expect(armorChecksum(packets)).toBeNull()
})
