import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseHolidays } from '../../../src/config/calendar.ts'
import { listPresets, readPolicy } from '../../../src/config/policy-file.ts'
import { type Policy, promisedAnswer } from '../../../src/domain/settings.ts'
import { OF_CASES } from '../../support/built-in-clocks.ts'
import { useFolder } from '../../support/folder.ts'
import { rows } from '../../support/rows.ts'

const folder = useFolder()

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder.path, name)), { recursive: true })
  writeFileSync(join(folder.path, name), text)
}

function read(name = 'own.yaml') {
  return readPolicy(name, folder.path)
}

async function own(text: string): Promise<Policy> {
  write('own.yaml', text)
  return (await read()).policy
}

async function preset(name: string): Promise<Policy> {
  return (await readPolicy(name, folder.path)).policy
}

/** Ids of the clocks that not every policy has. */
function beyondBuiltIn(clocks: Policy['clocks']): string[] {
  const builtIn = OF_CASES.map(({ id }) => id)
  return clocks
    .map(({ id }) => id)
    .filter((id) => !builtIn.includes(id))
    .sort()
}

describe('the built-in policies', () => {
  it('are five, and each decodes under the name of its file', async () => {
    const names = listPresets()

    const ids = await Promise.all(names.map(async (name) => (await preset(name)).id))

    expect(ids).toEqual(names)
    expect(names).toEqual(['consoleme', 'dispatch', 'dispatch-platform', 'dragonfly', 'template'])
  })

  it('all answer a reporter who began in clear and has no key (B10, G3)', async () => {
    const names = listPresets()

    const policies = await Promise.all(names.map(preset))

    expect(policies.map(({ reporters }) => reporters.cleartext)).toEqual(names.map(() => 'allow'))
  })

  it.each([
    ['dispatch', { hours: 48 }, 'hard', [], /within 48 hours/],
    ['dispatch-platform', { hours: 48 }, 'soft', ['triage'], /triage team usually .* 48 hours/],
    ['consoleme', { hours: 48 }, 'soft', ['triage'], /triage team usually .* 48 hours/],
    ['dragonfly', { hours: 24 }, 'hard', [], /within 24 hours/],
    ['template', { business_days: 3 }, 'hard', ['feedback'], /within 3 business days/]
  ] as const)(
    'promise the answer of their source, and watch it with clocks that say so: %s (M-07, A5)',
    async (name, within, firmness, more, words) => {
      const policy = await preset(name)
      const answer = promisedAnswer(policy)

      expect(answer).toMatchObject({ due: { within }, firmness })
      const all = ['answer', 'conversation', 'other-wrote', ...more]
      expect(beyondBuiltIn(policy.clocks).sort()).toEqual(all.sort())
      expect(answer?.quote).toMatch(words)
    }
  )

  it('stop the clock of feedback by a plan, and the one of triage by an act of triage (S4-14, S1-04)', async () => {
    const stops = async (name: string, clock: string) =>
      (await preset(name)).clocks.find(({ id }) => id === clock)?.stops

    expect(await stops('template', 'feedback')).not.toContain('answered')
    expect(await stops('consoleme', 'triage')).toEqual(
      expect.arrayContaining(['taken', 'accepted'])
    )
    expect(await stops('consoleme', 'triage')).not.toContain('answered')
  })

  it('name the platform and the product in their own words (S1-03, S2-02)', async () => {
    const [platform, consoleme] = [await preset('dispatch-platform'), await preset('consoleme')]

    expect(platform.reporter_rules.join()).toContain('bug bounty program')
    expect(consoleme.title).toBe('ConsoleMe security policy')
    expect(JSON.stringify(consoleme)).not.toMatch(/dispatch/i)
  })

  it('promise what source policy 003 promises (S3-01, S3-03, S3-04, S3-10, S3-16 to S3-19)', async () => {
    const policy = await preset('dragonfly')

    expect(policy.notice?.required).toEqual(['scope', 'patch_available_at', 'disclosure_at'])
    expect(policy.notice?.tolerance.min).toEqual({ days: 0 })
    for (const words of ['in private', 'any committer', 'GitHub user name', 'agree with you'])
      expect(policy.reporter_rules.join()).toContain(words)
    expect([policy.close.internal, policy.reject.reason_length]).toEqual(['deny', 0])
  })

  it('promise what source policy 000 promises (S0-02, S0-04, S0-08, S0-10 to S0-16)', async () => {
    const policy = await preset('dispatch')

    expect(policy.notice).toEqual({
      lead: { days: 7 },
      tolerance: { min: { days: 5 }, max: { days: 9 } },
      required: ['description', 'affected_versions', 'remedy_steps', 'patches', 'disclosure_at'],
      ...{ approvals: 1, late: 'send', late_after_minutes: 15, reporter_date_mail: 'with-notice' },
      ...{ tlp: 'TLP:AMBER+STRICT', links: [] }
    })
    expect(policy.reporter_rules.join()).toContain('public issue tracker')
    expect(policy).toMatchObject({ close: { internal: 'deny' }, reject: { reason_length: 0 } })
  })

  it('promise what source policy 004 promises, without a list (S4-05, S4-13, S4-14, S4-16 to S4-21, S4-26)', async () => {
    const policy = await preset('template')

    expect(policy.answer_includes).toMatch(/plan.*workarounds/)
    expect(policy.notice).toBeNull()
    expect(policy.report_checklist).toHaveLength(6)
    expect(policy).toMatchObject({ close: { internal: 'allow' }, reject: { reason_length: 40 } })
  })

  it.each(['consoleme', 'dispatch', 'dispatch-platform', 'dragonfly', 'template'])(
    'know every reason for a rejection (%s, M-16)',
    async (name) => {
      const policy = await preset(name)

      expect(Object.keys(policy.reject.codes)).toEqual([
        ...['not-a-vulnerability', 'non-security-bug', 'unsafe-defaults', 'operator-configuration'],
        ...['out-of-scope-component', 'unsupported-version', 'cannot-reproduce', 'duplicate-of'],
        ...['already-public', 'upstream', 'scanner-output', 'hardening-backlog', 'withdrawn'],
        'not-a-report'
      ])
    }
  )
})

