/** Opening a message does no work twice: nothing is read, decoded or copied again (G9). */
import { createHash } from 'node:crypto'
import { createMessage, sign } from 'openpgp'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { contentOf } from '../../../src/mime/leaf.ts'
import { parseTree, partsBelow } from '../../../src/mime/tree.ts'
import { toBinary } from '../../../src/openpgp/armor.ts'
import {
  encryptedEntity,
  encryptedMail,
  filePart,
  givenCorrespondence,
  HEAD,
  lines,
  mixed,
  signedEntity,
  textPart
} from './material.ts'

const MIB = 2 ** 20
type HashLike = { update(data: Uint8Array | string): unknown }
const alice = await givenCorrespondence()

function textOf(bytes: unknown): string {
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('latin1') : ''
}

describe('opening a message', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('parses a signed file in an encryption only once', async () => {
    const sealed = await alice.seal(mixed([`X-Once: y\r\n${textPart('signed words')}`]))
    const decode = vi.spyOn(TextDecoder.prototype, 'decode')
    const opened = await alice.open(lines(...HEAD, filePart('x.asc', sealed)))
    expect(opened).toMatchObject({ structure: 'attachment', failure: null })
    expect(opened.signatures.map(({ state }) => state)).toEqual(['valid'])
    const read = decode.mock.calls.filter(([bytes]) => textOf(bytes) === 'X-Once: y')
    expect(read).toHaveLength(1)
  })

  it('decodes a limited number of bytes beside an encryption', async () => {
    const sealed = encryptedEntity(await alice.seal(textPart('signed words')))
    const withOutside = (...texts: readonly string[]): string =>
      sealed.replace(/--e--\s*$/, `${texts.map((text) => `--e\r\n\r\n${text}\r\n`).join('')}--e--`)
    const blanks = ' '.repeat(0.6 * MIB)
    const read = (...texts: readonly string[]) => alice.open(lines(...HEAD, withOutside(...texts)))
    const few = await read(blanks, 'foreign')
    expect([few.outsideText, few.text]).toEqual(['foreign', 'signed words\n'])
    expect(few.warnings).not.toContain('text-truncated')
    const many = await read(blanks, blanks, blanks, blanks, 'foreign')
    expect([many.outsideText, many.text]).toEqual(['', 'signed words\n'])
    expect(many.warnings).toContain('text-truncated')
  })

  it('(A4) reads what eight signatures cover once for each digest, and copies nothing of it', async () => {
    const hash = vi.spyOn(Object.getPrototypeOf(createHash('sha256')) as HashLike, 'update')
    const text = 'a line\n'.repeat(MIB / 7)
    const inside = await alice.seal(text, 8)
    const entity = textPart(text).replaceAll(/\r?\n/g, '\r\n')
    const message = await createMessage({ binary: Buffer.from(entity) })
    const signature = await sign({ message, signingKeys: alice.alice, detached: true })
    for (const [raw, count] of [
      [encryptedMail(inside), 8],
      [(lines(...HEAD) + signedEntity(entity, signature)).replaceAll('\r\n', '\n'), 1]
    ] as const) {
      hash.mockClear()
      const opened = await alice.open(raw)
      expect(opened.signatures.map(({ state }) => state)).toEqual(Array(count).fill('valid'))
      const bytes = hash.mock.calls.map(([given]) => given.length).reduce((one, all) => one + all)
      // For the signatures, for what tells them apart, and for the marks of the whole message.
      expect(bytes).toBeLessThan(4 * raw.length)
    }
  })

  it('(E21) does not decode a file without a type as a text', async () => {
    const head = 'Content-Disposition: attachment; filename="poc.bin"'
    const decode = vi.spyOn(TextDecoder.prototype, 'decode')
    const opened = await alice.open(
      lines(...HEAD) + mixed([textPart('words'), `${head}\r\n\r\n${'\u00ff'.repeat(1000)}`])
    )
    expect(opened.attachments).toHaveLength(1)
    expect(decode.mock.calls.filter(([bytes]) => textOf(bytes).length >= 1000)).toEqual([])
  })

  it('decodes the transfer encoding of a part only once, and copies nothing without one', () => {
    const parts = ['7bit', 'base64', 'quoted-printable', 'x-uuencode'].map(
      (encoding) => `Content-Transfer-Encoding: ${encoding}\r\n\r\nYWJj`
    )
    for (const part of partsBelow(parseTree(Buffer.from(mixed(parts))))) {
      expect(contentOf(part)).toBe(contentOf(part))
      if (part.encoding === '7bit') expect(contentOf(part).buffer).toBe(part.tree.raw.buffer)
    }
  })

  it('does not convert a file to text to look for a block', () => {
    const made = vi.spyOn(Buffer.prototype, 'toString')
    const file = Buffer.alloc(MIB, 'x\n')
    expect(toBinary(file)).toBeNull()
    expect(made).not.toHaveBeenCalled()
  })
})
