/**
 * The people of the fuzzer: a desk, two signers it knows, one it does not, and everything they ever signed. Because that is a
 * closed list, text that is shown as signed and is not on it is a finding, whatever mutation led there. All of it follows from
 * the seed and the stored keys, byte for byte.
 */
import { readFileSync } from 'node:fs'
import * as openpgp from 'openpgp'
import { type Address } from '../../src/domain/address.ts'
import { type Instant, instantFromMs } from '../../src/domain/time.ts'
import { type WorkerStart } from '../../src/worker/tasks.ts'
import { encryptedEntity } from './entities.ts'
import { lines } from './mime.ts'
import { armored, encryptedData, framed, joined, literal } from './packets.ts'
import { makePayload, type Shows } from './payloads.ts'
import { randomOf } from './random.ts'

/** Stands in everything that somebody signed. */
export const SIGNED_MARK = 'QSIGNEDQ'
/** Stands in everything that only ever exists encrypted. */
export const SECRET_MARK = 'QSECRETQ'

const NOW_MS = Date.UTC(2026, 10, 22, 1)
const DAY_MS = 86_400_000
/** When every signature around a ciphertext was made. */
export const AROUND_AT = instantFromMs(NOW_MS - 2 * DAY_MS)

/** One payload with its signatures. */
export type Signed = {
  /** A MIME entity, and what a reader must show of it. */
  readonly payload: Buffer
  readonly shows: Shows
  /** Whether the payload holds {@link SECRET_MARK} and must never leave an encryption. */
  readonly isSecret: boolean
  /** Primary fingerprint of the signer where the desk knows them, else null. */
  readonly signer: string | null
  /** A detached binary signature packet. */
  readonly detached: Buffer
  /** One-pass signature, literal data, signature. */
  readonly inner: Buffer
  /** A cleartext-signed text, CRLF; '' where the payload is secret. */
  readonly cleartext: string
  readonly cleartextWords: string
  /** When each of the three was made; no two signatures of a world have the same instant. */
  readonly madeAt: {
    readonly detached: Instant
    readonly inner: Instant
    readonly cleartext: Instant
  }
}

/** Everything secret in the fuzzer's world. */
type FuzzKeys = {
  /** Armored and locked with {@link PASSPHRASE}: `security@acme.example`. */
  readonly desk: string
  /** The one maintainer, and a known reporter. */
  readonly alice: openpgp.PrivateKey
  readonly bob: openpgp.PrivateKey
  /** Unknown to the desk: one under another name, one under the name and address of alice. */
  readonly mallory: openpgp.PrivateKey
  readonly forged: openpgp.PrivateKey
  /** The session key of every encryption, 32 bytes. */
  readonly sessionKey: Buffer
  /** That session key as packets: for the desk, for the desk unnamed, for mallory. */
  readonly toDesk: Buffer
  readonly toHidden: Buffer
  readonly toOther: Buffer
}

const PASSPHRASE = 'correct horse'

/**
 * The keys of `keys.json`: made once, on the first of November 2026, with openpgp.js, because a message can only be made again
 * byte for byte with the keys it was made with. They protect nothing.
 */
async function readKeys(): Promise<FuzzKeys> {
  const file = JSON.parse(readFileSync(new URL('keys.json', import.meta.url), 'utf8')) as Readonly<
    Record<string, string>
  >
  const bytes = (name: string): Buffer => Buffer.from(file[name] ?? '', 'base64')
  const secret = (name: string): Promise<openpgp.PrivateKey> =>
    openpgp.readPrivateKey({ binaryKey: bytes(name) })
  return {
    desk: file['desk'] ?? '',
    alice: await secret('alice'),
    bob: await secret('bob'),
    mallory: await secret('mallory'),
    forged: await secret('forged'),
    sessionKey: bytes('sessionKey'),
    toDesk: bytes('toDesk'),
    toHidden: bytes('toHidden'),
    toOther: bytes('toOther')
  }
}