describe('an own policy', () => {
  it('takes from its base what it does not state; lists, spans and null replace', async () => {
    const policy = await own(`
extends: dispatch
id: own
answer_includes: a plan
reporter_rules: [Only one rule.]
calendar: { zone: Asia/Tokyo, holidays: ["2026-12-25"] }
notice: { approvals: 2, required: [description] }
`)
    const base = await preset('dispatch')

    expect(policy).toEqual({
      ...base,
      id: 'own',
      answer_includes: 'a plan',
      reporter_rules: ['Only one rule.'],
      notice: { ...base.notice, approvals: 2, required: ['description'] }
    })
    const holidays = { dates: ['2026-12-25'], end: '2026-12-25' }
    const calendar = { zone: 'Asia/Tokyo', weekend: [6, 7], holidays }
    expect(await read()).toMatchObject({ preset: 'dispatch', calendar })
  })

  it('extends another own file by a path from its own folder, and that one a preset (A5)', async () => {
    write('house/base.yaml', 'extends: template\ncalendar: { holidays: ./days.ics }\n')
    write('house/days.ics', calendarFile(event('20261225')))
    write('teams/own.yaml', 'extends: ../house/base.yaml\nid: own\ntitle: Ours\n')

    const { policy, calendar, preset: root } = await read('teams/own.yaml')

    expect(policy).toEqual({ ...(await preset('template')), id: 'own', title: 'Ours' })
    expect([calendar.holidays.dates, root]).toEqual([['2026-12-25'], 'template'])
  })

  it('extends several, and the later one wins (A5)', async () => {
    write('words.yaml', 'reporter_rules: [Ours.]\nclocks: { answer: { firmness: soft } }\n')

    const policy = await own('extends: [dragonfly, ./words.yaml]\nid: own\n')

    expect(promisedAnswer(policy)).toMatchObject({
      due: { within: { hours: 24 } },
      firmness: 'soft'
    })
    expect(policy.reporter_rules).toEqual(['Ours.'])
  })

  it('reads a base of several files once, so that none of them undoes what another one changed (A5)', async () => {
    write('a.yaml', 'extends: dispatch\nreporter_rules: [Ours.]\n')
    write('b.yaml', 'extends: dispatch\nanswer_includes: a plan\n')

    const policy = await own('extends: [./a.yaml, ./b.yaml]\nid: own\n')

    expect([policy.reporter_rules, policy.answer_includes]).toEqual([['Ours.'], 'a plan'])
  })

  it('changes a rejection by its code, adds one, and removes one with null (A5)', async () => {
    const { codes } = (
      await own(
        'extends: dispatch\nid: own\nreject: { codes: { upstream: Elsewhere., mine: Mine., withdrawn: null } }\n'
      )
    ).reject
    const { withdrawn, ...others } = (await preset('dispatch')).reject.codes

    expect(withdrawn).toBeDefined()
    expect(codes).toEqual({ ...others, upstream: 'Elsewhere.', mine: 'Mine.' })
  })

  it('adds a clock, changes one by its id, and removes one with null (A5)', async () => {
    const { clocks } = await own(`
extends: template
id: own
clocks:
  conversation: null
  feedback: { due: { within: { hours: 10 } }, firmness: soft }
  stale:
    starts: [opened, answered]
    counts: latest
    stops: [closed]
    due: { within: { days: 30 } }
    steps: [{ at: { after: { hours: 0 } }, tell: [owner, { maintainer: grace }] }]
    title: Nothing has happened for 30 days
    risk: The case is forgotten.
    remedy: Please decide what comes next.
`)
    const before = (await preset('template')).clocks

    expect(beyondBuiltIn(clocks)).toEqual(['answer', 'feedback', 'other-wrote', 'stale'])
    expect(clocks.find(({ id }) => id === 'feedback')).toEqual({
      ...before.find(({ id }) => id === 'feedback'),
      ...{ due: { within: { hours: 10 } }, firmness: 'soft', quote: '' }
    })
    expect(clocks.find(({ id }) => id === 'stale')).toMatchObject({
      ...{ subjects: ['case'], counts: 'latest', key: null, since: [], from: 'at' },
      ...{ firmness: 'hard', message: 'reminder', quote: '' }
    })
  })

  it('changes a built-in clock by its id and removes one with null, also through a chain of files (A3, A5)', async () => {
    write('base.yaml', 'extends: dispatch\nid: base\nclocks: { dead-man: null, preflight: null }\n')
    const { clocks } = await own(`
extends: ./base.yaml
id: own
clocks:
  notice-draft: { due: { before: { days: 5 } } }
  copy-late: null
`)

    const gone = OF_CASES.filter(({ id }) => clocks.every((clock) => clock.id !== id))
    expect(gone.map(({ id }) => id).sort()).toEqual(['copy-late', 'dead-man', 'preflight'])
    expect(clocks.find(({ id }) => id === 'notice-draft')).toEqual({
      ...OF_CASES.find(({ id }) => id === 'notice-draft'),
      due: { before: { days: 5 } }
    })
    const { clocks: untouched } = await preset('dispatch')
    expect(untouched).toEqual(expect.arrayContaining([...OF_CASES]))
  })

  it('promises an answer by another time, or none, with the clock `answer` (A5)', async () => {
    const answer = async (clock: string) =>
      promisedAnswer(await own(`extends: dispatch\nid: own\nclocks: { answer: ${clock} }\n`))

    expect(
      await answer('{ due: { within: { business_days: 2 } }, firmness: soft, quote: Soon. }')
    ).toMatchObject({ due: { within: { business_days: 2 } }, firmness: 'soft', quote: 'Soon.' })
    expect(await answer('null')).toBeNull()
  })

  it('states the words of a promise again with another due, and takes none from its base (A5)', async () => {
    const quote = async (clock: string, base = 'dispatch') =>
      promisedAnswer(await own(`extends: ${base}\nid: own\nclocks: { answer: ${clock} }\n`))?.quote

    expect(await quote('{ firmness: soft }')).toMatch(/48 hours/)
    expect(await quote('{ due: { within: { hours: 24 } } }')).toBe('')
    expect(await quote('{ due: { within: { hours: 24 } }, quote: Soon. }')).toBe('Soon.')
    write(
      'fast.yaml',
      'extends: dispatch\nclocks: { answer: { due: { within: { hours: 24 } } } }\n'
    )
    expect(await quote('{ firmness: soft }', './fast.yaml')).toBe('')
  })

  it('takes no id of a clock or code for a span: the others stay (A3, A5)', async () => {
    const ids = ['minutes', 'hours', 'days', 'within', 'before', 'due', 'quote']
    const base = await preset('template')
    const feedback = JSON.stringify({
      ...base.clocks.find(({ id }) => id === 'feedback'),
      id: undefined,
      subjects: undefined
    })
    const { clocks, reject } = await own(`
extends: template
id: own
clocks: { ${ids.map((id) => `${id}: ${feedback}`).join(', ')} }
reject: { codes: { ${ids.map((id) => `${id}: Words.`).join(', ')} } }
`)

    expect(clocks.map(({ id }) => id)).toEqual([...base.clocks.map(({ id }) => id), ...ids])
    expect(Object.keys(reject.codes)).toEqual([...Object.keys(base.reject.codes), ...ids])
  })

  it('can switch off the notice alone', async () => {
    const policy = await own('extends: dispatch\nid: own\nnotice: null\n')

    expect(policy.notice).toBeNull()
    expect(promisedAnswer(policy)).not.toBeNull()
  })

  it('must be complete when it extends nothing', async () => {
    await expect(own('id: own\ntitle: Own\n')).rejects.toThrow(
      /reporter_rules is missing: it must be a list/
    )
  })

  it.each(rows`
    an unknown key                        | extends: dispatch\nid: own\nreplys: internal\n | replys (line 3) is not a known key
    an unknown key in a block             | extends: dispatch\nid: own\nreject: { codez: {} }\n | reject.codez (line 3) is not a known key: correct or remove it (known here: codes, reason_length)
    an unknown key of a clock             | extends: dispatch\nid: own\nclocks: { answer: { stepz: [] } }\n | clocks.answer.stepz (line 3) is not a known key
    a number in place of a clock          | extends: dispatch\nid: own\nclocks: { answer: 5 }\n | clocks.answer (line 3) must be a block of keys
    a step after the end of a clock       | extends: dispatch\nid: own\nclocks: { answer: { steps: [{ at: { percent: 150 }, tell: [owner] }] } }\n | steps[0].at.percent (line 3) must be a number from 0 to 100
    a step that repeats without a pause   | extends: dispatch\nid: own\nclocks: { answer: { steps: [{ at: { after: { hours: 0 }, every: { minutes: 0 } }, tell: [owner] }] } }\n | steps[0].at.every (line 3) must be longer than nothing
    a step that repeats by business days  | extends: dispatch\nid: own\nclocks: { answer: { steps: [{ at: { after: { hours: 0 }, every: { business_days: 1 } }, tell: [owner] }] } }\n | steps[0].at.every (line 3) must be longer than nothing, in minutes, hours or days
    a promised answer that counts each    | extends: dispatch\nid: own\nclocks: { answer: { counts: each, key: null } }\n | own.yaml: clocks (line 3) must have due: { within: SPAN }, longer than nothing, and not counts: each, in answer
    a promised answer within nothing      | extends: dispatch\nid: own\nclocks: { answer: { due: { within: { hours: 0 } }, quote: At once. } }\n | own.yaml: clocks (line 3) must have due: { within: SPAN }, longer than nothing, and not counts: each, in answer
    an answer before the report           | extends: dispatch\nid: own\nclocks: { answer: { due: { before: { hours: 48 } }, quote: Before. } }\n | own.yaml: clocks (line 3) must have due: { within: SPAN }, longer than nothing, and not counts: each, in answer
    an instant that a start does not have | extends: dispatch\nid: own\nclocks: { conversation: { starts: [reporter-wrote, accepted] } }\n | own.yaml: clocks.conversation (line 3) must not count from an instant that one of its starts does not have
    an unknown base                       | extends: nothing\nid: own\n | extends: there is no built-in policy of this name: use one of consoleme, dispatch,
    a base that is not there              | extends: ./none.yaml\nid: own\n | there is no file
    a base without a name                 | extends: [""]\nid: own\n | extends must be the name of a built-in
    no id of its own                      | extends: dispatch\n | id is missing
    two units of time                     | extends: dispatch\nid: own\nnotice: { lead: { hours: 4, days: 2 } }\n | notice.lead (line 3) must be one of { minutes: N }
    a negative promise                    | extends: dispatch\nid: own\nnotice: { lead: { hours: -4 } }\n | notice.lead.hours (line 3) must be a whole number
    a lead that leaves no time (G7)       | extends: dispatch\nid: own\nnotice: { lead: { days: 0 }, tolerance: { min: { days: 0 } } }\n | notice.lead (line 3) must be an hour at least
    a lead below an hour (G7)             | extends: dispatch\nid: own\nnotice: { lead: { minutes: 59 }, tolerance: { min: { days: 0 } } }\n | notice.lead (line 3) must be an hour at least
    a lead outside its tolerance          | extends: dispatch\nid: own\nnotice: { lead: { days: 20 } }\n | notice (line 3) must have a lead between tolerance.min and tolerance.max: the lead is 20 days, and the tolerance is 5 days to 9 days
    a misspelt unit of time               | extends: dispatch\nid: own\nclocks: { answer: { due: { within: { busines_days: 3 } } } }\n | clocks.answer.due.within (line 3) must be one of { minutes: N }
    an unknown notice field               | extends: dispatch\nid: own\nnotice: { required: [poc] }\n | notice.required[0] (line 3) must be one of title
    a clock on an event that there is not | extends: dispatch\nid: own\nclocks: { answer: { stops: [anserwed] } }\n | clocks.answer.stops[0] (line 3) must be a kind of event of the record
    a clock of a case that tells a member | extends: dispatch\nid: own\nclocks: { answer: { steps: [{ at: { percent: 50 }, tell: [member] }] } }\n | clocks.answer (line 3) must not tell member
    a clock that tells a recipient        | extends: dispatch\nid: own\nclocks: { answer: { steps: [{ at: { percent: 50 }, tell: [owner, recipient] }] } }\n | clocks.answer (line 3) must not tell member, recipient or others
    a clock that tells the others         | extends: dispatch\nid: own\nclocks: { answer: { steps: [{ at: { percent: 50 }, tell: [others] }] } }\n | clocks.answer (line 3) must not tell member, recipient or others
    a clock with an unknown message       | extends: dispatch\nid: own\nclocks: { answer: { message: remindre } }\n | clocks.answer.message (line 3) must be one of reminder, preflight, change
    a clock with an unknown key           | extends: dispatch\nid: own\nclocks: { answer: { key: reporter mesage } }\n | clocks.answer.key (line 3) must be one of reporter, writtenAt reporter
    a clock that an unknown one ends      | extends: dispatch\nid: own\nclocks: { answer: { until: deadman } }\n | clocks.answer.until (line 3) must be one of notice-draft, preflight,
    a clock without a due                 | extends: dispatch\nid: own\nclocks: { mine: { starts: [opened], stops: [] } }\n | clocks.mine.due (line 3) is missing
    a week without a working day          | extends: dispatch\nid: own\ncalendar: { weekend: [1, 2, 3, 4, 5, 6, 7] }\n | must leave at least one working day
    a holiday that is no date             | extends: dispatch\nid: own\ncalendar: { holidays: ["2026-02-30"] }\n | calendar.holidays[0] (line 3) must be a list of dates in quotes
    a code to remove that does not exist  | extends: dispatch\nid: own\nreject: { codes: { nothing: null } }\n | own.yaml: reject.codes.nothing (line 3) is null to remove an entry, but there is none of this name: use one of not-a-vulnerability, non-security-bug,
    a clock to remove that does not exist | extends: dispatch\nid: own\nclocks: { change: null, anwser: null }\n | own.yaml: clocks.anwser (line 3) is null to remove an entry, but there is none of this name: use one of notice-draft, preflight, notice-overdue, notice-withheld,
    a clock of the desk                   | extends: dispatch\nid: own\nclocks: { digest: null }\n | clocks.digest (line 3) is null to remove an entry, but there is none of this name: use one of notice-draft,
    a clock with a bad id                 | extends: dispatch\nid: own\nclocks: { Bad: {} }\n | clocks.Bad (line 3) must be 1 to 32 lower-case letters
    codes as a list                       | extends: dispatch\nid: own\nreject: { codes: [{ code: a, says: A. }] }\n | reject.codes (line 3) must be a block of codes
    a list instead of keys                | - id: own\n | must be a block of keys
  `)('is refused for %s', async (_name, text, expected) => {
    await expect(own(text)).rejects.toThrow(expected)
  })

  it('is refused when files extend each other in a circle, with the files named (A5)', async () => {
    write('a.yaml', 'extends: ./b.yaml\nid: a\n')
    write('b.yaml', 'extends: ./a.yaml\nid: b\n')

    await expect(read('a.yaml')).rejects.toThrow(
      'policies extend each other in a circle: a.yaml extends b.yaml extends a.yaml'
    )
  })

  it('reports a mistake in a base with the name and the line of the base', async () => {
    write('base.yaml', 'extends: dispatch\nreplies: nobody\n')
    write('own.yaml', 'extends: ./base.yaml\nid: own\n')

    await expect(read()).rejects.toThrow(/base\.yaml: replies \(line 2\) must be one of internal/)
  })
})

