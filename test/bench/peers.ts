/**
 * The peers of the benchmark: the same OpenPGP work done the way most tools do it, with one call of `gpg` for each recipient, as
 * many at a time as there are processors; and its floor, the calls of `node:crypto` that no program on Node can do without. A
 * sample is measured and scaled, because the whole would take minutes; a small one lies, as gpg waits for its own locks at times.
 */
import {
  createCipheriv,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify
} from 'node:crypto'
import { availableParallelism } from 'node:os'
import { makeGnupg } from '../support/people-gpg.ts'
import { findProgram } from '../support/requires.ts'
import { type Figure, figure } from './figures.ts'
import { people } from './stage.ts'

const SAMPLE_MAX = 50
/** How often gpg goes through the recipients, where what it encrypts is small. */
const ROUNDS = 8
/** About what a forwarded report and a notice hold before they are encrypted. */
const BYTES = 8192

/** The name of gpg's line. */
export const GPG = '  gpg per recipient'

/** The work for so many recipients; `value` makes a figure of milliseconds to encrypt and sign once, and to open once. */
type Work = {
  readonly recipients: number
  readonly bytes?: number
  readonly unit: string
  readonly value: (sealMs: number, openMs: number) => number
}

/** The lines of a part for the same work by node:crypto, and by gpg where that is installed. */
export async function besidePeers(part: string, work: Work): Promise<Figure[]> {
  return [bareCrypto(part, work), ...(await besideGpg(part, work))]
}

/** A key for the session, the cipher and a signature for each recipient, on one processor: no packets, no MIME, no database. */
function bareCrypto(part: string, { bytes = BYTES, unit, value }: Work): Figure {
  const text = Buffer.alloc(bytes, 'a line of a report\r\n')
  const signer = generateKeyPairSync('ed25519')
  const reader = generateKeyPairSync('x25519')
  const session = (privateKey: KeyObject, publicKey: KeyObject): Buffer => {
    const key = diffieHellman({ privateKey, publicKey })
    return createCipheriv('aes-256-cfb', key, randomBytes(16)).update(text)
  }
  let signature = Buffer.alloc(0)
  const sealMs = msOfEach(() => {
    session(generateKeyPairSync('x25519').privateKey, reader.publicKey)
    signature = sign(null, text, signer.privateKey)
  })
  const openMs = msOfEach(() => {
    session(reader.privateKey, reader.publicKey)
    verify(null, text, signer.publicKey, signature)
  })
  const note = `${sealMs.toFixed(2)} ms to encrypt, ${openMs.toFixed(2)} ms to open`
  return figure(part, '  node:crypto alone, one processor', value(sealMs, openMs), { unit, note })
}

function msOfEach(call: () => void): number {
  call()
  const begun = performance.now()
  for (let count = 0; count < SAMPLE_MAX; count += 1) call()
  return (performance.now() - begun) / SAMPLE_MAX
}

async function besideGpg(part: string, work: Work): Promise<Figure[]> {
  if (findProgram('gpg') === null) return []
  const recipients = await people('peer', Math.min(work.recipients, SAMPLE_MAX))
  const desk = await makeGnupg({ name: 'Desk', address: 'desk@bench.example' })
  try {
    for (const { secret } of recipients) await desk.importKey(secret.toPublic().armor())
    const text = Buffer.alloc(work.bytes ?? BYTES, 'a line of a report\r\n')
    const rounds = work.bytes === undefined ? ROUNDS : 1
    const all = Array.from({ length: rounds }, () => recipients).flat()
    const sealMs = await msEach(all, ({ address }) => desk.encrypt(text, address, true))
    const toDesk = Buffer.from(await desk.encrypt(text, 'desk@bench.example', true))
    const openMs = await msEach(all, () => desk.decrypt(toDesk))
    const note = `OpenPGP alone, from ${all.length} calls: ${sealMs.toFixed(1)} ms to encrypt, ${openMs.toFixed(1)} ms to open`
    const { unit } = work
    return [figure(part, GPG, work.value(sealMs, openMs), { unit, note })]
  } finally {
    await desk.close()
  }
}

/** Wall time for one of them, with all processors at work. */
async function msEach<T>(all: readonly T[], call: (one: T) => Promise<unknown>): Promise<number> {
  const waiting = [...all]
  const lane = async (): Promise<void> => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) await call(one)
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  return (performance.now() - begun) / all.length
}