export type World = {
  readonly seed: number
  readonly keys: FuzzKeys
  readonly start: WorkerStart
  /** Certificates that are known beside the maintainers'. */
  readonly knownKeys: readonly Uint8Array[]
  readonly signed: readonly Signed[]
  /** Signatures around ciphertexts that somebody else made. */
  readonly around: readonly Pick<Signed, 'payload' | 'detached' | 'signer'>[]
  readonly now: Instant
}

/** Signatures over `count` payloads made from `seed`. */
export async function makeWorld(seed: number, count: number): Promise<World> {
  const keys = await readKeys()
  const { alice, bob, mallory } = keys
  const signed: Signed[] = []
  for (let index = 0; index < count; index += 1) {
    const signer = [alice, bob, mallory][index % 3] ?? alice
    signed.push(await signPayload(seed, index, signer, keys))
  }
  return {
    seed,
    keys,
    start: {
      deskKeys: [keys.desk],
      passphrase: PASSPHRASE,
      deskName: 'ACME',
      deskAddress: 'security@acme.example' as Address,
      maintainerKeys: [alice.toPublic().write()]
    },
    knownKeys: [bob.toPublic().write()],
    signed,
    around: [await signAround(alice, keys), await signAround(bob, keys)],
    now: instantFromMs(NOW_MS)
  }
}

async function signAround(
  signingKeys: openpgp.PrivateKey,
  { toDesk, sessionKey }: FuzzKeys
): Promise<World['around'][number]> {
  const words = Buffer.from(
    lines('Content-Type: text/plain', '', `not the signer's ${SECRET_MARK}`)
  )
  const sealed = Buffer.concat([
    toDesk,
    framed(encryptedData(sessionKey, joined([literal(words)])))
  ])
  const payload = Buffer.from(encryptedEntity(armored(randomOf(0, 0), 'MESSAGE', sealed)).trimEnd())
  const detached = await openpgp.sign({
    message: await openpgp.createMessage({ binary: payload }),
    signingKeys,
    detached: true,
    format: 'binary',
    date: new Date(NOW_MS - 2 * DAY_MS),
    config: { nonDeterministicSignaturesViaNotation: false }
  })
  return { payload, detached: Buffer.from(detached), signer: signingKeys.getFingerprint() }
}

async function signPayload(
  seed: number,
  index: number,
  signingKeys: openpgp.PrivateKey,
  { alice, forged, mallory }: FuzzKeys
): Promise<Signed> {
  const random = randomOf(seed, -1 - index)
  const isSecret = random.chance(0.5)
  const mark = `${SIGNED_MARK}${index} ${isSecret ? SECRET_MARK : ''}`
  const { entity, shows } = makePayload(random, mark, [alice, forged, mallory])
  const at = (which: number): Date => new Date(NOW_MS - DAY_MS + (index * 3 + which) * 1000)
  // A salt would make every run another one.
  const config = { nonDeterministicSignaturesViaNotation: false }
  const message = await openpgp.createMessage({ binary: entity, date: at(0) })
  const bytes = { message, signingKeys, format: 'binary', config } as const
  const detached = await openpgp.sign({ ...bytes, detached: true, date: at(0) })
  const inner = await openpgp.sign({ ...bytes, date: at(1) })
  const text = `${mark}\n\n- a list\n-- dashes\nFrom me, with blanks  \nend\n`
  const cleartext = isSecret
    ? ''
    : await openpgp.sign({
        message: await openpgp.createCleartextMessage({ text }),
        signingKeys,
        date: at(2),
        config
      })
  return {
    payload: entity,
    shows,
    isSecret,
    signer: signingKeys === mallory ? null : signingKeys.getFingerprint(),
    detached: Buffer.from(detached),
    inner: Buffer.from(inner),
    cleartext: cleartext.replaceAll(/\r?\n/g, '\r\n'),
    cleartextWords: text,
    madeAt: {
      detached: instantFromMs(at(0).getTime()),
      inner: instantFromMs(at(1).getTime()),
      cleartext: instantFromMs(at(2).getTime())
    }
  }
}
