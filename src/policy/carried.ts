/**
 * Chooses what is forwarded to the maintainers: the original message or its parts, once, and never more bytes than came (A1, A2).
 * An encrypted message of a kilobyte can hold gigabytes: what is too much is listed by name, and /files fetches it.
 */
import { type Attachment, allFilesOf, namesSender, type OpenedMail } from '../domain/mail.ts'
import { type Situation } from './situation.ts'

/** A copy may hold so many bytes, or as many as the message had when it came. */
export const ALWAYS_BYTES = 64 * 1024

export type Carried = Pick<OpenedMail, 'text' | 'outsideText'> & {
  /** The texts of the further sealed parts. */
  readonly sealedTexts: readonly string[]
  /** Whether the message goes along as it came; then its files are inside. */
  readonly original: boolean
  /** Files that go along, and those that would be too much. */
  readonly files: readonly Attachment[]
  readonly left: readonly Attachment[]
  /** Positions of `files` among those of the message. */
  readonly parts: readonly number[]
  readonly isCut: boolean
}

/**
 * A message that came in clear, or that could not be opened, goes along as it came: its header says more than its parts. One that
 * was opened goes along in parts, because nobody but the desk can open it. `isHidden`: nothing may name its sender.
 */
export function carry(
  { opened, size, settings }: Pick<Situation, 'opened' | 'size' | 'settings'>,
  isHidden: boolean
): Carried {
  const room = Math.max(size, ALWAYS_BYTES)
  const text = cut(opened.text, room)
  const outsideText = cut(opened.outsideText, room - text.bytes)
  const isWhole = !opened.warnings.includes('too-large')
  const isReadable = ![opened, ...opened.sealedParts].some(({ decrypted }) => decrypted)
  const original = !isHidden && isWhole && isReadable && size <= settings.limits.original
  let left = room - text.bytes - outsideText.bytes
  const sealed = opened.sealedParts.map((part) => {
    const shown = cut(part.text, left)
    left -= shown.bytes
    return shown
  })
  const shown = [...allFilesOf(opened).entries()].filter(
    ([, file]) => !isHidden || !namesSender(file)
  )
  const along = shown.filter(([, file]) => {
    if (original) return true
    const fits = file.size <= left
    if (fits) left -= file.size
    return fits
  })
  const parts = along.map(([position]) => position)
  return {
    text: text.shown,
    outsideText: outsideText.shown,
    sealedTexts: sealed.map((each) => each.shown),
    original,
    files: along.map(([, file]) => file),
    left: shown.flatMap(([position, file]) => (parts.includes(position) ? [] : [file])),
    parts: original ? [] : parts,
    isCut: [text, outsideText, ...sealed].some(({ isCut }) => isCut)
  }
}

function cut(text: string, bytesMax: number) {
  const { read, written } = new TextEncoder().encodeInto(text, new Uint8Array(bytesMax))
  return { shown: text.slice(0, read), bytes: written, isCut: read < text.length }
}
