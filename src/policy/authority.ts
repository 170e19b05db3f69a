/**
 * Who may act (G4): only a valid, fresh, unreplayed signature by a registered maintainer's pinned key, over the whole of
 * a message encrypted to the desk that names its case inside the signed bytes. From, DKIM and mailbox access prove nothing;
 * they only tell whom to inform when something is refused.
 */
import { type CaseTag, findCaseTags, isNamedBy } from '../domain/ids.ts'
import { isFrom, type OpenedMail, type Refused, type Signature } from '../domain/mail.ts'
import { type Maintainer, type Settings } from '../domain/settings.ts'
import { HOUR_MS, msBetween } from '../domain/time.ts'
import { type ParsedCommands } from './commands.ts'
import { isMeantForDesk } from './conversation.ts'
import { type Situation } from './situation.ts'

/** A signature this far ahead of our clock is still a clock difference, not a forgery. */
const FUTURE_MS_MAX = 10 * 60_000

/**
 * The maintainer whose key signed the whole or, failing that, whose address the message claims. What only holds something that a
 * maintainer once signed is its sender's report (G1).
 */
export function claimedMaintainer(opened: OpenedMail, settings: Settings): Maintainer | null {
  const bySignature = settings.maintainers.find((maintainer) =>
    opened.signatures.some(
      ({ fingerprint, coversWhole }) => coversWhole && fingerprint === maintainer.fingerprint
    )
  )
  if (bySignature !== undefined) return bySignature
  const claimed = [opened.outer, opened.protected]
  return (
    settings.maintainers.find((maintainer) =>
      claimed.some((header) => isFrom(header, maintainer.address))
    ) ?? null
  )
}

/**
 * Why this message does not speak for the maintainer; null if it does, by its one signature. `signatureSeen`: whether the
 * signature was accepted before; `quoted`: which messages of the desk it quotes.
 */
export function refusalOf(
  situation: Pick<
    Situation,
    'opened' | 'signatureSeen' | 'quoted' | 'settings' | 'now' | 'arrivedAt'
  >,
  maintainer: Maintainer
): Refused | null {
  const { opened, signatureSeen, quoted, settings } = situation
  if (opened.failure !== null) return 'not-opened'
  if (!opened.encrypted || !opened.decrypted) return 'not-encrypted'
  if (opened.structure !== 'pgp-mime') return 'not-pgp-mime'
  const [signature, ...others] = opened.signatures
  if (signature === undefined) return 'unsigned'
  if (others.length > 0) return 'several-signatures'
  const state = signatureRefusal(signature, maintainer) ?? contentRefusal(opened)
  if (state !== null) return state
  if (signatureSeen) return 'replayed'
  const age = freshness(signature, settings, situation)
  return age === null && !isMeantForDesk(opened, quoted, settings) ? 'for-another' : age
}

function signatureRefusal(signature: Signature, maintainer: Maintainer): Refused | null {
  const { state } = signature
  if (state === 'bad') return 'bad-signature'
  if (state !== 'valid') return isKeyState(state) ? state : 'unchecked-signature'
  // A copy of the key in the message may hold parts that the registered one does not have.
  const isRegistered = maintainer.signingKeys.some((key) => isNamedBy(signature.issuer, key))
  if (signature.fingerprint !== maintainer.fingerprint || !isRegistered) return 'unknown-key'
  return signature.coversWhole ? null : 'not-covered'
}

function isKeyState(
  state: Signature['state']
): state is 'unknown-key' | 'expired-key' | 'revoked-key' {
  return ['unknown-key', 'expired-key', 'revoked-key'].includes(state)
}

function contentRefusal({ warnings }: OpenedMail): Refused | null {
  if (warnings.includes('repeated-header')) return 'repeated-header'
  // Commands would act on half of the text (B7).
  return warnings.includes('text-truncated') ? 'too-long' : null
}

/**
 * Why a signature is too old, or dated too far ahead, to count; null when it is fresh. It ages until the server has received it:
 * a message that waited for a desk that was down is not too old for that.
 */
export function freshness(
  { createdAt }: Signature,
  { limits }: Settings,
  { now, arrivedAt }: Pick<Situation, 'now' | 'arrivedAt'>
): Refused | null {
  if (createdAt === null) return 'stale'
  if (msBetween(createdAt, now) < -FUTURE_MS_MAX) return 'from-the-future'
  return msBetween(createdAt, arrivedAt) > limits.signature_age_hours * HOUR_MS ? 'stale' : null
}

/**
 * The case that a message names: a `case:` line, the protected subject's first `[TAG]` and the messages of the desk to the author
 * that are `quoted`, all in the signed bytes, must agree. Numbers of cases that were merged (`caseNow`) agree. Outer headers name
 * none, because no signature covers them; but a `case:` line must not contradict the message that is answered.
 * Null where nothing names one.
 */
export function findBinding(
  { opened, quoted, answers }: Pick<Situation, 'opened' | 'quoted' | 'answers'>,
  { caseLine }: Pick<ParsedCommands, 'caseLine'>,
  { desk: { casePrefix } }: Settings,
  caseNow: (tag: CaseTag) => CaseTag
): CaseTag | 'conflict' | null {
  if (caseLine?.tag === 'conflict') return 'conflict'
  const quotedTags = quoted.flatMap(({ tag }) => tag ?? [])
  // Among them, the number of a merged case goes first: a command written for that case must not act on the other one unnoticed.
  const merged = quotedTags.filter((tag) => caseNow(tag) !== tag)
  const inside = [...subjectTags(opened, casePrefix), ...merged, ...quotedTags]
  const tags =
    caseLine === null ? inside : [caseLine.tag, ...inside, answers?.case.tag ?? caseLine.tag]
  const [named = null] = tags
  return new Set(tags.map(caseNow)).size > 1 ? 'conflict' : named
}

/** Whether signed bytes name one case. */
export function isCase(named: CaseTag | 'conflict' | null): named is CaseTag {
  return named !== null && named !== 'conflict'
}

/** Tags in the first square brackets of the protected subject: the desk puts its own there, in front of all others. */
function subjectTags(opened: OpenedMail, casePrefix: string): CaseTag[] {
  const subject = opened.subjectProtected ? (opened.protected?.subject ?? '') : ''
  return findCaseTags(/\[[^\]]{1,40}\]/.exec(subject)?.[0] ?? '', casePrefix)
}
