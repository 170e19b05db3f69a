/**
 * Builds the settings that decisions use from the decoded configuration, and reads every configured key: the desk's own and
 * the maintainers' (the root of trust). Decides what is wrong with them; cli/faults.liquid has the words for it. Must never
 * print a key or a passphrase.
 */
import { type Config } from './config/load.ts'
import { type Secret } from './config/secrets.ts'
import { type Address, isSameAddress } from './domain/address.ts'
import { type KeyFacts } from './domain/outgoing.ts'
import { type Settings } from './domain/settings.ts'
import { type Instant } from './domain/time.ts'
import { classifyKey, inspectKey, UNLOCK_PROBLEMS, unlockSecretKey } from './openpgp/keyring.ts'
import { failuresOf } from './openpgp/prove.ts'

/** Judges all keys at `now`: what is wrong with them, and no settings when that is a `stop`. */
export async function judgeKeys(config: Config, now: Instant) {
  const keys = await readKeys(config, now)
  const faults = faultsIn(config, keys)
  const { facts } = keys.desk
  if (facts === null || faults.some(([, severity]) => severity === 'stop'))
    return { settings: null, faults, keys }
  const { name, address, aliases, case_prefix: casePrefix, timezone } = config.desk
  const { smtp, imap, products, clocks, limits, acknowledgement, forwarding } = config
  const settings: Settings = {
    ...{ products, clocks, limits, acknowledgement, forwarding },
    maintainers: config.maintainers.flatMap(({ key: _key, ...person }, index) => {
      const facts = keys.maintainers[index]?.facts ?? null
      return facts === null ? [] : { ...person, ...facts, keyExpiresAt: facts.expiresAt }
    }),
    desk: {
      ...{ name, address, aliases, casePrefix, timezone },
      bounceAddress: smtp.bounce_address ?? null,
      fingerprint: facts.fingerprint,
      retiredFingerprints: keys.retired.flatMap(({ fingerprint }) => fingerprint ?? []),
      keyExpiresAt: facts.expiresAt
    },
    noticeTemplate: config.texts.get('notice')?.source ?? '',
    authentication: {
      servers: imap.authserv_ids.map((id) => id.toLowerCase()),
      receivedHops: imap.received_hops
    }
  }
  return { settings, faults, keys }
}

/** Every configured key with the facts at `now`; they are null where its file holds no key of use. */
export async function readKeys({ desk, maintainers }: Config, now: Instant) {
  const readOwn = async (key: Secret) => {
    const unlocked = await unlockSecretKey(key.reveal(), desk.passphrase.reveal())
    if (typeof unlocked === 'string')
      return { problem: UNLOCK_PROBLEMS[unlocked], facts: null, unlocked: undefined }
    const { privateKey, fingerprint, wasLocked, isRsa } = unlocked
    const facts = await inspectKey(privateKey.toPublic().write(), now)
    const isOwn = isNamed(facts, desk.address)
    return { problem: null, facts, fingerprint, wasLocked, isRsa, isNamed: isOwn, unlocked }
  }
  const readOther = async ({ id, address, key: { text, path } }: Config['maintainers'][number]) => {
    const facts = await inspectKey(text, now)
    const isPrivate = classifyKey(text) === 'private'
    return { id, address, path, facts, isPrivate, isNamed: isNamed(facts, address) }
  }
  const { unlocked, ...own } = await readOwn(desk.key)
  // Of one that is not usable, another sentence says so.
  const isTried = unlocked !== undefined && own.facts?.state === 'usable'
  const failures = isTried ? await failuresOf(unlocked, now) : []
  return {
    desk: { ...own, failures },
    retired: await Promise.all(
      desk.retired_keys.map(async (key) => {
        const { unlocked: _secret, ...facts } = await readOwn(key)
        return facts
      })
    ),
    maintainers: await Promise.all(maintainers.map(readOther))
  }
}

/** What is wrong if it applies; a `stop` keeps the daemon from starting. */
type Fault = readonly [applies: unknown, severity: 'stop' | 'problem', code: string, about: object]

/** All that is wrong, in the order in which it is said. */
function faultsIn(config: Config, keys: Awaited<ReturnType<typeof readKeys>>): Fault[] {
  const { desk, retired, maintainers } = keys
  const fingerprints = maintainers.map(({ facts }) => facts?.fingerprint)
  const isUsable = maintainers.some(({ facts }) => facts?.state === 'usable')
  const approvers = config.maintainers.filter(({ roles }) => roles.includes('approver')).length
  const all: readonly Fault[] = [
    [!desk.facts, 'stop', 'locked', desk],
    [desk.wasLocked === false, 'problem', 'unprotected', desk],
    [desk.facts && desk.facts.state !== 'usable', 'stop', 'desk-unusable', desk],
    [desk.isNamed === false, 'stop', 'desk-unnamed', config.desk],
    ...desk.failures.map((what): Fault => {
      // The desk makes no certificates.
      return [true, what === 'certify' ? 'problem' : 'stop', 'desk-failing', { what }]
    }),
    // One that has expired or was revoked still opens older messages.
    ...retired.map((key, index): Fault => [key.problem, 'stop', 'retired', { ...key, index }]),
    ...maintainers.flatMap((one, index): Fault[] => [
      [!one.facts, 'stop', 'unreadable', one],
      [one.facts && one.facts.state !== 'usable', 'problem', 'unusable', one],
      [!one.isNamed, 'problem', 'unnamed', one],
      [one.facts && fingerprints.indexOf(one.facts.fingerprint) < index, 'stop', 'same-key', one]
    ]),
    [!isUsable, 'stop', 'nobody', {}],
    ...config.products.map(({ id, policy }): Fault => {
      const needed = policy.notice && Math.max(policy.notice.approvals, 1)
      return [needed && needed > approvers, 'problem', 'approvers', { id, policy, needed }]
    })
  ]
  return all.filter(([applies]) => Boolean(applies))
}

/** Nothing is missing from a key that cannot be read, or whose user ids cannot be checked. */
function isNamed(facts: KeyFacts | null, address: Address): boolean {
  if (facts?.state === 'unsupported') return true
  return facts?.addresses.some((candidate) => isSameAddress(candidate, address)) ?? true
}
