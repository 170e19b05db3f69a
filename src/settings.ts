/**
 * Builds the settings that decisions use from the decoded configuration, and judges every configured key: the desk's own and
 * the maintainers' (the root of trust). Reports all problems at once. Must never print a key or a passphrase.
 */

import { type LoadedConfig } from './config/load.ts'
import { isSameAddress } from './domain/address.ts'
import { type Fingerprint } from './domain/ids.ts'
import { type KeyFacts } from './domain/outgoing.ts'
import { type Maintainer, type Settings } from './domain/settings.ts'
import { formatInstant, type Instant } from './domain/time.ts'
import { classifyKey, inspectKey, type SecretKey, unlockSecretKey } from './openpgp/keyring.ts'

/** Something about a key. One that `stops` keeps the daemon from starting; the others keep only copies from being sent. */
export type KeyProblem = { readonly text: string; readonly stops: boolean }

export type Judged = {
  /** Null when a problem stops. */
  readonly settings: Settings | null
  readonly problems: readonly KeyProblem[]
  /** Worth knowing, no problem. */
  readonly remarks: readonly string[]
}

/** Judges all keys at `now`. */
export async function judgeKeys(loaded: LoadedConfig, now: Instant): Promise<Judged> {
  const problems: KeyProblem[] = []
  const remarks: string[] = []
  const desk = await judgeDeskKey(loaded, now, problems, remarks)
  await judgeRetiredKeys(loaded, desk?.fingerprint ?? null, problems)
  const maintainers = await judgeMaintainers(loaded, now, problems)
  if (desk === null || problems.some(({ stops }) => stops))
    return { settings: null, problems, remarks }
  const { config } = loaded
  const { name, address, casePrefix, timezone } = config.desk
  const settings: Settings = {
    desk: {
      name,
      address,
      casePrefix,
      timezone,
      bounceAddress: config.smtp.bounceAddress,
      fingerprint: desk.fingerprint,
      keyExpiresAt: desk.expiresAt
    },
    maintainers,
    products: config.products,
    noticeTemplate: loaded.texts.get('notice')?.source ?? '',
    acknowledgement: config.acknowledgement,
    authentication: config.authentication,
    limits: config.limits
  }
  return { settings, problems, remarks }
}

async function judgeDeskKey(
  loaded: LoadedConfig,
  now: Instant,
  problems: KeyProblem[],
  remarks: string[]
): Promise<KeyFacts | null> {
  const { address } = loaded.config.desk
  const unlocked = await unlockSecretKey(loaded.keys.desk, loaded.secrets.passphrase.reveal())
  if (unlocked.kind !== 'unlocked') {
    problems.push({ text: `desk.key: ${UNLOCK_PROBLEMS[unlocked.kind]}`, stops: true })
    return null
  }
  if (!unlocked.key.wasLocked) {
    problems.push({
      text: 'desk.key: the private key has no passphrase; set one with gpg --edit-key and passwd',
      stops: false
    })
  }
  const facts = await inspectKey(unlocked.key.privateKey.toPublic().write(), now)
  if (facts === null) {
    problems.push({
      text: 'desk.key: the key has no readable public part; make a new one with "postern keys generate"',
      stops: true
    })
    return null
  }
  if (facts.state !== 'usable') {
    problems.push({
      text: `desk.key: the desk key ${STATE_PROBLEMS[facts.state]}; extend it or make a new one with "postern keys generate"`,
      stops: true
    })
  }
  if (!facts.addresses.some((candidate) => isSameAddress(candidate, address))) {
    problems.push({
      text: `desk.key: the key has no valid user id with the desk's address ${address}; add one with gpg --edit-key and adduid`,
      stops: true
    })
  }
  remark(unlocked.key, facts, loaded, remarks)
  return facts
}

