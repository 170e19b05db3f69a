/**
 * Whether a text names somebody whom its readers must not learn of, or holds a copied message that nobody recognised as one. The
 * last look before a maintainer's words leave (G5, B14).
 */
import { isSamePerson, type Reporter } from '../domain/case.ts'
import { holdsRef } from '../domain/message.ts'
import { TAG } from './new-text.ts'

/** A line `Word: value`, of which only the value's words matter. */
const LABELLED = /^[\s*_]*\p{L}[^:：]{0,40}[:：](.*)$/u
/** The first word of a sentence, paragraph or item, with what stands before it. */
const SENTENCE_START = /(?:^|[.!?:]\s|\n\s*\n|\n\s*[-*]\s)[^\p{L}\p{N}]*[\p{L}\p{N}]+/gu

/**
 * Whether `text` still names the desk as its messages do, by its address, `… via NAME`, a reference line, or a header line with
 * its name or with the tag of a case in brackets. Then it holds a copied message that was not recognised.
 */
export function namesDesk(
  text: string,
  desk: { readonly name: string; readonly address: string }
): boolean {
  const name = flat(desk.name)
  if (text.replaceAll(/\s+/g, '').toLowerCase().includes(desk.address.toLowerCase())) return true
  if (name !== '' && flat(text).includes(` via ${name}`)) return true
  if (holdsRef(text)) return true
  return text.split('\n').some((line) => {
    const value = LABELLED.exec(line)?.[1] ?? ''
    return (name !== '' && flat(value).includes(name)) || TAG.test(value)
  })
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().toLowerCase()
}

/**
 * The words by which the text names this reporter to another one: the address, the number, the whole name, or one word of it that
 * the other does not share; null when it does not. One word counts only with a capital, from four letters, and not where a
 * sentence begins: "Will it help?" names nobody. So a short first name alone is not found, nor any that begins a sentence.
 */
export function namesReporter(text: string, named: Reporter, to: Reporter): string | null {
  if (isSamePerson(named, to)) return null
  const { id, contact } = named
  const shared = words(to.contact?.name ?? '')
  const parts = words(contact?.name ?? '')
  const inside = words(text.replaceAll(SENTENCE_START, ' '))
  const isTold = (part: string): boolean =>
    part.length > 3 && /^\p{Lu}/u.test(part) && inside.includes(part) && !shared.includes(part)
  const lower = text.replaceAll(/\s+/g, '').toLowerCase()
  const isWritten = (one: string): boolean => lower.includes(one.toLowerCase())
  if (isWholeIn(words(text), parts)) return parts.join(' ')
  return parts.find(isTold) ?? [id, contact?.address ?? id].find(isWritten) ?? null
}

/** Whether all words of a name of several words stand there: each in the same letter case, or all in a row in any. */
function isWholeIn(text: readonly string[], name: readonly string[]): boolean {
  const flatText = ` ${text.join(' ')} `.toLowerCase()
  const isAdjacent = flatText.includes(` ${name.join(' ').toLowerCase()} `)
  return name.length > 1 && (isAdjacent || name.every((part) => text.includes(part)))
}

/** The words of a text, without anything between them. */
export function words(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+/gu) ?? []
}
