/** A key that has another person's public key as a subkey. A thief can make it, and needs nothing of that person. */
import { type Config, enums, type PrivateKey, PublicSubkeyPacket, SignaturePacket } from 'openpgp'
import { CONFIG } from '../../src/openpgp/config.ts'

/** 2026-11-02: after the keys of the tests were made and before their worlds begin. */
const HUNG_AT = new Date('2026-11-02T00:00:00Z')

/** The library's types know neither of keys as what is signed nor of the configuration. */
export type Signing = {
  sign(key: object, signed: object, date: Date, detached: boolean, config: Config): Promise<void>
}

/** How it is bound: to encrypt, which needs nothing of its owner, or to sign, without a back signature or with a false one. */
export type Binding = 'to encrypt' | 'bare' | 'signed back by the thief'

/**
 * The binary certificate. `hung` is a key packet; `endsAfter` is for how many seconds after its making it is bound, 0 for ever.
 */
export async function withHungKey(
  thief: PrivateKey,
  hung: { write(): Uint8Array },
  endsAfter = 0,
  how: Binding = 'to encrypt'
): Promise<Uint8Array> {
  const { keyPacket } = thief
  const subkey = new PublicSubkeyPacket()
  await subkey.read(hung.write())
  const { subkeyBinding, keyBinding } = enums.signature
  const { signData, encryptStorage } = enums.keyFlags
  const signed = async (signatureType: enums.signature, more: object): Promise<SignaturePacket> => {
    const packet = Object.assign(new SignaturePacket(), {
      signatureType,
      publicKeyAlgorithm: keyPacket.algorithm,
      hashAlgorithm: enums.hash.sha512,
      ...more
    })
    const { sign } = packet as unknown as Signing
    const pair = { key: keyPacket, bind: subkey }
    await sign.call(packet, keyPacket, pair, HUNG_AT, false, CONFIG)
    return packet
  }
  const isBack = how === 'signed back by the thief'
  const binding = await signed(subkeyBinding, {
    keyFlags: Uint8Array.of(how === 'to encrypt' ? encryptStorage : signData),
    embeddedSignature: isBack ? await signed(keyBinding, {}) : null,
    ...(endsAfter > 0 ? { keyExpirationTime: endsAfter, keyNeverExpires: false } : {})
  })
  const packets = thief.toPublic().toPacketList()
  packets.push(subkey, binding)
  return packets.write()
}
