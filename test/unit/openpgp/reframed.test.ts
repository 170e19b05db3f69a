/** Stolen ciphertext in a new framing: it still opens, so it must still be known for what it is (G6, mail.md §2.4). */
import { createMessage, encrypt, readKey } from 'openpgp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readArmor } from '../../../src/openpgp/armor.ts'
import { pgpConfig } from '../../../src/openpgp/config.ts'
import { type Opening, openMessage } from '../../../src/openpgp/open.ts'
import { bodyOf, TAG, walkPackets } from '../../../src/openpgp/packets.ts'
import { type OpenPgpProgram } from '../../support/people.ts'
import { makeGnupg } from '../../support/people-gpg.ts'
import { describeWith } from '../../support/requires.ts'
import { DESK_ADDRESS, type Desk, makeDesk, testNow } from '../reading/material.ts'

const SECRET = Buffer.from('The parser reads past its buffer. '.repeat(60))

function packet(tag: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(6, 0xff)
  head[0] = 0xc0 | tag
  head.writeUInt32BE(body.length, 2)
  return Buffer.concat([head, body])
}

/** A body in chunks of 512 bytes, then the rest. */
function chunked(tag: number, body: Uint8Array): Buffer {
  const pieces: Uint8Array[] = [Buffer.of(0xc0 | tag)]
  let at = 0
  for (; at + 512 < body.length; at += 512) {
    pieces.push(Buffer.of(0xe9), body.subarray(at, at + 512))
  }
  const last = Buffer.alloc(5, 0xff)
  last.writeUInt32BE(body.length - at, 1)
  return Buffer.concat([...pieces, last, body.subarray(at)])
}

/** Raises the bit count of the first number in a session key packet by one, where that needs no further byte. */
function recounted(body: Uint8Array): Uint8Array {
  const changed = Buffer.from(body)
  const bits = changed.readUInt16BE(10)
  expect(Math.ceil((bits + 1) / 8)).toBe(Math.ceil(bits / 8))
  changed.writeUInt16BE(bits + 1, 10)
  return changed
}

type Change = (tag: number, body: Uint8Array) => Buffer

function reframe(data: Uint8Array, change: Change): Buffer {
  const { spans } = walkPackets(data, 9)
  expect(spans.map((span) => span.tag)[0]).toBe(TAG.publicKeySession)
  return Buffer.concat(spans.map((span) => change(span.tag, bodyOf(data, span))))
}

const CHANGES: readonly (readonly [string, Change])[] = [
  ['chunks', (tag, body) => (tag === TAG.publicKeySession ? packet : chunked)(tag, body)],
  ['one piece', packet],
  [
    'chunks and a bit count',
    (tag, body) =>
      tag === TAG.publicKeySession ? packet(tag, recounted(body)) : chunked(tag, body)
  ],
  [
    'chunks and a blank key id',
    (tag, body) =>
      tag === TAG.publicKeySession
        ? packet(tag, Buffer.concat([Buffer.of(3), Buffer.alloc(8), body.subarray(9)]))
        : chunked(tag, body)
  ]
]

function opensWithMarks(opening: Opening): readonly string[] {
  expect(opening.kind === 'opened' && Buffer.from(opening.data).equals(SECRET)).toBe(true)
  expect(opening.sealing.marks).toHaveLength(2)
  return opening.sealing.marks
}

describe('ciphertext of OpenPGP.js in a new framing', () => {
  let desk: Desk
  let sealed: Uint8Array
  const openIt = (data: Uint8Array): Promise<Opening> =>
    openMessage(data, { secretKeys: [desk.secret], certificates: [], now: testNow() })
  beforeAll(async () => {
    desk = await makeDesk()
    sealed = await encrypt({
      message: await createMessage({ binary: SECRET }),
      encryptionKeys: await readKey({ armoredKey: desk.publicArmored, config: pgpConfig(false) }),
      format: 'binary',
      config: pgpConfig(false)
    })
  })

  it.each(CHANGES)('opens, and has the same marks: %s (G6)', async (_, change) => {
    const stolen = reframe(sealed, change)
    expect(stolen.equals(sealed)).toBe(false)
    expect(opensWithMarks(await openIt(stolen))).toEqual(opensWithMarks(await openIt(sealed)))
  })

  it('shares the mark of its session key even when its data was changed (G6)', async () => {
    const broken = Buffer.from(sealed)
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
    const opening = await openIt(broken)
    const [, sessionKey] = opensWithMarks(await openIt(sealed))
    expect(opening.kind).toBe('failed')
    expect(opening.sealing.strayMarks).toEqual([sessionKey])
  })

  it('never shares a mark with another message of the same text', async () => {
    const again = await encrypt({
      message: await createMessage({ binary: SECRET }),
      encryptionKeys: await readKey({ armoredKey: desk.publicArmored, config: pgpConfig(false) }),
      format: 'binary'
    })
    const marks = opensWithMarks(await openIt(again))
    const others = opensWithMarks(await openIt(sealed))
    expect(marks.filter((mark) => others.includes(mark))).toEqual([])
  })
})

describeWith(['gpg'], 'ciphertext of GnuPG in a new framing', () => {
  let desk: Desk
  let gpg: OpenPgpProgram
  let sealed: Uint8Array
  const openIt = (data: Uint8Array): Promise<Opening> =>
    openMessage(data, { secretKeys: [desk.secret], certificates: [], now: testNow() })
  beforeAll(async () => {
    desk = await makeDesk()
    gpg = await makeGnupg({ name: 'Alice', address: 'alice@reporter.example' })
    await gpg.importKey(desk.publicArmored)
    const armored = await gpg.encrypt(SECRET, DESK_ADDRESS, false)
    sealed = readArmor(armored)?.data ?? new Uint8Array(0)
  })
  afterAll(() => gpg.close())

  it.each(CHANGES.slice(0, 3))('opens, and has the same marks: %s (G6)', async (_, change) => {
    expect(opensWithMarks(await openIt(reframe(sealed, change)))).toEqual(
      opensWithMarks(await openIt(sealed))
    )
  })
})
