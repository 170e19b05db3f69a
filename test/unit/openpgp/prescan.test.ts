import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readArmor } from '../../../src/openpgp/armor.ts'
import { walkPackets } from '../../../src/openpgp/packets.ts'
import { looksEncrypted, prescan } from '../../../src/openpgp/prescan.ts'

const OURS = '1122334455667788'
const HIDDEN = '0000000000000000'

function packet(tag: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(6, 0xff)
  head[0] = 0xc0 | tag
  head.writeUInt32BE(body.length, 2)
  return Buffer.concat([head, body])
}
const session = (keyId: string): Buffer =>
  packet(1, Buffer.concat([Buffer.of(3), Buffer.from(keyId, 'hex'), Buffer.alloc(40, 18)]))
const seipd = (version = 1): Buffer =>
  packet(18, Buffer.concat([Buffer.of(version), Buffer.alloc(50)]))
const scan = (...packets: readonly Buffer[]): ReturnType<typeof prescan> =>
  prescan(Buffer.concat(packets), new Set([OURS]))

describe('examining an encrypted message before decryption', () => {
  it('keeps our session keys and drops those of others', () => {
    const other = session('aaaaaaaaaaaaaaaa')
    const result = scan(other, session(OURS), other, seipd())
    expect(result).toMatchObject({
      sealing: { sealedTo: 'desk', sealedToKeyIds: ['AAAAAAAAAAAAAAAA', OURS] }
    })
    expect('message' in result && result.message()).toEqual(Buffer.concat([session(OURS), seipd()]))
  })

  it('tries at most four hidden session keys, and none when we are named', () => {
    const hidden = Array.from({ length: 30 }, () => session(HIDDEN))
    const count = (result: ReturnType<typeof prescan>): number =>
      'message' in result ? walkPackets(result.message(), 99).spans.length - 1 : -1
    expect(count(scan(...hidden, seipd()))).toBe(4)
    expect(count(scan(...hidden, session(OURS), seipd()))).toBe(1)
    expect(scan(...hidden, seipd()).sealing).toMatchObject({
      sealedTo: 'hidden',
      sealedToKeyIds: [HIDDEN]
    })
  })

  it('gives a ciphertext the same mark when a thief hides the key id or drops other session keys (G6)', () => {
    const stolen = scan(session('aaaaaaaaaaaaaaaa'), session(OURS), seipd()).sealing.ciphertextMark
    const blanked = scan(session(HIDDEN), seipd()).sealing.ciphertextMark

    expect(stolen).not.toBeNull()
    expect(blanked).toEqual(stolen)
  })

  it('gives a ciphertext the same mark for every chunking and length form (property, G6)', () => {
    const body = Buffer.concat([Buffer.of(1), Buffer.from('0123456789'.repeat(20))])
    const stolen = scan(session(OURS), packet(18, body)).sealing.ciphertextMark
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 40 }), (powers) => {
        const pieces: Buffer[] = [Buffer.of(0xc0 | 18)]
        let at = 0
        for (const power of powers) {
          if (at + 2 ** power > body.length) continue
          pieces.push(Buffer.of(0xe0 | power), body.subarray(at, at + 2 ** power))
          at += 2 ** power
        }
        const last = Buffer.of(0xff, 0, 0, 0, body.length - at)
        const again = Buffer.concat([...pieces, last, body.subarray(at)])
        expect(scan(session(OURS), again).sealing.ciphertextMark).toEqual(stolen)
      })
    )
  })

  it('never tries a password', () => {
    const password = packet(3, Buffer.of(4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 255))
    expect(scan(password, seipd())).toMatchObject({
      because: 'not-for-us',
      sealing: { sealedTo: 'nobody', sealedToKeyIds: [] }
    })
    const result = scan(password, session(OURS), seipd())
    expect('message' in result && result.message()).toEqual(Buffer.concat([session(OURS), seipd()]))
  })

  it.each([
    ['for others only', 'not-for-us', [session('aaaaaaaaaaaaaaaa'), seipd()]],
    [
      'without modification detection',
      'no-integrity',
      [session(OURS), packet(9, Buffer.alloc(50))]
    ],
    ['of an unknown version', 'unsupported', [session(OURS), seipd(3)]],
    ['without data', 'damaged', [session(OURS)]],
    ['with two bodies', 'damaged', [session(OURS), seipd(), seipd()]],
    [
      'with 65 session keys',
      'limit',
      [...Array.from({ length: 65 }, () => session(OURS)), seipd()]
    ],
    ['cut short', 'damaged', [session(OURS), seipd().subarray(0, 30)]]
  ] as const)('refuses a message %s', (_, because, packets) => {
    expect(scan(...packets)).toMatchObject({ because })
  })

  it('accepts the encrypted packets in use: SEIPD 1 and 2, and the OCB packet of GnuPG', () => {
    for (const body of [
      seipd(1),
      seipd(2),
      packet(20, Buffer.of(1, 9, 2, 16, ...Buffer.alloc(40)))
    ]) {
      expect(scan(session(OURS), body)).toHaveProperty('message')
      expect(looksEncrypted(body)).toBe(true)
    }
    expect(scan(session(OURS), packet(20, Buffer.of(2)))).toHaveProperty('because')
  })

  it('reads partial and old-format lengths', () => {
    const partial = Buffer.concat([Buffer.of(0xd2, 0xe5), Buffer.alloc(32, 1), Buffer.of(2, 1, 1)])
    const old = Buffer.concat([Buffer.of(0x84, 12), session(OURS).subarray(6, 18)])
    expect(scan(old, partial)).toHaveProperty('message')
    const endless = Buffer.concat([
      Buffer.of(0xd2),
      ...Array.from({ length: 1000 }, () => Buffer.of(0xe0, 1))
    ])
    expect(scan(session(OURS), endless)).toMatchObject({ because: 'damaged' })
  })

  it('never throws and always ends (property)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const result = prescan(bytes, new Set([OURS]))
        expect('message' in result || 'because' in result).toBe(true)
        expect(looksEncrypted(bytes)).toBeTypeOf('boolean')
      })
    )
  })
})

