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
import { type Envelope, readRegions } from './envelope.ts'
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
export async function openFurther(peeled: Peeled, context: ReadContext): Promise<Further> {
  const opened: Opened = { parts: [], textLeft: TEXT_CHARS_MAX }
  const instead = new Map<Part, string>()
  const known = new Set<Part>()
  for (const found of sealedBeside(peeled)) {
    const became = await openFound(found, opened, context, TOP)
    if (became === 'shown') for (const [part, left] of found.without) instead.set(part, left)
    else if (became === 'opened') for (const [part] of found.without) known.add(part)
  }
  for (const found of sealedInside(peeled)) {
    if ((await openFound(found, opened, context, TOP)) !== 'closed')
      for (const [part] of found.instead) known.add(part)
  }
  return { parts: opened.parts, instead, known }
}

function sealedBeside({ outside, failure }: Peeled): Found[] {
  const taken = new Map(outside.flatMap((region) => [...region.instead]))
  const roots = outside.flatMap((region) => region.roots)
  // What nobody can open may be what the whole message is.
  return findSealed(roots, taken).filter(
    ({ cipher }) => cipher !== 'unsupported' || failure !== 'unsupported'
  )
}

function sealedInside({ payload }: Peeled): Found[] {
  return payload === null ? [] : findSealed([payload])
}

/** How deep a part stands, and the header of the attached message in which it does. */
type Around = Pick<SealedPart, 'header'> & { readonly depth: number }
const TOP: Around = { header: null, depth: 1 }

/**
 * Opens one with all that is sealed in it. `closed`: something stayed so, or nothing was sealed; `opened`: a file or words that
 * stand beside what was sealed in an attached message are still to be read in that.
 */
async function openFound(
  found: Found,
  opened: Opened,
  context: ReadContext,
  around: Around
): Promise<'closed' | 'opened' | 'shown'> {
  if (around.depth > DEPTH_MAX || opened.parts.length >= PARTS_MAX) return 'closed'
  const { message } = found
  const peeled = await (message === null
    ? peelFrom(unpeeled(found.part), layerOf(found), context)
    : peel(message, context))
  const header = headerOf(found) ?? around.header
  const place = opened.parts.length
  // An attached message that is only signed can be read by everybody.
  if (message === null || peeled.encrypted)
    opened.parts.push({ ...partOf(found, peeled, opened), header })
  let isWhole = peeled.failure === null
  for (const inner of [...sealedInside(peeled), ...sealedBeside(peeled)]) {
    const became = await openFound(inner, opened, context, { header, depth: around.depth + 1 })
    isWhole &&= became !== 'closed'
  }
  if (!isWhole || opened.parts.length === place) return 'closed'
  return isBare(peeled) ? 'shown' : 'opened'
}

function headerOf({ message }: Found): SealedPart['header'] {
  return message && withWriter(readHeader(message.fields).facts, message.fields, [])
}

/** Whether nothing is to be read beside the layers. */
function isBare({ outside }: Peeled): boolean {
  const { text, attachments } = readRegions(outside)
  return text === '' && attachments.length === 0
}

/** A sealed part for itself: a signature inside covers all of it, and nothing of the message around. */
function layerOf({ cipher, read }: Found): Envelope {
  const around = { outside: { roots: [], instead: new Map() }, warnings: [], coversWhole: true }
  return { ...around, structure: 'attachment', cipher, read, isRewrapped: true }
}

function partOf(
  { place, filename }: Found,
  peeled: Peeled,
  opened: Opened
): Omit<SealedPart, 'header'> {
  const { encrypted, decrypted, failure, sealedTo, sealedToKeyIds, ciphertextMark } = peeled
  const { payload, inside, signatures } = peeled
  const content = payload === null ? null : readContent([payload], false)
  const text = (content?.text ?? '').slice(0, opened.textLeft)
  opened.textLeft -= text.length
  return {
    place,
    filename: filename === '' ? '' : safeFilename(filename, '', opened.parts.length + 1),
    ...{ encrypted, decrypted, failure, sealedTo, sealedToKeyIds, ciphertextMark, signatures },
    innerFacts: inside === null ? null : readMarkedInside(inside),
    namesInside: inside === null ? null : readNamesInside(inside),
    text,
    attachments: content?.attachments ?? []
  }
}
