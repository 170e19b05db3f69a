/**
 * Reads what mail servers added to a message about its sender: Authentication-Results (RFC 8601) and Return-Path, each with its
 * position among the Received fields. Facts only: anybody can write such fields, and policy/authentication.ts decides which
 * ones are trusted. Must never throw, nor read a verdict from a quoted string or a comment, where a sender's own words may stand.
 */
import { domainOf, parseAddress } from '../domain/address.ts'
import { type AuthenticationResult, type SenderTrace } from '../domain/mail.ts'
import { type Field } from './fields.ts'
import { CONTROL, lex } from './parameters.ts'

const FIELDS_MAX = 30
const FIELD_CHARS_MAX = 8 * 1024
const RESULTS_MAX = 200
/** `authserv-id [version]`, the id in the form that the configuration accepts. */
const HEAD = /^\s*([A-Za-z0-9][A-Za-z0-9._-]{0,252})(?:\s+1)?\s*$/
/** `method[/version] = result` */
const VERDICT = /^\s*([a-z]+)(?:\s*\/\s*1)?\s*=\s*([a-z]+)(?=\s|$)/i
/** `ptype . property = pvalue` */
const PROPERTY = /\s([a-z]+)\s*\.\s*([a-z]+)\s*=\s*(\S+)/gi
/** The property that names the sender, for each method (RFC 8601 §2.7). */
const IDENTITIES: Readonly<Record<AuthenticationResult['method'], string>> = {
  dmarc: 'header.from',
  spf: 'smtp.mailfrom',
  dkim: 'header.d'
}
const METHODS = Object.keys(IDENTITIES) as AuthenticationResult['method'][]

/** Reads the outer header block of a received message, the topmost field first. */
export function readSenderTrace(fields: readonly Field[]): SenderTrace {
  const results: AuthenticationResult[] = []
  const returnPaths: SenderTrace['returnPaths'][number][] = []
  let received = 0
  let read = 0
  for (const { name, value } of fields) {
    if (name === 'received') received += 1
    if (name === 'return-path' && returnPaths.length < FIELDS_MAX) {
      const path = value.trim().replace(/^<([^<>]*)>$/, '$1')
      returnPaths.push({ address: parseAddress(path), below: received })
    }
    if (name !== 'authentication-results' || read >= FIELDS_MAX) continue
    read += 1
    if (results.length < RESULTS_MAX) results.push(...readAuthenticationResults(value, received))
  }
  return { received, returnPaths, results: results.slice(0, RESULTS_MAX) }
}

/** The results of one field that stands below `below` Received fields; none without a readable server. */
export function readAuthenticationResults(value: string, below: number): AuthenticationResult[] {
  const [head = '', ...infos] = value.length <= FIELD_CHARS_MAX ? splitField(value) : []
  const server = HEAD.exec(head)?.[1]?.toLowerCase()
  if (server === undefined) return []
  return infos.flatMap((info) => {
    const [, name = '', result = ''] = VERDICT.exec(info) ?? []
    const method = METHODS.find((known) => name.toLowerCase() === known)
    if (method === undefined) return []
    const [only, ...more] = [...info.matchAll(PROPERTY)].filter(([, type = '', property = '']) => {
      return `${type}.${property}`.toLowerCase() === IDENTITIES[method]
    })
    // Two names for the sender are ambiguous, so neither counts.
    const identity = more.length === 0 ? readIdentity(only?.[3] ?? '') : NOBODY
    return [{ server, below, method, result: result.toLowerCase(), ...identity }]
  })
}

/**
 * The field split at its semicolons, with a blank for each comment and a quotation mark for each quoted string. Nothing when one
 * of them is not closed, or when the field has a control character.
 */
function splitField(value: string): string[] {
  const tokens = [...lex(value)]
  if (CONTROL.test(value) || !tokens.every(({ isClosed }) => isClosed)) return []
  const marks = { comment: ' ', quoted: '"' }
  return tokens
    .map(({ kind, raw }) => (kind === 'other' ? raw : marks[kind]))
    .join('')
    .split(';')
}

const NOBODY = { address: null, domain: '' }

/** `user@domain`, `@domain` or `domain` (RFC 8601 §2.2 pvalue); nobody for anything else. */
function readIdentity(text: string): Pick<AuthenticationResult, 'address' | 'domain'> {
  const address = parseAddress(text)
  if (address !== null) return { address, domain: domainOf(address) }
  // The domain is checked like the domain of an address.
  const probe = parseAddress(`x@${text.replace(/^@/, '')}`)
  return probe === null ? NOBODY : { address: null, domain: domainOf(probe) }
}
