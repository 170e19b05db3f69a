/**
 * Keys found in a message, as candidates for a first encrypted answer: from the Autocrypt header or attached. A key is used
 * only if it names exactly the sender; when several do, all are reported and none is preferred (DESIGN §8, mail.md §2.12).
 */
import {
  type Attachment,
  type CandidateKey,
  distinctFiles,
  type HeaderFacts,
  isDeclaredKey,
  type UnusableKey,
  type WarningCode
} from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'
import { readAutocrypt } from '../mime/autocrypt.ts'
import { type Field } from '../mime/fields.ts'
import { classifyKey, inspectKey } from '../openpgp/keyring.ts'

/** The candidates and the unusable keys, at most {@link CANDIDATES_MAX} of each, and warnings. */
export type Candidates = {
  readonly keys: readonly CandidateKey[]
  readonly unusable: readonly UnusableKey[]
  readonly warnings: readonly WarningCode[]
}

const ATTACHED_KEYS_MAX = 10
const CANDIDATES_MAX = 4

/** Looks through the outer fields and the payload's attachments for keys of `from`. */
export async function findCandidateKeys(
  outerFields: readonly Field[],
  attachments: readonly Attachment[],
  from: HeaderFacts['from'],
  now: Instant
): Promise<Candidates> {
  // Null when the key does not name the sender, or takes more work than a key may cause.
  const candidate = async (data: Uint8Array, source: CandidateKey['source']) => {
    const facts = from === null ? null : await inspectKey(data, now, from.address)
    if (facts === null) return null
    const { fingerprint, keyData, signingKeys, state } = facts
    return state === 'usable'
      ? { fingerprint, source, keyData, signingKeys }
      : { fingerprint, source, keyData, because: state }
  }
  const found = new Map<string, CandidateKey>()
  const unusable = new Map<string, UnusableKey>()
  const warnings: WarningCode[] = []
  const keep = (key: CandidateKey | UnusableKey): void => {
    if ('because' in key) unusable.set(key.fingerprint, key)
    // A key that is also attached counts as attached: unlike the header, an attachment can be signed.
    else if (key.source === 'attached' || !found.has(key.fingerprint))
      found.set(key.fingerprint, key)
  }
  const keyFiles = attachments.filter((file) => isKeyFile(file))
  const attached = distinctFiles(keyFiles).slice(0, ATTACHED_KEYS_MAX)
  for (const { content } of attached) {
    const key = await candidate(content, 'attached')
    if (key === null) warnings.push('fake-key')
    else keep(key)
  }
  const header = readAutocrypt(outerFields, from)
  const key = header === null ? null : await candidate(header, 'autocrypt')
  if (key !== null) keep(key)
  return {
    keys: [...found.values()].slice(0, CANDIDATES_MAX),
    unusable: [...unusable.values()].slice(0, CANDIDATES_MAX),
    warnings: found.size > 1 ? [...warnings, 'several-keys'] : warnings
  }
}

function isKeyFile(file: Attachment): boolean {
  return isDeclaredKey(file) && classifyKey(file.content) === 'public'
}
