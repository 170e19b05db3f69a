/**
 * Keys found in a message, as candidates for a first encrypted answer: from the Autocrypt header or attached. A key is used
 * only if it names exactly the sender; when several do, all are reported and none is preferred (DESIGN §8, mail.md §2.12).
 */
import { isSameAddress } from '../domain/address.ts'
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
import { type Field, valuesOf } from '../mime/fields.ts'
import { toStrictAddress } from '../mime/mailboxes.ts'
import { readParameterized } from '../mime/parameters.ts'
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

// The Autocrypt header field (Autocrypt Level 1 §2). Its key is a candidate for a first answer, never an identity (mail.md
// §1.7). Ignores gossip and setup messages, and the field of a report (RFC 6522), which a machine wrote.

const VALUE_CHARS_MAX = 10 * 1024
const KNOWN = new Set(['addr', 'prefer-encrypt', 'keydata'])

/** The binary key of the one valid field that names exactly the From address, else null; always null for a multipart/report. */
export function readAutocrypt(
  fields: readonly Field[],
  from: HeaderFacts['from']
): Uint8Array | null {
  const isReport = valuesOf(fields, 'content-type').some(
    (value) => readParameterized(value).value === 'multipart/report'
  )
  if (from === null || isReport) return null
  const [only, ...more] = valuesOf(fields, 'autocrypt').flatMap((value) => readValue(value) ?? [])
  if (only === undefined || more.length > 0) return null
  const address = toStrictAddress(only.address)
  return address !== null && isSameAddress(address, from.address) ? only.keyData : null
}

/** Null for a field that is not valid. Unknown attributes make it so unless their name begins with `_`. */
function readValue(value: string): { address: string; keyData: Uint8Array } | null {
  if (value.length > VALUE_CHARS_MAX) return null
  const { params } = readParameterized(`autocrypt; ${value}`)
  const names = [...params.keys()]
  const isKnown = names.every((name) => KNOWN.has(name) || name.startsWith('_'))
  const base64 = (params.get('keydata') ?? '').replaceAll(/\s/g, '')
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) && base64.length % 4 === 0
  if (!isKnown || names.at(-1) !== 'keydata' || !isBase64) return null
  const keyData = new Uint8Array(Buffer.from(base64, 'base64'))
  return { address: params.get('addr') ?? '', keyData }
}
