/** What Postern does about each line of the source policies, and what is odd about a valid policy. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../../src/cli/program.ts'
import { readLines, readPolicy } from '../../../src/config/policy-file.ts'
import { useFolder } from '../../support/folder.ts'
import { rows } from '../../support/rows.ts'

const SOURCES = [
  ['dispatch', 'S0', 28],
  ['dispatch-platform', 'S1', 25],
  ['consoleme', 'S2', 20],
  ['dragonfly', 'S3', 31],
  ['template', 'S4', 46]
] as const

const folder = useFolder()

async function run(...args: string[]) {
  let [out, err] = ['', '']
  const status = await runProgram(args, {
    out: (text) => (out += text),
    err: (text) => (err += text)
  })
  return { status, out, err }
}

function own(text: string): string {
  const path = join(folder.path, 'own.yaml')
  writeFileSync(path, text)
  return path
}

describe('the lines of the source policies', () => {
  it.each(SOURCES)('of %s are all there, each once (A5)', (preset, source, count) => {
    const lines = readLines(preset)

    expect(Object.keys(lines)).toEqual(
      Array.from({ length: count }, (_, index) => `${source}-${String(index + 1).padStart(2, '0')}`)
    )
  })

  it('are 150, and lines without an implementation are marked as not covered (A5)', () => {
    const all = SOURCES.map(([preset]) => readLines(preset))
    const lines = Object.assign({}, ...all) as (typeof all)[number]

    expect(Object.keys(lines)).toHaveLength(150)
    for (const id of ['S0-17', 'S1-03', 'S1-15', 'S2-02', 'S3-02', 'S3-25', 'S4-38'])
      expect([id, lines[id]?.does]).toEqual([id, 'not-yet'])
  })
})

describe('postern policy show', () => {
  it('prints each line with its id, what the policy says and what is done about it', async () => {
    const { status, out } = await run('policy', 'show', 'dispatch')

    expect(status).toBe(0)
    expect(out).toContain(
      'S0-08  Advance notice about one week before the full disclosure\n       Carried out: The notice leaves 7 days before the disclosure'
    )
    expect(out).toMatch(
      /28 lines: \d+ carried out, \d+ with reminders only, \d+ not covered yet\.\n$/
    )
  })

  it('shows an own policy by the lines of its base', async () => {
    const path = own('extends: dragonfly\nid: own\nreplies: reporter\nnotice: null\n')
    const { out } = await run('policy', 'show', path)

    expect(out).toContain(
      'These are the lines of dragonfly, which it extends.\nThis policy changes replies and notice.\n'
    )
    expect(out).toContain(
      'May be different here, because this policy changes notice. Under dragonfly: Required field: scope.'
    )
    expect(out).toMatch(
      /31 lines of dragonfly: \d+ carried out, \d+ with reminders only, \d+ not covered yet, 7 that may be different here\.\n$/
    )
  })

  it('says Carried out of no line that goes by a clock that an own policy removes or changes (A5)', async () => {
    const path = own(`
extends: dispatch
id: own
clocks: { answer: null, date-message: null, conversation: { firmness: hard }, preflight: {} }
`)
    const { out } = await run('policy', 'show', path)

    expect(out).toContain(
      'This policy has no clocks.date-message or clocks.answer.\nThis policy changes clocks.conversation.\n'
    )
    expect(out.match(/May be different here, because this policy .*?: \S+ \S+/g)).toEqual([
      'May be different here, because this policy has no clocks.answer. Under dispatch: It leaves',
      'May be different here, because this policy changes clocks.conversation. Under dispatch: Decisions, questions',
      'May be different here, because this policy has no clocks.date-message. Under dispatch: The reporter'
    ])
    const { out: preset } = await run('policy', 'show', 'dispatch-platform')
    expect(preset).not.toMatch(/this policy|different/i)
  })

  it.each(SOURCES)('knows what each line of %s goes by (A5)', async (preset) => {
    const { policy } = await readPolicy(preset, '')
    const parts = [...Object.keys(policy), ...policy.clocks.map(({ id }) => `clocks.${id}`)]

    const named = Object.values(readLines(preset)).flatMap(({ of = '' }) => of.split(' '))

    expect(parts).toEqual(expect.arrayContaining(named.filter(Boolean)))
  })
})

describe('postern policy check (M-38)', () => {
  it.each(rows`
    an unknown word       | replies: x\n                            | own.yaml: replies (line 3) must be one of internal, reporter\n
    a tab                 | \treplies: internal\n                  | own.yaml: line 3: this line is indented with a tab: use spaces\n
    prose, like README.md | This is Postern.\n\nIt: is: a daemon.\n | own.yaml: line 3: this line has no colon with a space after it: write it like "key: value"\n
    an open quote         | title: "Ours\nreplies: "internal"\n    | own.yaml: line 3: the quote that is opened here is not closed
    a dash out of line    | reporter_rules:\n  - One.\n - Two.\n  | own.yaml: line 5: the dash in this line is not below other dashes
    a comma too many      | clocks: { answer: null,, }\n           | own.yaml: line 3: this comma has no value before it
    a backslash in quotes | title: "C:\\desk"\n                   | own.yaml: line 3: a backslash in double quotes changes what follows
    a # without a space   | clocks: {}#none\n                      | own.yaml: line 3: a space is missing before #
    a text behind a >     | title: > Ours\n                        | own.yaml: line 3: the text after >
  `)('refuses %s in one line, with the file, the line and the remedy', async (_, text, says) => {
    const { status, err } = await run('policy', 'check', own(`extends: dispatch\nid: own\n${text}`))

    expect(status).toBe(1)
    expect(err).toMatch(/^postern: [^\n]*\n$/)
    expect(err).toContain(says)
  })

  it('warns when the list of holidays ends within a year (A5)', async () => {
    const last = new Date(Date.now() + 300 * 86_400_000).toISOString().slice(0, 10)
    const text = `extends: dispatch\nid: own\ncalendar: { holidays: ["${last}"] }\n`
    const { out } = await run('policy', 'check', own(text))

    expect(out).toContain(`the last holiday in the calendar is ${last}; add those of next year`)
  })

  it.each(SOURCES)(
    'says of %s, whose clocks count business days, that it has no holidays (A5)',
    async (preset) => {
      const { out } = await run('policy', 'check', preset)

      expect(out).toContain('counts business days, but its calendar has no holidays')
    }
  )

  it('names probable mistakes, status 0', async () => {
    const path = own(`
extends: dispatch
id: own
clocks:
  answer: { due: { within: { business_days: 2 } } }
  conversation: { remedy: "See https://example.org/runbook." }
reporter_rules: ["See https://example.org/other-product/security."]
notice: { approvals: 0, required: [description] }
`)
    const { status, out } = await run('policy', 'check', path)

    expect(status).toBe(0)
    expect(out.split('\n')).toEqual([
      expect.stringContaining('link to https://example.org/runbook; make sure'),
      expect.stringContaining('link to https://example.org/other-product/security; make sure'),
      expect.stringContaining('its clock answer has no quote'),
      expect.stringContaining('counts business days, but its calendar has no holidays'),
      expect.stringContaining('does not name disclosure_at'),
      expect.stringContaining('notice.approvals is 0, so a single approver'),
      'The policy own is valid.',
      ''
    ])
  })

  it.each(rows`
    drops the quote              | { due: { within: { days: 9 } } }                | has no quote
    takes the quote away         | { quote: "" }                                   | has no quote
    keeps the quote              | { due: { within: { days: 9 } }, quote: "QUOTE" } | has another due than the policy that it extends, but the same quote
    counts each start            | { counts: each }                                | has a quote, but counts each start
    has a quote of its own       | { due: { within: { days: 9 } }, quote: Soon. }   |
    states the due of its source | { due: { within: { business_days: 3 } }, quote: "QUOTE" } |
  `)('looks at what is promised where any clock %s (A5)', async (_, clock, says) => {
    const { clocks } = (await readPolicy('template', '')).policy
    const quote = clocks.find(({ id }) => id === 'feedback')?.quote ?? ''
    const text = `extends: template\nid: own\nclocks: { feedback: ${clock.replace('QUOTE', quote)} }\n`
    const { out } = await run('policy', 'check', own(text))

    const notes = out.match(/its clock feedback .*/g) ?? []
    expect(notes).toEqual(says === '' ? [] : [expect.stringContaining(says)])
  })
})
