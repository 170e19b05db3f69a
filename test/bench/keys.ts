/**
 * Keys of the people in a benchmark: thousands, made once and kept in the system's temporary folder between runs. They
 * protect nothing and have no passphrase.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKey } from 'openpgp'

export type BenchKey = {
  readonly name: string
  readonly address: string
  readonly privateArmored: string
  readonly publicArmored: string
}

const FOLDER = join(tmpdir(), 'postern-bench-keys')
/** A key must not be younger than a signature made with it, whatever the clocks say. */
const AGE_MS = 86_400_000

/** `count` people of one group, each with an Ed25519 and Cv25519 key of their own: `reporter0@bench.example` and so on. */
export async function benchKeys(group: string, count: number): Promise<readonly BenchKey[]> {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 })
  const file = join(FOLDER, `${group}.json`)
  const keys = readKept(file)
  if (keys.length >= count) return keys.slice(0, count)
  for (let index = keys.length; index < count; index += 1) keys.push(await makeKey(group, index))
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600 })
  return keys
}

function readKept(file: string): BenchKey[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as BenchKey[]
  } catch {
    return [] // there are none yet
  }
}

async function makeKey(group: string, index: number): Promise<BenchKey> {
  const name = `${group} ${index}`
  const address = `${group}${index}@bench.example`
  const { privateKey, publicKey } = await generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name, email: address }],
    date: new Date(Date.now() - AGE_MS),
    format: 'armored'
  })
  return { name, address, privateArmored: privateKey, publicArmored: publicKey }
}
