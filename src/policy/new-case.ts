/**
 * What a message says about the case that it opens: the record to store, its product and its subject. Pure; whether a case is
 * opened is decided in policy/threading.ts.
 */
import { type CaseRecord, type Reporter } from '../domain/case.ts'
import { type MessageId } from '../domain/ids.ts'
import { type OpenedMail, type WarningCode } from '../domain/mail.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { type Situation } from './situation.ts'

type Opened = CaseRecord & { readonly reporters: readonly [Reporter] }

/** The case that this message opens, as the maintainers see it already. */
export function newCase(situation: Situation, product: Product, now: Instant): Opened {
  const { opened, nextTag, receivedAt, waitingKeys } = situation
  const { messageId, from } = opened.outer
  // Only the commit can fill these in; the relay shows none of it.
  const unstored = { id: 0, version: 0, maintainerRoot: '' as MessageId }
  const reporter: Reporter = {
    id: nextTag,
    openedAt: now,
    contact: from,
    beganInClear: beganInClear(opened),
    unusedKeys: waitingKeys.flatMap((key) => (key.refusedAt === null ? key.fingerprint : [])),
    root: messageId ?? unstored.maintainerRoot,
    latest: messageId,
    answeredAt: null
  }
  return {
    ...unstored,
    tag: nextTag,
    product: product.id,
    state: 'received',
    reporters: [reporter],
    subject: subjectOf(opened),
    receivedAt,
    openedAt: now,
    owner: null,
    disclosureAt: null,
    disclosureZone: null,
    rejectedAs: null,
    mergedInto: null
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
 * The product that the subject outside names, or else the first one. An automatic answer follows the policy of this product, so
 * that its text cannot depend on what only the desk could read (G6).
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
