/**
 * Marks of messages that no human wrote, or that must not be answered (RFC 3834, RFC 8098, mail.md §1.9). Reads only the outer
 * header; policy decides what follows.
 */
import { takesNoAnswers } from '../domain/address.ts'
import { type AutomaticKind, type HeaderFacts } from '../domain/mail.ts'
import { isBounce } from './bounce.ts'
import { type Field, firstValue, valuesOf } from './fields.ts'
import { looksLikeReceipt } from './receipt.ts'
import { type MimeTree } from './tree.ts'

/** Header field in every message that the desk sends; its value is the desk's address. */
const LOOP_FIELD = 'x-postern-loop'
const RECEIVED_MAX = 30
/** What programs wrote before Auto-Submitted existed, and some still do. */
const OLD_ANSWER_FIELDS = [
  'x-autoreply',
  'x-autorespond',
  'x-autoresponder',
  'x-auto-reply-from',
  'x-mail-autoreply',
  'x-vacation'
]

/** All marks found, without duplicates. `deskAddress` is compared without case. */
export function readAutomatic(
  tree: MimeTree,
  facts: HeaderFacts,
  deskAddress: string
): AutomaticKind[] {
  const { fields } = tree.root
  const kinds = new Set<AutomaticKind>()
  if (isBounce(tree, facts)) kinds.add('bounce')
  for (const kind of answerKinds(fields)) kinds.add(kind)
  if (looksLikeReceipt(tree)) kinds.add('receipt')
  if (isOtherReport(tree, kinds)) kinds.add('auto-generated')
  if (fields.some((field) => field.name.startsWith('list-') || field.name === 'mailing-list')) {
    kinds.add('list')
  }
  if (/\b(?:bulk|list|junk)\b/i.test(firstValue(fields, 'precedence'))) kinds.add('bulk')
  if (valuesOf(fields, 'return-path').some((value) => /^<\s*>$/.test(value))) kinds.add('null-path')
  if (facts.from !== null && takesNoAnswers(facts.from.address)) kinds.add('no-reply-address')
  if (asksForSilence(fields)) kinds.add('asks-for-silence')
  if (isLoop(fields, deskAddress)) kinds.add('loop')
  return [...kinds]
}

function answerKinds(fields: readonly Field[]): AutomaticKind[] {
  const kinds: AutomaticKind[] = []
  for (const value of valuesOf(fields, 'auto-submitted')) {
    const keyword = (value.split(/[;\s(]/)[0] ?? '').toLowerCase()
    if (keyword === 'no') continue
    kinds.push(keyword === 'auto-replied' ? 'auto-replied' : 'auto-generated')
  }
  const isOldAnswer = OLD_ANSWER_FIELDS.some((name) => {
    const value = firstValue(fields, name)
    return value !== '' && !/^(?:no|false|0)$/i.test(value)
  })
  if (isOldAnswer || /auto.?reply/i.test(firstValue(fields, 'precedence')))
    kinds.push('auto-replied')
  return kinds
}

/** A report about abuse, TLS, DMARC or the like (RFC 5965, RFC 6522): never answered, but people read it. */
function isOtherReport(tree: MimeTree, kinds: ReadonlySet<AutomaticKind>): boolean {
  const isComplaint = tree.root.children.some(({ type }) => type === 'message/feedback-report')
  return kinds.size === 0 && (isComplaint || tree.root.type === 'multipart/report')
}

function asksForSilence(fields: readonly Field[]): boolean {
  return valuesOf(fields, 'x-auto-response-suppress').some((value) =>
    value.split(/[,;\s]+/).some((word) => /^(?:all|autoreply|oof|dr)$/i.test(word))
  )
}

function isLoop(fields: readonly Field[], deskAddress: string): boolean {
  if (valuesOf(fields, 'received').length > RECEIVED_MAX) return true
  const own = deskAddress.trim().toLowerCase()
  return valuesOf(fields, LOOP_FIELD).some((value) => value.trim().toLowerCase() === own)
}