/** Whatever became of a retired key, it may open what was once sealed to it: only one that cannot be unlocked is a problem. */
async function judgeRetiredKeys(
  { keys, secrets }: LoadedConfig,
  current: Fingerprint | null,
  problems: KeyProblem[]
): Promise<void> {
  const seen = [current]
  for (const [index, text] of keys.retired.entries()) {
    const where = `desk.retired_keys[${index}]`
    const unlocked = await unlockSecretKey(text, secrets.passphrase.reveal())
    if (unlocked.kind !== 'unlocked') {
      problems.push({ text: `${where}: ${UNLOCK_PROBLEMS[unlocked.kind]}`, stops: true })
      continue
    }
    const { fingerprint } = unlocked.key
    if (seen.includes(fingerprint)) {
      problems.push({
        text: `${where}: this is the same key as one before it; remove it`,
        stops: true
      })
    }
    seen.push(fingerprint)
  }
}

function remark(key: SecretKey, facts: KeyFacts, loaded: LoadedConfig, remarks: string[]): void {
  if (facts.expiresAt !== null) {
    remarks.push(
      `desk.key: the desk key expires ${formatInstant(facts.expiresAt, loaded.config.desk.timezone)}`
    )
  }
  if (key.isRsa) {
    remarks.push(
      'desk.key: an RSA key opens mail about ten times slower than Curve25519, and on Node 20 not in constant time; Node 22 or a new key solves both'
    )
  }
}

async function judgeMaintainers(
  loaded: LoadedConfig,
  now: Instant,
  problems: KeyProblem[]
): Promise<Maintainer[]> {
  const maintainers: Maintainer[] = []
  for (const { id, name, address, roles } of loaded.config.maintainers) {
    const text = loaded.keys.maintainers.get(id) ?? ''
    const facts = classifyKey(text) === 'public' ? await inspectKey(text, now) : null
    const where = `maintainers ${id}`
    if (facts === null) {
      problems.push({
        text: `${where}: ${classifyKey(text) === 'private' ? PRIVATE : 'the key file is not exactly one readable OpenPGP public key'}`,
        stops: true
      })
      continue
    }
    if (facts.state !== 'usable') {
      problems.push({
        text: `${where}: the key ${STATE_PROBLEMS[facts.state]}; messages to ${id} wait until there is a usable key`,
        stops: false
      })
    }
    if (!facts.addresses.some((candidate) => isSameAddress(candidate, address))) {
      problems.push({
        text: `${where}: the key has no valid user id with ${address}; mail clients choose keys by address`,
        stops: false
      })
    }
    if (maintainers.some((other) => other.fingerprint === facts.fingerprint)) {
      problems.push({
        text: `${where}: another maintainer has the same key, so approvals by two people could come from one`,
        stops: true
      })
    }
    maintainers.push({
      id,
      name,
      address,
      roles,
      fingerprint: facts.fingerprint,
      signingKeys: facts.signingKeys,
      keyData: facts.keyData,
      keyExpiresAt: facts.expiresAt
    })
  }
  const unusable = problems.filter(({ stops }) => !stops).length
  if (
    maintainers.length > 0 &&
    unusable >= maintainers.length &&
    !(await anyUsable(maintainers, now))
  ) {
    problems.push({
      text: 'maintainers: none of them has a usable key, so no report could be forwarded',
      stops: true
    })
  }
  return maintainers
}

async function anyUsable(maintainers: readonly Maintainer[], now: Instant): Promise<boolean> {
  for (const { keyData } of maintainers) {
    if ((await inspectKey(keyData, now))?.state === 'usable') return true
  }
  return false
}

const PRIVATE = 'the key file holds a PRIVATE key; replace it with the public key'

/** Why the file of the desk key is of no use, with the remedy. */
export const UNLOCK_PROBLEMS = {
  'wrong-passphrase': 'the passphrase does not unlock the desk key; check desk.passphrase',
  public: "the file holds a public key; it must be the desk's private key",
  unreadable: 'the file is not exactly one readable OpenPGP private key'
} as const

const STATE_PROBLEMS = {
  expired: 'has expired',
  revoked: 'is revoked',
  'cannot-encrypt': 'cannot be used to encrypt'
} as const
