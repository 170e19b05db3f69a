/** Keys that the library makes, for tests of what a certificate may be. */
import { generateKey, type KeyOptions, type PrivateKey } from 'openpgp'
import { CONFIG } from '../../src/openpgp/config.ts'

/** When they are made unless a test says otherwise. */
export const KEY_MADE = new Date(Date.UTC(2026, 0, 1))

/** The key of Alice, unlocked, unless a test says otherwise. */
export async function freshKey(
  options: Partial<Omit<KeyOptions, 'format'>> = {}
): Promise<PrivateKey> {
  const { privateKey } = await generateKey({
    userIDs: [{ name: 'Alice', email: 'alice@x.example' }],
    date: KEY_MADE,
    config: CONFIG,
    ...options,
    format: 'object'
  })
  return privateKey
}