describe('armor', () => {
  const block = (body: string, label = 'MESSAGE'): string =>
    `-----BEGIN PGP ${label}-----\n${body}\n-----END PGP ${label}-----`

  it('is one block with the text around it', () => {
    expect(readArmor(`before\n${block('Comment: x\n\nAAEC\n=abcd')}\nafter`)).toEqual({
      kind: 'message',
      data: new Uint8Array([0, 1, 2]),
      before: 'before',
      after: 'after'
    })
  })

  it.each([
    ['two blocks', `${block('\nAAEC')}\n${block('\nAAEC')}`],
    ['no empty line', block('AAEC')],
    ['foreign characters', block('\nAA*C')],
    ['an unknown label', block('\nAAEC', 'LETTER')],
    ['another end', block('\nAAEC').replace('END PGP MESSAGE', 'END PGP SIGNATURE')],
    ['a quoted block', `> ${block('\nAAEC')}`]
  ])('is not read with %s', (_, text) => {
    expect(readArmor(text)).toBeNull()
  })

  it('(E21) is the same block read from bytes as from a text, however its lines are broken', () => {
    const piece = fc.constantFrom(
      'QUJD',
      'WXYZabcd',
      'x',
      '+/',
      '=',
      '==',
      '=abcd',
      '*',
      'a-_b',
      '\xa0',
      '\xff'
    )
    const gap = fc.constantFrom('', '', '\n', '\r\n', ' ', '\t\n', '\n\n')
    const body = fc.array(fc.tuple(piece, gap), { maxLength: 12 })
    const whole = fc.constantFrom('', 'QUJD\r\n'.repeat(400), 'QUJDR\n'.repeat(400))
    fc.assert(
      fc.property(whole, body, fc.constantFrom('', 'before\n'), (long, parts, before) => {
        const text = `${before}${block(`\n${long}${parts.flat().join('')}`)}\nafter`
        expect(readArmor(Buffer.from(text, 'latin1'))).toEqual(readArmor(text))
      }),
      { numRuns: 500 }
    )
  })
})
