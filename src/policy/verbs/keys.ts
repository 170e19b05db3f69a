/**
 * `/key accept FINGERPRINT`: a maintainer says which key answers to the reporter are encrypted to. The key must name exactly
 * the reporter's address, and the command must give the whole fingerprint. `/key refuse FINGERPRINT` says that a key is not
 * theirs, even if it is in use. After either command, what waited leaves if a way is open.
 */
import { type Address, addressKey, isSameAddress } from '../../domain/address.ts'
import * as cases from '../../domain/case.ts'
import { byMaintainer } from '../../domain/event.ts'
import { type Fingerprint, formatFingerprint, parseFingerprint } from '../../domain/ids.ts'
import { reporterIn } from '../conversation.ts'
import { type Draft, decided, type Handler, Refusal, refuseIf, splitReason } from '../draft.ts'
import { pinKey } from '../reporter-key.ts'
import { reachWords } from '../status.ts'
import { type Verb } from './verb.ts'

/** Takes an offered key into use from the next line of the same message on. The replaced one is kept and can be taken back. */
const acceptKey: Handler = (draft, command) => {
  const { reporter, key, before } = namedKey(draft, command.words.join(''))
  const { id, contact } = reporter
  const { address } = contact
  refuseIf(key.isUsable ? wordsComplaint(draft, 'accept') : UNUSABLE)
  draft.settled.push(id)
  if (before?.fingerprint === key.fingerprint) return `This key is in use for ${address} already.`
  const used = { ...key, isProved: true }
  const whose = { tag: draft.case.tag, reporter: id, address }
  const by = byMaintainer(draft.author.id)
  draft.reporterKeys = new Map([...draft.reporterKeys, [addressKey(address), used]])
  draft.decisions.push(...pinKey(whose, by, used, before?.fingerprint ?? null))
  const name = formatFingerprint(key.fingerprint)
  const instead = before === null ? '' : ` instead of ${formatFingerprint(before.fingerprint)}`
  draft.activity.push(`accepted the key ${name} for ${address}${instead}`)
  return `Answers to ${address} are encrypted to ${name}${instead} from now on.`
}

/** Says that a key is not the reporter's. It is taken out of use, and stays out even if it comes again (G3). */
const refuseKey: Handler = (draft, command) => {
  const { before: written, reason } = splitReason(command.words)
  const { reporter, key, before } = namedKey(draft, written.replaceAll(' ', ''))
  const { fingerprint, keyData, source, firstSeenAt } = key
  const { address } = reporter.contact
  const refusedBy = draft.author.id
  refuseIf(wordsComplaint(draft, 'refuse'))
  const isInUse = before?.fingerprint === fingerprint
  const reporterKeys = new Map(draft.reporterKeys)
  if (isInUse) reporterKeys.delete(addressKey(address))
  const without = withoutKey(fingerprint, address)
  const kept = { fingerprint, keyData, source, firstSeenAt }
  draft.case = { ...draft.case, reporters: draft.case.reporters.map(without) }
  draft.reporterKeys = reporterKeys
  draft.settled.push(reporter.id)
  draft.decisions.push({ kind: 'offer-reporter-key', address, key: kept, refusedBy })
  decided(draft, 'key-refused', { reporter: reporter.id, fingerprint, reason: reason ?? '' })
  const name = formatFingerprint(fingerprint)
  const why = reason === null ? '' : ` (because ${reason})`
  const now = reachWords(without(reporter), reporterKeys, draft.product)
  const reach = isInUse ? ` Answers ${now}` : ''
  draft.activity.push(`refused the key ${name}: it is not the key of ${address}${why}.${reach}`)
  return `The key ${name} is not used for ${address}, even if it comes again.${reach}`
}

function withoutKey(fingerprint: Fingerprint, address: Address) {
  return <R extends cases.Reporter>(reporter: R): R =>
    reporter.contact !== null && isSameAddress(reporter.contact.address, address)
      ? { ...reporter, unusedKeys: reporter.unusedKeys.filter((key) => key !== fingerprint) }
      : reporter
}

