/** Which folder of the corpus is read with whose keys: the people of each, and who of them plays the desk. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCertificate, type SecretKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { encryptedMail, HEAD, lines } from '../reading/material.ts'

/** One folder and the file of its expectations. `desk` and `known` are names of its people. */
type Suite = {
  readonly folder: string
  readonly file: string
  readonly people: Readonly<Record<string, KeyFile>>
  /** Whose secret keys open, where an expectation names nobody else. */
  readonly desk: readonly string[]
  /** Whose signatures can be verified. */
  readonly known: readonly string[] | 'all'
  /** What else stands in the folder: expected values, licences and replies of their authors' own tests. */
  readonly besides?: RegExp
}

/** A key file of a person, below the corpus; public where it has no secret part. */
type KeyFile = { readonly file: string; readonly passphrase?: string }

/** A person with their key read. `secret` is null where the corpus holds the public key only. */
export type Person = {
  readonly fingerprint: string
  readonly keyData: Uint8Array
  readonly secret: SecretKey | null
}

const tb = (name: string): KeyFile => ({ file: `thunderbird/keys/${name}.asc` })

/** A secret key of the interoperability tests; the passphrase stands in the JSON file beside each message. */
function interop(message: string): KeyFile {
  const folder = 'rpgp/openpgp-interop/testcases/messages'
  return { file: `${folder}/${message}-decrypt.asc`, passphrase: 'test' }
}

function rfc9580(folder: string): KeyFile {
  return { file: `rpgp/rfc9580/${folder}/tsk.asc` }
}

const CHATTERS = ['alice', 'bob', 'charlie', 'dom', 'elena', 'fiona']

function chatmail(name: string): KeyFile {
  return { file: `chatmail/key/${name}-secret.asc` }
}

/** A file as a message; armor as the one that would carry it: PGP/MIME where it is encrypted, else the text of a message. */
export function asMail(bytes: Buffer): Buffer {
  const armored = bytes.toString('latin1')
  const head = HEAD.map((line) => (line.startsWith('Subject:') ? 'Subject: ...' : line))
  if (armored.startsWith('-----BEGIN PGP MESSAGE-----')) {
    return Buffer.from(encryptedMail(armored, head), 'latin1')
  }
  const isSigned = armored.startsWith('-----BEGIN PGP SIGNED MESSAGE-----')
  return isSigned ? Buffer.from(lines(...head, '', armored), 'latin1') : bytes
}

/** The suites; those of `muacrypt` and `k9` hold nothing but fields of Autocrypt, the last three nothing encrypted. */
export const SUITES: readonly Suite[] = [
  {
    folder: 'thunderbird/eml',
    file: 'thunderbird',
    people: {
      alice: tb('alice@openpgp.example-0xf231550c4f47e38e-secret'),
      bob: tb('bob@openpgp.example-0xfbfcc82a015e7330-secret'),
      carol: tb('carol@example.com-0x3099ff1238852b9f-pub'),
      carolRevoked: tb('carol@pgp.icu-0xEF2FD01608AFD744-revoked-secret')
    },
    desk: ['alice', 'bob'],
    known: ['alice', 'bob']
  },
  {
    folder: 'notmuch',
    file: 'notmuch',
    people: { suite: { file: 'notmuch/openpgp4-secret-key.asc' } },
    desk: ['suite'],
    known: ['suite']
  },
  {
    folder: 'protected-headers',
    file: 'protected-headers',
    people: {
      alice: { file: 'protected-headers/alice@openpgp.example.pub.asc' },
      bob: { file: 'protected-headers/bob@openpgp.example.sec.asc' }
    },
    desk: ['bob'],
    known: ['alice']
  },
  {
    folder: 'autocrypt',
    file: 'autocrypt',
    people: {
      alice: { file: 'autocrypt/alice@autocrypt.example.sec.asc' },
      bob: { file: 'autocrypt/bob@autocrypt.example.sec.asc' }
    },
    desk: ['alice', 'bob'],
    known: ['alice', 'bob']
  },
  {
    folder: 'rpgp',
    file: 'rpgp',
    people: {
      bob: { file: 'protected-headers/bob@openpgp.example.sec.asc' },
      susheep: interop('gnupg-v1-4-11-001'),
      e2e: { ...interop('e2e-001'), passphrase: '' },
      rsa1024: interop('gnupg-v1-001'),
      elgamal: interop('gnupg-v1-002'),
      p384: interop('gnupg-v2-1-5-002'),
      p521: interop('gnupg-v2-1-5-003'),
      openkeychain: { ...interop('openkeychain-001'), passphrase: 'q' },
      v4x25519: rfc9580('v4-ed25519-x25519'),
      v4Legacy: rfc9580('v4-legacy'),
      v4Nist: rfc9580('v4-nistp'),
      v4Rsa: rfc9580('v4-rsa'),
      v6x25519: rfc9580('v6-25519-annex-a-4'),
      v6x448: rfc9580('v6-ed25519-x448'),
      v6Ed448: rfc9580('v6-ed448-x448'),
      v6Nist: rfc9580('v6-nistp'),
      v6Rsa: rfc9580('v6-rsa')
    },
    desk: [],
    known: 'all'
  },
  {
    folder: 'chatmail/message',
    file: 'chatmail',
    people: Object.fromEntries(CHATTERS.map((name) => [name, chatmail(name)])),
    desk: CHATTERS,
    known: 'all'
  },
  ...['muacrypt', 'k9', 'mail-parser', 'sisimai', 'talon'].map((folder) => ({
    folder,
    file: folder,
    people: {},
    desk: [],
    known: [],
    besides: /\.json$|COPYING$|_reply_text$/
  }))
]

/** Reads the key of every person of `suite`. Throws where a key file is not what it must be. */
export async function readPeople(corpus: string, suite: Suite): Promise<Map<string, Person>> {
  const people = new Map<string, Person>()
  for (const [name, { file, passphrase }] of Object.entries(suite.people)) {
    people.set(name, await readPerson(join(corpus, file), passphrase ?? ''))
  }
  return people
}

async function readPerson(path: string, passphrase: string): Promise<Person> {
  const bytes = readFileSync(path)
  const unlocked = await unlockSecretKey(bytes, passphrase)
  if (unlocked.kind === 'unlocked') {
    const keyData = unlocked.key.privateKey.toPublic().write()
    return { fingerprint: unlocked.key.fingerprint, keyData, secret: unlocked.key }
  }
  if (unlocked.kind !== 'public') throw new Error(`${path}: ${unlocked.kind}`)
  const facts = await readCertificate(bytes)
  if (facts === null) throw new Error(`${path}: no certificate`)
  return { fingerprint: facts.fingerprint, keyData: facts.keyData, secret: null }
}
