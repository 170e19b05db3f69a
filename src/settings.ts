/**
 * Builds the settings that decisions use from the decoded configuration, and judges every configured key: the desk's own and
 * the maintainers' (the root of trust). Reports all problems at once. Must never print a key or a passphrase.
 */
import { type Config } from './config/load.ts'
import { type Address, isSameAddress } from './domain/address.ts'
import { KEY_PROBLEMS, type KeyFacts } from './domain/outgoing.ts'
import { type Maintainer, type Settings } from './domain/settings.ts'
import { formatInstant, type Instant } from './domain/time.ts'
import { classifyKey, inspectKey, UNLOCK_PROBLEMS, unlockSecretKey } from './openpgp/keyring.ts'

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
export async function judgeKeys(config: Config, now: Instant): Promise<Judged> {
  const findings = new Findings()
  const desk = await judgeDeskKey(config, now, findings)
  await judgeRetiredKeys(config, desk, findings)
  const maintainers = await judgeMaintainers(config, now, findings)
  const { problems, remarks } = findings
  if (desk === null || problems.some(({ stops }) => stops))
    return { settings: null, problems, remarks }
  const { smtp, imap, limits, acknowledgement } = config
  const { name, address, case_prefix: casePrefix, timezone } = config.desk
  const settings: Settings = {
    desk: {
      ...{ name, address, casePrefix, timezone },
      bounceAddress: smtp.bounce_address ?? null,
      fingerprint: desk.fingerprint,
      keyExpiresAt: desk.expiresAt
    },
    maintainers,
    products: config.products,
    clocks: config.clocks,
    noticeTemplate: config.texts.get('notice')?.source ?? '',
    acknowledgement: { jitterMsMax: acknowledgement.jitter * 1000 },
    authentication: {
      servers: imap.authserv_ids.map((id) => id.toLowerCase()),
      receivedHops: imap.received_hops
    },
    limits: {
      mailBytes: limits.mail_size,
      originalBytes: limits.original,
      commandsPerMail: limits.commands_per_mail,
      signatureAgeHours: limits.signature_age_hours,
      acknowledgementsPerHour: acknowledgement.per_hour,
      acknowledgementsPerDomainHour: acknowledgement.per_domain_hour
    }
  }
  return { settings, problems, remarks }
}

class Findings {
  readonly problems: KeyProblem[] = []
  readonly remarks: string[] = []
  stop(text: string): null {
    this.problems.push({ text, stops: true })
    return null
  }
  warn(text: string): void {
    this.problems.push({ text, stops: false })
  }
}

async function judgeDeskKey(
  { desk: { address, timezone, key, passphrase } }: Config,
  now: Instant,
  findings: Findings
): Promise<KeyFacts | null> {
  const unlocked = await unlockSecretKey(key.reveal(), passphrase.reveal())
  if (unlocked.kind !== 'unlocked')
    return findings.stop(`desk.key: ${UNLOCK_PROBLEMS[unlocked.kind]}`)
  const { privateKey, wasLocked, isRsa } = unlocked.key
  if (!wasLocked)
    findings.warn(
      'desk.key: the private key has no passphrase; set one with gpg --edit-key and passwd'
    )
  const facts = await inspectKey(privateKey.toPublic().write(), now)
  if (facts === null)
    return findings.stop(
      'desk.key: the key has no readable public part; make a new one with "postern keys generate"'
    )
  if (facts.state !== 'usable')
    findings.stop(
      `desk.key: ${KEY_PROBLEMS[facts.state]}; extend it or make a new one with "postern keys generate"`
    )
  if (!isNamed(facts, address))
    findings.stop(
      `desk.key: the key has no valid user id with the desk's address ${address}; add one with gpg --edit-key and adduid`
    )
  if (facts.expiresAt !== null)
    findings.remarks.push(
      `desk.key: the desk key expires ${formatInstant(facts.expiresAt, timezone)}`
    )
  if (isRsa)
    findings.remarks.push(
      'desk.key: an RSA key opens mail about ten times slower than Curve25519, and on Node 20 not in constant time; Node 22 or a new key solves both'
    )
  return facts
}

/** A retired key may be expired or revoked, and still opens older messages: only one that cannot be unlocked is a problem. */
async function judgeRetiredKeys(
  { desk: { retired_keys, passphrase } }: Config,
  current: KeyFacts | null,
  findings: Findings
): Promise<void> {
  const seen = [current?.fingerprint]
  for (const [index, key] of retired_keys.entries()) {
    const where = `desk.retired_keys[${index}]`
    const unlocked = await unlockSecretKey(key.reveal(), passphrase.reveal())
    if (unlocked.kind !== 'unlocked') {
      findings.stop(`${where}: ${UNLOCK_PROBLEMS[unlocked.kind]}`)
      continue
    }
    const { fingerprint } = unlocked.key
    if (seen.includes(fingerprint))
      findings.stop(`${where}: this is the same key as one before it; remove it`)
    seen.push(fingerprint)
  }
}

async function judgeMaintainers(
  config: Config,
  now: Instant,
  findings: Findings
): Promise<Maintainer[]> {
  const maintainers: Maintainer[] = []
  let usable = 0
  for (const {
    id,
    name,
    address,
    roles,
    key: { text }
  } of config.maintainers) {
    const facts = await inspectKey(text, now)
    const where = `maintainers ${id}`
    if (facts === null) {
      findings.stop(
        classifyKey(text) === 'private'
          ? `${where}: the key file holds a PRIVATE key; replace it with the public key`
          : `${where}: the key file is not exactly one readable OpenPGP public key`
      )
      continue
    }
    if (facts.state === 'usable') usable += 1
    else
      findings.warn(
        `${where}: ${KEY_PROBLEMS[facts.state]}; no report is forwarded to ${id} until there is a usable key`
      )
    if (!isNamed(facts, address))
      findings.warn(
        `${where}: the key has no valid user id with ${address}; mail clients choose keys by address`
      )
    if (maintainers.some((other) => other.fingerprint === facts.fingerprint))
      findings.stop(
        `${where}: another maintainer has the same key, so approvals by two people could come from one`
      )
    const { fingerprint, signingKeys, keyData, expiresAt: keyExpiresAt } = facts
    const key = { fingerprint, signingKeys, keyData, keyExpiresAt }
    maintainers.push({ id, name, address, roles, ...key })
  }
  if (maintainers.length > 0 && usable === 0)
    findings.stop('maintainers: none of them has a usable key, so no report could be forwarded')
  return maintainers
}

function isNamed({ addresses }: KeyFacts, address: Address): boolean {
  return addresses.some((candidate) => isSameAddress(candidate, address))
}
