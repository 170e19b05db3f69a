/**
 * Rules between the keys of a configuration: one address per maintainer, TLS wherever a network is crossed. Works on the
 * values as written, so that a mistake elsewhere hides no other. Must never trust a type: skips values of a wrong type,
 * because the schema complains about them.
 */
import { isLoopback, parseAddress } from '../domain/address.ts'
import { type Problem, recordOf } from './problems.ts'

/** Every contradiction in `file`, the plain value of a configuration document. */
export function crossChecks(file: unknown): Problem[] {
  const root = recordOf(file) ?? {}
  return [
    ...tlsProblems(root, 'imap'),
    ...tlsProblems(root, 'smtp'),
    ...loginProblems(root),
    ...folderProblems(root),
    ...lookupProblems(root),
    ...doubles(root, 'maintainers', 'id', (text) => text),
    ...doubles(root, 'maintainers', 'address', addressKeyOf),
    ...doubles(root, 'products', 'id', (text) => text),
    ...deskAddressProblems(root)
  ]
}

type Root = Readonly<Record<string, unknown>>

function tlsProblems(root: Root, section: 'imap' | 'smtp'): Problem[] {
  const { tls, host } = recordOf(root[section]) ?? {}
  if (tls !== 'none' || (typeof host === 'string' && isLoopback(host))) return []
  return [
    {
      path: [section, 'tls'],
      text: 'must not be none for a host other than this machine: use implicit or starttls'
    }
  ]
}

function loginProblems(root: Root): Problem[] {
  const smtp = recordOf(root['smtp']) ?? {}
  const hasUser = isGiven(smtp['user'])
  if (hasUser === isGiven(smtp['password'])) return []
  const missing = hasUser ? 'password' : 'user'
  return [
    { path: ['smtp', missing], text: 'is missing: give user and password together, or neither' }
  ]
}

/** A lookup for an unverified sender would let anybody make us connect to any host. */
function lookupProblems(root: Root): Problem[] {
  const { wkd, vks } = recordOf(root['key_lookup']) ?? {}
  const servers = recordOf(root['imap'])?.['authserv_ids']
  const isOn = wkd === true || (vks !== undefined && vks !== null)
  if (!isOn || (Array.isArray(servers) && servers.length > 0)) return []
  return [
    {
      path: ['key_lookup'],
      text: 'needs imap.authserv_ids, because keys are looked up only for senders that DMARC verified: name your mail server there'
    }
  ]
}

function folderProblems(root: Root): Problem[] {
  const imap = recordOf(root['imap'])
  if (imap === null) return []
  const defaults = {
    inbox: 'INBOX',
    processed: 'Postern/Processed',
    held: 'Postern/Held',
    junk: 'Junk'
  }
  const seen = new Set<unknown>()
  const problems: Problem[] = []
  for (const [key, name] of Object.entries(defaults)) {
    if (key === 'junk' && imap[key] === null) continue
    const given = imap[key] ?? name
    // RFC 9051 §5.1: INBOX is the one folder name that ignores case.
    const folder = typeof given === 'string' && /^inbox$/i.test(given) ? 'INBOX' : given
    if (seen.has(folder)) {
      problems.push({
        path: ['imap', key],
        text: 'must differ from the folders before it, or mail would be moved in circles: name another folder'
      })
    }
    seen.add(folder)
  }
  return problems
}

function doubles(
  root: Root,
  list: 'maintainers' | 'products',
  key: string,
  normalise: (text: string) => string | null
): Problem[] {
  const seen = new Set<string>()
  const problems: Problem[] = []
  for (const [index, entry] of entriesOf(root, list)) {
    const value = entry[key]
    const normal = typeof value === 'string' ? normalise(value) : null
    if (normal === null) continue
    if (seen.has(normal)) {
      problems.push({
        path: [list, index, key],
        text: 'is used twice: give each entry its own value'
      })
    }
    seen.add(normal)
  }
  return problems
}

function deskAddressProblems(root: Root): Problem[] {
  const address = recordOf(root['desk'])?.['address']
  const desk = typeof address === 'string' ? addressKeyOf(address) : null
  if (desk === null) return []
  return entriesOf(root, 'maintainers')
    .filter(([, { address: own }]) => typeof own === 'string' && addressKeyOf(own) === desk)
    .map(([index]) => ({
      path: ['maintainers', index, 'address'],
      text: "must not be the desk's address, because forwarded reports would come back as new ones: use a personal address"
    }))
}

function entriesOf(root: Root, list: string): (readonly [number, Root])[] {
  const value = root[list]
  if (!Array.isArray(value)) return []
  return value.map((entry, index) => [index, recordOf(entry) ?? {}] as const)
}

function addressKeyOf(text: string): string | null {
  return parseAddress(text)?.toLowerCase() ?? null
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}
