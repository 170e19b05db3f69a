/**
 * HTML to text, within limits on size, depth and breadth (mail.md §2.17). Nothing is fetched, no image is looked at,
 * and a document that cannot be converted becomes a placeholder instead of an error.
 */
import { convert, type DomNode, type FormatCallback } from 'html-to-text'

/** Shown in place of HTML that could not be converted. */
const HTML_PLACEHOLDER = '[HTML part not converted]'
const HTML_CHARS_MAX = 200_000
// Nesting is bounded before the parser sees it: its own limit applies only after the whole document is a tree.
const TAGS_MAX = 20_000
const LINK_NODES_MAX = 100
const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6']

/** Text of an HTML document; `isConverted` false when the placeholder stands for it. */
export function textOfHtml(html: string): { readonly text: string; readonly isConverted: boolean } {
  const slice = html.slice(0, HTML_CHARS_MAX)
  if (countTags(slice) > TAGS_MAX) return { text: HTML_PLACEHOLDER, isConverted: false }
  try {
    const text = convert(slice, {
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
    return { text: tidy(text), isConverted: true }
  } catch {
    return { text: HTML_PLACEHOLDER, isConverted: false }
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
