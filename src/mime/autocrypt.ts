/**
 * The Autocrypt header field (Autocrypt Level 1 §2). Its key is a candidate for a first answer, never an identity (mail.md
 * §1.7). Ignores gossip and setup messages, and the field of a report (RFC 6522), which a machine wrote.
 */
import { isSameAddress } from '../domain/address.ts'
import { type HeaderFacts } from '../domain/mail.ts'
import { type Field, valuesOf } from './fields.ts'
import { toStrictAddress } from './mailboxes.ts'
import { readParameterized } from './parameters.ts'

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
