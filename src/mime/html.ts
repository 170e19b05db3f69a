/** HTML to text, within limits on size, depth and breadth. Fetches nothing and reads no image. */
import { convert, type FormatCallback } from 'html-to-text'
import { textOf } from './leaf.ts'
import { type Part } from './tree.ts'

const DOCUMENT_CHARS_MAX = 200_000
// Limits nesting before parsing: the parser's own limit applies only once the whole document is a tree.
const TAGS_MAX = 20_000
const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6']

/** Converted once for several readers. */
const converted = new WeakMap<Part, string | null>()

/** The text of an HTML part; null when it is too much, for the part or for the whole message, or cannot be converted. */
export function textOfHtml(part: Part): string | null {
  const known = converted.get(part)
  if (known !== undefined) return known
  const { budget } = part.tree
  const html = budget.htmlChars > 0 ? textOf(part).text : null
  const text = html === null ? null : convertHtml(html)
  // Lists in lists can write a hundred times what they were, most of it blanks.
  budget.htmlChars -= Math.max(html?.length ?? 0, text?.length ?? 0)
  const tidied = text === null ? null : tidy(text)
  converted.set(part, tidied)
  return tidied
}

function convertHtml(html: string): string | null {
  const slice = html.slice(0, DOCUMENT_CHARS_MAX)
  if (slice.split('<').length - 1 > TAGS_MAX) return null
  try {
    return convert(slice, {
      wordwrap: false,
      // All of it: what a mail program wrote before or behind the body is read by people, too.
      baseElements: { selectors: [] },
      limits: {
        maxDepth: 50,
        maxChildNodes: 5000,
        maxInputLength: DOCUMENT_CHARS_MAX,
        ellipsis: '[…]'
      },
      selectors: [
        { selector: 'img', format: 'skip' },
        { selector: 'title', format: 'skip' },
        // Keeps upper and lower case: a report may be about it.
        ...HEADINGS.map((selector) => ({ selector, options: { uppercase: false } })),
        { selector: 'a', format: 'link' }
      ],
      formatters: { link: showLink }
    })
  } catch {
    return null
  }
}

/** Writes a link as its text and, if it differs, the target in brackets. The library puts no blank between them in `<pre>`. */
const showLink: FormatCallback = (elem, walk, builder) => {
  walk(elem.children, builder)
  const { href = '' } = elem.attribs as { readonly href?: string }
  const target = href.replace(/^mailto:/, '')
  const words = elem.children.map(({ data }) => data ?? '').join('')
  if (target !== '' && target !== words.replaceAll(/\s+/g, '')) {
    builder.addInline(` [${target}]`, { noWordTransform: true })
  }
}

/** Removes layout made of blanks: no-break spaces, blanks at line ends and runs of empty lines. */
function tidy(text: string): string {
  const lines = text.split('\n').map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
  return lines.join('\n').replaceAll(/\n{3,}/g, '\n\n')
}
