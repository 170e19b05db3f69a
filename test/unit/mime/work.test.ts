/** Each decoder, given the worst that a sender can write, does a bounded amount of work (A4). Counts work, never time. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readContent } from '../../../src/mime/content.ts'
import { decodeWords, WORDS_MAX } from '../../../src/mime/encoded-words.ts'
import { readFields } from '../../../src/mime/fields.ts'
import { readHeader, readMailboxes } from '../../../src/mime/header.ts'
import { textOfHtml } from '../../../src/mime/html.ts'
import { contentOf } from '../../../src/mime/leaf.ts'
import { readParameterized } from '../../../src/mime/parameters.ts'
import { freshBudget, parseTree, partsBelow } from '../../../src/mime/tree.ts'
import { findArmor } from '../../../src/openpgp/armor.ts'

const KIB = 1024

function many(count: number, write: (index: number) => string, between = ' '): string {
  return Array.from({ length: count }, (_, index) => write(index)).join(between)
}

/** Counts how often a decoder is made, and how often one throws because it does not know a name. */
function countDecoders(): { made: number; refused: number } {
  const counts = { made: 0, refused: 0 }
  const Real = TextDecoder
  class Counting extends Real {
    constructor(...given: ConstructorParameters<typeof TextDecoder>) {
      counts.made += 1
      try {
        super(...given)
      } catch (error) {
        counts.refused += 1
        throw error
      }
    }
  }
  vi.stubGlobal('TextDecoder', Counting)
  return counts
}

