/** Material for the reading tests: a desk with an unlocked key, people with GnuPG, and messages built by hand. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as openpgp from 'openpgp'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type Instant, instantFromMs } from '../../../src/domain/time.ts'
import { readCertificate, type SecretKey } from '../../../src/openpgp/keyring.ts'
import { openMail } from '../../../src/reading/open-mail.ts'
import { multipart } from '../../fuzz/mime.ts'
import { testDesk } from '../../support/desk-identity.ts'
import { freshKey } from '../../support/keys.ts'

export const DESK_ADDRESS = 'security@acme.example'

/** A minute ahead, because GnuPG stamps with the real clock. */
export function testNow(): Instant {
  return instantFromMs(Date.now() + 60_000)
}

export type Desk = { readonly secret: SecretKey; readonly publicArmored: string }

export async function makeDesk(): Promise<Desk> {
  const { keys, publicArmored } = await testDesk(instantFromMs(Date.now() - 86_400_000))
  return { secret: keys.desk.signer, publicArmored }
}

/**
 * A desk and Alice, who writes to it: what she seals and signs, and how the desk reads it. All armor has the line ends of mail.
 */
export type Correspondence = {
  readonly desk: Desk
  readonly alice: openpgp.PrivateKey
  /** Encrypted to the desk and signed by Alice, once for each signature. */
  seal(content: string | Uint8Array, signatures?: number): Promise<string>
  cleartext(text: string): Promise<string>
  /** The desk, which knows Alice, opens a whole message. */
  open(raw: Uint8Array | string): Promise<OpenedMail>
}

export async function givenCorrespondence(): Promise<Correspondence> {
  const desk = await makeDesk()
  const alice = await freshKey({
    userIDs: [{ name: 'Alice', email: 'alice@reporter.example' }],
    date: new Date(Date.now() - 86_400_000)
  })
  const certificates = [await certificateOf(alice.toPublic().write())]
  return {
    desk,
    alice,
    seal: async (content, signatures = 1) => {
      const message = await openpgp.createMessage({ binary: Buffer.from(content) })
      const encryptionKeys = await openpgp.readKey({ armoredKey: desk.publicArmored })
      const signingKeys = Array.from({ length: signatures }, () => alice)
      return withCrlf(await openpgp.encrypt({ message, encryptionKeys, signingKeys }))
    },
    cleartext: async (text) => {
      const message = await openpgp.createCleartextMessage({ text })
      return withCrlf(await openpgp.sign({ message, signingKeys: alice }))
    },
    open: (raw) => open(raw, [desk.secret], certificates)
  }
}

function withCrlf(armored: string): string {
  return armored.trim().replaceAll(/\r?\n/g, '\r\n')
}

export async function certificateOf(armored: string | Uint8Array): Promise<Uint8Array> {
  const facts = await readCertificate(armored)
  if (facts === null) throw new Error('not a certificate')
  return facts.keyData
}

export function open(
  raw: Uint8Array | string,
  secretKeys: readonly SecretKey[],
  certificates: readonly Uint8Array[] = [],
  now: Instant = testNow()
): Promise<OpenedMail> {
  const bytes = typeof raw === 'string' ? Buffer.from(raw) : raw
  return openMail(bytes, { secretKeys, certificates, now }, DESK_ADDRESS)
}

/** Lines with CRLF between and after them. */
export function lines(...all: readonly string[]): string {
  return `${all.join('\r\n')}\r\n`
}

export const HEAD = [
  'From: Alice <alice@reporter.example>',
  `To: <${DESK_ADDRESS}>`,
  'Subject: a report',
  'Message-ID: <1@reporter.example>',
  'Date: Sun, 22 Nov 2026 01:00:00 +0000',
  'MIME-Version: 1.0'
]

/** {@link HEAD} with another value in a field. */
export function headWith(field: 'From' | 'Subject', value: string): string[] {
  return HEAD.map((line) => (line.startsWith(`${field}:`) ? `${field}: ${value}` : line))
}

export function encryptedMail(armored: string, head: readonly string[] = HEAD): string {
  return `${lines(...head)}${encryptedEntity(armored)}\r\n`
}

export function encryptedEntity(armored: string): string {
  const type = 'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e'
  return `Content-Type: ${type}\r\n\r\n${encryptedParts(armored)}`
}

export function encryptedParts(armored: string, boundary = 'e'): string {
  return lines(
    `--${boundary}`,
    'Content-Type: application/pgp-encrypted',
    '',
    'Version: 1',
    '',
    `--${boundary}`,
    'Content-Type: application/octet-stream',
    '',
    withCrlf(armored),
    `--${boundary}--`
  )
}

export function signedEntity(content: string, signature: string, boundary = 's'): string {
  return lines(
    `Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary=${boundary}`,
    '',
    `--${boundary}`,
    `${content}\r\n--${boundary}`,
    'Content-Type: application/pgp-signature',
    '',
    withCrlf(signature),
    `--${boundary}--`
  )
}

export function mixed(parts: readonly string[], boundary = 'm'): string {
  return multipart(`multipart/mixed; boundary=${boundary}`, boundary, parts)
}

export function textPart(text: string): string {
  return `Content-Type: text/plain; charset=utf-8\r\n\r\n${text}`
}

/** An attached file of this name. */
export function filePart(
  filename: string,
  content: string,
  type = 'application/octet-stream'
): string {
  return `Content-Type: ${type}\r\nContent-Disposition: attachment; filename=${filename}\r\n\r\n${content}`
}

/** The folder POSTERN_CORPUS, with real messages of other projects; null where it is not set, and then its tests are skipped. */
export function findCorpus(): string | null {
  const folder = process.env['POSTERN_CORPUS']
  if (folder !== undefined && !existsSync(folder)) throw new Error('POSTERN_CORPUS is no folder')
  return folder ?? null
}

/** Every file below `folder` whose name ends as asked. */
export function filesBelow(folder: string, endings: readonly string[]): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return filesBelow(path, endings)
    return endings.some((ending) => name.endsWith(ending)) ? [path] : []
  })
}
