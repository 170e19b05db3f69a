/**
 * From key files to {@link Keys}: unlocks the desk's keys once for each thread. Must never reveal more about a key or a
 * passphrase than which of them is wrong.
 */
import { instantFromMs } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { readCertificate, type SecretKey, unlockSecretKey } from '../openpgp/keyring.ts'
import { type DeskIdentity } from '../sealing/seal-copies.ts'
import { type WorkerStart } from './calls.ts'

/** Unlocked keys, ready for any task. Stays inside one thread. */
export type Keys = {
  readonly desk: DeskIdentity
  readonly secretKeys: readonly SecretKey[]
  readonly certificates: readonly Uint8Array[]
}

/** Unlocks the desk's keys. Throws {@link Trouble} `desk-key` with the reason and no secret. */
export async function unlockDesk(start: WorkerStart): Promise<Keys> {
  const secretKeys = await unlockKeys(start)
  const [signer] = secretKeys
  if (signer === undefined) throw deskKeyTrouble('there is no desk key')
  const { privateKey, fingerprint } = signer
  const created = instantFromMs(privateKey.getCreationTime().getTime())
  const certificate = await readCertificate(privateKey.toPublic().write(), created)
  if (certificate === null) throw deskKeyTrouble('the desk key has no readable public part')
  const face = { name: start.deskName, address: start.deskAddress, fingerprint }
  return {
    desk: { ...face, publicKey: certificate.keyData, signer },
    secretKeys,
    certificates: start.maintainerKeys
  }
}

/** Unlocks each key, in the given order. Throws as {@link unlockDesk}. */
export async function unlockKeys(
  start: Pick<WorkerStart, 'deskKeys' | 'passphrase'>
): Promise<SecretKey[]> {
  const secretKeys: SecretKey[] = []
  for (const armored of start.deskKeys) secretKeys.push(await unlock(armored, start.passphrase))
  return secretKeys
}

async function unlock(armored: string, passphrase: string): Promise<SecretKey> {
  const unlocked = await unlockSecretKey(armored, passphrase)
  switch (unlocked.kind) {
    case 'unlocked':
      return unlocked.key
    case 'wrong-passphrase':
      throw deskKeyTrouble('the passphrase does not unlock the desk key: check desk.passphrase')
    case 'public':
      throw deskKeyTrouble('desk.key is a public key: it must be the private key of the desk')
    case 'unreadable':
      throw deskKeyTrouble('desk.key is not exactly one readable OpenPGP private key')
  }
}

function deskKeyTrouble(hint: string): Trouble {
  return new Trouble('desk-key', hint, { retryable: false })
}
