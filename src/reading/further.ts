/**
 * Opens the sealed parts of a message beside its envelope and inside of it, each like a message of its own, within the budget of
 * the whole message. Nothing proves that they belong to the message, so their content stays apart in the types.
 */
import { type SealedPart } from '../domain/mail.ts'
import { readContent, safeFilename } from '../mime/content.ts'
import { readHeader } from '../mime/header.ts'
import { type Handled } from '../mime/pieces.ts'
import { type Part } from '../mime/tree.ts'
import { withWriter } from '../mime/writer.ts'
import { type Envelope, type Region } from './envelope.ts'
import { readMarkedInside, readNamesInside } from './inner-names.ts'
import { type Peeled, peel, peelFrom, type ReadContext, unpeeled } from './layers.ts'
import { type Found, findSealed } from './sealed.ts'

/** The parts, and what is left to read of the leaves in which they stand. */
export type Further = Handled & { readonly parts: readonly SealedPart[] }

const PARTS_MAX = 16
const DEPTH_MAX = 3
/** Text of all of them together, in characters. */
const TEXT_CHARS_MAX = 256 * 1024

type Opened = { readonly parts: SealedPart[]; textLeft: number }

/** Opens what is sealed in these regions and in the payload. What is signed as it stands is left as it stands. */
export async function openFurther(
  { outside, payload, failure }: Pick<Peeled, 'outside' | 'payload' | 'failure'>,
  context: ReadContext
): Promise<Further> {
  const opened: Opened = { parts: [], textLeft: TEXT_CHARS_MAX }
  const instead = new Map<Part, string>()
  const known = new Set<Part>()
  const taken = new Map(outside.flatMap((region: Region) => [...region.instead]))
  const roots = outside.flatMap((region) => region.roots)
  for (const found of findSealed(roots, taken)) {
    // It is what the whole message is.
    if (found.cipher === 'unsupported' && failure === 'unsupported') continue
    if (!(await openFound(found, opened, context, 1))) continue
    for (const [part, left] of found.without) instead.set(part, left)
  }
  for (const found of payload === null ? [] : findSealed([payload])) {
    if (await openFound(found, opened, context, 1))
      for (const [part] of found.instead) known.add(part)
  }
  return { parts: opened.parts, instead, known }
}

/** Whether everything of it was opened, and something was sealed. */
async function openFound(
  found: Found,
  opened: Opened,
  context: ReadContext,
  depth: number
): Promise<boolean> {
  if (depth > DEPTH_MAX || opened.parts.length >= PARTS_MAX) return false
  const { message } = found
  const peeled = await (message === null
    ? peelFrom(unpeeled(found.part), layerOf(found), context)
    : peel(message, context))
  const place = opened.parts.length
  // An attached message that is only signed can be read by everybody.
  if (message === null || peeled.encrypted) opened.parts.push(partOf(found, peeled, opened))
  let isWhole = peeled.failure === null
  for (const inner of peeled.payload === null ? [] : findSealed([peeled.payload]))
    isWhole = (await openFound(inner, opened, context, depth + 1)) && isWhole
  return isWhole && opened.parts.length > place
}

/** A sealed part for itself: a signature inside covers all of it, and nothing of the message around. */
function layerOf({ cipher, read }: Found): Envelope {
  const around = { outside: { roots: [], instead: new Map() }, warnings: [], coversWhole: true }
  return { ...around, structure: 'attachment', cipher, read, isRewrapped: true }
}

function partOf({ place, filename, message }: Found, peeled: Peeled, opened: Opened): SealedPart {
  const { encrypted, decrypted, failure, sealedTo, sealedToKeyIds, ciphertextMark } = peeled
  const { payload, inside, signatures } = peeled
  const content = payload === null ? null : readContent([payload], false)
  const text = (content?.text ?? '').slice(0, opened.textLeft)
  opened.textLeft -= text.length
  return {
    place,
    filename: filename === '' ? '' : safeFilename(filename, '', opened.parts.length + 1),
    header:
      message === null ? null : withWriter(readHeader(message.fields).facts, message.fields, []),
    ...{ encrypted, decrypted, failure, sealedTo, sealedToKeyIds, ciphertextMark, signatures },
    innerFacts: inside === null ? null : readMarkedInside(inside),
    namesInside: inside === null ? null : readNamesInside(inside),
    text,
    attachments: content?.attachments ?? []
  }
}
