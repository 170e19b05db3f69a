/**
 * Every algorithm that desks, reporters and their programs use: what is opened and verified, and the right reason where it is
 * not. The other side is the library with other settings where GnuPG and RNP cannot make such keys or packets.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createMessage,
  decrypt,
  encrypt,
  enums,
  generateKey,
  type KeyOptions,
  type PartialConfig,
  type PrivateKey,
  readKey,
  readMessage
} from 'openpgp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fingerprint } from '../../../src/domain/ids.ts'
import { instantFromMs } from '../../../src/domain/time.ts'
import { type SecretKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { type Opening, openMessage } from '../../../src/openpgp/open.ts'
import { TAG, walkPackets } from '../../../src/openpgp/packets.ts'
import { sealMessage } from '../../../src/openpgp/seal.ts'
import { run } from '../../support/programs.ts'
import { describeWith } from '../../support/requires.ts'
import { tempFolder } from '../../support/temp.ts'

const TEXT = Buffer.from('The parser reads past its buffer.')
const NOW = instantFromMs(Date.now() + 60_000)
const MADE = new Date(Date.now() - 86_400_000)
/** The options for a version 6 key; `ed25519` and `ed448` are the algorithms of RFC 9580, not the legacy ones. */
const V6: PartialConfig = { v6Keys: true, aeadProtect: true }

const AEAD = ['', 'eax', 'ocb', 'gcm']

type Kind = {
  readonly key: Omit<KeyOptions, 'userIDs'>
  readonly config?: PartialConfig
}

const KINDS: Readonly<Record<string, Kind>> = {
  'v4 Ed25519 and Cv25519, the old form': { key: { type: 'ecc', curve: 'curve25519Legacy' } },
  'v4 Ed25519 and X25519': { key: { type: 'curve25519' } },
  'v4 Ed448 and X448': { key: { type: 'curve448' } },
  'v4 NIST P-256': { key: { type: 'ecc', curve: 'nistP256' } },
  'v4 NIST P-384': { key: { type: 'ecc', curve: 'nistP384' } },
  'v4 NIST P-521': { key: { type: 'ecc', curve: 'nistP521' } },
  'v4 RSA': { key: { type: 'rsa', rsaBits: 2048 } },
  'v6 Ed25519 and X25519': { key: { type: 'curve25519' }, config: V6 },
  'v6 Ed448 and X448': { key: { type: 'curve448' }, config: V6 },
  'v6 NIST P-256': { key: { type: 'ecc', curve: 'nistP256' }, config: V6 }
}

type Person = { readonly secret: SecretKey; readonly key: PrivateKey; readonly keyData: Uint8Array }

async function makePerson(kind: Kind): Promise<Person> {
  const { privateKey } = await generateKey({
    ...kind.key,
    userIDs: [{ name: 'X', email: 'x@x.example' }],
    date: MADE,
    format: 'armored',
    ...(kind.config === undefined ? {} : { config: kind.config })
  })
  const unlocked = await unlockSecretKey(privateKey, '')
  if (typeof unlocked === 'string') throw new Error(unlocked)
  const key = unlocked.privateKey
  return { secret: unlocked, key, keyData: key.toPublic().write() }
}

function openAs(desk: Person, message: Uint8Array, ...known: readonly Person[]): Promise<Opening> {
  const certificates = known.map(({ keyData }) => keyData)
  return openMessage(message, { secretKeys: [desk.secret], certificates, now: NOW })
}

/** The text of what was opened, or why it was not. */
function outcome(opening: Opening): string {
  return 'data' in opening ? Buffer.from(opening.data).toString() : opening.because
}

/** The kind of encryption by its packet: tag, version and, for SEIPD version 2, the AEAD algorithm. */
function encryptionOf(message: Uint8Array): string {
  const span = walkPackets(message, 10).spans.findLast(({ tag }) => tag !== TAG.publicKeySession)
  if (span === undefined) throw new Error('nothing encrypted')
  const [version = 0, , aead = 0] = message.subarray(span.body, span.body + 3)
  return `tag ${span.tag} v${version}${version === 2 ? ` ${AEAD[aead] ?? ''}` : ''}`
}

async function sealTo(desk: Person, by: Person, config: PartialConfig = {}): Promise<Uint8Array> {
  return encrypt({
    message: await createMessage({ binary: TEXT }),
    encryptionKeys: await readKey({ binaryKey: desk.keyData }),
    signingKeys: by.key,
    format: 'binary',
    config
  })
}

describe.each(Object.entries(KINDS))('a key of kind %s', (_, kind) => {
  let person: Person
  let other: Person
  beforeAll(async () => {
    person = await makePerson(kind)
    other = await makePerson({ key: { type: 'ecc', curve: 'curve25519Legacy' } })
  })

  it('decrypts as the desk’s key', async () => {
    const opened = await openAs(person, await sealTo(person, other), other)
    expect(outcome(opened)).toBe(TEXT.toString())
    expect(opened).toMatchObject({
      verdicts: [{ state: 'valid', fingerprint: other.secret.fingerprint }]
    })
  })

  it('signs and can be encrypted to as a reporter’s key', async () => {
    const opened = await openAs(other, await sealTo(other, person), person)
    expect(person.secret.fingerprint).toHaveLength(kind.config === V6 ? 64 : 40)
    expect(opened).toMatchObject({
      verdicts: [{ state: 'valid', fingerprint: person.secret.fingerprint }]
    })

    const target = {
      fingerprint: person.key.getFingerprint() as Fingerprint,
      keyData: person.keyData
    }
    const sealed = await sealMessage([TEXT], target, other.secret, NOW)
    if (sealed.kind !== 'sealed') throw new Error(sealed.because)
    const read = await decrypt({
      message: await readMessage({ binaryMessage: Buffer.concat([...sealed.ciphertext.chunks]) }),
      decryptionKeys: person.key,
      verificationKeys: await readKey({ binaryKey: other.keyData }),
      expectSigned: true,
      format: 'binary',
      date: new Date(Date.now() + 120_000)
    })
    expect(Buffer.from(read.data)).toEqual(TEXT)
  })
})

