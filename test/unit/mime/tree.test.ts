import { describe, expect, it } from 'vitest'
import { bodyOf, entityOf, parseTree, partsBelow } from '../../../src/mime/tree.ts'

const HEAD = 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'

function shape(raw: string): string[] {
  return parseTree(Buffer.from(raw)).children.map((part) => entityOf(part).toString())
}

describe('the MIME tree', () => {
  it('gives each part its exact bytes, without the line break that belongs to the delimiter', () => {
    const raw = `${HEAD}preamble\r\n--b\r\n\r\none\r\n\r\n--b  \r\nX: y\r\n\r\ntwo\r\n--b--\r\nepilogue`
    expect(shape(raw)).toEqual(['\r\none\r\n', 'X: y\r\n\r\ntwo'])
    expect(shape(raw.replaceAll('\r\n', '\n'))).toEqual(['\none\n', 'X: y\n\ntwo'])
  })

  it('accepts only whole lines as delimiters', () => {
    expect(shape(`${HEAD}--b\r\n\r\na --b\r\n--bc\r\n --b\r\n--b-\r\nend\r\n--b--`)).toEqual([
      '\r\na --b\r\n--bc\r\n --b\r\n--b-\r\nend'
    ])
  })

  it('finds a delimiter after lines of dashes and lines that look like delimiters', () => {
    const decoys = ['-', '--', '---', '--b--b', '---b', '\r', '', '-\r', '--\r', '--a', ' --b']
    for (const lineEnd of ['\n', '\r\n']) {
      const inside = decoys.join(lineEnd)
      const parts = [`${lineEnd}${inside}`, `${lineEnd}${inside}${lineEnd}`]
      const body = parts.map((part) => `--b${lineEnd}${part}${lineEnd}`).join('')
      expect(shape(`${HEAD}${inside}${lineEnd}${body}--b--`)).toEqual(parts)
    }
  })

  it('looks at a body made of dashes once for each level around it', () => {
    const levels = Array.from({ length: 18 }, (_, level) => '-'.repeat(60 - level))
    const heads = levels.map(
      (boundary) => `Content-Type: multipart/mixed; boundary="${boundary}"\n\n--${boundary}\n`
    )
    const root = parseTree(Buffer.from(`${heads.join('')}\n${'-'.repeat(2 ** 22)}`))
    expect(partsBelow(root)).toHaveLength(19)
  })

  it('looks through a quarter of a gigabyte for delimiters, and keeps deeper parts closed', () => {
    const head = (boundary: string): string =>
      `Content-Type: multipart/mixed; boundary=${boundary}\n\n--${boundary}\n`
    const filling = 'x'.repeat(2 ** 26)
    const root = parseTree(Buffer.from(`${['b', 'c', 'd', 'e'].map(head).join('')}\n${filling}`))
    const deepest = partsBelow(root).at(-1)
    expect(deepest?.params.get('boundary')).toBe('e')
    expect(deepest?.isOpaque).toBe(true)
    expect(root.tree.hasTooManyParts).toBe(true)
  })

  it('keeps the last part of an unclosed container, with a warning', () => {
    const root = parseTree(Buffer.from(`${HEAD}--b\r\n\r\none\r\n--b\r\n\r\ntwo, cut`))
    expect(root.children).toHaveLength(2)
    expect(root.tree.isBroken).toBe(true)
  })

  it('lets the outer delimiter end an inner container', () => {
    const raw = `${HEAD}--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ninner\r\n--b\r\n\r\nouter\r\n--b--`
    const root = parseTree(Buffer.from(raw))
    expect(root.children).toHaveLength(2)
    expect(root.children[0]?.children).toHaveLength(1)
  })

  it('does not look into attached messages', () => {
    const raw = `${HEAD}--b\r\nContent-Type: message/rfc822\r\n\r\n${HEAD}--b--`
    expect(partsBelow(parseTree(Buffer.from(raw)))).toHaveLength(2)
  })

  it('survives an empty message, a bare header and a container without boundary', () => {
    for (const raw of [
      '',
      '\r\n',
      'Subject: x',
      'Content-Type: multipart/mixed\r\n\r\nx',
      '\r\n\r\nx'
    ]) {
      expect(parseTree(Buffer.from(raw)).children).toEqual([])
    }
  })

  it('reads a block without a single field as text, because somebody wrote it', () => {
    const part = 'all of it is text,\r\nand this\r\n\r\nand that\r\n'
    const root = parseTree(Buffer.from(`${HEAD}--b\r\n${part}\r\n--b--`))
    const [child] = root.children
    if (child === undefined) throw new Error('no part')
    expect(bodyOf(child).toString()).toBe(part)
    expect(root.tree.isBroken).toBe(true)
    // With one field it is a header: its other lines are left out, and the message counts as broken.
    const other = parseTree(Buffer.from('none\r\nX: y\r\n\r\nbody'))
    expect(bodyOf(other).toString()).toBe('body')
    expect(other.tree.isBroken).toBe(true)
  })

  it('reads the first of repeated parameters, quoted, folded and with comments', () => {
    const root = parseTree(
      Buffer.from(
        'Content-Type: Text/Plain (really); charset="utf-8";\r\n charset=x; a="b;\\"c"\r\n\r\n'
      )
    )
    expect(root.type).toBe('text/plain')
    expect(root.params.get('charset')).toBe('utf-8')
    expect(root.params.get('a')).toBe('b;"c')
  })
})
