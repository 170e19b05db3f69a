/**
 * The Autocrypt header field (Autocrypt Level 1 §2). Its key is a candidate for a first answer, never an identity (mail.md
 * §1.7). Ignores gossip and setup messages, and the field of a report (RFC 6522), which a machine wrote.
 */
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
  if (from === null || isReport(fields)) return null
  const valid = valuesOf(fields, 'autocrypt')
    .map((value) => readValue(value))
    .filter((header) => header !== null)
  const [only] = valid
  if (only === undefined || valid.length !== 1) return null
  return toStrictAddress(only.addr)?.toLowerCase() === from.address.toLowerCase()
    ? only.keyData
    : null
}

function isReport(fields: readonly Field[]): boolean {
  const types = valuesOf(fields, 'content-type')
  return types.some((value) => readParameterized(value).value === 'multipart/report')
}

type AutocryptHeader = { readonly addr: string; readonly keyData: Uint8Array }

function readValue(value: string): AutocryptHeader | null {
  const attributes = value.length > VALUE_CHARS_MAX ? null : readAttributes(value)
  if (attributes === null) return null
  const base64 = (attributes.get('keydata') ?? '').replaceAll(/\s/g, '')
  const isLast = [...attributes.keys()].at(-1) === 'keydata'
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) && base64.length % 4 === 0
  if (!isLast || !isBase64) return null
  const keyData = new Uint8Array(Buffer.from(base64, 'base64'))
  return { addr: attributes.get('addr') ?? '', keyData }
}

/** Unknown attributes make the field invalid unless their name begins with `_`. */
function readAttributes(value: string): Map<string, string> | null {
  const attributes = new Map<string, string>()
  for (const piece of value.split(';')) {
    if (piece.trim() === '') continue
    const equals = piece.indexOf('=')
    const name = piece.slice(0, Math.max(equals, 0)).trim().toLowerCase()
    const isKnown = KNOWN.has(name) || name.startsWith('_')
    if (!isKnown || attributes.has(name)) return null
    attributes.set(name, piece.slice(equals + 1).trim())
  }
  return attributes
}
