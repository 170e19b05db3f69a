/**
 * Looks up a sender's key where the owner of an address publishes it: in the Web Key Directory of the mail domain (WKD,
 * draft-koch-openpgp-webkey-service) and on a key server that verifies addresses (VKS). The author of a From line chooses the
 * WKD host, so this connects only to public addresses, on port 443, without redirects, for a few seconds and a few kilobytes
 * (mail.md §1.8). Must never log an address, and never throw for network failures.
 */
import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { type Address, domainOf } from '../domain/address.ts'
import { HOUR_MS } from '../domain/time.ts'
import { type FoundKey, type KeyDirectory } from '../effects/effects.ts'

/** The directories to ask. */
export type DirectoryOptions = {
  readonly wkd: boolean
  /** Host of a key server; null for none. */
  readonly vks: string | null
}

/** Lets tests replace the internet. */
export type Internet = {
  /** All addresses of a host name; rejects with the codes of getaddrinfo. */
  readonly resolve: (host: string) => Promise<readonly string[]>
  readonly isPublic: (address: string) => boolean
  readonly port: number
  /** PEM text of the only certificates to trust, instead of the system's. */
  readonly ca?: string
}

// Which IP addresses are on the public internet (IANA special-purpose registries, RFC 6890).

const SPECIAL_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24'],
  ...['192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4']
]
/** Excluded inside 2000::/3, outside of which nothing is public: protocol assignments with Teredo, documentation, 6to4. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20']

const special = new BlockList()
const global = new BlockList()
for (const range of SPECIAL_V4) special.addSubnet(...subnet(range), 'ipv4')
for (const range of SPECIAL_V6) special.addSubnet(...subnet(range), 'ipv6')
global.addSubnet('2000::', 3, 'ipv6')

function subnet(range: string): [string, number] {
  const [net = '', prefix = ''] = range.split('/')
  return [net, Number(prefix)]
}

/** Whether `address`, an IP literal, is reachable on the public internet. False for anything else. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4')
  // An address with a zone, such as fe80::1%eth0, is local by definition.
  if (!isIPv6(address) || address.includes('%')) return false
  return global.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

const INTERNET: Internet = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  isPublic: isPublicAddress,
  port: 443
}

const KEY_BYTES_MAX = 256 * 1024
const LOOKUP_MS_MAX = 5000
/** A slow host delays the messages behind it, so this many lookups an hour and no more. */
const PER_HOUR = 60

/** A directory that remembers its answers for an hour: repeated requests reveal more about a correspondence. */
export function createKeyDirectory(
  options: DirectoryOptions,
  monotonicMs: () => number,
  internet: Internet = INTERNET
): KeyDirectory {
  const recent = new Map<string, { readonly at: number; readonly keys: readonly FoundKey[] }>()
  return {
    find: async (address) => {
      const now = monotonicMs()
      for (const [known, { at }] of recent) if (now - at >= HOUR_MS) recent.delete(known)
      const before = recent.get(address)
      if (before !== undefined) return before.keys
      if (recent.size >= PER_HOUR) return []
      // Stored before the answer arrives, so that the sender's next message does not ask again.
      recent.set(address, { at: now, keys: [] })
      const signal = AbortSignal.timeout(LOOKUP_MS_MAX)
      const keys = await findAll(address, options, { internet, signal })
      recent.set(address, { at: now, keys })
      return keys
    }
  }
}

type Net = { readonly internet: Internet; readonly signal: AbortSignal }

async function findAll(
  address: Address,
  { wkd, vks }: DirectoryOptions,
  net: Net
): Promise<FoundKey[]> {
  const found = await Promise.all([
    wkd ? findInWkd(address, net) : null,
    vks === null ? null : fetchKey(vks, `/vks/v1/by-email/${encodeURIComponent(address)}`, net)
  ])
  const [fromWkd, fromVks] = found
  return [
    ...(fromWkd === null ? [] : [{ source: 'wkd' as const, data: fromWkd }]),
    ...(fromVks === null ? [] : [{ source: 'vks' as const, data: fromVks }])
  ]
}

/** The advanced method; the direct method only if the host of the advanced one does not exist. */
async function findInWkd(address: Address, net: Net): Promise<Buffer | null> {
  const domain = domainOf(address)
  const local = address.slice(0, address.lastIndexOf('@'))
  // A name without a dot belongs to our own network.
  if (!domain.includes('.') || isIP(domain) !== 0) return null
  const file = `hu/${wkdHash(local)}?l=${encodeURIComponent(local)}`
  const host = `openpgpkey.${domain}`
  return (await exists(host, net))
    ? fetchKey(host, `/.well-known/openpgpkey/${domain}/${file}`, net)
    : fetchKey(domain, `/.well-known/openpgpkey/${file}`, net)
}

/** False only if the name does not exist: a broken server must not send us elsewhere. */
async function exists(host: string, { internet, signal }: Net): Promise<boolean> {
  try {
    await breakable(internet.resolve(host), signal)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    return code !== 'ENOTFOUND' && code !== 'ENODATA'
  }
}

/** The local part in lower case, SHA-1, Z-Base-32 (RFC 6189 §5.1.6). */
function wkdHash(local: string): string {
  const digest = createHash('sha1').update(local.toLowerCase()).digest()
  const bits = [...digest].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const letters = 'ybndrfg8ejkmcpqxot1uwisza345h769'
  return (bits.match(/.{5}/g) ?? []).map((five) => letters.charAt(parseInt(five, 2))).join('')
}

/** The bytes of the answer; null when nothing is there, not trusted, too large or too late. */
async function fetchKey(host: string, path: string, net: Net): Promise<Buffer | null> {
  try {
    const addresses = await breakable(net.internet.resolve(host), net.signal)
    const [first] = addresses
    // A single address of our own network makes the host a trap.
    if (first === undefined || !addresses.every(net.internet.isPublic)) return null
    return await get(host, first, path, net)
  } catch {
    return null
  }
}

/** Connects to exactly the address that was checked; the certificate must be for `host`. */
async function get(host: string, address: string, path: string, net: Net): Promise<Buffer | null> {
  const { port, ca } = net.internet
  const asking = request({
    ...{ host: address, servername: host, port, path, method: 'GET', agent: false },
    headers: { host, accept: 'application/octet-stream, application/pgp-keys' },
    ...{ minVersion: 'TLSv1.2', rejectUnauthorized: true, signal: net.signal },
    ...(ca === undefined ? {} : { ca })
  })
  // Without a listener, an error behind the beginning of the answer would end the process; reading the answer fails then.
  asking.on('error', () => undefined)
  asking.end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  let size = 0
  try {
    if (response.statusCode !== 200) return null
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > KEY_BYTES_MAX) return null
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } finally {
    response.destroy()
  }
}

/** A resolver cannot be cancelled, so we only stop waiting for it. */
async function breakable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  await Promise.race([work, once(signal, 'abort')])
  signal.throwIfAborted()
  return work
}
