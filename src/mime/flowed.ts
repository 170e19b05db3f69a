/**
 * Joins the soft line breaks of format=flowed text (RFC 3676 §4), for each quote depth, so that a line that a mail program
 * broke reads as one line again.
 */

/** `text` (LF line ends) with its flowed lines joined; `isDelSp` is the DelSp=yes parameter. */
export function unflow(text: string, isDelSp: boolean): string {
  const result: string[] = []
  let open: Paragraph | null = null
  for (const raw of text.split('\n')) {
    const line = readLine(raw)
    const isMark = line.text === SIGNATURE_MARK
    const isSoft = line.text.endsWith(' ') && !isMark
    // RFC 3676 §4.5: a change of quote depth or the signature separator ends a paragraph.
    if (open !== null && (isMark || open.depth !== line.depth)) {
      result.push(show(open))
      open = null
    }
    open ??= { depth: line.depth, pieces: [] }
    open.pieces.push(isSoft && isDelSp ? line.text.slice(0, -1) : line.text)
    if (isSoft) continue
    result.push(show(open))
    open = null
  }
  if (open !== null) result.push(show(open))
  return result.join('\n')
}

const SIGNATURE_MARK = '-- '
type Line = { readonly depth: number; readonly text: string }
/** Lines of one paragraph, joined only when all are known: repeated concatenation would be quadratic. */
type Paragraph = { readonly depth: number; readonly pieces: string[] }

function readLine(raw: string): Line {
  const depth = /^>*/.exec(raw)?.[0].length ?? 0
  const rest = raw.slice(depth)
  return { depth, text: rest.startsWith(' ') ? rest.slice(1) : rest } // space-stuffing
}

function show({ depth, pieces }: Paragraph): string {
  const text = pieces.join('')
  return depth === 0 ? text : `${'>'.repeat(depth)} ${text}`
}
