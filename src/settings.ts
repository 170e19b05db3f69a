/**
 * Builds the settings that decisions use from the decoded configuration, and judges every configured key: the desk's own and
 * the maintainers' (the root of trust). Reports all problems at once. Must never print a key or a passphrase.
 */
import { type Config } from './config/load.ts'
import { type Address, isSameAddress } from './domain/address.ts'
import { type Fingerprint } from './domain/ids.ts'
import { KEY_PROBLEMS, type KeyFacts } from './domain/outgoing.ts'
import { type Maintainer, type Settings } from './domain/settings.ts'
import { formatInstant, type Instant } from './domain/time.ts'
import { classifyKey, inspectKey, UNLOCK_PROBLEMS, unlockSecretKey } from './openpgp/keyring.ts'

/** A sentence about a key. A `stop` keeps the daemon from starting; a `warning` and a `remark` do not. */
export type Finding = { readonly is: 'stop' | 'warning' | 'remark'; readonly text: string }

/** Judges all keys at `now`; no settings when something stops. */
export async function judgeKeys(config: Config, now: Instant) {
  const findings: Finding[] = []
  const noteAs = (is: Finding['is']) => (text: string) => void findings.push({ is, text })
  const note = { stop: noteAs('stop'), warning: noteAs('warning'), remark: noteAs('remark') }
  const desk = await judgeDeskKey(config, now, note)
  const retiredFingerprints = await judgeRetiredKeys(config, note)
  const maintainers = await judgeMaintainers(config, now, note)
  if (desk === null || findings.some(({ is }) => is === 'stop')) return { settings: null, findings }
  const { smtp, imap, products, clocks, limits, acknowledgement } = config
  const { name, address, case_prefix: casePrefix, timezone } = config.desk
  const settings: Settings = {
    ...{ maintainers, products, clocks, limits, acknowledgement },
    desk: {
      ...{ name, address, casePrefix, timezone },
      bounceAddress: smtp.bounce_address ?? null,
      fingerprint: desk.fingerprint,
      retiredFingerprints,
      keyExpiresAt: desk.expiresAt
    },
    noticeTemplate: config.texts.get('notice')?.source ?? '',
    authentication: {
      servers: imap.authserv_ids.map((id) => id.toLowerCase()),
      receivedHops: imap.received_hops
    }
  }
  return { settings, findings }
}

type Note = Readonly<Record<Finding['is'], (text: string) => void>>

async function judgeDeskKey(
  { desk: { address, timezone, key, passphrase } }: Config,
  now: Instant,
  note: Note
): Promise<KeyFacts | null> {
  const unlocked = await unlockSecretKey(key.reveal(), passphrase.reveal())
  if (typeof unlocked === 'string') {
    note.stop(`desk.key: ${UNLOCK_PROBLEMS[unlocked]}`)
    return null
  }
  const { privateKey, wasLocked, isRsa } = unlocked
  if (!wasLocked)
    note.warning(
      'desk.key: the private key has no passphrase; set one with gpg --edit-key and passwd'
    )
  const facts = await inspectKey(privateKey.toPublic().write(), now)
  if (facts === null) {
    note.stop(
      'desk.key: the key has no readable public part; make a new one with "postern keys generate"'
    )
    return null
  }
  if (facts.state !== 'usable')
    note.stop(
      `desk.key: ${KEY_PROBLEMS[facts.state]}; extend it or make a new one with "postern keys generate"`
    )
  if (!isNamed(facts, address))
    note.stop(
      `desk.key: the key has no valid user id with the desk's address ${address}; add one with gpg --edit-key and adduid`
    )
  if (facts.expiresAt !== null)
    note.remark(`desk.key: the desk key expires ${formatInstant(facts.expiresAt, timezone)}`)
  if (isRsa)
    note.remark(
      'desk.key: an RSA key opens mail about ten times slower than Curve25519, and on Node 20 not in constant time; Node 22 or a new key solves both'
    )
  return facts
}

/** A retired key may be expired or revoked, and still opens older messages: only one that cannot be unlocked is a problem. */
async function judgeRetiredKeys(
  { desk: { retired_keys, passphrase } }: Config,
  note: Note
): Promise<Fingerprint[]> {
  const fingerprints: Fingerprint[] = []
  for (const [index, key] of retired_keys.entries()) {
    const unlocked = await unlockSecretKey(key.reveal(), passphrase.reveal())
    if (typeof unlocked === 'string')
      note.stop(`desk.retired_keys[${index}]: ${UNLOCK_PROBLEMS[unlocked]}`)
    else fingerprints.push(unlocked.fingerprint)
  }
  return fingerprints
}

async function judgeMaintainers(config: Config, now: Instant, note: Note): Promise<Maintainer[]> {
  const maintainers: Maintainer[] = []
  let usable = 0
  for (const { key, ...person } of config.maintainers) {
    const { id, address } = person
    const facts = await inspectKey(key.text, now)
    const where = `maintainers ${id}`
    if (facts === null) {
      note.stop(
        classifyKey(key.text) === 'private'
          ? `${where}: the key file holds a PRIVATE key; replace it with the public key`
          : `${where}: the file ${key.path} must hold one OpenPGP public key, and only that; it holds none that can be read, or several`
      )
      continue
    }
    if (facts.state === 'usable') usable += 1
    else
      note.warning(
        `${where}: ${KEY_PROBLEMS[facts.state]}; no report is forwarded to ${id} until there is a usable key`
      )
    if (!isNamed(facts, address))
      note.warning(
        `${where}: the key has no valid user id with ${address}; mail clients choose keys by address`
      )
    if (maintainers.some((other) => other.fingerprint === facts.fingerprint))
      note.stop(
        `${where}: another maintainer has the same key, so approvals by two people could come from one`
      )
    const { fingerprint, signingKeys, keyData, expiresAt: keyExpiresAt } = facts
    maintainers.push({ ...person, fingerprint, signingKeys, keyData, keyExpiresAt })
  }
  if (maintainers.length > 0 && usable === 0)
    note.stop('maintainers: none of them has a usable key, so no report could be forwarded')
  return maintainers
}

function isNamed({ addresses }: KeyFacts, address: Address): boolean {
  return addresses.some((candidate) => isSameAddress(candidate, address))
}
