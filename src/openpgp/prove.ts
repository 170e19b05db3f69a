/**
 * Proves by doing that a key of the desk is good for its work: what a certificate says of itself is only a claim, and a key with
 * damaged secret parts looks like any other until it is used. Must never write anything but a text of its own.
 */
import {
  createMessage,
  decrypt,
  encrypt,
  type PrivateKey,
  readMessage,
  readPrivateKey,
  reformatKey,
  sign,
  verify
} from 'openpgp'
import { type Instant, msOf } from '../domain/time.ts'
import { CONFIG } from './config.ts'
import { type SecretKey } from './keyring.ts'

const TEXT = 'Postern tries its key.'

/** What this key cannot do at `now`, though it should. */
export async function failuresOf({ privateKey }: SecretKey, now: Instant) {
  const date = new Date(msOf(now))
  const tries = { sign: signs, decrypt: decrypts, certify: certifies } as const
  const failed: (keyof typeof tries)[] = []
  for (const name of ['sign', 'decrypt', 'certify'] as const)
    if (!(await tries[name](privateKey, date).catch(() => false))) failed.push(name)
  return failed
}

async function signs(key: PrivateKey, date: Date): Promise<boolean> {
  const common = { date, config: CONFIG }
  const message = await createMessage({ text: TEXT, date })
  const armoredMessage = await sign({ ...common, message, signingKeys: key })
  const signed = await readMessage({ armoredMessage, config: CONFIG })
  const verified = await verify({ ...common, message: signed, verificationKeys: key.toPublic() })
  return (await verified.signatures[0]?.verified) === true
}

async function decrypts(key: PrivateKey, date: Date): Promise<boolean> {
  const common = { date, config: CONFIG }
  const text = await createMessage({ text: TEXT })
  const armoredMessage = await encrypt({ ...common, message: text, encryptionKeys: key.toPublic() })
  const message = await readMessage({ armoredMessage, config: CONFIG })
  return (await decrypt({ ...common, message, decryptionKeys: key })).data === TEXT
}

/** On a copy: its certificate stays as it is. */
async function certifies(key: PrivateKey, date: Date): Promise<boolean> {
  const privateKey = await readPrivateKey({ binaryKey: key.write(), config: CONFIG })
  const made = { privateKey, userIDs: [{ name: TEXT }], date, config: CONFIG }
  const { publicKey } = await reformatKey({ ...made, format: 'object' })
  return (await publicKey.users[0]?.verify(date, CONFIG)) === true
}
