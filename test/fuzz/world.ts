/**
 * The people of the fuzzer: a desk, two signers it knows, one it does not, and everything they ever signed. Because that is a
 * closed list, text that is shown as signed and is not on it is a finding, whatever mutation led there.
 */
import { randomBytes } from 'node:crypto'
import {
  createCleartextMessage,
  createMessage,
  encryptSessionKey,
  generateKey,
  type PrivateKey,
  readKey,
  readPrivateKey,
  sign
} from 'openpgp'
import { type Address } from '../../src/domain/address.ts'
import { type Instant, instantFromMs } from '../../src/domain/time.ts'
import { generateDeskKey } from '../../src/openpgp/generate.ts'
import { type WorkerStart } from '../../src/worker/calls.ts'
import { makePayload } from './mime.ts'
import { randomOf } from './random.ts'

export const DESK_ADDRESS = 'security@acme.example' as Address
/** Stands in everything that somebody signed. */
export const SIGNED_MARK = 'QSIGNEDQ'
/** Stands in everything that only ever exists encrypted. */
export const SECRET_MARK = 'QSECRETQ'

const DAY_MS = 86_400_000
const PASSPHRASE = 'correct horse'

/** One payload with its signatures. */
export type Signed = {
  /** A MIME entity. */
  readonly payload: Buffer
  /** Whether the payload holds {@link SECRET_MARK} and must never leave an encryption. */
  readonly isSecret: boolean
  readonly isKnown: boolean
  /** A detached binary signature packet. */
  readonly detached: Buffer
  /** One-pass signature, literal data, signature. */
  readonly inner: Buffer
  /** A cleartext-signed text, CRLF; '' where the payload is secret. */
  readonly cleartext: string
}

export type World = {
  readonly start: WorkerStart
  /** Certificates that are known beside the maintainers'. */
  readonly knownKeys: readonly Uint8Array[]
  readonly sessionKey: Buffer
  /** Session key packets for the desk: named, and hidden. */
  readonly toDesk: Buffer
  readonly toHidden: Buffer
  /** A session key packet for somebody else. */
  readonly toOther: Buffer
  readonly signed: readonly Signed[]
  readonly now: Instant
}

/** New keys and signatures over `count` payloads made from `seed`. The keys are new in every run. */
export async function makeWorld(seed: number, count: number): Promise<World> {
  const nowMs = Date.now()
  const desk = await generateDeskKey(
    { name: 'ACME', address: DESK_ADDRESS, passphrase: PASSPHRASE, lifetimeSeconds: null },
    instantFromMs(nowMs - DAY_MS)
  )
  const alice = await makeSigner('alice', nowMs)
  const bob = await makeSigner('bob', nowMs)
  const mallory = await makeSigner('mallory', nowMs)
  const signers = [alice, bob, mallory]
  const signed: Signed[] = []
  for (let index = 0; index < count; index += 1) {
    const signer = signers[index % signers.length] ?? alice
    signed.push(await signPayload(seed, index, signer, signer !== mallory))
  }
  const sessionKey = randomBytes(32)
  const deskKey = await readKey({ armoredKey: desk.publicArmored })
  const wrap = async (key: typeof deskKey, wildcard: boolean): Promise<Buffer> =>
    Buffer.from(
      await encryptSessionKey({
        data: sessionKey,
        algorithm: 'aes256',
        encryptionKeys: key,
        wildcard,
        format: 'binary'
      })
    )
  return {
    start: {
      deskKeys: [desk.privateArmored],
      passphrase: PASSPHRASE,
      deskName: 'ACME',
      deskAddress: DESK_ADDRESS,
      maintainerKeys: [alice.toPublic().write()]
    },
    knownKeys: [bob.toPublic().write()],
    sessionKey,
    toDesk: await wrap(deskKey, false),
    toHidden: await wrap(deskKey, true),
    toOther: await wrap(mallory.toPublic(), false),
    signed,
    now: instantFromMs(nowMs + 60_000)
  }
}

async function makeSigner(name: string, nowMs: number): Promise<PrivateKey> {
  const { privateKey } = await generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name, email: `${name}@reporter.example` }],
    date: new Date(nowMs - DAY_MS),
    format: 'armored'
  })
  return readPrivateKey({ armoredKey: privateKey })
}

async function signPayload(
  seed: number,
  index: number,
  signingKeys: PrivateKey,
  isKnown: boolean
): Promise<Signed> {
  const random = randomOf(seed, -1 - index)
  const isSecret = random.chance(0.5)
  const mark = `${SIGNED_MARK}${index} ${isSecret ? SECRET_MARK : ''}`
  const payload = makePayload(random, mark)
  const message = await createMessage({ binary: payload })
  const detached = await sign({ message, signingKeys, detached: true, format: 'binary' })
  const inner = await sign({ message, signingKeys, format: 'binary' })
  const text = `${mark}\n\n- a list\n-- dashes\nFrom me, with blanks  \nend\n`
  const cleartext = isSecret
    ? ''
    : await sign({ message: await createCleartextMessage({ text }), signingKeys })
  return {
    payload,
    isSecret,
    isKnown,
    detached: Buffer.from(detached),
    inner: Buffer.from(inner),
    cleartext: cleartext.replaceAll(/\r?\n/g, '\r\n')
  }
}
