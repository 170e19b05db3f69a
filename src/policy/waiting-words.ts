/**
 * A maintainer's words that wait for a key of their reporter (B10): what releases them, and how they leave. Must never let them
 * go by a key that nothing proves, nor unencrypted except in the one case that G3 allows.
 */
import { isSameAddress } from '../domain/address.ts'
import {
  type Addressed,
  addresseesOf,
  type ReporterKey,
  type WaitingWords
} from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { aboutCase, byMaintainer, event, type NewEvent, type Way } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { count } from '../domain/words.ts'
import { lackOfProof } from './authentication.ts'
import { type CommandContext, type Draft, happen, moveOf, withActivity } from './draft.ts'
import { isOpenPath, keyChoice, type ReporterPath, reporterPath, WAYS } from './recipients.ts'
import { isSignedWith } from './reporter-key.ts'
import { messageOf } from './reporter-mail.ts'
import { toReporter } from './send.ts'
import { type Situation } from './situation.ts'
import { waitingName } from './status.ts'

/**
 * The waiting words that a received message releases. The message must be signed with the key or bring it. If our mail servers
 * prove the sender, it releases all that waits, else only what waits in the case that it continues: a key that came with a forged
 * report must get nothing. `/key accept` releases the rest.
 */
export function releasedWords(
  situation: Situation,
  key: ReporterKey | null,
  settings: Settings,
  joined: CaseTag | null
): readonly WaitingWords[] {
  if (!showsKey(situation, key)) return []
  const { opened, waitingWords } = situation
  return lackOfProof(opened, settings) === null
    ? waitingWords
    : waitingWords.filter(({ tag }) => tag === joined)
}

/** Whether a received message brings this key or is signed with it. */
export function showsKey({ opened, mergedKey }: Situation, key: ReporterKey | null): boolean {
  return (
    mergedKey !== null ||
    opened.candidateKeys.some(({ fingerprint }) => fingerprint === key?.fingerprint) ||
    (key !== null && isSignedWith(opened, key.fingerprint))
  )
}

/** Tells the maintainers that words go on waiting though a key is in use, and what releases them. */
export function wordsStay(
  { waitingWords }: Situation,
  key: ReporterKey | null,
  released: readonly WaitingWords[]
): string[] {
  const staying = waitingWords.filter((words) => !released.includes(words))
  if (key?.isUsable !== true || staying.length === 0) return []
  const tags = [...new Set(staying.map(({ tag }) => tag))].join(', ')
  return [
    `${count(staying.length, 'message', 'messages')} to this reporter (${tags}) still ${staying.length === 1 ? 'waits' : 'wait'}: nothing proves that the reporter sent this key. Compare the fingerprint with the person another way, then write /key accept ${key.fingerprint.toUpperCase()}.`
  ]
}

/** What waits for a key of this reporter, in all their cases. */
export function waitingFor(
  { contact }: Addressed,
  { waitingWords }: Pick<Draft, 'waitingWords'>
): readonly WaitingWords[] {
  return waitingWords.filter(({ reporter }) =>
    isSameAddress(reporter.contact.address, contact.address)
  )
}

/** The way of words that leave because this key came. */
export function sealedWith(key: ReporterKey | null): (words: WaitingWords) => ReporterPath {
  return ({ reporter: { id, contact } }) => {
    if (key?.isUsable !== true) return WAITS
    const { fingerprint, keyData } = key
    return { kind: 'encrypted', recipient: { ...contact, id, fingerprint, keyData } }
  }
}

const WAITS: ReporterPath = { kind: 'no-key', unusedKeys: [], isClearOtherwise: false }

/** What waited leaves where a way is open now, one message each, in the order in which it was written (B10). */
export function wordsLeave(
  waiting: readonly WaitingWords[],
  pathOf: (words: WaitingWords) => ReporterPath
): Decision[] {
  return waiting.flatMap((words): Decision[] => {
    const { mail, params, arrivalId, tag } = words
    const path = pathOf(words)
    if (!isOpenPath(path)) return []
    const { kind: how } = path
    const sending = { once: String(arrivalId), tag }
    const sent = toReporter(path, messageOf(mail, params), sending)
    const left = { words, how, events: leftEvents(words, how), once: sent.once } as const
    return [sent, { kind: 'words-leave', ...left }]
  })
}

