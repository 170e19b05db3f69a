/** The tables of README that are made from definitions, and how a test compares or refreshes them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type Wording } from '../../src/domain/message.ts'
import { type AnyDefinition } from '../../src/messages/define.ts'
import { rolesOf, synopsis, type Verb } from '../../src/policy/verbs/verb.ts'

const README = new URL('../../README.md', import.meta.url)
const VERBS_HEAD = ['Command', 'Who', 'What it does']
const MESSAGES_HEAD = ['File', 'Message', 'Its own variables']

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [line(head), `|${'---|'.repeat(head.length)}\n`, ...rows.map(line)].join('')
}

export function verbsTable(verbs: readonly Verb[]): string {
  const rows = verbs.map((verb) => {
    const who = rolesOf(verb).length === 0 ? 'any maintainer' : rolesOf(verb).join(', ')
    return [`\`${synopsis(verb)}\``, who, verb.help]
  })
  return tableOf(VERBS_HEAD, rows)
}

export function messagesTable(
  messages: readonly AnyDefinition[],
  texts: ReadonlyMap<string, Wording>
): string {
  const rows = messages.map((definition) => {
    const { kind, noun } = definition
    const samples = Object.values(texts.get(kind)?.samples ?? {})
    const { audience } = definition((samples[0] ?? {}) as never)
    const names = [...new Set(samples.flatMap(Object.keys))].map((name) => `\`${name}\``)
    return [`\`${kind}.liquid\``, `${noun}, to a ${audience}`, names.join(', ') || 'none']
  })
  return tableOf(MESSAGES_HEAD, rows)
}

/** README holds the table; to refresh it: UPDATE_README=1 npx vitest run and the file of the test. */
export function expectInReadme(table: string): void {
  const readme = readFileSync(README, 'utf8')
  const [head = ''] = table.split('\n')
  const found = /^(?:\|.*\n)+/.exec(readme.slice(readme.indexOf(`${head}\n`)))?.[0] ?? ''
  if (process.env.UPDATE_README === '1')
    writeFileSync(
      README,
      readme.replace(found, () => table)
    )
  expect(found, 'with UPDATE_README=1 this test refreshes README').toBe(table)
}
