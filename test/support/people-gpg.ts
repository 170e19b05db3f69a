/** GnuPG as one person of the tests uses it: an own home in a short path (agent sockets), ended and deleted by `close`. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stampOf } from './clock.ts'
import { type OpenPgpProgram, type PersonOptions } from './people.ts'
import { type Ran, type RunOptions, run, tryRun } from './programs.ts'
import { tempFolder } from './temp.ts'

/** A new home with one key: Ed25519 primary, Cv25519 subkey, no expiry, unless the person wants another. */
export async function makeGnupg(
  person: PersonOptions
): Promise<OpenPgpProgram & { readonly change: (...how: readonly string[]) => Promise<void> }> {
  const folder = tempFolder('pg-')
  const home = folder.path
  const secret = ['--pinentry-mode', 'loopback', '--passphrase', person.passphrase ?? '']
  const base = ['--homedir', home, '--batch', '--no-tty', '--quiet', '--trust-model', 'always']
  const gpg = (args: readonly string[], options?: RunOptions): Promise<Ran> =>
    run('gpg', [...base, ...secret, ...args], options)
  const tryGpg = (args: readonly string[], options?: RunOptions): Promise<Ran> =>
    tryRun('gpg', [...base, ...secret, '--status-fd', '2', ...args], options)

  const userId = `${person.name} <${person.address}>`
  const { algorithm, lastsSeconds, madeAt } = person
  const lasts = lastsSeconds === undefined ? 'never' : `seconds=${lastsSeconds}`
  const then = madeAt === undefined ? [] : ['--faked-system-time', stampOf(madeAt)]
  const kind = algorithm === undefined ? ['future-default', 'default'] : [algorithm, 'cert,sign']
  await gpg([...then, '--quick-generate-key', userId, ...kind, lasts])
  const listing = await gpg(['--with-colons', '--list-keys'])
  const fingerprint = (
    /^fpr:+([0-9A-F]{40}):/m.exec(listing.stdout.toString())?.[1] ?? ''
  ).toLowerCase()
  // With its own defaults gpg makes the subkey at once.
  if (algorithm !== undefined) {
    await gpg([...then, '--quick-add-key', fingerprint, algorithm, 'encr', lasts])
  }

  return {
    fingerprint,
    /** Changes the key by a `--quick` command, or by `--edit-key` with the answers to what gpg asks. */
    change: async (command = '', ...how) => {
      const isAsked = command === '--edit-key'
      const asking = isAsked ? ['--no-batch', '--command-fd', '0'] : []
      const input = [...how, 'save', ''].join('\n')
      await gpg([...asking, command, fingerprint, ...(isAsked ? [] : how)], { input })
    },
    exportPublicKey: async () =>
      (await gpg(['--armor', '--export', fingerprint])).stdout.toString('latin1'),
    importKey: async (armored) => {
      await gpg(['--import'], { input: armored })
    },
    exportSecretKey: async () =>
      (await gpg(['--armor', '--export-secret-keys', fingerprint])).stdout.toString('latin1'),
    importSecretKey: async (armored) => {
      await gpg(['--import'], { input: armored })
    },
    encrypt: async (data, to, sign) => {
      const args = [
        '--armor',
        '--encrypt',
        '-r',
        `<${to}>`,
        ...(sign ? ['--sign', '-u', fingerprint] : [])
      ]
      return (await gpg([...args, '--digest-algo', 'SHA512'], { input: data })).stdout.toString(
        'latin1'
      )
    },
    signDetached: async (data) => {
      const args = ['--armor', '--detach-sign', '--digest-algo', 'SHA512', '-u', fingerprint]
      return (await gpg(args, { input: data })).stdout.toString('latin1')
    },
    decrypt: async (armored) => {
      const ran = await tryGpg(['--decrypt'], { input: armored })
      if (!ran.stderr.includes('[GNUPG:] DECRYPTION_OKAY'))
        throw new Error(`gpg cannot decrypt: ${ran.stderr}`)
      return {
        data: ran.stdout,
        signer: signerIn(ran.stderr),
        encryptedTo: [...ran.stderr.matchAll(/\[GNUPG:\] ENC_TO ([0-9A-F]{16})/g)].map(
          (m) => m[1] ?? ''
        )
      }
    },
    verifyDetached: async (data, armored) => {
      const file = join(home, 'signature.asc')
      await writeFile(file, armored)
      return signerIn((await tryGpg(['--verify', file, '-'], { input: data })).stderr)
    },
    close: async () => {
      await tryRun('gpgconf', ['--homedir', home, '--kill', 'all'])
      folder.remove()
    }
  }
}

/** The primary fingerprint of a single good signature; null for none, a bad one or one by an unusable key. */
function signerIn(status: string): string | null {
  const valid = [...status.matchAll(/\[GNUPG:\] VALIDSIG .*?([0-9A-F]{40})\s*$/gm)]
  const spoiled = /\[GNUPG:\] (?:BADSIG|ERRSIG|EXPKEYSIG|REVKEYSIG|EXPSIG) /.test(status)
  return valid.length === 1 && !spoiled ? (valid[0]?.[1] ?? '').toLowerCase() : null
}
