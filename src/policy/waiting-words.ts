/**
 * A maintainer's words that wait for a key of their reporter (B10): what releases them, and how they leave. Must never let them
 * go by a key that nothing proves, nor unencrypted except in the one case that G3 allows.
 */
import { isSameAddress } from '../domain/address.ts'
import * as cases from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import * as domain from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type FactLine } from '../domain/message.ts'
import { productNamed } from '../domain/settings.ts'
import { count } from '../domain/words.ts'
import * as toReporters from '../messages/to-reporters.ts'
import { lackOfProof } from './authentication.ts'
import { type DateAbout, tellOwing } from './date-talk.ts'
import { copyOf, type Draft, happen, moveOf } from './draft.ts'
import { encryptedTo, keyChoice, type ReporterPath, reporterPath, WAYS } from './recipients.ts'
import { isSignedWith } from './reporter-key.ts'
import { toReporter } from './send.ts'
import { type Situation } from './situation.ts'
import { waitingName } from './status.ts'
import { type Sender } from './threading.ts'

/**
 * What leaves because a message of the reporter brings the key or is signed with it: what waited, and the question about the
 * date. If our mail servers prove the sender, everything that waits leaves, otherwise only what waits in the case that the
 * message continues: a key that came with a forged report must get nothing. `/key accept` releases the rest. `sender` is null for
 * a message that is withheld.
 */
export function releasedBy(
  situation: Situation,
  sender: Sender | null,
  key: cases.ReporterKey | null,
  about: Omit<DateAbout, 'dated'>
) {
  if (key?.isUsable !== true) return { facts: [], warnings: [], decisions: [] }
  const { opened, mergedKey, waitingWords } = situation
  const isProved = lackOfProof(opened, about.settings) === null
  const dated = isProved ? situation.dated : []
  const isShown =
    mergedKey !== null ||
    opened.candidateKeys.some(({ fingerprint }) => fingerprint === key.fingerprint) ||
    isSignedWith(opened, key.fingerprint)
  const reporter = sender?.kind === 'reporter' && isShown ? sender.reporter : null
  const leaves = ({ tag }: cases.WaitingWords): boolean =>
    reporter !== null && (isProved || tag === about.record.tag)
  const decisions = [
    ...wordsLeave(waitingWords.filter(leaves), ({ reporter: { id, contact } }) =>
      encryptedTo({ ...contact, id }, key)
    ),
    ...tellOwing(reporter === null ? [] : [reporter], { ...about, dated }, domain.BY_DESK).decisions
  ]
  const staying = waitingWords.filter((words) => !leaves(words))
  return { facts: leftFacts(decisions), warnings: stayWarnings(staying, key), decisions }
}

function leftFacts(decisions: readonly Decision[]): FactLine[] {
  const tags = decisions.flatMap((one) => (one.kind === 'send-sealed' ? [one.tag] : []))
  if (tags.length === 0) return []
  const messages = count(tags.length, 'message', 'messages')
  const value = `${messages} to the reporter, encrypted (${[...new Set(tags)].join(', ')})`
  return [{ label: 'Sent now, after waiting for a key', value }]
}

/** Says that words go on waiting though a key is in use, and what releases them. */
function stayWarnings(
  staying: readonly cases.WaitingWords[],
  { fingerprint }: cases.ReporterKey
): string[] {
  if (staying.length === 0) return []
  const tags = [...new Set(staying.map(({ tag }) => tag))].join(', ')
  return [
    `${count(staying.length, 'message', 'messages')} to this reporter (${tags}) still ${staying.length === 1 ? 'waits' : 'wait'}: nothing proves that the reporter sent this key. Compare the fingerprint with the person another way, then write /key accept ${fingerprint.toUpperCase()}.`
  ]
}

/** What waits for a key of this reporter, in all their cases. */
export function waitingFor(
  { contact }: cases.Addressed,
  { waitingWords }: Pick<Draft, 'waitingWords'>
): readonly cases.WaitingWords[] {
  return waitingWords.filter(({ reporter }) =>
    isSameAddress(reporter.contact.address, contact.address)
  )
}

