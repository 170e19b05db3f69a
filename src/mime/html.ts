/**
 * HTML to text, within limits on size, depth and breadth (mail.md §2.17). Fetches nothing, reads no image, and replaces a
 * document that cannot be converted by a placeholder.
 */
import { convert, type DomNode, type FormatCallback } from 'html-to-text'

import { TEXT_BYTES_MAX } from './leaf.ts'

/** Shown in place of HTML that could not be converted. */
export const HTML_PLACEHOLDER = '[HTML part not converted]'
const HTML_CHARS_MAX = 200_000
// Limits nesting before parsing: the parser's own limit applies only once the whole document is a tree.
const TAGS_MAX = 20_000
const LINK_NODES_MAX = 100
const NOT_CONVERTED: HtmlText = { text: HTML_PLACEHOLDER, isConverted: false, isTruncated: false }
const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6']

/** The outcome of converting an HTML document. */
export type HtmlText = {
  readonly text: string
  /** False when this is the placeholder. */
  readonly isConverted: boolean
  /** Whether the text was cut off: nested quotes and lists multiply their content. */
  readonly isTruncated: boolean
}

/** Text of an HTML document. */
export function textOfHtml(html: string): HtmlText {
  const slice = html.slice(0, HTML_CHARS_MAX)
  if (countTags(slice) > TAGS_MAX) return NOT_CONVERTED
  try {
    const whole = convert(slice, {
      wordwrap: false,
      limits: {
        maxDepth: 50,
        maxChildNodes: 5000,
        maxInputLength: HTML_CHARS_MAX,
        ellipsis: '[…]'
      },
      selectors: [
        { selector: 'img', format: 'skip' },
        // Keeps upper and lower case: a report may be about it.
        ...HEADINGS.map((selector) => ({ selector, options: { uppercase: false } })),
        { selector: 'a', format: 'link' }
      ],
      formatters: { link: showLink }
    })
    const isTruncated = whole.length > TEXT_BYTES_MAX
    const text = isTruncated
      ? whole.slice(0, TEXT_BYTES_MAX).replace(/[\ud800-\udbff]$/, '')
      : whole
    return { text: tidy(text), isConverted: true, isTruncated }
  } catch {
    return NOT_CONVERTED
  }
}

/**
 * A link: its text, then the target in brackets unless the text equals it. The library joins the two without a blank inside
 * preformatted text.
 */
const showLink: FormatCallback = (elem, walk, builder) => {
  walk(elem.children, builder)
  const { href } = elem.attribs as { readonly href?: string }
  const target = (href ?? '').replace(/^mailto:/, '')
  const text = textIn(elem).replaceAll(/\s+/g, '')
  if (target !== '' && target !== text) {
    builder.addInline(`${text === '' ? '' : ' '}[${target}]`, { noWordTransform: true })
  }
}

function textIn(elem: DomNode): string {
  let text = ''
  const stack = [elem]
  for (let count = 0; count < LINK_NODES_MAX; count += 1) {
    const node = stack.pop()
    if (node === undefined) break
    if (node.type === 'text') text += node.data ?? ''
    if (Array.isArray(node.children)) stack.push(...node.children.toReversed())
  }
  return text
}

/** Removes layout made of blanks: no-break spaces, blanks at line ends and runs of empty lines. */
function tidy(text: string): string {
  const lines = text.split('\n').map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
  const isSecondEmpty = (line: string, index: number): boolean =>
    line === '' && (index === 0 || lines[index - 1] === '')
  return lines.filter((line, index) => !isSecondEmpty(line, index)).join('\n')
}

function countTags(html: string): number {
  let count = 0
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', at + 1)) count += 1
  return count
}
