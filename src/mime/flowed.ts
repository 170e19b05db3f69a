/**
 * Joins the soft line breaks of format=flowed text (RFC 3676 §4), quote depth by quote depth, so that a long line that
 * a mail program broke reads as the one line that was written.
 */

/** `text` (LF line ends) with its flowed lines joined; `isDelSp` is the DelSp=yes parameter. */
export function unflow(text: string, isDelSp: boolean): string {
  const result: string[] = []
  let open: Line | null = null
  for (const raw of text.split('\n')) {
    const line = join(open, readLine(raw))
    if (open !== null && !line.isJoined) result.push(show(open))
    open = line.isSoft ? { depth: line.depth, text: withoutBlank(line.text, isDelSp) } : null
    if (!line.isSoft) result.push(show(line))
  }
  if (open !== null) result.push(show(open))
  return result.join('\n')
}

type Joined = Line & { readonly isJoined: boolean; readonly isSoft: boolean }

/** RFC 3676 §4.5: a change of depth and the signature mark end a paragraph. */
function join(open: Line | null, line: Line): Joined {
  const isMark = line.text === SIGNATURE_MARK
  const isSoft = line.text.endsWith(' ') && !isMark
  if (open?.depth !== line.depth || isMark) return { ...line, isJoined: false, isSoft }
  return { depth: line.depth, text: open.text + line.text, isJoined: true, isSoft }
}

function withoutBlank(text: string, isDelSp: boolean): string {
  return isDelSp ? text.slice(0, -1) : text
}

const SIGNATURE_MARK = '-- '
type Line = { readonly depth: number; readonly text: string }

function readLine(raw: string): Line {
  const depth = /^>*/.exec(raw)?.[0].length ?? 0
  const rest = raw.slice(depth)
  return { depth, text: rest.startsWith(' ') ? rest.slice(1) : rest } // space-stuffing
}

function show(line: Line): string {
  return line.depth === 0 ? line.text : `${'>'.repeat(line.depth)} ${line.text}`
}