/** Sends what waited, if a way is open now: one message each, in the order in which they were written. */
function wordsLeave(
  waiting: readonly cases.WaitingWords[],
  pathOf: (words: cases.WaitingWords) => ReporterPath
): Decision[] {
  return waiting.flatMap((words): Decision[] => {
    const { mail, params, arrivalId, tag } = words
    const path = pathOf(words)
    if (path.kind === 'no-key') return []
    const { kind: how } = path
    const sending = { once: String(arrivalId), tag }
    const sent = toReporter(path, toReporters[mail](params), sending)
    const left = { words, how, events: leftEvents(words, how), once: sent.once } as const
    return [sent, { kind: 'words-leave', ...left }]
  })
}

function leftEvents(
  { events, tag, reporter: { id: reporter }, mail, authorId, at: writtenAt }: cases.WaitingWords,
  how: domain.Way
): domain.NewEvent[] {
  const by = domain.byMaintainer(authorId)
  const about = { reporter, how, writtenAt }
  return events.map((kind) =>
    kind === 'answered'
      ? domain.event(kind, domain.aboutCase(tag), by, { ...about, with: mail })
      : domain.event(kind, domain.aboutCase(tag), by, about)
  )
}

/**
 * What leaves because a maintainer accepted or refused a key, and what the answer says about everything that waited or was
 * withdrawn. Words of another case of the same person leave by the way that is open there (G3). `after` only serves what is said
 * about the case: waiting words can still fail to be encrypted, so only the commit records that they have left.
 */
export function settle(before: Draft, draft: Draft) {
  const { settings } = draft
  const leaving: Decision[] = []
  const says = withdrawn(before, draft)
  const after = copyOf(draft)
  for (const reporter of cases.addresseesOf(draft.case)) {
    if (!draft.settled.includes(reporter.id)) continue
    const { unusedKeys, contact } = reporter
    const { address } = contact
    const waiting = waitingFor(reporter, draft)
    const pathOf = (words: cases.WaitingWords): ReporterPath => {
      const id = words.tag === draft.case.tag ? draft.case.product : words.product
      const product = productNamed(id, settings)
      return reporterPath({ ...words.reporter, unusedKeys }, draft.reporterKeys, product)
    }
    const sent = wordsLeave(waiting, pathOf)
    leaving.push(...sent)
    for (const way of ['encrypted', 'in-clear'] as const) {
      const left = sent.filter((one) => one.kind === 'words-leave' && one.how === way).length
      if (left === 0) continue
      const messages = count(left, 'message', 'messages')
      const leave = left === 1 ? 'leaves' : 'leave'
      says.push(`${messages} to ${address} that had waited ${leave} now, ${WAYS[way]}.`)
      after.activity.push(`sent ${messages} to ${address}, ${WAYS[way]}, that had waited for a key`)
    }
    const [shut, ...more] = waiting
      .map(pathOf)
      .flatMap((path) => (path.kind === 'no-key' ? path : []))
    if (shut === undefined) continue
    const stay = count(more.length + 1, 'message', 'messages')
    const wait = more.length === 0 ? 'waits' : 'wait'
    says.push(`${stay} to ${address} still ${wait}: ${shut.lack}.${keyChoice(shut)}`)
  }
  for (const one of eventsOf(leaving, draft.case.tag))
    if (moveOf(draft, one).kind === 'moved') happen(after, one)
  return { leaving, says, after }
}

/** What the words that leave put on the record of a case. */
export function eventsOf(leaving: readonly Decision[], tag: CaseTag): domain.NewEvent[] {
  return leaving.flatMap((one) =>
    one.kind === 'words-leave' && one.words.tag === tag ? one.events : []
  )
}

function withdrawn(before: Draft, after: Draft): string[] {
  const names = before.waitingWords
    .filter((words) => !after.waitingWords.includes(words))
    .map((words) => waitingName(words, before.settings))
  return names.length === 0 ? [] : [`Never sent: ${names.join('; ')}.`]
}
