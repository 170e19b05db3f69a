/** One definition a verb: the parser, the role check, the help and README know what the list of verbs says. */
import { describe, expect, it } from 'vitest'
import { parseCommands } from '../../../src/policy/commands.ts'
import { runCommands } from '../../../src/policy/run-commands.ts'
import { VERBS } from '../../../src/policy/verbs/index.ts'
import { synopsis, type Verb } from '../../../src/policy/verbs/verb.ts'
import { expectInReadme, verbsTable } from '../../support/readme.ts'
import { ADA, commandContext, GRACE, rendered, sent } from './samples.ts'

describe('one more verb in the list (A4)', () => {
  const ASSIGN: Verb = {
    name: 'assign owner',
    arguments: 'WHO',
    roles: ['committer'],
    text: { goesTo: 'maintainers', isOptional: true },
    help: 'gives the case to somebody',
    more: 'They are told at once.',
    next: { happens: 'taken', writes: () => '/assign owner WHO' },
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

  it('is in the table of README', () => {
    expect(verbsTable(more)).toContain(
      '\n| `/assign owner WHO` | committer | gives the case to somebody |\n'
    )
  })

  it('is offered as the next command, to who may give it and where its event may happen', () => {
    const offers = (text: string, author = GRACE) =>
      transcript(text, author, [ASSIGN, ...VERBS]).text.includes('\n/assign owner WHO\n')
    expect([offers('/status'), offers('/status', ADA)]).toEqual([true, false])
    expect(offers('/reject upstream')).toBe(false)
  })

  it('is offered where only its second word is wrong', () => {
    expect(transcript('/assign linus').text).toContain(
      'Please write the whole command: /assign owner WHO'
    )
  })
})

it('README lists the verbs as they are defined (A4)', () => {
  expectInReadme(verbsTable(VERBS))
})
