/**
 * The tasks of a worker: plain functions over the desk keys, which each thread unlocks once. Independent of threads: worker
 * threads and in-process use run the same ones. Must never write plaintext or keys anywhere, nor tell more about a key or a
 * passphrase than which of them is wrong.
 */
import { type Address } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { instantFromMs } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  inspectKey,
  readCertificate,
  type SecretKey,
  UNLOCK_PROBLEMS,
  unlockSecretKey
} from '../openpgp/keyring.ts'
import { mergeKey } from '../openpgp/merge-key.ts'
import { openHeadersOnly, openMail, type ReadingKeys } from '../reading/open-mail.ts'
import { type DeskIdentity, sealCopies, signClearMail } from '../sealing/seal-copies.ts'
import { type Tasks, type WorkerStart } from './calls.ts'

/** Unlocked keys, ready for any task. Stays inside one thread. */
export type Keys = ReadingKeys & { readonly desk: DeskIdentity }

/** The tasks with these keys, run in the caller's thread. Without an identity of the desk, they only read. */
export function tasksWith(
  { desk, ...keys }: ReadingKeys & { readonly desk: DeskIdentity | null },
  deskAddress: Address
): Tasks {
  const identity = (): DeskIdentity => {
    assert(desk !== null, 'a reader was asked to seal or sign')
    return desk
  }
  return {
    open: (raw, { now, knownKeys }) => {
      const certificates = [...keys.certificates, ...knownKeys]
      return openMail(raw, { ...keys, certificates }, { now, deskAddress })
    },
    openHeaders: (raw, now) => Promise.resolve(openHeadersOnly(raw, now, deskAddress)),
    seal: async (body, to, now) => await sealCopies(body, to, identity(), now),
    signClear: async (text, headers, now) => await signClearMail(text, headers, identity(), now),
    inspectKey,
    mergeKey
  }
}

/** Unlocks the desk's keys. Throws {@link Trouble} `desk-key` with the reason and no secret. */
export async function unlockDesk(start: WorkerStart): Promise<Keys> {
  const keys = await unlockKeys(start)
  const [signer] = keys.secretKeys
  if (signer === undefined) throw deskKeyTrouble('there is no desk key')
  const { privateKey, fingerprint } = signer
  const created = instantFromMs(privateKey.getCreationTime().getTime())
  const certificate = await readCertificate(privateKey.toPublic().write(), created)
  if (certificate === null) throw deskKeyTrouble('the desk key has no readable public part')
  const face = { name: start.deskName, address: start.deskAddress, fingerprint }
  return { ...keys, desk: { ...face, publicKey: certificate.keyData, signer } }
}

/** Unlocks each key, in the given order. Throws as {@link unlockDesk}. */
export async function unlockKeys(start: WorkerStart): Promise<ReadingKeys> {
  const secretKeys: SecretKey[] = []
  for (const armored of start.deskKeys) {
    const unlocked = await unlockSecretKey(armored, start.passphrase)
    if (unlocked.kind !== 'unlocked')
      throw deskKeyTrouble(`desk.key: ${UNLOCK_PROBLEMS[unlocked.kind]}`)
    secretKeys.push(unlocked.key)
  }
  return { secretKeys, certificates: start.maintainerKeys }
}

function deskKeyTrouble(hint: string): Trouble {
  return new Trouble('desk-key', hint, { retryable: false })
}
