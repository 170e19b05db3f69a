/**
 * Decides which IP addresses are on the public internet (IANA special-purpose registries, RFC 6890). A host named by somebody
 * else must never make us connect to our own network.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

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
