/** The messages that bring a maintainer the files of a stored message: as few as mail servers take. Pure. */
import { type Decision, type DecisionOf } from '../domain/decision.ts'
import { allFilesOf, namesSender, type OpenedMail } from '../domain/mail.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { files as filesMessage } from '../messages/to-maintainers.ts'
import { ALWAYS_BYTES } from './carried.ts'
import { sealedTo } from './send.ts'

/** So much of files goes into one message: encrypted, it stays below 10 MB, which most servers take. A larger file goes alone. */
const TOGETHER_BYTES = 5_000_000

/** `opened` is null where the message could not be opened: then it goes along as it came. */
export function filesOf(
  opened: OpenedMail | null,
  original: () => Uint8Array,
  isSenderHidden: boolean
): OutgoingAttachment[] {
  const isOpened = [opened, ...(opened?.sealedParts ?? [])].some((each) => each?.decrypted === true)
  if (!isOpened && !isSenderHidden)
    return [{ filename: 'original.eml', contentType: 'message/rfc822', content: original() }]
  if (opened === null) return []
  const texts = [opened.text, ...opened.sealedParts.map((part) => part.text)]
  const content = new TextEncoder().encode(texts.filter((one) => one !== '').join('\n'))
  const text = { filename: 'text.txt', contentType: 'text/plain', content }
  const shown = allFilesOf(opened).filter((file) => !isSenderHidden || !namesSender(file))
  // A longer text was cut off.
  return content.byteLength > ALWAYS_BYTES ? [text, ...shown] : shown
}

/** One message for each group of files. */
export function sendFiles(
  { of, to, tag, once, inReplyTo }: DecisionOf<'send-files'>,
  files: readonly OutgoingAttachment[]
): Decision[] {
  const groups = inGroups(files)
  return groups.map((group, index) => {
    const lines = group.map(({ filename, content }) => `${filename} (${content.byteLength} bytes)`)
    const about = { part: index + 1, parts: groups.length, number: of }
    return sealedTo([to], filesMessage({ ...about, files: lines, left: [] }), {
      ...{ once: `${once}:${index}`, tag, inReplyTo },
      files: { from: 'list', files: group },
      smaller: filesMessage({ ...about, files: [], left: lines })
    })
  })
}

function inGroups(files: readonly OutgoingAttachment[]): OutgoingAttachment[][] {
  const groups: OutgoingAttachment[][] = [[]]
  let bytes = 0
  for (const file of files) {
    bytes += file.content.byteLength
    if (bytes > TOGETHER_BYTES && groups.at(-1)?.length !== 0) {
      groups.push([])
      bytes = file.content.byteLength
    }
    groups.at(-1)?.push(file)
  }
  return groups
}
