/**
 * The tasks of a worker: plain functions over the desk keys, which each thread unlocks once. Independent of threads: worker
 * threads and in-process use run the same ones. Must never write plaintext or keys anywhere, nor tell more about a key or a
 * passphrase than which of them is wrong.
 */
import { type Address } from '../domain/address.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Workers } from '../effects/effects.ts'
import * as keyring from '../openpgp/keyring.ts'
import { openHeadersOnly, openMail, type ReadingKeys } from '../reading/open-mail.ts'
import { type DeskIdentity, sealCopies, signClearMail } from '../sealing/seal-copies.ts'

/** Armored, passphrase-protected private keys of the desk: the first signs, all decrypt. Without one, a worker only reads. */
export type LockedKeys = { readonly deskKeys: readonly string[]; readonly passphrase: string }

/** What every worker gets at its start. Holds the passphrase: never log or store it. */
export type WorkerStart = LockedKeys & {
  readonly deskName: string
  readonly deskAddress: Address
  readonly deskAliases?: readonly Address[]
  /** Binary certificates of the maintainers: every opened message is verified against them. */
  readonly maintainerKeys: readonly Uint8Array[]
}

/** Every task by name. */
export type Tasks = Omit<Workers, 'close' | 'inTurn'>
export type TaskName = keyof Tasks
/** One call of one task. */
export type TaskCall = {
  readonly [Name in TaskName]: { readonly name: Name; readonly args: Parameters<Tasks[Name]> }
}[TaskName]

/** What a worker answers to its start and to each call. `bug` names the class of an error, or quotes an Invariant: no content. */
export type TaskAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  | ({ readonly kind: 'trouble' } & Pick<Trouble, 'code' | 'message' | 'retryable'>)
  | { readonly kind: 'bug'; readonly error: string }

/** The tasks of one desk with its unlocked keys, run in the caller's thread. */
export function tasksWith(keys: ReadingKeys, start: WorkerStart): Tasks {
  const own = [start.deskAddress, ...(start.deskAliases ?? [])]
  let identity: Promise<DeskIdentity> | undefined
  const desk = (): Promise<DeskIdentity> => (identity ??= identityOf(keys, start))
  return {
    open: (raw, { now, knownKeys }) => {
      const certificates = [...keys.certificates, ...knownKeys]
      return openMail(raw, { ...keys, certificates, now }, ...own)
    },
    openHeaders: (raw) => Promise.resolve(openHeadersOnly(raw, ...own)),
    seal: async (body, copies, now) => sealCopies(body, copies, await desk(), now),
    signClear: async (text, headers, now) => signClearMail(text, headers, await desk(), now),
    inspectKey: keyring.inspectKey
  }
}

/** Unlocks the desk's keys. Throws {@link Trouble} `desk-key` with the reason and no secret. */
export async function unlockKeys(
  start: LockedKeys & Partial<Pick<WorkerStart, 'maintainerKeys'>>
): Promise<ReadingKeys> {
  const secretKeys: keyring.SecretKey[] = []
  for (const armored of start.deskKeys) {
    const unlocked = await keyring.unlockSecretKey(armored, start.passphrase)
    if (typeof unlocked === 'string')
      throw new Trouble('desk-key', `desk.key: ${keyring.UNLOCK_PROBLEMS[unlocked]}`)
    secretKeys.push(unlocked)
  }
  return { secretKeys, certificates: start.maintainerKeys ?? [] }
}

/** The desk as the author of its messages. Throws as {@link unlockKeys}. */
export async function identityOf(
  { secretKeys: [signer] }: ReadingKeys,
  { deskName: name, deskAddress: address }: WorkerStart
): Promise<DeskIdentity> {
  if (signer === undefined) throw new Trouble('desk-key', 'there is no desk key')
  const certificate = await keyring.readCertificate(signer.privateKey.toPublic().write())
  if (certificate === null)
    throw new Trouble('desk-key', 'the desk key has no readable public part')
  return { name, address, publicKey: certificate.keyData, signer }
}