function event(day: string, ...more: string[]): string {
  return ['BEGIN:VEVENT', `DTSTART;VALUE=DATE:${day}`, ...more, 'END:VEVENT'].join('\r\n')
}

function calendarFile(...events: string[]): string {
  return ['BEGIN:VCALENDAR', 'VERSION:2.0', ...events, 'END:VCALENDAR', ''].join('\r\n')
}

describe('holidays from an iCalendar file (A5)', () => {
  it('are the days of its all-day events, up to the day before the end, also with folded lines', () => {
    const text = calendarFile(
      event('20261225', 'DTEND;VALUE=DATE:20261227', 'SUMMARY:Christmas, and a lo', ' ng name'),
      event('20270101', 'SUMMARY:New Year', 'BEGIN:VALARM', 'TRIGGER:-PT15M', 'END:VALARM'),
      event('20270102', 'STATUS:CANCELLED')
    ).replace('VALUE=DATE:20270101', 'VALUE=DA\r\n TE:20270101')

    expect(parseHolidays(text)).toEqual({
      dates: ['2026-12-25', '2026-12-26', '2027-01-01'],
      end: '2027-01-01'
    })
  })

  it('repeat every year with FREQ=YEARLY, and then have no end', () => {
    const read = parseHolidays(calendarFile(event('20201003', 'RRULE:FREQ=YEARLY')))

    expect(read).toMatchObject({ end: null })
    expect(read.dates).toEqual(Array.from({ length: 80 }, (_, index) => `${2020 + index}-10-03`))
    expect(parseHolidays(calendarFile(event('20240229', 'RRULE:FREQ=YEARLY')))).toMatchObject({
      dates: expect.not.arrayContaining(['2025-02-29']) as unknown
    })
  })

  it.each(rows`
    another rule              | 20261126 | RRULE:FREQ=YEARLY;BYDAY=4TH | has an RRULE other than
    an exception              | 20261126 | EXDATE;VALUE=DATE:20271126  | has EXDATE, which Postern does not read
    a time of day             | 20261126T090000Z | SUMMARY:x           | does not start with a day
    a day that does not exist | 20260230 | SUMMARY:x                   | does not start with a day
    an end before its start   | 20261126 | DTEND;VALUE=DATE:20261126   | has an end
    no end of the event       | 20261126 | BEGIN:VEVENT                | ends in the middle of an event
  `)('are refused with an explanation for %s', (_name, day, more, sentence) => {
    expect(() => parseHolidays(calendarFile(event(day, more)))).toThrow(sentence)
  })

  it('are refused from a file that is not a calendar or does not exist', async () => {
    expect(() => parseHolidays('2026-12-25\n')).toThrow('is not an iCalendar file')
    await expect(
      own('extends: dispatch\nid: own\ncalendar: { holidays: ./none.ics }\n')
    ).rejects.toThrow(/own\.yaml: calendar\.holidays \(line 3\) /)
  })
})
