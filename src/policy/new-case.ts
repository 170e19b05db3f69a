/**
 * What a message that opens a case says of it: the record to store, its product and its subject. Pure; whether a case is opened
 * is decided in policy/threading.ts.
 */
import { type CaseRecord, type Reporter } from '../domain/case.ts'
import { type OpenCase } from '../domain/decision.ts'
import { type MessageId } from '../domain/ids.ts'
import { type OpenedMail, type WarningCode } from '../domain/mail.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { type Situation } from './situation.ts'

/** The case that this message opens: to be stored, and as the maintainers see it already. */
export function newCase(
  situation: Situation,
  product: Product,
  now: Instant
): { readonly opening: OpenCase; readonly record: CaseRecord; readonly reporter: Reporter } {
  const { opened, nextTag, receivedAt, waitingKeys } = situation
  const { messageId } = opened.outer
  const record = {
    tag: nextTag,
    product: product.id,
    state: 'received',
    subject: subjectOf(opened),
    receivedAt,
    openedAt: now,
    owner: null,
    disclosureAt: null,
    disclosureZone: null
  } as const
  const reporter = {
    contact: opened.outer.from,
    beganInClear: beganInClear(opened),
    root: messageId,
    latest: messageId,
    answeredAt: null
  }
  // Only the commit can fill in the rest; the relay shows none of it.
  const unstored = { id: 0, version: 0, mergedInto: null, maintainerRoot: '' as MessageId }
  const unusedKeys = waitingKeys.flatMap((key) => (key.refusedAt === null ? key.fingerprint : []))
  const root = messageId ?? unstored.maintainerRoot
  const known = { ...reporter, id: nextTag, openedAt: now, root, unusedKeys }
  return {
    opening: { kind: 'open-case', case: record, reporter },
    record: { ...record, ...unstored, reporters: [known] },
    reporter: known
  }
}

/** Only a message that was read to its end can be said to have come in clear (G3). */
function beganInClear(opened: OpenedMail): boolean {
  const closed: readonly WarningCode[] = ['errant-crypto', 'smime', 'too-large']
  return (
    opened.sealedTo === 'nobody' &&
    !opened.encrypted &&
    opened.failure === null &&
    !opened.warnings.some((code) => closed.includes(code))
  )
}

/**
 * The product that the subject outside names; the first one where it names none. An automatic answer follows the policy of this
 * one, so that its text cannot depend on what only the desk could read (G6).
 */
export function productOutside({ outer }: OpenedMail, settings: Settings): Product {
  const [first] = settings.products
  if (first === undefined) throw new RangeError('a desk without products')
  return productIn(outer.subject, settings) ?? first
}

/** The product of the case: by the subject as its author meant it, then the text, then what is seen outside. */
export function productOf(opened: OpenedMail, settings: Settings): Product {
  return (
    productIn(subjectOf(opened), settings) ??
    productIn(opened.text, settings) ??
    productOutside(opened, settings)
  )
}

/** The one product that these words name; null for none or several. */
function productIn(text: string, { products }: Settings): Product | null {
  const words = ` ${text.toLowerCase().replaceAll(/[^\p{L}\p{N}-]+/gu, ' ')} `
  const named = products.filter(({ id, name }) =>
    [id, name].some((word) => words.includes(` ${word.toLowerCase()} `))
  )
  return named.length === 1 ? (named[0] ?? null) : null
}

/** The subject as its author meant it: the protected one where there is one. */
export function subjectOf(opened: OpenedMail): string {
  return opened.subjectProtected ? (opened.protected?.subject ?? '') : opened.outer.subject
}
