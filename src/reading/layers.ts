/**
 * Removes the cryptographic envelope layer by layer down to the payload: decrypts at most once, verifies as many
 * signatures as the budget of the message allows. A signature outside an encryption covers only ciphertext, and is reported so.
 */
import { type OpenedMail, type Signature, type WarningCode } from '../domain/mail.ts'
import { type Budget, type Part } from '../mime/tree.ts'
import { type OpenContext, openMessage, openSigned, type Work } from '../openpgp/open.ts'
import { looksSigned, type Sealing } from '../openpgp/prescan.ts'
import { type Verdict, verifyDetached } from '../openpgp/verify.ts'
import { type Envelope, parsePayload, type Region, recogniseLayer } from './envelope.ts'
import { recogniseOldForm } from './old-forms.ts'

/** What opening takes, with the budgets of the whole message. */
export type ReadContext = OpenContext & { readonly work: Work; readonly budget: Budget }

/** The result of peeling. */
export type Peeled = Pick<
  OpenedMail,
  'structure' | 'encrypted' | 'decrypted' | 'failure' | 'signatures' | keyof Sealing
> & {
  /** What people read of the message; null when nothing may be shown. */
  readonly payload: Part | null
  /** What was decrypted, as a MIME entity, whatever it is read as; null when nothing was. */
  readonly inside: Part | null
  readonly isRewrapped: boolean
  /** Whether a signature inside the layers that were removed can cover everything that people read of the message. */
  readonly isAll: boolean
  /** What stands beside the layers, and what is to be said of their form. */
  readonly outside: readonly Region[]
  readonly warnings: readonly WarningCode[]
}

/** A message without an envelope: the start of every reading. */
export function unpeeled(mail: Part): Peeled {
  return {
    structure: 'clear',
    encrypted: false,
    decrypted: false,
    failure: null,
    sealedTo: 'nobody',
    sealedToKeyIds: [],
    ciphertextMark: null,
    signatures: [],
    payload: mail,
    inside: null,
    isRewrapped: false,
    isAll: true,
    outside: [],
    warnings: []
  }
}

/** Peels a message down to its payload. Never throws for content. */
export function peel(mail: Part, context: ReadContext): Promise<Peeled> {
  const envelope = recogniseLayer(mail, 'root') ?? recogniseOldForm(mail)
  return peelFrom(unpeeled(mail), envelope, context)
}

/** Peels from this envelope on. */
export async function peelFrom(
  start: Peeled,
  outermost: Envelope | null,
  context: ReadContext
): Promise<Peeled> {
  let peeled = start
  let envelope = outermost
  while (envelope !== null) {
    peeled = await peelOne(peeled, envelope, context)
    if (peeled.payload === null || peeled.failure !== null) break
    envelope = recogniseLayer(peeled.payload, 'inside')
    if (peeled.decrypted && envelope !== null && 'cipher' in envelope) break
  }
  return peeled
}

async function peelOne(peeled: Peeled, envelope: Envelope, context: ReadContext): Promise<Peeled> {
  const before = {
    ...peeled,
    outside: [...peeled.outside, envelope.outside],
    warnings: [...peeled.warnings, ...envelope.warnings]
  }
  return 'cipher' in envelope
    ? peelCipher(before, envelope, context)
    : peelSignature(before, envelope, context)
}

async function peelCipher(
  peeled: Peeled,
  { structure, cipher, read, isRewrapped, coversWhole }: Extract<Envelope, { cipher: unknown }>,
  context: ReadContext
): Promise<Peeled> {
  // Armor may hold a message that is only signed; what is packed in it is known once it is open (D18).
  const isOpen = typeof cipher !== 'string' && looksSigned(cipher)
  const closed: Peeled = {
    ...peeled,
    structure,
    encrypted: true,
    sealedTo: 'unknown',
    signatures: peeled.signatures.map((signature) => ({ ...signature, coversWhole: false })),
    payload: null,
    isRewrapped,
    isAll: coversWhole
  }
  if (typeof cipher === 'string') return { ...closed, failure: cipher }
  const opening = await (isOpen ? openSigned(cipher, context) : openMessage(cipher, context))
  if ('because' in opening) {
    const sealing = isOpen ? {} : opening.sealing
    return { ...closed, ...sealing, failure: opening.because }
  }
  const { data, verdicts } = opening
  const inside = parsePayload(data, context.budget)
  const payload = read(data, inside)
  // The name of a file stands outside the encryption, where anybody on the way can change it. With a signature it would look
  // signed, so it is not used then.
  const isNameOpen = structure === 'attachment' && verdicts.length > 0 && payload.filename !== ''
  const form: WarningCode[] = isNameOpen ? ['unsigned-filename'] : []
  if (isOpen && verdicts.length > 0) form.push('cleartext-signature')
  const place = { coversWhole, isInside: !isOpen }
  return {
    ...closed,
    ...opening.sealing,
    encrypted: !isOpen,
    decrypted: !isOpen,
    signatures: [...closed.signatures, ...placed(verdicts, place)],
    payload: isNameOpen ? { ...payload, filename: '' } : payload,
    inside,
    warnings: [...closed.warnings, ...form]
  }
}

async function peelSignature(
  peeled: Peeled,
  envelope: Extract<Envelope, { signed: unknown }>,
  { work, ...context }: ReadContext
): Promise<Peeled> {
  const { signed, signature, payload } = envelope
  const coversWhole = envelope.coversWhole && peeled.isAll
  const limited = { ...context, signaturesMax: work.signatures }
  // Null for more signatures than are judged: shows the text without any further verdict.
  const verdicts = await verifyDetached(signed, signature, limited)
  work.signatures -= verdicts?.length ?? 0
  const found = placed(verdicts ?? [], { coversWhole, isInside: peeled.decrypted })
  return {
    ...peeled,
    structure: peeled.structure === 'clear' ? envelope.structure : peeled.structure,
    failure: verdicts === null ? 'limit' : null,
    signatures: [...peeled.signatures, ...found],
    payload
  }
}

function placed(
  verdicts: readonly Verdict[],
  place: Pick<Signature, 'coversWhole' | 'isInside'>
): Signature[] {
  return verdicts.map((verdict) => ({ ...verdict, ...place }))
}
