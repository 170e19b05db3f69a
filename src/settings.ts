/**
 * Builds the settings that decisions use from the decoded configuration, and reads every configured key: the desk's own and
 * the maintainers' (the root of trust). cli/keys.liquid says what is wrong with them, all at once. Must never print a key or a
 * passphrase.
 */
import { linesOf } from './cli/page.ts'
import { type Config } from './config/load.ts'
import { type Secret } from './config/secrets.ts'
import { type Address, isSameAddress } from './domain/address.ts'
import { KEY_PROBLEMS, type KeyFacts } from './domain/outgoing.ts'
import { type Settings } from './domain/settings.ts'
import { type Instant } from './domain/time.ts'
import { classifyKey, inspectKey, UNLOCK_PROBLEMS, unlockSecretKey } from './openpgp/keyring.ts'

/** Judges all keys at `now`: the lines of keys.liquid, and no settings when one of them begins with `stop: `. */
export async function judgeKeys(config: Config, now: Instant) {
  const keys = await readKeys(config, now)
  const { name, address, case_prefix: casePrefix, timezone } = config.desk
  const lines = linesOf('keys', { ...keys, address, problems: KEY_PROBLEMS }, timezone)
  const { facts } = keys.desk
  if (facts === null || lines.some((line) => line.startsWith('stop: ')))
    return { settings: null, lines }
  const { smtp, imap, products, clocks, limits, acknowledgement } = config
  const settings: Settings = {
    ...{ products, clocks, limits, acknowledgement },
    maintainers: config.maintainers.flatMap(({ key: _key, ...person }, index) => {
      const read = keys.maintainers[index]?.facts ?? null
      if (read === null) return []
      const { fingerprint, signingKeys, keyData, expiresAt: keyExpiresAt } = read
      return { ...person, fingerprint, signingKeys, keyData, keyExpiresAt }
    }),
    desk: {
      ...{ name, address, casePrefix, timezone },
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
  return { settings, lines }
}

/** Every configured key with the facts at `now`; they are null where its file holds no key of use. */
export async function readKeys({ desk, maintainers }: Config, now: Instant) {
  const readOwn = async (key: Secret) => {
    const unlocked = await unlockSecretKey(key.reveal(), desk.passphrase.reveal())
    if (typeof unlocked === 'string') return { problem: UNLOCK_PROBLEMS[unlocked], facts: null }
    const { privateKey, fingerprint, wasLocked, isRsa } = unlocked
    const facts = await inspectKey(privateKey.toPublic().write(), now)
    const isOwn = isNamed(facts, desk.address)
    return { problem: null, facts, fingerprint, wasLocked, isRsa, isNamed: isOwn }
  }
  const readOther = async ({ id, address, key: { text, path } }: Config['maintainers'][number]) => {
    const facts = await inspectKey(text, now)
    const isPrivate = classifyKey(text) === 'private'
    return { id, address, path, facts, isPrivate, isNamed: isNamed(facts, address) }
  }
  return {
    desk: await readOwn(desk.key),
    retired: await Promise.all(desk.retired_keys.map(readOwn)),
    maintainers: await Promise.all(maintainers.map(readOther))
  }
}

function isNamed(facts: KeyFacts | null, address: Address): boolean {
  return facts?.addresses.some((candidate) => isSameAddress(candidate, address)) ?? false
}
