/** The catalogue is whole: every attack has a test, every test that it names is there, and nothing keeps one of them from running. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { ATTACKS, type Proof } from './catalogue.ts'

const NUMBERED = Array.from({ length: 27 }, (_, index) => String(index + 1))
const NAMED = [
  'M',
  'I',
  'U',
  'EFAIL, direct',
  'EFAIL, malleability',
  'several signatures',
  'partial encryption'
]
const PROOFS = Object.values(ATTACKS).flatMap(([, ...all]): Proof[] => all)

describe('the catalogue of attacks', () => {
  it('has a test of its own for every attack', () => {
    expect(Object.keys(ATTACKS).toSorted()).toEqual([...NUMBERED, ...NAMED].toSorted())
    const without = Object.entries(ATTACKS).filter(
      ([, [, ...proofs]]) => !proofs.some(([file]) => file.startsWith('attacks/'))
    )
    expect(without).toEqual([])
  })

  it('names tests that are there', () => {
    const missing = PROOFS.filter(
      ([file, name]) => !testsIn(parsed(file)).some((each) => each.startsWith(name))
    )
    expect(missing).toEqual([])
  })

  it('names no test in a file that leaves any of its tests out', () => {
    const files = [...new Set(PROOFS.map(([file]) => file))]
    expect(files.flatMap((file) => leftOutIn(parsed(file)).map((what) => [file, what]))).toEqual([])
  })

  it.each([
    ["it.skip('a', f)", ['.skip']],
    ["describe.skip('x', () => { it('a', f) })", ['.skip']],
    ["it['todo']('a')", ['.todo']],
    ["it.each([1]).fails('a', f)", ['.fails']],
    ["it('a', (context) => { context.skip() })", ['.skip']],
    ["it('a', ({ skip }) => { skip() })", ['.skip']],
    ["it('a', { only: true }, f)", ['.only']],
    ["describe('x', { skip }, () => { it('a', f) })", ['.skip']],
    ["describe.runIf(c)('x', () => { it('a', f) })", ['.runIf']],
    ["it('a', f)", []]
  ])('sees that a test is left out: %s', (source, expected) => {
    expect(leftOutIn(sourceOf(source))).toEqual(expected)
  })

  it.each([
    ["it('a', f)", ['a']],
    ["it.each([1])('a %i', f)", ['a %i']],
    ["describe('x', () => { it(`a`, f) })", ['a']],
    ["describeWith(['gpg'], 'x', () => { it('a', f) })", ['a']],
    ["if (c) { it('a', f) }", []],
    ["function never() { it('a', f) }", []],
    ["// it('a', f)", []],
    ["const text = `it('a', f)`", []],
    ["it('a')", []],
    ["it.each([])('a', f)", []]
  ])('takes for a test what vitest runs: %s', (source, expected) => {
    expect(testsIn(sourceOf(source))).toEqual(expected)
  })
})

const SUITES: readonly string[] = ['describe', 'describeWith']
/** The ways in which vitest can skip a test, invert its outcome or run it alone. */
const LEAVES_OUT: readonly string[] = ['skip', 'skipIf', 'runIf', 'todo', 'fails', 'only']

function parsed(file: string): ts.SourceFile {
  return sourceOf(readFileSync(join(import.meta.dirname, '..', file), 'utf8'))
}

function sourceOf(text: string): ts.SourceFile {
  return ts.createSourceFile('test.ts', text, ts.ScriptTarget.Latest, true)
}

function all(node: ts.Node): ts.Node[] {
  return [node, ...node.getChildren().flatMap((child) => all(child))]
}

/** The names of the tests that always run: in the file itself or in its suites, under no condition and in no function. */
function testsIn(source: ts.SourceFile): string[] {
  return all(source).flatMap((node) => {
    if (!ts.isCallExpression(node) || !isTest(node.expression)) return []
    const [name, body] = node.arguments
    if (name === undefined || !ts.isStringLiteralLike(name) || body === undefined) return []
    return isReached(node) ? [name.text] : []
  })
}

/** `it`, or `it.each` with a table that has rows. */
function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return callee.text === 'it'
  if (!ts.isCallExpression(callee) || !ts.isPropertyAccessExpression(callee.expression))
    return false
  const [table] = callee.arguments
  const isEmpty =
    table === undefined || (ts.isArrayLiteralExpression(table) && table.elements.length === 0)
  return callee.expression.getText().replaceAll(/\s/g, '') === 'it.each' && !isEmpty
}

/** Whether a call is a statement of the file, or of the body of a suite that is. */
function isReached(call: ts.CallExpression): boolean {
  const block = ts.isExpressionStatement(call.parent) ? call.parent.parent : null
  if (block === null || ts.isSourceFile(block)) return block !== null
  const suite = ts.isArrowFunction(block.parent) ? block.parent.parent : null
  const isSuite =
    suite !== null &&
    ts.isCallExpression(suite) &&
    ts.isIdentifier(suite.expression) &&
    SUITES.includes(suite.expression.text)
  return isSuite && isReached(suite)
}

/** Everything in a file that may keep one of its tests from running or passing. */
function leftOutIn(source: ts.SourceFile): string[] {
  const names = all(source).flatMap((node) => {
    if (ts.isPropertyAccessExpression(node)) return [node.name.text]
    if (ts.isElementAccessExpression(node)) {
      return ts.isStringLiteralLike(node.argumentExpression) ? [node.argumentExpression.text] : []
    }
    if (ts.isBindingElement(node)) return [(node.propertyName ?? node.name).getText()]
    const isOption = ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node)
    return isOption ? [node.name.getText()] : []
  })
  return names.filter((name) => LEAVES_OUT.includes(name)).map((name) => `.${name}`)
}
