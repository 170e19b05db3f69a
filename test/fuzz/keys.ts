/**
 * The keys of the fuzzer, from a file: made once, on the first of November 2026, with openpgp.js. They are the same in every
 * run, because a message can only be made again byte for byte with the keys it was made with. They protect nothing.
 */
import { readFileSync } from 'node:fs'
import { type PrivateKey, readPrivateKey } from 'openpgp'

/** Everything secret in the fuzzer's world. */
export type FuzzKeys = {
  /** Armored and locked with {@link PASSPHRASE}: `security@acme.example`. */
  readonly desk: string
  /** The one maintainer, and a known reporter. */
  readonly alice: PrivateKey
  readonly bob: PrivateKey
  /** Unknown to the desk: one under another name, one under the name and address of alice. */
  readonly mallory: PrivateKey
  readonly forged: PrivateKey
  /** The session key of every encryption, 32 bytes. */
  readonly sessionKey: Buffer
  /** That session key as packets: for the desk, for the desk unnamed, for mallory. */
  readonly toDesk: Buffer
  readonly toHidden: Buffer
  readonly toOther: Buffer
}

export const PASSPHRASE = 'correct horse'

/** Reads `keys.json`. */
export async function readKeys(): Promise<FuzzKeys> {
  const file = JSON.parse(readFileSync(new URL('keys.json', import.meta.url), 'utf8')) as Readonly<
    Record<string, string>
  >
  const bytes = (name: string): Buffer => Buffer.from(file[name] ?? '', 'base64')
  const secret = (name: string): Promise<PrivateKey> => readPrivateKey({ binaryKey: bytes(name) })
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
