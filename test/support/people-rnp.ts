/**
 * RNP's `rnp` and `rnpkeys`, the OpenPGP of Thunderbird, as one person of the tests uses it: RSA 2048, a key ring in a folder.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type OpenPgpProgram, type PersonOptions } from './people.ts'
import { run, tryRun } from './programs.ts'
import { tempFolder } from './temp.ts'

/** A new key for a person without a passphrase. */
export async function makeRnp(person: PersonOptions): Promise<OpenPgpProgram> {
  const folder = tempFolder('rn-')
  const file = (name: string): string => join(folder.path, name)
  const base = ['--homedir', folder.path, '--password', '', '--notty']
  const self = ['-u', person.address]
  const userId = `${person.name} <${person.address}>`
  const then = person.madeAt === undefined ? [] : ['--current-time', secondsOf(person.madeAt)]
  await run('rnpkeys', [...base, ...then, '--generate-key', '--userid', userId])
  const exported = await run('rnpkeys', [...base, '--export-key', person.address])
  const listed = (await run('rnpkeys', [...base, '--list-keys'])).stdout.toString()
  let count = 0
  /** RNP reads detached data and keys from files alone. */
  const asFile = async (data: Uint8Array | string): Promise<string> => {
    count += 1
    const path = file(`in-${count}`)
    await writeFile(path, data)
    return path
  }
  return {
    fingerprint: fingerprintIn(listed) ?? '',
    exportPublicKey: () => Promise.resolve(exported.stdout.toString('latin1')),
    importKey: async (armored) => {
      await run('rnpkeys', [...base, '--import', await asFile(armored)])
    },
    exportSecretKey: async () => {
      const secret = await run('rnpkeys', [...base, '--export-key', '--secret', person.address])
      return secret.stdout.toString('latin1')
    },
    importSecretKey: async (armored) => {
      await run('rnpkeys', [...base, '--import', await asFile(armored)])
    },
    encrypt: async (data, to, sign) => {
      const path = await asFile(data)
      const signing = sign ? ['--sign', ...self, '--hash', 'SHA512'] : []
      const output = ['--armor', '--output', `${path}.asc`]
      await run('rnp', [...base, '--encrypt', ...signing, '-r', to, ...output, path])
      return readFile(`${path}.asc`, 'latin1')
    },
    signDetached: async (data) => {
      const path = await asFile(data)
      const how = ['--sign', '--detach', '--armor', '--hash', 'SHA512', ...self]
      await run('rnp', [...base, ...how, '--output', `${path}.asc`, path])
      return readFile(`${path}.asc`, 'latin1')
    },
    decrypt: async (armored) => {
      const path = await asFile(armored)
      // Without the signer's key it opens the message and ends with an error.
      const opened = await tryRun('rnp', [...base, '--decrypt', '--output', `${path}.out`, path])
      const packets = await run('rnp', ['--list-packets', path])
      return {
        data: await readFile(`${path}.out`),
        signer: signerIn(opened.stderr.toString()),
        encryptedTo: [
          ...packets.stdout
            .toString()
            .matchAll(/Public-key encrypted session key[^]*?key id: 0x([0-9a-f]{16})/g)
        ].map((match) => (match[1] ?? '').toUpperCase())
      }
    },
    verifyDetached: async (data, armored) => {
      const [source, signature] = [await asFile(data), await asFile(armored)]
      const { stderr } = await tryRun('rnp', [...base, '--verify', '--source', source, signature])
      return signerIn(stderr.toString())
    },
    close: () => {
      folder.remove()
      return Promise.resolve()
    }
  }
}

/** A time as rnp takes it: seconds since 1970. */
function secondsOf(time: Date): string {
  return String(Math.floor(time.getTime() / 1000))
}

function signerIn(said: string): string | null {
  return said.includes('Good signature') && said.includes('verified successfully')
    ? fingerprintIn(said)
    : null
}

/** The fingerprint of the first primary key that is listed. */
function fingerprintIn(text: string): string | null {
  return /^(?:pub|sec) [^]*?\n\s+([0-9a-f]{40})$/m.exec(text)?.[1] ?? null
}
