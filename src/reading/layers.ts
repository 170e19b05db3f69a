/**
 * Removes the cryptographic envelope layer by layer down to the payload: decrypts at most once, verifies at most
 * {@link SIGNATURES_MAX} signatures. A signature outside an encryption covers only ciphertext, and is reported so (mail.md §1.6).
 */
import { type OpenedMail, type OpenFailure, type Signature } from '../domain/mail.ts'
import { contentOf, isBlank } from '../mime/leaf.ts'
import { entityOf, type MimeTree, type Part, parseTree } from '../mime/tree.ts'
import { toBinary } from '../openpgp/armor.ts'
import { type OpenContext, openMessage } from '../openpgp/open.ts'
import { type Sealing } from '../openpgp/prescan.ts'
import { SIGNATURES_MAX, type Verdict, verifyDetached, withCrlf } from '../openpgp/verify.ts'
import { type Envelope, recogniseLayer } from './envelope.ts'

type Opened = Pick<
  OpenedMail,
  'structure' | 'encrypted' | 'decrypted' | 'failure' | 'signatures'
> & { readonly sealing: Sealing }

/** The result of peeling. `payload` is null when nothing may be shown. */
export type Peeled = Opened & {
  readonly payload: { readonly tree: MimeTree; readonly part: Part } | null
  /**
   * A mailing list wrapped the whole encrypted message: its protected headers no longer apply to this message (mail.md §1.5).
   */
  readonly isRewrapped: boolean
  /** Text parts of the outer message that no layer covers. */
  readonly outside: readonly Part[]
}

/** The recipients of a message that is not encrypted: nobody. */
const NOT_SEALED: Sealing = { sealedTo: 'nobody', sealedToKeyIds: [], ciphertextMark: null }

/** A message without an envelope: the start of every reading. */
export const CLEAR: Opened = {
  structure: 'clear',
  encrypted: false,
  decrypted: false,
  failure: null,
  sealing: NOT_SEALED,
  signatures: []
}

/** Peels a message whose envelope consists of MIME parts. Never throws for content. */
export async function peel(mail: MimeTree, context: OpenContext): Promise<Peeled> {
  let peeled: Peeled = {
    ...CLEAR,
    payload: { tree: mail, part: mail.root },
    isRewrapped: false,
    outside: []
  }
  let isRoot = true
  while (peeled.payload !== null && peeled.failure === null) {
    const { tree, part } = peeled.payload
    const envelope = recogniseLayer(part, isRoot ? 'root' : 'inside')
    // One budget for the whole message: a signature judged in one layer uses it up for the next.
    const signaturesMax = SIGNATURES_MAX - peeled.signatures.length
    const next = await peelOne(envelope, peeled, tree, { ...context, signaturesMax })
    if (next === null) break
    peeled = next
    isRoot = false
  }
  return peeled
}

/** A decrypted payload as a tree: a MIME entity if it has MIME fields, otherwise plain text (RFC 3156 §4). */
export function parsePayload(data: Uint8Array): MimeTree {
  const tree = parseTree(data)
  const isMime = tree.root.fields.some(
    (field) => field.name.startsWith('content-') || field.name === 'mime-version'
  )
  if (isMime) return tree
  const isHeaderless = data[0] === 10 || data[0] === 13
  const bodyStart = isHeaderless ? tree.root.bodyStart : 0
  const root: Part = { ...tree.root, fields: [], bodyStart, end: tree.raw.length }
  return { ...tree, root, isBroken: false, hasTooManyParts: false }
}

async function peelOne(
  envelope: Envelope,
  peeled: Peeled,
  tree: MimeTree,
  context: OpenContext
): Promise<Peeled | null> {
  switch (envelope.kind) {
    case 'none':
      return null
    case 'emptied':
      return failed(peeled, 'empty', NOT_SEALED)
    case 'encrypted':
      return peeled.decrypted ? null : peelEncryption(envelope, peeled, tree, context)
    case 'signed':
      return peelSignature(envelope, peeled, tree, context)
  }
}

async function peelEncryption(
  envelope: Extract<Envelope, { kind: 'encrypted' }>,
  peeled: Peeled,
  tree: MimeTree,
  context: OpenContext
): Promise<Peeled> {
  const before: Peeled = {
    ...peeled,
    structure: envelope.isMangled ? 'pgp-mime-mangled' : 'pgp-mime',
    isRewrapped: envelope.isRewrapped,
    outside: [...peeled.outside, ...envelope.outside],
    signatures: peeled.signatures.map((signature) => ({ ...signature, coversWhole: false }))
  }
  const content = contentOf(tree, envelope.cipher)
  if (isBlank(content)) return failed(before, 'empty', NOT_SEALED)
  const binary = toBinary(content)
  const isMessage = binary?.kind === 'binary' || binary?.kind === 'message'
  if (!isMessage) return failed(before, 'damaged', NOT_SEALED)
  const opening = await openMessage(binary.data, context)
  if (opening.kind === 'failed') return failed(before, opening.because, opening.sealing)
  const payload = parsePayload(opening.data)
  return {
    ...before,
    encrypted: true,
    decrypted: true,
    sealing: opening.sealing,
    signatures: [
      ...before.signatures,
      ...placed(opening.verdicts, { coversWhole: true, isInside: true })
    ],
    payload: { tree: payload, part: payload.root }
  }
}

async function peelSignature(
  envelope: Extract<Envelope, { kind: 'signed' }>,
  peeled: Peeled,
  tree: MimeTree,
  context: OpenContext
): Promise<Peeled> {
  const coversWhole = envelope.outside.length === 0
  const binary = toBinary(contentOf(tree, envelope.signature))
  const data = withCrlf(entityOf(tree, envelope.content))
  // An unreadable signature still counts as one, with the state `bad`.
  const bytes = binary?.kind === 'binary' || binary?.kind === 'signature' ? binary.data : null
  const judged = await verifyDetached(data, bytes ?? new Uint8Array(0), context)
  // More signatures than are judged: shows the text without any further verdict.
  const isLimit = judged.kind === 'limit'
  const verdicts = isLimit ? [] : judged.verdicts
  const isFirst = peeled.structure === 'clear' && (coversWhole || isLimit)
  return {
    ...peeled,
    structure: isFirst ? 'pgp-mime' : peeled.structure,
    failure: isLimit ? 'limit' : null,
    signatures: [
      ...peeled.signatures,
      ...placed(verdicts, { coversWhole, isInside: peeled.decrypted })
    ],
    payload: { tree, part: envelope.content },
    outside: [...peeled.outside, ...envelope.outside]
  }
}

/** Verdicts with the place of the signatures. */
export function placed(
  verdicts: readonly Verdict[],
  { coversWhole, isInside }: Pick<Signature, 'coversWhole' | 'isInside'>
): Signature[] {
  return verdicts.map((verdict) => ({ ...verdict, coversWhole, isInside }))
}

function failed(peeled: Peeled, failure: OpenFailure, sealing: Sealing): Peeled {
  const structure = peeled.structure === 'clear' ? 'pgp-mime' : peeled.structure
  return { ...peeled, structure, encrypted: true, failure, sealing, payload: null }
}
