/** A key with another person's public key hung on it as a subkey, as a thief makes it: nothing of the other person's is needed. */
import { type Config, enums, type PrivateKey, PublicSubkeyPacket, SignaturePacket } from 'openpgp'
import { pgpConfig } from '../../src/openpgp/config.ts'

/** 2026-11-02: after the keys of the tests were made and before their worlds begin. */
const HUNG_AT = new Date('2026-11-02T00:00:00Z')

/** The library's types know neither of keys as what is signed nor of the configuration. */
type Signing = {
  sign(key: object, signed: object, date: Date, detached: boolean, config: Config): Promise<void>
}

/**
 * The binary certificate. `hung` is a key packet; `endsAfter` is for how many seconds after its making it is bound, 0 for ever.
 */
export async function withHungKey(
  thief: PrivateKey,
  hung: { write(): Uint8Array },
  endsAfter = 0
): Promise<Uint8Array> {
  const subkey = new PublicSubkeyPacket()
  await subkey.read(hung.write())
  const binding = new SignaturePacket()
  binding.signatureType = enums.signature.subkeyBinding
  binding.publicKeyAlgorithm = thief.keyPacket.algorithm
  binding.hashAlgorithm = enums.hash.sha512
  // The flag to sign would take the other person's signature.
  binding.keyFlags = Uint8Array.of(enums.keyFlags.encryptStorage)
  if (endsAfter > 0) {
    binding.keyExpirationTime = endsAfter
    binding.keyNeverExpires = false
  }
  const signed = { key: thief.keyPacket, bind: subkey }
  const { sign } = binding as unknown as Signing
  await sign.call(binding, thief.keyPacket, signed, HUNG_AT, false, pgpConfig(false))
  const packets = thief.toPublic().toPacketList()
  packets.push(subkey, binding)
  return packets.write()
}
