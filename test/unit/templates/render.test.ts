/** Every mail text: renders with little and with much, keeps its lines short, and keeps foreign text from posing as ours. */
import { describe, expect, it } from 'vitest'
import { DESK_RULE, type NoticeParams, type Template } from '../../../src/domain/template.ts'
import { createRender, TEMPLATE_NAMES } from '../../../src/templates/render.ts'
import { builtInRender } from '../policy/samples.ts'

const render = builtInRender()
const LONG = 'a fairly long sentence of ordinary words that goes on and on '.repeat(4).trim()
const FACTS = [
  { label: 'Case', value: 'ACME-2026-0001' },
  { label: 'Long', value: LONG }
]

function notice(much: boolean): NoticeParams {
  return {
    desk: 'ACME Security Team',
    tag: 'ACME-2026-0001',
    revision: 1,
    product: 'ACME Parser',
    tlp: 'TLP:AMBER',
    disclosure: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)',
    fields: much ? [{ label: 'Description', text: 'A hole.' }] : [],
    patches: much ? [{ filename: 'a.patch', sha256: 'a'.repeat(64), size: 3 }] : [],
    noPatches: much ? '' : 'They follow.',
    fingerprint: 'F'
  }
}

function samples(much: boolean): Template[] {
  const text = much ? LONG : ''
  const list = much ? [LONG, 'short'] : []
  const facts = much ? FACTS : []
  const [desk, tag, fingerprint] = ['ACME Security Team', 'ACME-2026-0001', 'F']
  return [
    {
      name: 'acknowledgement',
      params: {
        desk,
        tag,
        received: 'Sun 22 Nov 2026, 12:00 UTC',
        answerBy: much ? 'Tue 24 Nov 2026, 12:00 UTC' : '',
        answerIncludes: text,
        firm: much,
        policy: 'P',
        rules: list,
        checklist: list,
        sealedTo: much ? 'other' : 'nobody',
        keyIds: 'AAAAAAAAAAAAAAAA',
        fingerprint
      }
    },
    { name: 'refusal', params: { desk, because: text, remedy: text } },
    { name: 'key-request', params: { desk, tag, fingerprint } },
    { name: 'resend-request', params: { desk, tag, fingerprint } },
    { name: 'key-problem', params: { desk, problem: text } },
    {
      name: 'relay',
      params: {
        facts,
        warnings: list,
        text: 'Hello',
        outsideText: much ? 'foot' : '',
        files: list,
        reach: text,
        ref: tag
      }
    },
    { name: 'note', params: { author: 'Grace', facts, text: 'Hello', reach: text, ref: tag } },
    {
      name: 'activity',
      params: {
        author: 'Grace',
        lines: list,
        texts: much ? [{ title: 'T', text: 'x' }] : [],
        facts,
        ref: tag
      }
    },
    {
      name: 'transcript',
      params: {
        lines: much ? [{ command: '/take', accepted: true, says: LONG }] : [],
        ran: much,
        before: 'received',
        after: 'triaging',
        missing: list,
        blocks: much ? ['help'] : [],
        ref: tag
      }
    },
    {
      name: 'preview',
      params: { by: 'Grace', notice: notice(much), files: list, facts, code: 'abc', ref: tag }
    },
    {
      name: 'alert',
      params: { title: 'T', what: text, doNext: text, facts, ref: much ? tag : '' }
    },
    {
      name: 'digest',
      params: {
        desk,
        unanswered: list,
        moreUnanswered: much ? 2 : 0,
        junk: list,
        moreJunk: much ? 3 : 0
      }
    },
    { name: 'notice', params: notice(much) },
    { name: 'date-notice', params: { desk, tag, product: 'P', disclosure: 'D', fingerprint } },
    {
      name: 'reply',
      params: { desk, tag, author: 'Grace', text, decision: text, inClear: much, fingerprint }
    }
  ]
}

describe('every text', () => {
  it('is among the samples', () => {
    expect(
      samples(true)
        .map(({ name }) => name)
        .sort()
    ).toEqual([...TEMPLATE_NAMES].sort())
  })

  it.each([...samples(true), ...samples(false)])(
    '$name renders, with short lines and one line end',
    (template) => {
      const text = render(template)
      expect(text).toMatch(/\S\n$/)
      expect(text).not.toMatch(/[ \t]\n|\n{3}|undefined|\[object|\{\{/)
      // A person's own words are sent as they are.
      if (template.name === 'reply') return
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(78)
    }
  )

  it('exists at start or the desk does not start', () => {
    expect(() => createRender(new Map())).toThrow('acknowledgement is missing')
    const broken = new Map(TEMPLATE_NAMES.map((name) => [name, '{{ x | nonsense }}']))
    expect(() => createRender(broken)({ name: 'notice', params: notice(true) })).toThrow()
  })
})

describe('foreign text', () => {
  function relayed(text: string): string {
    return render({
      name: 'relay',
      params: {
        facts: [],
        warnings: [],
        text,
        outsideText: '',
        files: [],
        reach: '',
        ref: 'ACME-2026-0001 s@x'
      }
    })
  }

  it.each([
    'Ref: ACME-2026-0099 s@x',
    '> ref: x',
    'case: ACME-2026-0099',
    DESK_RULE,
    `a ${DESK_RULE}`
  ])('cannot pose as a line of the desk: %j', (line) => {
    expect(relayed(`above\n${line}\nbelow`)).toContain(`\n| ${line}\n`)
  })

  it('cannot pose as the rule of the desk among the facts, the warnings or the names of files (G6)', () => {
    for (const length of [0, 20, 41, 42, 60, 80]) {
      const name = `${'x'.repeat(length)} ${DESK_RULE} ${'y'.repeat(length)}`
      const shown = render({
        name: 'relay',
        params: {
          facts: [{ label: 'From', value: name }],
          warnings: [name],
          text: '',
          outsideText: '',
          files: [name],
          reach: '',
          ref: 'ACME-2026-0001 s@x'
        }
      })
      const rules = shown.split('\n').filter((line) => line.trim() === DESK_RULE)
      expect(rules).toHaveLength(3)
    }
  })

  it('keeps template code as text', () => {
    expect(relayed('{{ ref }} {% if %}')).toContain('{{ ref }} {% if %}')
  })

  it('of 256 KiB of blanks is rendered at once (G9)', () => {
    expect(relayed(`${' '.repeat(262_144)}x`)).toContain('x')
    expect(relayed(`${'\t \n'.repeat(87_000)}x`)).toContain('x')
  })
})

describe('the notice', () => {
  it('says the mark of the policy once', () => {
    expect(render({ name: 'notice', params: notice(true) })).not.toContain('TLP:TLP:')
  })
  it('is inside the preview exactly as members read it', () => {
    const specimen = render({ name: 'notice', params: notice(true) }).trim()
    const preview = render({
      name: 'preview',
      params: { by: 'G', notice: notice(true), files: [], facts: [], code: 'abc', ref: 'r' }
    })
    expect(preview).toContain(specimen)
  })
})
