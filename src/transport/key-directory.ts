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
import { BlockList, isIP } from 'node:net'
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

/** What is not on the public internet (RFC 6890), or leads from it into other networks: Teredo and 6to4. */
const NOT_PUBLIC = new BlockList()
for (const range of [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3', '2001::/23', '2002::/16']
]) {
  const [net = '', prefix] = range.split('/')
  NOT_PUBLIC.addSubnet(net, Number(prefix), familyOf(net))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

/** Whether `address`, an IP literal, is reachable on the public internet. False for anything else. */
export function isPublicAddress(address: string): boolean {
  // In IPv6, only 2000::/3 is public. An address with a zone, such as fe80::1%eth0, is local by definition.
  const isGlobal =
    isIP(address) === 6 ? /^[23][0-9a-f]{3}:[^%]*$/i.test(address) : isIP(address) === 4
  return isGlobal && !NOT_PUBLIC.check(address, familyOf(address))
}

const INTERNET: Internet = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  isPublic: isPublicAddress,
  port: 443
}

const KEY_BYTES_MAX = 256 * 1024
const LOOKUP_MS_MAX = 5000
/** Most lookups in an hour: a slow host delays the messages behind it. */
const PER_HOUR = 60

/** A directory that remembers its answers for an hour: repeated requests reveal more about a correspondence. */
export function createKeyDirectory(
  options: DirectoryOptions,
  monotonicMs: () => number,
  internet: Internet = INTERNET
): KeyDirectory {
  const recent = new Map<string, { readonly at: number; keys: readonly FoundKey[] }>()
  return {
    find: async (address) => {
      const now = monotonicMs()
      for (const [known, { at }] of recent) if (now - at >= HOUR_MS) recent.delete(known)
      const before = recent.get(address)
      if (before !== undefined) return before.keys
      if (recent.size >= PER_HOUR) return []
      // Stored before the answer arrives, so that the sender's next message does not ask again.
      const answer = { at: now, keys: [] as readonly FoundKey[] }
      recent.set(address, answer)
      answer.keys = await findAll(address, options, internet)
      return answer.keys
    }
  }
}

type Net = { readonly internet: Internet; readonly signal: AbortSignal }

async function findAll(
  address: Address,
  { wkd, vks }: DirectoryOptions,
  internet: Internet
): Promise<FoundKey[]> {
  const signal = AbortSignal.timeout(LOOKUP_MS_MAX)
  const net = { internet, signal }
  const found = async (
    source: FoundKey['source'],
    data: Promise<Buffer | null>
  ): Promise<FoundKey[]> => {
    // A resolver cannot be cancelled, so we only stop waiting for it.
    const late = once(signal, 'abort').then(() => null)
    const key = await Promise.race([data, late]).catch(() => null)
    return key === null ? [] : [{ source, data: key }]
  }
  const asked = [
    ...(wkd ? [found('wkd', findInWkd(address, net))] : []),
    ...(vks === null ? [] : [found('vks', findInVks(address, vks, net))])
  ]
  return (await Promise.all(asked)).flat()
}

async function findInVks(address: Address, host: string, net: Net): Promise<Buffer | null> {
  const path = `/vks/v1/by-email/${encodeURIComponent(address)}`
  return get(host, await net.internet.resolve(host), path, net)
}

/** The advanced method; the direct method only if the host of the advanced one does not exist. */
async function findInWkd(address: Address, net: Net): Promise<Buffer | null> {
  const { resolve } = net.internet
  const domain = domainOf(address)
  const local = address.slice(0, address.lastIndexOf('@'))
  // A name without a dot belongs to our own network.
  if (!domain.includes('.') || isIP(domain) !== 0) return null
  const file = `hu/${wkdHash(local)}?l=${encodeURIComponent(local)}`
  const host = `openpgpkey.${domain}`
  const addresses = await resolve(host).catch((error: unknown) => {
    // A broken name server must not send us elsewhere.
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOTFOUND' || code === 'ENODATA') return null
    throw error
  })
  return addresses === null
    ? get(domain, await resolve(domain), `/.well-known/openpgpkey/${file}`, net)
    : get(host, addresses, `/.well-known/openpgpkey/${domain}/${file}`, net)
}

/** The local part in lower case, SHA-1, Z-Base-32 (RFC 6189 §5.1.6). */
function wkdHash(local: string): string {
  const digest = createHash('sha1').update(local.toLowerCase()).digest()
  const bits = [...digest].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const letters = 'ybndrfg8ejkmcpqxot1uwisza345h769'
  return (bits.match(/.{5}/g) ?? []).map((five) => letters.charAt(parseInt(five, 2))).join('')
}

/**
 * The bytes of the answer; null when nothing is there or it is too large. Connects to exactly an address that was checked; the
 * certificate must be for `host`.
 */
async function get(
  host: string,
  addresses: readonly string[],
  path: string,
  { internet, signal }: Net
): Promise<Buffer | null> {
  const [address] = addresses
  // A single address of our own network makes the host a trap.
  if (address === undefined || !addresses.every(internet.isPublic)) return null
  const { port, ca } = internet
  const asking = request({
    ...{ host: address, servername: host, port, path, method: 'GET', agent: false },
    headers: { host, accept: 'application/octet-stream, application/pgp-keys' },
    ...{ minVersion: 'TLSv1.2', rejectUnauthorized: true, signal },
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
