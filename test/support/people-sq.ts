/** Sequoia's `sq` 0.27 as one person of the tests uses it: stateless, so keys and certificates are files of one folder. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stampOf } from './clock.ts'
import { type OpenPgpProgram, type PersonOptions } from './people.ts'
import { run, tryRun } from './programs.ts'
import { tempFolder } from './temp.ts'

type Certificate = { readonly file: string; readonly fingerprint: string; readonly userIds: string }

/** A new key: Ed25519 primary unless asked otherwise, signing and encryption subkeys, no expiry, no passphrase. */
export async function makeSequoia(person: PersonOptions): Promise<OpenPgpProgram> {
  if (person.passphrase !== undefined) throw new Error('sq 0.27 asks for passphrases on a terminal')
  const folder = tempFolder('sq-')
  const key = join(folder.path, 'key.pgp')
  await run('sq', [
    'key',
    'generate',
    '--export',
    key,
    '--userid',
    `${person.name} <${person.address}>`,
    ...(person.algorithm === undefined ? [] : ['--cipher-suite', person.algorithm]),
    ...(person.madeAt === undefined ? [] : ['--creation-time', stampOf(person.madeAt)])
  ])
  const publicKey = (await run('sq', ['key', 'extract-cert', key])).stdout
  const own = await readCertificate(publicKey, join(folder.path, 'own.pgp'))
  const known: Certificate[] = [own]
  const secrets = [key]
  const opening = (): string[] => secrets.flatMap((file) => ['--recipient-key', file])

  return {
    fingerprint: own.fingerprint,
    exportPublicKey: () => readFile(own.file, 'latin1'),
    importKey: async (armored) => {
      const file = join(folder.path, `${known.length}.pgp`)
      known.push(await readCertificate(Buffer.from(armored), file))
    },
    exportSecretKey: () => readFile(key, 'latin1'),
    importSecretKey: async (armored) => {
      const file = join(folder.path, `secret-${secrets.length}.pgp`)
      await writeFile(file, armored)
      secrets.push(file)
    },
    encrypt: async (data, to, sign) => {
      const certificate = known.findLast(({ userIds }) => userIds.includes(`<${to}>`))
      if (certificate === undefined) throw new Error('no key was imported for this address')
      const args = ['--recipient-cert', certificate.file, ...(sign ? ['--signer-key', key] : [])]
      return (await run('sq', ['encrypt', ...args], { input: data })).stdout.toString('latin1')
    },
    signDetached: async (data) =>
      (
        await run('sq', ['sign', '--detached', '--signer-key', key], { input: data })
      ).stdout.toString('latin1'),
    decrypt: async (armored) => {
      const opened = await run('sq', ['decrypt', ...opening()], { input: armored })
      const facts = (await run('sq', ['inspect'], { input: armored })).stdout.toString()
      const signer = await firstSigner(known, ({ file }) =>
        tryRun('sq', ['decrypt', ...opening(), '--signer-cert', file], { input: armored })
      )
      return {
        data: opened.stdout,
        signer,
        encryptedTo: [...facts.matchAll(/Recipient: ([0-9A-F]{16})/g)].map(
          (match) => match[1] ?? ''
        )
      }
    },
    verifyDetached: async (data, armored) => {
      const file = join(folder.path, 'signature.asc')
      await writeFile(file, armored)
      return firstSigner(known, (certificate) =>
        tryRun('sq', ['verify', '--detached', file, '--signer-cert', certificate.file], {
          input: data
        })
      )
    },
    close: () => {
      folder.remove()
      return Promise.resolve()
    }
  }
}

/** The fingerprint of the certificate with which the check succeeds: sq exits with an error when no signature is good. */
async function firstSigner(
  known: readonly Certificate[],
  check: (certificate: Certificate) => Promise<{ readonly status: number }>
): Promise<string | null> {
  for (const certificate of known) {
    if ((await check(certificate)).status === 0) return certificate.fingerprint
  }
  return null
}

async function readCertificate(armored: Uint8Array, file: string): Promise<Certificate> {
  await writeFile(file, armored)
  const facts = (await run('sq', ['inspect', file])).stdout.toString()
  return {
    file,
    fingerprint: (/Fingerprint: ([0-9A-F]+)/.exec(facts)?.[1] ?? '').toLowerCase(),
    userIds: [...facts.matchAll(/UserID: (.*)/g)].map((match) => match[1] ?? '').join('\n')
  }
}