describe('SEIPD version 2 (RFC 9580 §5.13.2)', () => {
  it.each(['eax', 'ocb', 'gcm'] as const)(
    'is opened with %s, by keys of both versions',
    async (name) => {
      const aead = enums.aead[name]
      for (const config of [{ aeadProtect: true }, V6]) {
        const desk = await makePerson({
          key: { type: 'curve25519' },
          config: { ...config, preferredAEADAlgorithm: aead }
        })
        const sealed = await sealTo(desk, desk, { preferredAEADAlgorithm: aead, aeadProtect: true })
        expect(encryptionOf(sealed)).toBe(`tag 18 v2 ${name}`)
        const opened = await openAs(desk, sealed, desk)
        expect(outcome(opened)).toBe(TEXT.toString())
        expect(opened).toMatchObject({ verdicts: [{ state: 'valid' }] })

        const changed = Uint8Array.from(sealed)
        changed[changed.length - 20] = (changed[changed.length - 20] ?? 0) ^ 1
        expect(await openAs(desk, changed, desk)).toMatchObject({ because: 'damaged' })
      }
    }
  )
})

describeWith(['gpg'], 'a message of GnuPG', () => {
  const folder = tempFolder('pg-')
  const desks = new Map<string, Person>()
  beforeAll(async () => {
    for (const name of ['v4 Ed25519 and Cv25519, the old form', 'v4 RSA', 'v4 NIST P-384']) {
      const kind = KINDS[name]
      if (kind !== undefined) desks.set(name, await makePerson(kind))
    }
  })
  afterAll(async () => {
    await run('gpgconf', ['--homedir', folder.path, '--kill', 'all'])
    folder.remove()
  })
  const sealWith = async (desk: Person, cipher: string): Promise<Uint8Array> => {
    const file = join(folder.path, 'desk.pgp')
    await writeFile(file, desk.keyData)
    const args = ['--homedir', folder.path, '--batch', '--quiet', '--cipher-algo', cipher]
    return (await run('gpg', [...args, '--encrypt', '--recipient-file', file], { input: TEXT }))
      .stdout
  }
  it.each([
    ...['AES', 'AES256'].map((cipher) => [cipher, 'opened', 'opened']),
    ...['3DES', 'CAST5'].map((cipher) => [cipher, 'damaged', 'opened']),
    ...['IDEA', 'BLOWFISH', 'TWOFISH'].map((cipher) => [cipher, 'damaged', 'unsupported']),
    ...['128', '192', '256'].map((bits) => [`CAMELLIA${bits}`, 'damaged', 'unsupported'])
  ])('with %s is %s to a desk whose key is RSA, and %s to another', async (cipher, rsa, other) => {
    for (const [name, desk] of desks) {
      const opening = await openAs(desk, await sealWith(desk, cipher))
      const found = outcome(opening).replace(TEXT.toString(), 'opened')
      expect([name, found]).toEqual([name, desk.secret.isRsa ? rsa : other])
    }
  })

  it('is reported as damaged when a byte was changed, with every cipher', async () => {
    const desk = desks.get('v4 RSA')
    if (desk === undefined) throw new Error('no RSA desk')
    for (const cipher of ['AES256', '3DES', 'CAMELLIA256']) {
      const sealed = await sealWith(desk, cipher)
      const [sessionKey] = walkPackets(sealed, 2).spans
      for (const at of [(sessionKey?.end ?? 0) - 1, (sessionKey?.body ?? 0) + 100]) {
        const changed = Uint8Array.from(sealed)
        changed[at] = (changed[at] ?? 0) ^ 1
        expect(outcome(await openAs(desk, changed))).toBe('damaged')
      }
    }
  })
})

describeWith(['rnp'], 'the encrypted packet of GnuPG 2.4 (tag 20), as RNP writes it', () => {
  it.each(['OCB', 'EAX'])('is opened with %s', async (aead) => {
    const folder = tempFolder('rn-')
    const desk = await makePerson({ key: { type: 'ecc', curve: 'curve25519Legacy' } })
    const [key, plain, sealed] = ['desk.pgp', 'plain', 'sealed'].map((name) =>
      join(folder.path, name)
    )
    await writeFile(key ?? '', desk.keyData)
    await writeFile(plain ?? '', TEXT)
    const args = ['--keyfile', key ?? '', '-r', 'x@x.example', `--aead=${aead}`]
    await run('rnp', ['--encrypt', ...args, '--output', sealed ?? '', plain ?? ''], {
      env: { HOME: folder.path }
    })
    const message = await readFile(sealed ?? '')
    folder.remove()

    expect(encryptionOf(message)).toBe('tag 20 v1')
    const opened = await openAs(desk, message)
    expect(outcome(opened)).toBe(TEXT.toString())
  })
})
