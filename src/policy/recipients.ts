/**
 * How words reach a reporter: encrypted to a usable pinned key, unencrypted under the one exception, or not yet (G3). Also the
 * sentences that tell maintainers whom a reply reaches, and how.
 */
import * as cases from '../domain/case.ts'
import { type Addressee, type SealedRecipient } from '../domain/decision.ts'
import { type Way } from '../domain/event.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { type PinnedCertificate } from '../domain/outgoing.ts'
import { type Maintainer, type Product } from '../domain/settings.ts'
import { count } from '../domain/words.ts'

/** The name of a maintainer, or the id of one who is gone. */
export function nameOf(
  id: string,
  { maintainers }: { readonly maintainers: readonly Pick<Maintainer, 'id' | 'name'>[] }
): string {
  return maintainers.find((maintainer) => maintainer.id === id)?.name ?? id
}

/** The reporter who would get an answer; null when none has an address, `several` when nothing says which is meant. */
export type AnsweredReporter = cases.Addressed | 'several' | null

/** An open way to a reporter; its kind is the word on the record. */
export type OpenPath =
  | { readonly kind: 'encrypted'; readonly recipient: SealedRecipient }
  | { readonly kind: 'in-clear'; readonly to: Addressee }

export const WAYS: Readonly<Record<Way, string>> = {
  encrypted: 'encrypted',
  'in-clear': 'NOT encrypted'
}

/** Words wait, for what they lack. `isClearOtherwise`: they could leave in clear if the keys that came were all refused. */
type ShutPath = {
  readonly kind: 'no-key'
  readonly lack: string
  readonly unusedKeys: readonly Fingerprint[]
  readonly isClearOtherwise: boolean
}

export function encryptedTo(to: Addressee, { fingerprint, keyData }: PinnedCertificate): OpenPath {
  return { kind: 'encrypted', recipient: { ...to, fingerprint, keyData } }
}

/** How words of a maintainer can reach one reporter of a case now (G3). */
export type ReporterPath = OpenPath | ShutPath

/**
 * Encrypted if a usable key is pinned. In clear only if the reporter began so, the policy allows it and no key of theirs is
 * known, neither in use nor waiting for a maintainer to accept or refuse it. Otherwise the words wait.
 */
export function reporterPath(
  reporter: Pick<cases.Addressed, 'id' | 'contact' | 'beganInClear' | 'unusedKeys'>,
  keys: cases.ReporterKeys,
  product: Product
): ReporterPath {
  const { id, contact, beganInClear, unusedKeys } = reporter
  const key = cases.reporterKeyOf(reporter, keys)
  if (key?.isUsable === true) return encryptedTo({ ...contact, id }, key)
  // A known key that cannot be used does not permit an unencrypted answer.
  const isClearOtherwise =
    key === null && beganInClear && product.policy.reporters.cleartext === 'allow'
  const lack =
    key?.hasExpired === true ? 'their key has expired' : 'we have no usable key of theirs'
  return isClearOtherwise && unusedKeys.length === 0
    ? { kind: 'in-clear', to: { ...contact, id } }
    : { kind: 'no-key', lack, unusedKeys, isClearOtherwise }
}

/** Which keys came for a reporter and are not in use, how to accept or refuse them, and what leaves if they are refused. */
export function keyChoice(path: Pick<ShutPath, 'unusedKeys' | 'isClearOtherwise'>): string {
  const { unusedKeys, isClearOtherwise } = path
  if (unusedKeys.length === 0) return ''
  const isOne = unusedKeys.length === 1
  const came = count(unusedKeys.length, 'key has', 'keys have')
  const commands = unusedKeys
    .map((key) => key.toUpperCase())
    .map((key) => `/key accept ${key} or /key refuse ${key}`)
  const refused = isOne ? 'If it is refused' : 'If all of them are refused'
  const clear = isClearOtherwise ? ` ${refused}, what waits leaves UNENCRYPTED.` : ''
  return ` ${came} come for this address and ${isOne ? 'is' : 'are'} not in use: ${commands.join('; ')}.${clear}`
}

/** The sentence on top of a list member's message. */
export function memberReach(id: string): string {
  return `A plain reply reaches the maintainers only. Text under a first line /member goes to list member ${id}, encrypted; other maintainers get a copy. Nothing that answers this message reaches the reporter.`
}

/**
 * The sentence on top of every forwarded message and every note: whom a reply would reach. `plain` says where a plain reply to
 * this message goes.
 */
export function reachSentence(
  reporter: AnsweredReporter,
  keys: cases.ReporterKeys,
  product: Product,
  plain: Product['policy']['replies']
): string {
  const [before, text] =
    plain === 'internal'
      ? ['A plain reply reaches the maintainers only. ', 'Text under a first line /reply']
      : ['', 'A plain reply, or text under a first line /reply,']
  if (reporter === null)
    return `${before}The report names no address, so its sender cannot be answered.`
  if (reporter === 'several')
    return `${before}The case has several reporters: to answer one of them, reply to a message of theirs.`
  const { address } = reporter.contact
  const path = reporterPath(reporter, keys, product)
  switch (path.kind) {
    case 'encrypted':
      return `${before}${text} goes to ${address}, encrypted, without quoted text; other maintainers get a copy.`
    case 'in-clear':
      return `${before}${text} goes to ${address}, UNENCRYPTED and readable on the way, because we have no key of theirs; other maintainers get a copy.`
    case 'no-key':
      return `${before}${address} cannot be answered yet: ${path.lack}. ${text} waits and leaves, encrypted, when a key of theirs is in use.${keyChoice(path)}`
  }
}