/**
 * What leaves because a maintainer accepted or refused a key, and what the answer says of everything that waited. Words of
 * another case of the same person leave by the way that is open there (G3).
 */
export function settledWords(
  draft: Draft,
  { settings: { products } }: Pick<CommandContext, 'settings'>
): { readonly leaving: readonly Decision[]; readonly says: string } {
  const settled = addresseesOf(draft.case).filter(({ id }) => draft.settled.includes(id))
  const each = settled.map((reporter) => {
    const { unusedKeys } = reporter
    const waiting = waitingFor(reporter, draft)
    const pathOf = (words: WaitingWords): ReporterPath => {
      const id = words.tag === draft.case.tag ? draft.case.product : words.product
      const product = products.find((one) => one.id === id)
      const addressed = { ...words.reporter, unusedKeys }
      return product === undefined ? WAITS : reporterPath(addressed, draft.reporterKeys, product)
    }
    const leaving = wordsLeave(waiting, pathOf)
    const stay = waiting.filter((words) => !isAmong(leaving, words))
    return { leaving, says: settledSays(reporter, leaving, stay.map(pathOf)) }
  })
  return {
    leaving: each.flatMap(({ leaving }) => leaving),
    says: each.flatMap(({ says }) => says).join(' ')
  }
}

/** Names the waiting words that this message withdrew; '' for none. */
export function withdrawnWords(before: Draft, after: Draft, settings: Settings): string {
  const names = before.waitingWords
    .filter((words) => !after.waitingWords.includes(words))
    .map((words) => waitingName(words, settings))
  return names.length === 0 ? '' : `Never sent: ${names.join('; ')}.`
}

function isAmong(leaving: readonly Decision[], { id }: WaitingWords): boolean {
  return leaving.some((one) => one.kind === 'words-leave' && one.words.id === id)
}

function settledSays(
  { contact: { address } }: Addressed,
  leaving: readonly Decision[],
  staying: readonly ReporterPath[]
): string[] {
  const left = leftByWay(leaving).map(([number, way]) => {
    const that = number === 1 ? 'that had waited leaves' : 'that had waited leave'
    return `${count(number, 'message', 'messages')} to ${address} ${that} now, ${way}.`
  })
  const [path] = staying
  if (path === undefined) return left
  const messages = count(staying.length, 'message', 'messages')
  const choice = path.kind === 'no-key' ? keyChoice(path) : ''
  return [
    ...left,
    `${messages} to ${address} still ${staying.length === 1 ? 'waits' : 'wait'}: we have no usable key of theirs.${choice}`
  ]
}

function leftByWay(leaving: readonly Decision[]): (readonly [number: number, way: string])[] {
  const left = leaving.filter((one) => one.kind === 'words-leave')
  return (['encrypted', 'in-clear'] as const).flatMap((way) => {
    const number = left.filter(({ how }) => how === way).length
    return number === 0 ? [] : [[number, WAYS[way]] as const]
  })
}

function leftEvents(
  { events, tag, reporter: { id: reporter }, mail, authorId }: WaitingWords,
  how: Way
): NewEvent[] {
  const by = byMaintainer(authorId)
  return events.map((kind) =>
    kind === 'answered'
      ? event(kind, aboutCase(tag), by, { reporter, with: mail, how })
      : event(kind, aboutCase(tag), by, { reporter, how })
  )
}

/** The draft once these have left, only for what the answer says of it; the commit puts them on the record. */
export function withWordsLeft(draft: Draft, leaving: readonly Decision[]): Draft {
  const left = leaving.filter((one) => one.kind === 'words-leave')
  if (left.length === 0) return draft
  const here = left.filter(({ words }) => words.tag === draft.case.tag)
  const told = leftByWay(leaving).reduce<Draft>(
    (before, [number, way]) =>
      withActivity(
        before,
        `sent ${count(number, 'message', 'messages')} to the reporter, ${way}, that had waited for a key`
      ),
    draft
  )
  if (here.length === 0) return told
  return here
    .flatMap(({ events }) => events)
    .filter((happened) => moveOf(told, happened).kind === 'moved')
    .reduce<Draft>(happen, told)
}
