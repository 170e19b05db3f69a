/**
 * Every file of the corpus is taken apart by our MIME tree and by postal-mime (proof 5 of issue 3): the same parts of the same
 * types in the same places, with the same file names, decoded bytes and text. mailparser, which gives no tree, must find the same
 * text and files. Where two differ, the tables in `differences.yaml` say who is right and why. Skipped where the folder is absent;
 * nothing of it is copied here.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { simpleParser } from 'mailparser'
import { expect, it } from 'vitest'
import { unflow } from '../../../src/mime/content.ts'
import { decodeWords } from '../../../src/mime/encoded-words.ts'
import { contentOf, textOf } from '../../../src/mime/leaf.ts'
import { type Part, parseTree } from '../../../src/mime/tree.ts'
import { CORPUS, describeCorpus } from '../../support/corpus.ts'
import { filesBelow } from '../reading/material.ts'
import { isShownText, readWithPostal, type SeenPart } from './postal-tree.ts'
import { DIFFERENCES, FILES, MAILPARSER_DIFFERENCES } from './suites.ts'

/** How mailparser leaves messages within messages closed, as our tree does, and makes no text of HTML. */
const AS_WE_READ = {
  ...{ skipHtmlToText: true, skipTextToHtml: true },
  ...{ keepDeliveryStatus: true, ignoreEmbedded: true }
}

describeCorpus('our MIME tree', () => {
  // Expected values of other readers are no mail; everything else is compared, keys and notes, too.
  const files = (CORPUS === '' ? [] : filesBelow(CORPUS, [''])).filter(
    (file) => !file.endsWith('.json')
  )
  const folders = new Set(files.map((file) => relative(CORPUS, file).split(sep)[0] ?? ''))

  const expectDifferences = async (
    folder: string,
    table: typeof DIFFERENCES,
    compareFile: typeof compare
  ): Promise<void> => {
    const differences: Record<string, readonly string[]> = {}
    for (const file of files) {
      const path = relative(CORPUS, file)
      if (path.split(sep)[0] !== folder) continue
      const on = await compareFile(asEntity(readFileSync(file)))
      if (on.length > 0) differences[path] = on
    }
    const expected = Object.entries(table).filter(([path]) => path.split('/')[0] === folder)
    expect(differences).toEqual(Object.fromEntries(expected))
  }

  it.each([...folders])(
    'sees the same as postal-mime in every file of %s but for what the table explains',
    (folder) => expectDifferences(folder, DIFFERENCES, compare)
  )

  it.each([...folders])(
    'finds the same text and files as mailparser in every file of %s but for what the table explains',
    (folder) => expectDifferences(folder, MAILPARSER_DIFFERENCES, compareWithMailparser)
  )

  it('is compared on all of it', () => {
    expect(files).toHaveLength(FILES)
    const paths = files.map((file) => relative(CORPUS, file))
    const explained = { ...DIFFERENCES, ...MAILPARSER_DIFFERENCES }
    expect(paths).toEqual(expect.arrayContaining(Object.keys(explained)))
  })

  it('is compared by every fact of a part', async () => {
    const mail = (...lines: readonly string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1')
    expect(await compare(mail('Content-Type: a/b; name="\u00fc"', '', ''))).toEqual(['0 file name'])
    expect(await compare(mail('Content-Type: a/b/c', '', ''))).toEqual(['parts'])
    expect(await compare(mail('Content-Type: text/plain', '', 'f\u00fcr'))).toEqual(['0 text'])
    const digest = mail(
      'Content-Type: multipart/digest; boundary=b',
      '',
      '--b',
      '',
      'a: b',
      '--b--'
    )
    expect(await compareWithMailparser(digest)).toEqual(['text', 'file names', 'bytes'])
  })
})

/** Files that are no mail have no header: below an empty line both readers take all of them for text. */
function asEntity(bytes: Buffer): Buffer {
  const hasHeader = parseTree(bytes).fields.length > 0
  return hasHeader ? bytes : Buffer.concat([Buffer.from('\r\n'), bytes])
}

/** The facts on which the two readers differ, by place. */
async function compare(raw: Buffer): Promise<string[]> {
  const ours = await seenByUs(parseTree(raw), '0')
  const theirs = await readWithPostal(raw)
  const shape = (parts: readonly SeenPart[]): string =>
    parts.map(({ place, type }) => `${place} ${type}`).join('\n')
  if (shape(ours) !== shape(theirs)) return ['parts']
  return ours.flatMap((part, index) => {
    const other = theirs[index]
    return other === undefined ? [] : factsThatDiffer(part, other)
  })
}

/** The facts on which mailparser differs: it gives the text and the files of a whole message, and no tree. */
async function compareWithMailparser(raw: Buffer): Promise<string[]> {
  const parts = await seenByUs(parseTree(raw), '0')
  const shown = parts.flatMap(({ type, text }) => (type === 'text/plain' ? (text ?? []) : []))
  const files = parts.filter(({ text, content }) => text === null && content !== null)
  const theirs = await simpleParser(raw, AS_WE_READ)
  const ours = factsOfMail(shown.join('\n'), files)
  const other = new Map(factsOfMail(theirs.text ?? '', theirs.attachments))
  return ours.filter(([fact, seen]) => seen !== other.get(fact)).map(([fact]) => fact)
}

function factsOfMail(
  text: string,
  files: readonly { readonly filename?: string; readonly content: Uint8Array | null }[]
): [fact: string, seen: string][] {
  return [
    ['text', readable(text).split(/\s+/).join(' ').trim()],
    ['file names', JSON.stringify(files.map(({ filename }) => filename ?? ''))],
    ['bytes', files.map(({ content }) => digestOf(content)).join(' ')]
  ]
}

function factsThatDiffer(ours: SeenPart, theirs: SeenPart): string[] {
  const facts: [string, boolean][] = [
    ['file name', ours.filename === decodeWords(theirs.filename)],
    ['bytes', digestOf(ours.content) === digestOf(theirs.content)],
    ['text', readable(ours.text) === readable(theirs.text)]
  ]
  const differ = facts.filter(([, isSame]) => !isSame).map(([fact]) => fact)
  // Other bytes are another text, which need not be said twice.
  const said = differ.includes('bytes') ? differ.filter((fact) => fact !== 'text') : differ
  return said.map((fact) => `${ours.place} ${fact}`)
}

async function seenByUs(part: Part, place: string): Promise<SeenPart[]> {
  const { type, filename, children, params } = part
  let text: string | null = null
  if (isShownText(type, part.disposition)) {
    const decoded = textOf(part).text
    const isFlowed = params.get('format')?.toLowerCase() === 'flowed'
    text = isFlowed ? unflow(decoded, params.get('delsp')?.toLowerCase() === 'yes') : decoded
  }
  const content = type.startsWith('multipart/') ? null : contentOf(part)
  const below: SeenPart[] = []
  for (const [index, child] of children.entries()) {
    below.push(...(await seenByUs(child, `${place}.${index}`)))
  }
  return [{ place, type, filename, content, text }, ...below]
}

/** SHA-256 of decoded bytes: postal-mime ends every line with LF, and leaves blanks at the very end. */
function digestOf(content: Uint8Array | null): string {
  if (content === null) return ''
  const lines = Buffer.from(content).toString('latin1').replaceAll('\r\n', '\n').trimEnd()
  return createHash('sha256').update(lines, 'latin1').digest('hex')
}

/** Text as it would be shown, control characters as spaces. */
function readable(text: string | null): string {
  return (text ?? '')
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, ' ')
    .trimEnd()
}