describe('(A4) the worst input of a decoder', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })

  it('unknown charsets: no exception tells that a name is unknown, however many there are', () => {
    const counts = countDecoders()
    const words = many(5000, (index) => `=?x-unknown-${index}?q?a?=`)
    expect(decodeWords(words).startsWith('aaaa')).toBe(true)
    for (let index = 0; index < 5000; index += 1) decodeWords(`=?x-unknown-${index}?q?a?=`)
    expect(counts).toEqual({ made: 0, refused: 0 })
  })

  it('known charsets by turns: one decoder an encoding', () => {
    decodeWords('=?gb18030?q?a?= =?euc-kr?q?a?=')
    const counts = countDecoders()
    decodeWords(many(WORDS_MAX / 2, () => '=?gb18030?q?a?= =?euc-kr?q?a?='))
    expect(counts.made).toBe(0)
  })

  it('encoded words: as many are decoded as a header text has characters', () => {
    const decoded = decodeWords(many(5000, () => '=?utf-8?q?a?='))
    expect(decoded.split(' ', 1)).toEqual(['a'.repeat(WORDS_MAX)])
    expect(decoded.match(/=\?/g)).toHaveLength(5000 - WORDS_MAX)
  })

  it('parameters: a bounded part of the value is read, and few encoded words are decoded', () => {
    const { value, params } = readParameterized(
      `text/plain;${many(5000, (index) => `p${index}="=?utf-8?q?a?="`, ';')}`
    )
    expect(value).toBe('text/plain')
    expect([...params.values()].filter((each) => each === 'a')).toHaveLength(32)
    expect(params.size).toBeLessThan(1000)
    const sections = `a;${many(5000, (index) => `name*${index}=a`, ';')}`
    expect(readParameterized(sections).params.get('name')?.length).toBeLessThan(2000)
  })

  it.each([
    ['commas', many(30_000, () => 'a', ',')],
    ['groups', many(15_000, () => 'g:a', ';')],
    ['mailboxes', many(10_000, () => 'a@b.c', ',')]
  ])(
    '%s in an address list: the first 200 are read, and it is said that there are more',
    (_, list) => {
      const { contacts, count } = readMailboxes(list)
      expect(count).toBeLessThan(410)
      expect(count).toBeGreaterThan(contacts.length)
    }
  )

  it('an address list is cut between mailboxes, so that no part of one becomes another', () => {
    const { contacts } = readMailboxes(many(300, () => '"x, y" <longer-name@b.example>', ', '))
    expect(new Set(contacts.map(({ address }) => address as string))).toEqual(
      new Set(['longer-name@b.example'])
    )
    expect(contacts).toHaveLength(200)
    // Of quotation marks alone no mailbox comes.
    expect(readMailboxes('"" '.repeat(20_000))).toEqual({ contacts: [], count: 1 })
  })

  it('references: the first and the newest 99', () => {
    const value = many(20_000, (index) => `<${index}@b>`)
    const { facts } = readHeader([{ name: 'references', value }])
    expect(facts.references).toHaveLength(100)
    expect(facts.references[0]).toBe('0@b')
  })

  it('header fields: a thousand in a block, and 16 KiB in a part below the root', () => {
    const raw = Buffer.from(`${'a:\n'.repeat(40_000)}\n`)
    expect(readFields(raw, 0, raw.length).fields).toHaveLength(1000)
    const part = `--b\nx: ${'y'.repeat(100 * KIB)}\nz: 1\n\nbody\n`
    const tree = parseTree(
      Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${part.repeat(150)}--b--\n`)
    )
    const parsed = partsBelow(tree).flatMap(({ fields }) => fields.map(({ value }) => value.length))
    expect(parsed.length).toBeGreaterThan(150)
    expect(Math.max(...parsed)).toBeLessThanOrEqual(16 * KIB)
    expect(tree.tree.isBroken).toBe(true)
  })

  it.each([
    ['quoted', '> -----BEGIN PGP MESSAGE-----\n'],
    ['in one line', 'x-----BEGIN PGP MESSAGE-----']
  ])('beginnings of armor, %s: the text is looked through once', (_, beginning) => {
    let searched = 0
    const { indexOf, lastIndexOf } = String.prototype
    vi.spyOn(String.prototype, 'indexOf').mockImplementation(function (
      this: string,
      what,
      from = 0
    ) {
      const at = indexOf.call(this, what, from)
      searched += (at < 0 ? this.length : at) - from
      return at
    })
    vi.spyOn(String.prototype, 'lastIndexOf').mockImplementation(function (
      this: string,
      what,
      from = this.length
    ) {
      const at = lastIndexOf.call(this, what, from)
      searched += from - at
      return at
    })
    const text = `${beginning.repeat(1000)}-----END PGP MESSAGE-----`
    const found = findArmor(text, 16)
    vi.restoreAllMocks()
    expect(found).toEqual([])
    expect(searched).toBeLessThanOrEqual(2 * text.length)
  })

  it('base64 of padding alone: it is read in one pass, without a string', () => {
    const made = vi.spyOn(Buffer.prototype, 'toString')
    const body = Buffer.from(`Content-Transfer-Encoding: base64\n\n${'QQ=='.repeat(50_000)}`)
    const part = parseTree(body)
    made.mockClear()
    expect(contentOf(part).equals(Buffer.alloc(50_000, 'A'))).toBe(true)
    expect(made).not.toHaveBeenCalled()
  })

  it('HTML: one budget for a message and all entities inside it, each part converted once', () => {
    const budget = freshBudget()
    const html = `Content-Type: text/html\n\n${'<p>words '.repeat(10_000)}`
    const read = Array.from({ length: 20 }, () => textOfHtml(parseTree(Buffer.from(html), budget)))
    expect(read.filter((text) => text !== null)).toHaveLength(Math.ceil(1_000_000 / 90_000))
    const part = parseTree(Buffer.from(html))
    textOfHtml(part)
    const left = part.tree.budget.htmlChars
    readContent([part], false)
    expect(part.tree.budget.htmlChars).toBe(left)
  })

  it.each([
    ['lists', '<ul><li>', '\n\n'],
    ['quotes', '<blockquote>', 'x\n']
  ])('HTML: what %s in one another become counts like what is converted', (_, tag, line) => {
    const budget = freshBudget()
    const html = `Content-Type: text/html\n\n${tag.repeat(24)}<pre>${line.repeat(40_000)}`
    const read = Array.from({ length: 20 }, () => textOfHtml(parseTree(Buffer.from(html), budget)))
    expect(read.filter((text) => text !== null)).toHaveLength(1)
  })

  it('versions of a text: however long a word is, it is looked through once', () => {
    const versions = ['x', '[', ':', '[x:'].flatMap((one) => {
      const word = one.repeat(200_000 / one.length)
      return ['plain', 'html'].map((kind) => `--b\nContent-Type: text/${kind}\n\n${word}\n`)
    })
    const head = 'Content-Type: multipart/alternative; boundary=b\n\n'
    const tree = parseTree(Buffer.from(`${head}${versions.join('')}--b--\n`))
    expect(readContent([tree], false).text).toContain('x'.repeat(1000))
  })

  it('versions of a text: they are compared once, up to a limit of bytes', () => {
    const version = `Content-Type: text/plain\n\n${'some words '.repeat(10_000)}\n`
    const tree = parseTree(
      Buffer.from(
        `Content-Type: multipart/alternative; boundary=b\n\n${`--b\n${version}`.repeat(150)}--b--\n`
      )
    )
    readContent([tree], false)
    const left = tree.tree.budget.comparedBytes
    expect(left).toBeGreaterThan(-200 * KIB)
    expect(left).toBeLessThanOrEqual(0)
    readContent([tree], false)
    expect(tree.tree.budget.comparedBytes).toBe(left)
  })
})
