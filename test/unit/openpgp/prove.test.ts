import * as openpgp from 'openpgp'
import { describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { type Instant } from '../../../src/domain/time.ts'
import { generateDeskKey, type SecretKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { failuresOf } from '../../../src/openpgp/prove.ts'

const now = '2026-11-22T10:00:00.000Z' as Instant
const owner = { name: 'Desk', address: 'security@desk.example' as Address, passphrase: 'secret' }

async function unlocked(armored: string, passphrase = 'secret'): Promise<SecretKey> {
  const key = await unlockSecretKey(armored, passphrase)
  if (typeof key === 'string') throw new Error(key)
  return key
}
const given = async () => unlocked((await generateDeskKey(owner, now)).privateArmored)

/** Another secret number in the place of this one. */
function damage(part: openpgp.PrivateKey | openpgp.Subkey): void {
  const { privateParams } = part.keyPacket as unknown as {
    privateParams: Record<string, Uint8Array>
  }
  for (const number of Object.values(privateParams)) number[3] = (number[3] ?? 0) ^ 0x55
}

describe('(12) a key of the desk proves by doing', () => {
  it('that it signs, decrypts and certifies, whatever program made it', async () => {
    expect(await failuresOf(await given(), now)).toEqual([])
    const userIDs = [{ name: 'Desk', email: owner.address }]
    const { privateKey } = await openpgp.generateKey({
      type: 'rsa',
      rsaBits: 2048,
      userIDs,
      date: new Date(now)
    })
    expect(await failuresOf(await unlocked(privateKey), now)).toEqual([])
  })

  it('what it cannot do where a secret part is damaged, which its certificate does not show', async () => {
    const reader = await given()
    damage(reader.privateKey.subkeys[0] ?? reader.privateKey)
    expect(await failuresOf(reader, now)).toEqual(['decrypt'])
    const writer = await given()
    damage(writer.privateKey)
    expect(await failuresOf(writer, now)).toEqual(['sign', 'certify'])
  })
})
