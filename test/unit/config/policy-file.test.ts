import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { builtInPoliciesDir, listPresets, readPolicy } from '../../../src/config/policy-file.ts'
import { type Policy } from '../../../src/domain/policy.ts'
import { type TempFolder, tempFolder } from '../../support/temp.ts'

let folder: TempFolder
let presets: string
beforeEach(() => {
  folder = tempFolder()
  presets = join(folder.path, 'presets')
  mkdirSync(presets)
  for (const name of ['dispatch', 'template']) {
    cpSync(join(builtInPoliciesDir(), `${name}.yaml`), join(presets, `${name}.yaml`))
  }
})
afterEach(() => {
  folder.remove()
})

async function own(text: string): Promise<Policy> {
  writeFileSync(join(folder.path, 'own.yaml'), text)
  const result = await readPolicy('own.yaml', folder.path, presets)
  if (result.kind === 'policy') return result.policy
  throw new Error(result.problems.join('\n'))
}

async function preset(name: string): Promise<Policy> {
  const result = await readPolicy(name, folder.path, builtInPoliciesDir())
  if (result.kind === 'policy') return result.policy
  throw new Error(result.problems.join('\n'))
}

describe('the built-in policies', () => {
  it('all decode, under the name of their file', async () => {
    const names = listPresets(builtInPoliciesDir())

    const ids = await Promise.all(names.map(async (name) => (await preset(name)).id))

    expect(ids).toEqual(names)
    expect(names).toEqual(expect.arrayContaining(['dispatch', 'template']))
  })

  it('promise what source policy 000 promises (S0-02, S0-04, S0-08, S0-10 to S0-16)', async () => {
    const policy = await preset('dispatch')

    expect(policy.answer).toEqual({ within: { hours: 48 }, firmness: 'hard', includes: '' })
    expect(policy.notice).toEqual({
      lead: { days: 7 },
      tolerance: { min: { days: 5 }, max: { days: 9 } },
      required: ['description', 'affected_versions', 'remedy_steps', 'patches', 'disclosure_at'],
      approvals: 1,
      late: 'send',
      late_after_minutes: 15,
      reporter_date_mail: 'with-notice',
      tlp: 'TLP:AMBER+STRICT'
    })
    expect(policy.reporter_rules.join()).toContain('public issue tracker')
    expect([
      policy.close.internal,
      policy.reporters.cleartext,
      policy.reject.reason_length
    ]).toEqual(['deny', 'deny', 0])
  })

  it('promise what source policy 004 promises, without a list (S4-05, S4-13, S4-14, S4-16 to S4-21, S4-26)', async () => {
    const policy = await preset('template')

    expect(policy.answer).toMatchObject({ within: { business_days: 3 }, firmness: 'hard' })
    expect(policy.answer?.includes).toMatch(/plan.*workarounds/)
    expect(policy.notice).toBeNull()
    expect(policy.report_checklist).toHaveLength(6)
    expect([
      policy.close.internal,
      policy.reporters.cleartext,
      policy.reject.reason_length
    ]).toEqual(['allow', 'deny', 40])
  })

  it.each(['dispatch', 'template'])(
    'know every reason for a rejection (%s, M-16)',
    async (name) => {
      const policy = await preset(name)

      expect(policy.reject.codes.map(({ code }) => code)).toEqual([
        'not-a-vulnerability',
        'non-security-bug',
        'unsafe-defaults',
        'operator-configuration',
        'out-of-scope-component',
        'unsupported-version',
        'cannot-reproduce',
        'duplicate-of',
        'already-public',
        'upstream',
        'scanner-output',
        'hardening-backlog',
        'withdrawn'
      ])
    }
  )
})

describe('an own policy', () => {
  it('takes from its base what it does not state; lists, spans and null replace', async () => {
    const policy = await own(`
extends: dispatch
id: own
answer: { within: { business_days: 2 } }
reporter_rules: [Only one rule.]
calendar: { holidays: ["2026-12-25"] }
notice: { approvals: 2, required: [description] }
`)
    const base = await preset('dispatch')

    expect(policy).toEqual({
      ...base,
      id: 'own',
      answer: { ...base.answer, within: { business_days: 2 } },
      reporter_rules: ['Only one rule.'],
      calendar: { weekend: [6, 7], holidays: ['2026-12-25'] },
      notice: { ...base.notice, approvals: 2, required: ['description'] }
    })
  })

  it('can switch the notice off, and nothing else with it', async () => {
    const policy = await own('extends: dispatch\nid: own\nnotice: null\n')

    expect(policy.notice).toBeNull()
    expect(policy.answer).not.toBeNull()
  })

  it('must be complete when it extends nothing', async () => {
    await expect(own('id: own\ntitle: Own\n')).rejects.toThrow(
      /answer.* is missing\. The promise of a first answer/
    )
  })

  it.each<[string, string, string]>([
    [
      'an unknown key',
      'extends: dispatch\nid: own\nreplys: internal\n',
      'replys (line 3) is not a known key'
    ],
    ['an unknown base', 'extends: nothing\nid: own\n', 'use one of dispatch, template'],
    ['a base that is a path', 'extends: ../dispatch\nid: own\n', 'use one of dispatch, template'],
    ['no id of its own', 'extends: dispatch\n', 'id is missing'],
    [
      'two units of time',
      'extends: dispatch\nid: own\nanswer: { within: { hours: 4, days: 2 } }\n',
      'answer.within (line 3) must be one of { hours: N }'
    ],
    [
      'a negative promise',
      'extends: dispatch\nid: own\nanswer: { within: { hours: -4 } }\n',
      'answer.within.hours (line 3) must be a whole number'
    ],
    [
      'a lead outside its tolerance',
      'extends: dispatch\nid: own\nnotice: { lead: { days: 20 } }\n',
      'notice (line 3) must have a lead between'
    ],
    [
      'an unknown notice field',
      'extends: dispatch\nid: own\nnotice: { required: [poc] }\n',
      'notice.required[0] (line 3) must be one of title'
    ],
    [
      'a week without a working day',
      'extends: dispatch\nid: own\ncalendar: { weekend: [1, 2, 3, 4, 5, 6, 7] }\n',
      'must leave a working day'
    ],
    [
      'a holiday that is no date',
      'extends: dispatch\nid: own\ncalendar: { holidays: ["2026-02-30"] }\n',
      'must be a date'
    ],
    [
      'a code twice',
      'extends: dispatch\nid: own\nreject: { codes: [{ code: a, says: A. }, { code: a, says: B. }] }\n',
      'must not have a code twice'
    ],
    ['a list instead of keys', '- id: own\n', 'must be a block of keys']
  ])('is refused for %s', async (_name, text, expected) => {
    await expect(own(text)).rejects.toThrow(expected)
  })

  it('is refused when built-in policies extend each other in a circle', async () => {
    writeFileSync(join(presets, 'a.yaml'), 'extends: b\nid: a\n')
    writeFileSync(join(presets, 'b.yaml'), 'extends: a\nid: b\n')

    await expect(own('extends: a\nid: own\n')).rejects.toThrow('circle')
  })
})
