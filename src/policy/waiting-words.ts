/**
 * A maintainer's words that wait for a key of their reporter (B10): what releases them, and how they leave. Must never let them
 * go by a key that nothing proves, and never unencrypted.
 */
import { isSameAddress } from '../domain/address.ts'
import { type Addressed, type ReporterKey, type WaitingWords } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { aboutCase, byMaintainer, event } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { lackOfProof } from './authentication.ts'
import { type Draft, happen, withActivity } from './draft.ts'
import { isSignedWith } from './reporter-key.ts'
import { messageOf } from './reporter-mail.ts'
import { sealedTo } from './send.ts'
import { type BoundCase, type Situation } from './situation.ts'

/**
 * What may leave by a received message: it has to show the key itself, signed with it or with it inside. Where our mail servers
 * prove the sender, that is all that waits; else what waits in the case whose thread it answers, for a key that came with a
 * forged report must get nothing. `/key accept` releases the rest.
 */
export function releasedWords(
  { opened, waitingWords, mergedKey }: Situation,
  key: ReporterKey | null,
  settings: Settings,
  joined: CaseTag | null
): readonly WaitingWords[] {
  const isShown =
    mergedKey !== null ||
    opened.candidateKeys.some(({ fingerprint }) => fingerprint === key?.fingerprint) ||
    (key !== null && isSignedWith(opened, key.fingerprint))
  if (!isShown) return []
  return lackOfProof(opened, settings) === null
    ? waitingWords
    : waitingWords.filter(({ tag }) => tag === joined)
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
  { waitingWords }: Pick<BoundCase, 'waitingWords'>
): readonly WaitingWords[] {
  return waitingWords.filter(({ reporter }) => isSameAddress(reporter.address, contact.address))
}

/** What waited for this key leaves, encrypted, one message each, in the order in which it was written (B10). */
export function wordsLeave(
  waiting: readonly WaitingWords[],
  key: ReporterKey | null,
  now: Instant
): Decision[] {
  if (key?.isUsable !== true) return []
  const { fingerprint, keyData } = key
  return waiting.flatMap((words): Decision[] => {
    const { reporter, mail, params, arrivalId, tag } = words
    const recipient = { ...reporter, fingerprint, keyData }
    const sending = { once: String(arrivalId), tag }
    const sent = sealedTo([recipient], now, messageOf(mail, params), sending)
    return [sent, { kind: 'words-leave', words, events: leftEvents(words), once: sent.once }]
  })
}

function leftEvents({ events, tag, reporter: { id: reporter }, mail, authorId }: WaitingWords) {
  const by = byMaintainer(authorId)
  const how = 'encrypted'
  return events.map((kind) =>
    kind === 'answered'
      ? event(kind, aboutCase(tag), by, { reporter, with: mail, how })
      : event(kind, aboutCase(tag), by, { reporter, how })
  )
}

/** The draft as it stands once these have left, for what is said of it; the commit puts them on the record. */
export function withWordsLeft(draft: Draft, leaving: readonly Decision[]): Draft {
  const left = leaving.filter((one) => one.kind === 'words-leave')
  if (left.length === 0) return draft
  const messages = count(left.length, 'message', 'messages')
  const says = `sent ${messages} to the reporter, encrypted, that had waited for a key`
  const here = left.filter(({ words }) => words.tag === draft.case.tag)
  const told = withActivity(draft, says)
  if (here.length === 0) return told
  return here
    .flatMap(({ events }) => events)
    .reduce<Draft>((before, happened) => {
      const step = happen(before, happened)
      return step.kind === 'refused' ? before : { ...step.draft, decisions: before.decisions }
    }, told)
}
