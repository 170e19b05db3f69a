/** One definition a verb: the parser, the role check, the help and README know what the list of verbs says. */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseCommands } from '../../../src/policy/commands.ts'
import { runCommands } from '../../../src/policy/run-commands.ts'
import { VERBS } from '../../../src/policy/verbs/index.ts'
import { rolesOf, synopsis, type Verb } from '../../../src/policy/verbs/verb.ts'
import { ADA, commandContext, GRACE, rendered, sent } from './samples.ts'

const README = new URL('../../../README.md', import.meta.url)

describe('one more verb in the list (A4)', () => {
  const ASSIGN: Verb = {
    name: 'assign owner',
    arguments: 'WHO',
    binds: 'case',
    roles: ['committer'],
    text: { goesTo: 'maintainers', isOptional: true },
    help: 'gives the case to somebody',
    more: 'They are told at once.',
    run: (_draft, { words: [who = ''], text }) => `Given to ${who}: ${text ?? ''}.`
  }
  const more = [...VERBS, ASSIGN]
  function transcript(text: string, author = GRACE, verbs = more) {
    const result = runCommands(parseCommands(text, verbs), commandContext({ author }), verbs)
    const [mail] = sent(result.decisions, 'transcript')
    if (mail === undefined) throw new Error('no transcript')
    return { ran: result.ran, text: rendered(mail) }
  }

  it('is read, with its words and the text below, and run', () => {
    expect(parseCommands('/Assign Owner linus\nPlease look.', more).commands).toMatchObject([
      { verb: 'assign owner', words: ['linus'], text: 'Please look.' }
    ])
    const { ran, text } = transcript('/assign owner linus\nPlease look.')
    expect(ran).toBe(true)
    expect(text).toContain('Given to linus: Please look.')
    expect(transcript('/assign owner linus', GRACE, [...VERBS]).ran).toBe(false)
  })

  it('has a line of help that needs no wrapping', () => {
    for (const verb of VERBS) expect(`    ${verb.help}`.length).toBeLessThanOrEqual(76)
  })

  it('takes the role that it says', () => {
    const { ran, text } = transcript('/assign owner linus', ADA)
    expect(ran).toBe(false)
    expect(text).toContain('role committer')
  })

  it('is in /help and explained by /help VERB', () => {
    expect(transcript('/help').text).toContain(
      '\n/assign owner WHO\n    gives the case to somebody\n'
    )
    const { text } = transcript('/help assign')
    expect(text).toContain('They are told at once.')
    expect(text).toContain('maintainers with the role committer')
    expect(text).toContain('stays among the maintainers')
    expect(transcript('/help nonsense').ran).toBe(false)
  })

  it('has help with short lines, in which no synopsis is broken', () => {
    const names = VERBS.map(({ name }) => `/help ${name}`)
    // One message takes 20 commands.
    for (const some of [['/help'], names.slice(0, 15), names.slice(15)]) {
      const { text } = transcript(`${some.join('\n')}\n/status`)
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(76)
      for (const verb of VERBS)
        if (some.includes(`/help ${verb.name}`)) expect(text).toContain(`\n${synopsis(verb)}\n`)
    }
  })

  it('says above whose text the desk states a decision in its own words', () => {
    for (const name of ['accept', 'reject', 'close', 'merge'])
      expect(transcript(`/help ${name}`).text).toContain('decision in its own words')
  })

  it('is offered where only its second word is wrong', () => {
    expect(transcript('/assign linus').text).toContain(
      'Please write the whole command: /assign owner WHO'
    )
  })
})

it('README lists the verbs as they are defined (A4)', () => {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const table = [
    '| Command | Who | What it does |',
    '|---|---|---|',
    ...VERBS.map((verb) => {
      const who = rolesOf(verb).length === 0 ? 'any maintainer' : rolesOf(verb).join(', ')
      return `| \`${cell(synopsis(verb))}\` | ${who} | ${cell(verb.help)} |`
    })
  ].join('\n')
  const readme = readFileSync(README, 'utf8')
  const found = /^\| Command \| Who \| What it does \|\n(?:\|.*\n)+/m.exec(readme)?.[0] ?? ''
  // To update README after a change of a verb: UPDATE_README=1 npx vitest run test/unit/policy/verbs.test.ts
  if (process.env.UPDATE_README === '1')
    writeFileSync(
      README,
      readme.replace(found, () => `${table}\n`)
    )

  expect(found, 'UPDATE_README=1 npx vitest run test/unit/policy/verbs.test.ts').toBe(`${table}\n`)
})
