/**
 * Looking up keys on a real HTTPS server: what is asked, what is believed, and which hosts are never talked to
 * (mail.md §1.8, §2.27).
 */
import { createServer, type Server } from 'node:https'
import { type AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseAddress } from '../../src/domain/address.ts'
import { type FoundKey } from '../../src/effects/effects.ts'
import {
  createKeyDirectory,
  type Internet,
  isPublicAddress
} from '../../src/transport/key-directory.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'

const KEY = Buffer.from('a certificate')
const HASH = 'iy9q119eutrkn8s1mk4r39qejnbu3n5q'

let certificates: Certificates
let server: Server
let asked: string[]
let answer: { status: number; body: Buffer; headers?: Record<string, string>; waits?: boolean }
let hosts: Record<string, readonly string[] | 'ENOTFOUND' | 'SERVFAIL'>
let resolved: string[]
let nowMs: number

beforeAll(async () => {
  certificates = await makeCertificates(
    'DNS:openpgpkey.people.example,DNS:people.example,DNS:keys.example'
  )
  const { certificate: cert, key } = certificates
  server = createServer({ cert, key }, (request, response) => {
    asked.push(`${request.headers.host ?? ''}${request.url ?? ''}`)
    if (answer.waits === true) return
    response.writeHead(answer.status, answer.headers)
    response.end(answer.body)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  certificates.remove()
})
beforeEach(() => {
  asked = []
  resolved = []
  nowMs = 0
  answer = { status: 200, body: KEY }
  hosts = {
    'openpgpkey.people.example': ['127.0.0.1'],
    'people.example': ['127.0.0.1'],
    'keys.example': ['127.0.0.1']
  }
})

function internet(changes: Partial<Internet> = {}): Internet {
  return {
    resolve: (host) => {
      resolved.push(host)
      const found = hosts[host] ?? 'ENOTFOUND'
      return typeof found === 'string'
        ? Promise.reject(Object.assign(new Error('no'), { code: found }))
        : Promise.resolve(found)
    },
    isPublic: () => true,
    port: (server.address() as AddressInfo).port,
    ca: certificates.ca,
    ...changes
  }
}
function directory(vks: string | null = null, changes: Partial<Internet> = {}) {
  return createKeyDirectory({ wkd: true, vks }, () => nowMs, internet(changes))
}
function find(address: string, vks: string | null = null, changes: Partial<Internet> = {}) {
  const parsed = parseAddress(address)
  if (parsed === null) throw new Error('bad test data')
  return directory(vks, changes).find(parsed)
}
function bytes(found: readonly FoundKey[]): string[] {
  return found.map(({ source, data }) => `${source} ${Buffer.from(data).toString()}`)
}

describe('a Web Key Directory', () => {
  it("is asked under the host openpgpkey first, by the hash of the draft's own example", async () => {
    expect(bytes(await find('Joe.Doe@people.example'))).toEqual(['wkd a certificate'])
    expect(asked).toEqual([
      `openpgpkey.people.example/.well-known/openpgpkey/people.example/hu/${HASH}?l=Joe.Doe`
    ])
  })

  it('is asked under the domain itself only where that host does not exist', async () => {
    hosts['openpgpkey.people.example'] = 'ENOTFOUND'
    expect(bytes(await find('Joe.Doe@people.example'))).toEqual(['wkd a certificate'])
    expect(asked).toEqual([`people.example/.well-known/openpgpkey/hu/${HASH}?l=Joe.Doe`])
  })

  it('is not asked elsewhere when the name server fails', async () => {
    hosts['openpgpkey.people.example'] = 'SERVFAIL'
    expect(await find('Joe.Doe@people.example')).toEqual([])
    expect(asked).toEqual([])
  })

  it.each(['jo@localhost', 'jo@intranet', 'jo@127.0.0.1', 'jo@2130706433'])(
    'is not asked for %s, which is no name of the internet',
    async (address) => {
      expect(await find(address)).toEqual([])
      expect(resolved).toEqual([])
    }
  )
})

describe('a key server', () => {
  it('is asked for the address, beside the directory', async () => {
    const found = await find('a+b@people.example', 'keys.example')
    expect(bytes(found)).toEqual(['wkd a certificate', 'vks a certificate'])
    expect(asked).toContain('keys.example/vks/v1/by-email/a%2Bb%40people.example')
  })
})

describe('a host that somebody else named', () => {
  it('is not talked to when one of its addresses is not public', async () => {
    hosts['openpgpkey.people.example'] = ['93.184.216.34', '10.0.0.1']
    const found = await find('Joe.Doe@people.example', null, { isPublic: isPublicAddress })
    expect([found, asked]).toEqual([[], []])
  })

  it('is not followed anywhere else', async () => {
    answer = { status: 302, body: KEY, headers: { location: 'https://people.example/key' } }
    expect(await find('Joe.Doe@people.example')).toEqual([])
    expect(asked).toHaveLength(1)
  })

  it('is not believed without a certificate of its own', async () => {
    hosts = { 'openpgpkey.other.example': ['127.0.0.1'] }
    expect(await find('jo@other.example')).toEqual([])
    expect(asked).toEqual([])
  })

  it('is not listened to beyond 256 KiB', async () => {
    answer = { status: 200, body: Buffer.alloc(256 * 1024) }
    expect(await find('Joe.Doe@people.example')).toHaveLength(1)
    answer = { status: 200, body: Buffer.alloc(256 * 1024 + 1) }
    expect(await find('Joe.Doe@people.example')).toEqual([])
  })

  it('is left after five seconds when it says nothing, and when its name is never resolved', async () => {
    answer = { status: 200, body: KEY, waits: true }
    const never = { resolve: () => new Promise<never>(() => undefined) }
    const found = [find('Joe.Doe@people.example'), find('Joe.Doe@people.example', null, never)]
    expect(await Promise.all(found)).toEqual([[], []])
    expect(asked).toHaveLength(1)
  })
})

describe('a question', () => {
  const address = parseAddress('Joe.Doe@people.example')

  it('is not asked twice within an hour, and at most sixty are', async () => {
    if (address === null) throw new Error('bad test data')
    const keys = directory()
    await keys.find(address)
    expect(bytes(await keys.find(address))).toEqual(['wkd a certificate'])
    expect(asked).toHaveLength(1)
    for (let index = 0; index < 100; index += 1) {
      const other = parseAddress(`p${index}@people.example`)
      if (other !== null) await keys.find(other)
    }
    expect(asked).toHaveLength(60)
    nowMs = 3_600_000
    await keys.find(address)
    expect(asked).toHaveLength(61)
  })
})

describe('a public address', () => {
  it.each(['93.184.216.34', '1.1.1.1', '2606:2800:220:1:248:1893:25c8:1946', '2a00:1450::1'])(
    '%s is one',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    }
  )
  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.168.1.1', '192.0.0.1', '198.18.0.1'],
    ...['224.0.0.1', '239.255.255.255', '255.255.255.255'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:93.184.216.34', '64:ff9b::7f00:1', '100::1'],
    ...['fc00::1', 'fd12:3456::1', 'fe80::1', 'fe80::1%eth0', 'ff02::1'],
    ...['2001::1', '2002:7f00:1::1', '', 'localhost', '0x7f.1', '2130706433', '1.1.1']
  ])('%s is none', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})
