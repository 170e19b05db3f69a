/**
 * Removes the cryptographic envelope layer by layer down to the payload: decrypts at most once, verifies at most
 * {@link SIGNATURES_MAX} signatures. A signature outside an encryption covers only ciphertext, and is reported so.
 */
import { type OpenedMail, type Signature } from '../domain/mail.ts'
import { type Content, NO_CONTENT } from '../mime/content.ts'
import { type Budget, type Part } from '../mime/tree.ts'
import { type OpenContext, openMessage } from '../openpgp/open.ts'
import { type Sealing } from '../openpgp/prescan.ts'
import { SIGNATURES_MAX, type Verdict, verifyDetached } from '../openpgp/verify.ts'
import { type Envelope, parsePayload, recogniseLayer } from './envelope.ts'
import { recogniseOldForm } from './old-forms.ts'

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
  readonly beside: Content
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
    beside: NO_CONTENT
  }
}

/** Peels a message down to its payload. Never throws for content. */
export async function peel(mail: Part, context: OpenContext): Promise<Peeled> {
  let peeled = unpeeled(mail)
  let envelope = recogniseLayer(mail, 'root') ?? recogniseOldForm(mail)
  while (envelope !== null) {
    peeled = await peelOne(peeled, envelope, { ...context, budget: mail.tree.budget })
    if (peeled.payload === null || peeled.failure !== null) break
    envelope = recogniseLayer(peeled.payload, 'inside')
    if (peeled.decrypted && envelope !== null && 'cipher' in envelope) break
  }
  return peeled
}

async function peelOne(
  { beside, ...peeled }: Peeled,
  envelope: Envelope,
  { budget, ...context }: OpenContext & { readonly budget: Budget }
): Promise<Peeled> {
  // One budget for the whole message: a signature judged in one layer uses it up for the next.
  const signaturesMax = SIGNATURES_MAX - peeled.signatures.length
  const before = { ...peeled, beside: bothOf(beside, envelope.beside) }
  return 'cipher' in envelope
    ? peelEncryption(before, envelope, { ...context, signaturesMax, budget })
    : peelSignature(before, envelope, { ...context, signaturesMax })
}

async function peelEncryption(
  peeled: Peeled,
  { structure, cipher, read, isRewrapped, coversWhole }: Extract<Envelope, { cipher: unknown }>,
  { budget, ...context }: OpenContext & { readonly budget: Budget }
): Promise<Peeled> {
  const closed: Peeled = {
    ...peeled,
    structure,
    encrypted: true,
    signatures: peeled.signatures.map((signature) => ({ ...signature, coversWhole: false })),
    payload: null,
    isRewrapped
  }
  if (typeof cipher === 'string') return { ...closed, failure: cipher }
  const opening = await openMessage(cipher, context)
  if ('because' in opening) return { ...closed, ...opening.sealing, failure: opening.because }
  const { data, verdicts } = opening
  const inside = parsePayload(data, budget)
  const payload = read(data, inside)
  // The name of a file stands outside the encryption, where anybody on the way can change it. With a signature it would look
  // signed, so it is not used then.
  const isNameOpen = structure === 'attachment' && verdicts.length > 0 && payload.filename !== ''
  return {
    ...closed,
    ...opening.sealing,
    decrypted: true,
    signatures: [...closed.signatures, ...placed(verdicts, { coversWhole, isInside: true })],
    payload: isNameOpen ? { ...payload, filename: '' } : payload,
    inside,
    beside: isNameOpen
      ? bothOf(closed.beside, { ...NO_CONTENT, warnings: ['unsigned-filename'] })
      : closed.beside
  }
}

async function peelSignature(
  peeled: Peeled,
  envelope: Extract<Envelope, { signed: unknown }>,
  context: OpenContext
): Promise<Peeled> {
  const { signed, signature, payload, coversWhole } = envelope
  // Null for more signatures than are judged: shows the text without any further verdict.
  const verdicts = await verifyDetached(signed, signature, context)
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

function bothOf(one: Content, other: Content): Content {
  return {
    text: [one.text, other.text].filter((text) => text !== '').join('\n\n'),
    attachments: [...one.attachments, ...other.attachments],
    warnings: [...one.warnings, ...other.warnings]
  }
}
