/**
 * Reads what mail servers added to a message about its sender: Authentication-Results (RFC 8601) and Return-Path, each with its
 * position among the Received fields. Facts only: anybody can write such fields, and policy/authentication.ts decides which
 * ones are trusted. A field that cannot be parsed to its end yields nothing. Must never throw.
 */
import { domainOf } from '../domain/address.ts'
import { type AuthenticationResult, type SenderTrace } from '../domain/mail.ts'
import { type Field } from './fields.ts'
import { toStrictAddress } from './mailboxes.ts'
import { lex } from './parameters.ts'

const FIELDS_MAX = 30
const FIELD_CHARS_MAX = 8 * 1024
const RESULTS_MAX = 200
/** Cannot occur in an unfolded field; blanks are spaces and tabs only. */
const CONTROLS = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`
const KEYWORD = '[a-z0-9-]*[a-z0-9]'
/** `authserv-id [version]`; comments were replaced by blanks before. */
const HEAD = new RegExp(String.raw`^[ \t]*(${QUOTED}|[^ \t"(),;=\\]+)(?:[ \t]+1)?[ \t]*$`)
/** An authserv-id in the form that the configuration accepts. */
const SERVER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/
/** A value that is not empty; it may be quoted in part. */
const VALUE = String.raw`(?=[^ \t])(?:${QUOTED})?[^ \t"();\\]*(?![^ \t])`
const BLANKS = String.raw`[ \t]*`
/** `ptype . property = pvalue` */
const PROPERTY = `(${KEYWORD})${BLANKS}[.]${BLANKS}(${KEYWORD})${BLANKS}=${BLANKS}(${VALUE})`
/** `method[/version] = result`, `reason = value` and properties. */
const INFO = new RegExp(
  [
    `^${BLANKS}(${KEYWORD})(?:${BLANKS}/${BLANKS}(${KEYWORD}))?${BLANKS}=${BLANKS}(${KEYWORD})`,
    `(?:[ \t]${BLANKS}reason${BLANKS}=${BLANKS}${VALUE})?`,
    `((?:[ \t]${BLANKS}${PROPERTY})*)${BLANKS}$`
  ].join(''),
  'iu'
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
  const [head = '', ...infos] = isReadable ? splitField(value) : []
  const server = readServer(head)
  if (server === null) return []
  // Not in the grammar, but many servers end with a semicolon.
  if (infos.at(-1)?.trim() === '') infos.pop()
  // The no-result form stands alone (RFC 8601 §2.2).
  const isNone = infos.length === 1 && infos[0]?.trim().toLowerCase() === 'none'
  const read = isNone ? [] : infos.map((info) => readInfo(info, server, below))
  return read.includes(null) ? [] : read.flatMap((each) => each ?? [])
}

/** The field at its semicolons, with blanks for comments; nothing when a comment or a quoted string is not closed. */
function splitField(value: string): string[] {
  const tokens = [...lex(value)]
  if (!tokens.every(({ isClosed }) => isClosed)) return []
  const pieces = ['']
  for (const { kind, raw } of tokens) {
    if (raw === ';') pieces.push('')
    else pieces.push(`${pieces.pop() ?? ''}${kind === 'comment' ? ' ' : raw}`)
  }
  return pieces
}

/** The authserv-id in lower case; null when it cannot be parsed or has a version other than 1. */
function readServer(head: string): string | null {
  const server = unquote(HEAD.exec(head)?.[1] ?? '')
  return SERVER.test(server) ? server.toLowerCase() : null
}

/** One method with its properties; null when malformed, nothing for a method that nobody here asks about. */
function readInfo(info: string, server: string, below: number): AuthenticationResult[] | null {
  const [whole, name = '', version = '1', result = '', properties = ''] = INFO.exec(info) ?? []
  if (whole === undefined) return null
  const method = METHODS.find((known) => name.toLowerCase() === known && version === '1')
  if (method === undefined) return []
  const [only, ...more] = Array.from(
    properties.matchAll(new RegExp(PROPERTY, 'giu')),
    ([, type = '', property = '', value = '']) => ({ name: `${type}.${property}`, value })
  ).filter((each) => each.name.toLowerCase() === IDENTITIES[method])
  // Two names for the sender are ambiguous, so neither counts.
  const identity = only === undefined || more.length > 0 ? null : readIdentity(only.value)
  return [{ server, below, method, result: result.toLowerCase(), ...(identity ?? NOBODY) }]
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

/** The content of a quoted string, or `text` itself (RFC 5322 §3.2.4). */
function unquote(text: string): string {
  const trimmed = text.trim()
  return trimmed.startsWith('"')
    ? trimmed
        .slice(1)
        .replace(/"$/, '')
        .replaceAll(/\\([^]?)/g, '$1')
    : trimmed
}
