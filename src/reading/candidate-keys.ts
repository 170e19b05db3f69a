/**
 * Keys found in a message, as candidates for a first encrypted answer: from the Autocrypt header or attached. A key is used
 * only if it names exactly the sender; when several do, all are reported and none is preferred.
 */
import { isSameAddress, parseAddress } from '../domain/address.ts'
import * as mail from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'
import { type Field, valuesOf } from '../mime/fields.ts'
import { readParameterized } from '../mime/parameters.ts'
import { classifyKey, inspectKey } from '../openpgp/keyring.ts'

/** The candidates and the unusable keys, at most {@link CANDIDATES_MAX} of each, and warnings. */
export type Candidates = {
  readonly keys: readonly mail.CandidateKey[]
  readonly unusable: readonly mail.UnusableKey[]
  readonly warnings: readonly mail.WarningCode[]
}

const ATTACHED_KEYS_MAX = 10
const CANDIDATES_MAX = 4

/** Looks through the outer fields and the payload's attachments for keys of `from`. */
export async function findCandidateKeys(
  outerFields: readonly Field[],
  attachments: readonly mail.Attachment[],
  from: mail.HeaderFacts['from'],
  now: Instant
): Promise<Candidates> {
  const keyFiles = attachments
    .filter(mail.isDeclaredKey)
    .filter(({ content }) => classifyKey(content) === 'public')
  const files = mail.distinctFiles(keyFiles).slice(0, ATTACHED_KEYS_MAX)
  const header = readAutocrypt(outerFields, from)
  // A key that is also attached counts as attached: unlike the header, an attachment can be signed.
  const brought = [
    ...files.map(({ content }) => ({ data: content, source: 'attached' as const })),
    ...(header === null ? [] : [{ data: header, source: 'autocrypt' as const }])
  ]
  const named = new Map<string, mail.CandidateKey | mail.UnusableKey>()
  const warnings: mail.WarningCode[] = []
  for (const { data, source } of brought) {
    // Null when the key does not name the sender, or takes more work than a key may cause.
    const facts = from === null ? null : await inspectKey(data, now, from.address)
    if (facts === null) {
      if (source === 'attached') warnings.push('fake-key')
      continue
    }
    const { fingerprint, keyData, signingKeys, state } = facts
    const known = named.get(fingerprint)
    if (known !== undefined && !('because' in known)) continue
    const key = { fingerprint, source, keyData }
    named.set(
      fingerprint,
      state === 'usable' ? { ...key, signingKeys } : { ...key, because: state }
    )
  }
  const keys = [...named.values()]
  const usable = keys.filter((key): key is mail.CandidateKey => !('because' in key))
  return {
    keys: usable.slice(0, CANDIDATES_MAX),
    unusable: keys
      .filter((key): key is mail.UnusableKey => 'because' in key)
      .slice(0, CANDIDATES_MAX),
    warnings: usable.length > 1 ? [...warnings, 'several-keys'] : warnings
  }
}

// The Autocrypt header field (Autocrypt Level 1 §2). Its key is a candidate for a first answer, never an identity. Ignores
// gossip and setup messages, and the field of a report (RFC 6522), which a machine wrote.

const VALUE_CHARS_MAX = 10 * 1024
const KNOWN = new Set(['addr', 'prefer-encrypt', 'keydata'])

/** The binary key of the one valid field that names exactly the From address, else null; always null for a multipart/report. */
export function readAutocrypt(
  fields: readonly Field[],
  from: mail.HeaderFacts['from']
): Uint8Array | null {
  const isReport = valuesOf(fields, 'content-type').some(
    (value) => readParameterized(value).value === 'multipart/report'
  )
  if (from === null || isReport) return null
  const [only, ...more] = valuesOf(fields, 'autocrypt').flatMap((value) => readValue(value) ?? [])
  if (only === undefined || more.length > 0) return null
  const address = parseAddress(only.address)
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
