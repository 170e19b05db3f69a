/** What is known of the corpus beside its expectations: whose keys read which folder, and where another reader differs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { readCertificate, type SecretKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { encryptedMail, HEAD, lines } from '../reading/material.ts'

const names = z.array(z.string()).default([])
/** One folder and the file of its expectations; the people's keys stand below the corpus, public where they have no secret part. */
const SUITE = z.strictObject({
  folder: z.string(),
  file: z.string(),
  people: z
    .record(z.string(), z.strictObject({ file: z.string(), passphrase: z.string().optional() }))
    .default({}),
  /** Whose secret keys open, where an expectation names nobody else. */
  desk: names,
  /** Whose signatures can be verified. */
  known: z.literal('all').or(names),
  besides: z.string().optional()
})
type Suite = z.infer<typeof SUITE>

/** A person with their key read. `secret` is null where the corpus holds the public key only. */
export type Person = {
  readonly fingerprint: string
  readonly keyData: Uint8Array
  readonly secret: SecretKey | null
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

export const SUITES = z.array(SUITE).parse(dataOf('suites.yaml'))

const differing = z
  .record(z.string(), z.record(z.string(), z.record(z.string(), z.string())))
  .parse(dataOf('differences.yaml'))
/** Where our MIME tree and another reader differ, by path below the corpus: on what. */
export const [DIFFERENCES = {}, MAILPARSER_DIFFERENCES = {}] = ['postal-mime', 'mailparser'].map(
  (reader): Readonly<Record<string, readonly string[]>> => {
    const paths = Object.values(differing[reader] ?? {}).flatMap((found) => Object.entries(found))
    return Object.fromEntries(paths.map(([path, on]) => [path, on.split(', ')]))
  }
)
/** Files of the corpus, without the expected values beside them; README states this number. */
export const FILES = 618

function dataOf(name: string): unknown {
  return parse(readFileSync(join(import.meta.dirname, name), 'utf8'))
}

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
  if (typeof unlocked !== 'string') {
    const keyData = unlocked.privateKey.toPublic().write()
    return { fingerprint: unlocked.fingerprint, keyData, secret: unlocked }
  }
  if (unlocked !== 'public') throw new Error(`${path}: ${unlocked}`)
  const facts = await readCertificate(bytes)
  if (facts === null) throw new Error(`${path}: no certificate`)
  return { fingerprint: facts.fingerprint, keyData: facts.keyData, secret: null }
}
