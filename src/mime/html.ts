/**
 * HTML to text, within limits on size, depth and breadth (mail.md §2.17). Nothing is fetched, no image is looked at,
 * and a document that cannot be converted becomes a placeholder instead of an error.
 */
import { convert, type DomNode, type FormatCallback } from 'html-to-text'

import { TEXT_BYTES_MAX } from './leaf.ts'

/** Shown in place of HTML that could not be converted. */
export const HTML_PLACEHOLDER = '[HTML part not converted]'
const HTML_CHARS_MAX = 200_000
// Nesting is bounded before the parser sees it: its own limit applies only after the whole document is a tree.
const TAGS_MAX = 20_000
const LINK_NODES_MAX = 100
const NOT_CONVERTED: HtmlText = { text: HTML_PLACEHOLDER, isConverted: false, isTruncated: false }
const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6']

/** What became of an HTML document. */
export type HtmlText = {
  readonly text: string
  /** False when the placeholder stands for it. */
  readonly isConverted: boolean
  /** More text than is ever shown came out of it, and the rest was cut off: quotes and lists in one another multiply it. */
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
        // Case can be what a report is about.
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
 * A link: its text, and behind it in brackets where it leads, if the text does not say exactly that. The library's own way runs
 * the two together inside preformatted text.
 */
const showLink: FormatCallback = (elem, walk, builder) => {
  walk(elem.children, builder)
  const target = hrefOf(elem).replace(/^mailto:/, '')
  const text = textIn(elem).replaceAll(/\s+/g, '')
  if (target !== '' && target !== text) {
    builder.addInline(`${text === '' ? '' : ' '}[${target}]`, { noWordTransform: true })
  }
}

function hrefOf(elem: DomNode): string {
  const attributes: unknown = elem.attribs
  const hasHref = typeof attributes === 'object' && attributes !== null && 'href' in attributes
  return hasHref && typeof attributes.href === 'string' ? attributes.href : ''
}

/** The text of an element, of its first {@link LINK_NODES_MAX} nodes. */
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

/** Layout made of blanks: no-break spaces, blanks at line ends and runs of empty lines. */
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
