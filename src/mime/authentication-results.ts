/**
 * Reads what mail servers added to a message about its sender: Authentication-Results (RFC 8601) and Return-Path, each with its
 * position among the Received fields. Facts only: anybody can write such fields, and policy/authentication.ts decides which
 * ones are trusted. A field that cannot be parsed to its end yields nothing. Must never throw.
 */
import { domainOf } from '../domain/address.ts'
import { type AuthenticationResult, type SenderTrace } from '../domain/mail.ts'
import { type Field } from './fields.ts'
import { toStrictAddress } from './mailboxes.ts'
import { splitOutsideQuotes, unquote } from './parameters.ts'

const FIELDS_MAX = 30
const FIELD_CHARS_MAX = 8 * 1024
const RESULTS_MAX = 200
/** Cannot occur in an unfolded field; blanks are spaces and tabs only. */
const CONTROLS = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/
/** Optional blanks; comments were replaced by blanks before. */
const CFWS = '[ \\t]*'
/** RFC 5321 Keyword, an Ldh-str. */
const KEYWORD = '[A-Za-z0-9-]*[A-Za-z0-9]'
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`
/** RFC 2045 §5.1, with letters of other scripts, because a domain may be written in them (RFC 8601 §2.2, RFC 6531). */
const TOKEN = String.raw`[^\u0000-\u0020\u007f-\u009f()<>@,;:\\"/[\]?=]+`
const DOMAIN = String.raw`[A-Za-z0-9\u00a1-\u{10ffff}-]+(?:\.[A-Za-z0-9\u00a1-\u{10ffff}-]+)*`
const ATOM = String.raw`[^\u0000-\u0020\u007f-\u009f()<>@,;:\\"[\].]+`
const PVALUE = `(?:${ATOM}(?:\\.${ATOM})*|${QUOTED})?@${DOMAIN}|${TOKEN}|${QUOTED}`
/** What big servers leave unquoted in properties that nobody here reads: base64, IPv6 addresses, versions. */
const OPAQUE = String.raw`[^ \t"();\\]+`
const END = '(?=[ \\t]|$)'
/** `authserv-id [version]`. */
const HEAD = new RegExp(`^${CFWS}(${TOKEN}|${QUOTED})(?:[ \\t]+([0-9]+))?${CFWS}$`, 'u')
/** An authserv-id in the form that the configuration accepts. */
const SERVER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/
/** `method[/version] = result`, optionally followed by a reason. */
const METHOD = new RegExp(
  `^${CFWS}(${KEYWORD})(?:${CFWS}/${CFWS}([0-9]+))?${CFWS}=${CFWS}(${KEYWORD})${END}` +
    `(?:[ \\t]+reason${CFWS}=${CFWS}(?:${TOKEN}|${QUOTED})${END})?`,
  'iu'
)
/** `ptype . property = pvalue`; the last group is a value that only a property without meaning here may have. */
const PROPERTY = new RegExp(
  `[ \\t]+(${KEYWORD})${CFWS}\\.${CFWS}(${KEYWORD})${CFWS}=${CFWS}(?:(${PVALUE})|(${OPAQUE}))${END}`,
  'uy'
)
/** The property that names the sender, for each method (RFC 8601 §2.7). */
const IDENTITIES: Readonly<Record<AuthenticationResult['method'], string>> = {
  dmarc: 'header.from',
  spf: 'smtp.mailfrom',
  dkim: 'header.d'
}

/** Reads the outer header block of a received message, the topmost field first. */
export function readSenderTrace(fields: readonly Field[]): SenderTrace {
  const results: AuthenticationResult[] = []
  const returnPaths: { address: SenderTrace['returnPaths'][number]['address']; below: number }[] =
    []
  let received = 0
  let read = 0
  for (const { name, value } of fields) {
    if (name === 'received') received += 1
    if (name === 'return-path' && returnPaths.length < FIELDS_MAX) {
      const path = value.trim().replace(/^<([^<>]*)>$/, '$1')
      returnPaths.push({ address: toStrictAddress(path), below: received })
    }
    if (name !== 'authentication-results' || read >= FIELDS_MAX) continue
    read += 1
    if (results.length < RESULTS_MAX) results.push(...readAuthenticationResults(value, received))
  }
  return { received, returnPaths, results: results.slice(0, RESULTS_MAX) }
}

/** The results of one field that stands below `below` Received fields; none when any part of it is malformed. */
export function readAuthenticationResults(value: string, below: number): AuthenticationResult[] {
  const isReadable = value.length <= FIELD_CHARS_MAX && !CONTROLS.test(value)
  const { pieces, isClosed } = splitOutsideQuotes(isReadable ? value : '', ' ')
  const [head = '', ...infos] = isClosed ? pieces : []
  const server = readServer(head)
  if (server === null) return []
  // Not in the grammar, but many servers end with a semicolon.
  if (infos.at(-1)?.trim() === '') infos.pop()
  // The no-result form stands alone (RFC 8601 §2.2).
  const isNone = infos.length === 1 && infos[0]?.trim().toLowerCase() === 'none'
  const read = isNone ? [] : infos.map((info) => readInfo(info, server, below))
  return read.includes(null) ? [] : read.flatMap((each) => each ?? [])
}

/** The authserv-id in lower case; null when it cannot be parsed or has a version other than 1. */
function readServer(head: string): string | null {
  const [, id = '', version = '1'] = HEAD.exec(head) ?? []
  const server = unquote(id)
  return version === '1' && SERVER.test(server) ? server.toLowerCase() : null
}

/** One method with its properties; null when malformed, nothing for a method that nobody here asks about. */
function readInfo(info: string, server: string, below: number): AuthenticationResult[] | null {
  const start = METHOD.exec(info)
  if (start === null) return null
  const [matched, name = '', version = '1', result = ''] = start
  const method = METHODS.find((known) => version === '1' && known === name.toLowerCase())
  const wanted = method === undefined ? '' : IDENTITIES[method]
  const values = readProperties(info, matched.length, wanted)
  if (values === null || method === undefined) return values && []
  const [only, ...more] = values
  // Two names for the sender are ambiguous, so neither counts.
  const identity = only === undefined || more.length > 0 ? null : readIdentity(only)
  return [{ server, below, method, result: result.toLowerCase(), ...(identity ?? NOBODY) }]
}

/** The values of property `wanted`, from `start` to the end of the piece; null when anything else stands there. */
function readProperties(info: string, start: number, wanted: string): string[] | null {
  const values: string[] = []
  const end = info.trimEnd().length
  PROPERTY.lastIndex = start
  for (let at = start; at < end; at = PROPERTY.lastIndex) {
    const [, ptype = '', property = '', pvalue] = PROPERTY.exec(info) ?? []
    if (ptype === '') return null
    if (`${ptype}.${property}`.toLowerCase() !== wanted) continue
    if (pvalue === undefined) return null
    values.push(pvalue)
  }
  return values
}

const METHODS = Object.keys(IDENTITIES) as AuthenticationResult['method'][]
const NOBODY = { address: null, domain: '' }

/** `user@domain`, `@domain` or `domain` (RFC 8601 §2.2 pvalue); null for anything else. */
function readIdentity(pvalue: string): Pick<AuthenticationResult, 'address' | 'domain'> | null {
  const text = unquote(pvalue)
  const address = toStrictAddress(text)
  if (address !== null) return { address, domain: domainOf(address) }
  // The domain is checked like the domain of an address.
  const probe = toStrictAddress(`x@${text.replace(/^@/, '')}`)
  return probe === null ? null : { address: null, domain: domainOf(probe) }
}
