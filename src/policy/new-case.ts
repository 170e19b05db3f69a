/**
 * What a message that opens a case says of it: the record to store, its product and its subject. Pure; whether a case is opened
 * is decided in policy/inbound.ts.
 */
import { type CaseRecord } from '../domain/case.ts'
import { type OpenCase } from '../domain/decision.ts'
import { type MessageId } from '../domain/ids.ts'
import { type OpenedMail, type WarningCode } from '../domain/mail.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { type Situation } from './situation.ts'

/** Parts of a record that only the commit can fill in; the relay shows none of them. */
const UNSTORED = {
  id: 0,
  version: 0,
  mergedInto: null,
  maintainerRoot: '' as MessageId
}

/** A case that is not stored yet, as the maintainers see it. */
export function unstored(
  { case: record, reporter }: OpenCase,
  { waitingKeys }: Pick<Situation, 'waitingKeys'>
): CaseRecord {
  const unusedKeys = waitingKeys
    .filter((key) => key.refusedAt === null)
    .map((key) => key.fingerprint)
  return {
    ...record,
    ...UNSTORED,
    reporters: [
      {
        ...reporter,
        id: record.tag,
        openedAt: record.openedAt,
        root: reporter.root ?? UNSTORED.maintainerRoot,
        unusedKeys
      }
    ]
  }
}

/** The case that this message opens. */
export function newCase(situation: Situation, product: Product, now: Instant): OpenCase {
  const { opened, nextTag, receivedAt } = situation
  const { messageId } = opened.outer
  return {
    kind: 'open-case',
    case: {
      tag: nextTag,
      product: product.id,
      state: 'received',
      subject: subjectOf(opened),
      receivedAt,
      openedAt: now,
      owner: null,
      disclosureAt: null,
      disclosureZone: null
    },
    reporter: {
      contact: opened.outer.from,
      beganInClear: beganInClear(opened),
      root: messageId,
      latest: messageId,
      answeredAt: null
    }
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
 * The product that everybody on the way can tell, by the subject outside; the first one where it names none. An automatic
 * answer speaks of this one, so that its text cannot depend on what only the desk could read (G6).
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
