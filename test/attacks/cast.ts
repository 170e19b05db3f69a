/**
 * The people of the attacks, all of them with GnuPG in one home: maintainers, a reporter, an attacker. What they write is made by
 * gpg, at the instant at which a world begins. Nothing of Postern is used on this side.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPrivateKey } from 'openpgp'
import { type Address } from '../../src/domain/address.ts'
import { type Ran, run } from '../support/programs.ts'
import { tempFolder } from '../support/temp.ts'
import { deskCertificate, type Someone } from '../support/world.ts'

/** Also the keys' names in the home. */
export type Who = 'grace' | 'linus' | 'alice' | 'mallory'

export const ADDRESSES: Readonly<Record<Who, Address>> = {
  grace: 'grace@acme.example' as Address,
  linus: 'linus@acme.example' as Address,
  alice: 'alice@reporter.example' as Address,
  mallory: 'mallory@evil.example' as Address
}
export const DESK_ADDRESS = 'security@acme.example'
/** What gpg calls the instant at which every world begins, and one on which the keys were made. */
const NOW = '20261123T120000'
const KEYS_MADE = '20261101T000000'

export type Cast = Readonly<Record<Who, Someone>> & {
  /** Runs gpg with these arguments; at the beginning of the world unless `at` says when (YYYYMMDDThhmmss). */
  gpg(args: readonly string[], input?: Uint8Array | string, at?: string): Promise<Buffer>
  /** An armored message for the desk (or others), signed where somebody signs it. */
  seal(payload: string | Uint8Array, signer?: Who | null, to?: readonly string[]): Promise<string>
  /** An armored detached signature. */
  sign(data: string | Uint8Array, signer: Who, at?: string): Promise<string>
  clearsign(text: string, signer: Who): Promise<string>
  /** Ends the agent and deletes the keys. */
  close(): Promise<void>
}

/** Makes the keys. */
export async function makeCast(): Promise<Cast> {
  const folder = tempFolder('at-')
  const base = ['--homedir', folder.path, '--batch', '--no-tty', '--quiet', '--yes']
  const open = ['--trust-model', 'always', '--pinentry-mode', 'loopback', '--passphrase', '']
  const gpg: Cast['gpg'] = async (args, input, at = NOW) => {
    // The mark stops the clock: on a slow machine a signature would otherwise come from the future of this world.
    const clock = ['--faked-system-time', `${at}!`, '--ignore-time-conflict']
    const options = input === undefined ? {} : { input }
    const ran: Ran = await run('gpg', [...base, ...open, ...clock, ...args], options)
    return ran.stdout
  }
  const desk = join(folder.path, 'desk.asc')
  writeFileSync(desk, await deskCertificate())
  await gpg(['--import', desk])
  const make = async (who: Who): Promise<Someone> => {
    const address = ADDRESSES[who]
    const name = `${who.charAt(0).toUpperCase()}${who.slice(1)}`
    const key = ['--quick-generate-key', `${name} <${address}>`, 'future-default', 'default']
    await gpg([...key, 'never'], undefined, KEYS_MADE)
    const binaryKey = await gpg(['--export-secret-keys', `<${address}>`])
    const secret = await readPrivateKey({ binaryKey })
    return { id: who, name, address, secret, keyData: secret.toPublic().write() }
  }
  const as = (who: Who): readonly string[] => ['-u', `<${ADDRESSES[who]}>`]
  const text = async (...call: Parameters<Cast['gpg']>): Promise<string> =>
    (await gpg(...call)).toString('latin1')
  return {
    grace: await make('grace'),
    linus: await make('linus'),
    alice: await make('alice'),
    mallory: await make('mallory'),
    gpg,
    seal: (payload, signer = null, to = [DESK_ADDRESS]) => {
      const signing = signer === null ? [] : ['--sign', ...as(signer)]
      const recipients = to.flatMap((address) => ['-r', `<${address}>`])
      return text(['--armor', '--encrypt', ...recipients, ...signing], payload)
    },
    sign: (data, signer, at) => text(['--armor', '--detach-sign', ...as(signer)], data, at),
    clearsign: (words, signer) => text(['--clearsign', ...as(signer)], words),
    close: async () => {
      await run('gpgconf', ['--homedir', folder.path, '--kill', 'all'])
      folder.remove()
    }
  }
}
