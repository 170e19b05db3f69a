/**
 * The tasks of a worker: plain functions over the desk keys, which each thread unlocks once. Independent of threads: worker
 * threads and in-process use run the same ones. Must never write plaintext or keys anywhere, nor tell more about a key or a
 * passphrase than which of them is wrong.
 */
import { type Address } from '../domain/address.ts'
import { Invariant } from '../domain/assert.ts'
import { instantFromMs } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { inspectKey, readCertificate, type SecretKey, unlockSecretKey } from '../openpgp/keyring.ts'
import { mergeKey } from '../openpgp/merge-key.ts'
import { openHeadersOnly, openMail, type ReadingKeys } from '../reading/open-mail.ts'
import { type DeskIdentity, sealCopies, signClearMail } from '../sealing/seal-copies.ts'
import { type TaskCall, type Tasks, type WorkerStart } from './calls.ts'

/** The tasks with these keys, run in the caller's thread. */
export function deskTasks(keys: Keys): Tasks {
  const { desk, secretKeys, certificates } = keys
  return {
    ...readingTasks({ secretKeys, certificates }, desk.address),
    seal: (body, to, now) => sealCopies(body, to, desk, now),
    signClear: (text, headers, now) => signClearMail(text, headers, desk, now)
  }
}

/** The tasks of a reader, which encrypts and signs nothing. */
export function readerTasks(keys: ReadingKeys, deskAddress: Address): Tasks {
  const refuse = (): Promise<never> =>
    Promise.reject(new Invariant('a reader was asked to seal or sign'))
  return { ...readingTasks(keys, deskAddress), seal: refuse, signClear: refuse }
}

function readingTasks(keys: ReadingKeys, deskAddress: Address): Omit<Tasks, 'seal' | 'signClear'> {
  return {
    open: (raw, { now, knownKeys }) => {
      const certificates = [...keys.certificates, ...knownKeys]
      return openMail(raw, { ...keys, certificates }, { now, deskAddress })
    },
    openHeaders: (raw, now) => Promise.resolve(openHeadersOnly(raw, now, deskAddress)),
    inspectKey,
    mergeKey
  }
}

/** Runs one call. */
export function runTask(tasks: Tasks, call: TaskCall): Promise<unknown> {
  // `TaskCall` ties the arguments to the name.
  const task = tasks[call.name] as (...args: readonly unknown[]) => Promise<unknown>
  return task(...call.args)
}

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
