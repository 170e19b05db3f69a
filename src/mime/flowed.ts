/**
 * Joins the soft line breaks of format=flowed text (RFC 3676 §4), for each quote depth, so that a line that a mail program
 * broke reads as one line again.
 */

/** `text` (LF line ends) with its flowed lines joined; `isDelSp` is the DelSp=yes parameter. */
export function unflow(text: string, isDelSp: boolean): string {
  const result: string[] = []
  // Joined only when all of its lines are known: repeated concatenation would be quadratic.
  let paragraph: string[] = []
  let depth = 0
  const close = (): void => {
    const mark = depth === 0 ? '' : `${'>'.repeat(depth)} `
    if (paragraph.length > 0) result.push(mark + paragraph.join(''))
    paragraph = []
  }
  for (const raw of text.split('\n')) {
    // One blank behind the quotation marks is space-stuffing.
    const [, quotes = '', line = ''] = /^(>*) ?([^]*)$/.exec(raw) ?? []
    const isSignatureMark = line === '-- '
    const isSoft = line.endsWith(' ') && !isSignatureMark
    // RFC 3676 §4.5: a change of quote depth or the signature separator ends a paragraph.
    if (isSignatureMark || quotes.length !== depth) close()
    depth = quotes.length
    paragraph.push(isSoft && isDelSp ? line.slice(0, -1) : line)
    if (!isSoft) close()
  }
  close()
  return result.join('\n')
}