const UNUSABLE =
  'Nothing can be encrypted to this key: it has expired, was revoked, or cannot encrypt. Please refuse it with /key refuse if it is not in use, and ask the reporter for a current key with /ask.'

/** Words to the reporter in an earlier line took the way that was open before this command. */
function wordsComplaint({ words }: Draft, verb: 'accept' | 'refuse'): string | null {
  return words.length > 0 ? `Please put /key ${verb} above what you write to the reporter.` : null
}

type NamedKey = {
  readonly reporter: cases.Addressed
  readonly key: cases.ReporterKey
  readonly before: cases.ReporterKey | null
}

/** The key of this fingerprint, in use or not, and the reporter of the case for whom it came. */
function namedKey(draft: Draft, written: string): NamedKey {
  const { offeredKeys } = draft.bound
  const fingerprint = parseFingerprint(written)
  if (fingerprint === null)
    throw new Refusal(
      `Which key? Write its whole fingerprint, 40 or 64 hexadecimal digits${knownKeys(draft)}.`
    )
  const theirs = cases.addresseesOf(draft.case).flatMap((reporter): NamedKey[] => {
    const before = cases.reporterKeyOf(reporter, draft.reporterKeys)
    const offered = offeredKeys.find(
      (one) =>
        one.fingerprint === fingerprint && isSameAddress(one.address, reporter.contact.address)
    )
    const key = before?.fingerprint === fingerprint ? before : offered
    return key === undefined ? [] : [{ reporter, key, before }]
  })
  const meant = reporterIn(draft.case, draft.conversation)
  // A key may name several people: used for the wrong one, it would let its owner read another person's messages.
  const isMeant = ({ reporter }: NamedKey): boolean =>
    meant !== 'several' && meant?.id === reporter.id
  const [only] = theirs
  if (only === undefined) throw new Refusal(noSuchKey(draft))
  const named = theirs.length > 1 ? theirs.find(isMeant) : only
  const addresses = theirs.map(({ reporter }) => reporter.contact.address).join(' and for ')
  if (named === undefined)
    throw new Refusal(
      `This key came for ${addresses}. To say whose it is, please reply to a message of that reporter and keep its last line (Ref: …) in your text.`
    )
  if (named.before?.source === 'registered')
    throw new Refusal(
      'This reporter is a maintainer, whose key the operator sets. Please give the new one to the operator.'
    )
  return named
}

function noSuchKey(draft: Draft): string {
  const addresses = cases
    .addresseesOf(draft.case)
    .map(({ contact }) => contact.address)
    .join(' or ')
  if (addresses === '')
    return 'The report names no address, so there is nobody whose key this could be.'
  return `We have no such key for ${addresses}${knownKeys(draft)}. Ask for it, or attach it to your message; one of its user ids must be exactly that address.`
}

/** The keys that are not in use, each with the address for which it came. */
function knownKeys({ bound: { offeredKeys } }: Draft): string {
  const known = offeredKeys.map(
    ({ fingerprint, address }) => `${formatFingerprint(fingerprint)} (for ${address})`
  )
  return known.length === 0 ? '' : `; we have: ${known.join('; ')}`
}

export const KEYS: readonly Verb[] = [
  {
    name: 'key accept',
    arguments: 'FINGERPRINT',
    followsMerges: true,
    roles: ['committer'],
    help: 'encrypts answers to the reporter to this key from now on',
    more: 'The key must have come under exactly the address of the reporter, or be attached to your message.',
    run: acceptKey
  },
  {
    name: 'key refuse',
    arguments: 'FINGERPRINT [because REASON]',
    followsMerges: true,
    roles: ['committer'],
    help: 'says that a key is not that of the reporter and must not be used',
    more: 'A key in use is taken out of use. Answers no longer wait because of it. Where the report came unencrypted and no other key is known, what waited leaves UNENCRYPTED. The key counts for nothing when it comes again, until you accept it.',
    run: refuseKey
  }
]
