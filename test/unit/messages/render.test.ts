/** Every wording: renders its samples, keeps its lines short, and keeps foreign text from posing as ours. */
import { describe, expect, it } from 'vitest'
import { builtInTexts } from '../../../src/config/texts.ts'
import { DESK_RULE, type Message } from '../../../src/domain/message.ts'
import { createRender, SAMPLE, SAMPLE_DESK } from '../../../src/messages/render.ts'
import { preview, relay } from '../../../src/messages/to-maintainers.ts'
import { acknowledgement, reply } from '../../../src/messages/to-reporters.ts'
import { acknowledgementParams } from '../../../src/policy/acknowledgement.ts'
import { SAMPLES } from '../../demo/exhibits.ts'
import { at, PRODUCT } from '../policy/samples.ts'

type RelayParams = Parameters<typeof relay>[0]
type AcknowledgementParams = Parameters<typeof acknowledgement>[0]

const TEXTS = builtInTexts()
const renderWith = createRender(TEXTS, SAMPLE_DESK)
const render = (message: Message): string => renderWith(message, SAMPLE)
const sample = (title: string): Message => SAMPLES.find(([name]) => name === title)?.[1] as Message

describe('every message', () => {
  it.each(SAMPLES)('%s renders, with short lines and one line end', (_title, message) => {
    for (const inClear of [true, false]) {
      const text = renderWith(message, { ...SAMPLE, inClear })
      expect(text).toMatch(/\S\n$/)
      expect(text).not.toMatch(/[ \t]\n|\n{3}|undefined|\[object|\{\{/)
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(78)
    }
  })

  it('has a subject of neutral words that repeats no parameter of a report or notice (B5)', () => {
    for (const [, { kind, subject, params }] of SAMPLES) {
      if (kind === 'alert' || kind === 'hint') continue
      const texts = Object.values(params).filter(
        (value) => typeof value === 'string' && value !== ''
      )
      for (const text of texts) expect(subject).not.toContain(text)
    }
  })

  it('says that it is not encrypted where it could be, whatever its wording says (G3)', () => {
    const wording = { file: 'reply.liquid', source: '{{ text }}{{ author }}' }
    const own = new Map([...TEXTS, ['reply', { ...wording, builtIn: '', samples: {} }]])
    const message = reply({ author: 'Grace', text: 'Thank you.' })
    const said = (inClear: boolean) =>
      createRender(own, SAMPLE_DESK)(message, { ...SAMPLE, inClear })
    expect(said(true)).toMatch(
      /^\[This message is not encrypted, because we have no key of yours\.\]\n\n/
    )
    expect(said(false)).toBe('Thank you.Grace\n')
  })

  it('shows no field of a notice as a quotation: neither in it nor in its preview', () => {
    const [first, shown] = [sample('notice: a first notice'), sample('preview: a preview')]
    const fields = [{ label: 'Affected versions', text: '>= 4.0\n>= 5' }]
    const specimen = { ...first, params: { ...first.params, fields } }
    for (const message of [specimen, { ...shown, params: { ...shown.params, specimen } }])
      expect(render(message)).toContain('AFFECTED VERSIONS\n\n >= 4.0\n >= 5\n')
  })

  it('has a wording at start, or the desk does not start', () => {
    expect(() => createRender(new Map(), SAMPLE_DESK)).toThrow('acknowledgement.liquid is missing')
  })
})

describe('foreign text', () => {
  function relayed(change: Partial<RelayParams>): string {
    const params = sample('relay: a report').params as RelayParams
    return render(relay({ ...params, outsideText: '', sealed: [], ...change }))
  }

  it.each([
    'Ref: ACME-2026-0099 s@x',
    '> ref: x',
    'case: ACME-2026-0099',
    DESK_RULE,
    `a ${DESK_RULE}`
  ])('cannot pose as a line of the desk: %j', (line) => {
    expect(relayed({ text: `above\n${line}\nbelow` })).toContain(`\n| ${line}\n`)
  })

  it('cannot pose as the rule of the desk among the facts, the warnings or the names of files (G6)', () => {
    for (const length of [0, 20, 41, 42, 60, 80]) {
      const name = `${'x'.repeat(length)} ${DESK_RULE} ${'y'.repeat(length)}`
      const facts = [{ label: 'From', value: name }]
      const shown = relayed({ facts, warnings: [name], files: [name] })
      const rules = shown.split('\n').filter((line) => line.trim() === DESK_RULE)
      expect(rules).toHaveLength(3)
    }
  })

  it('keeps template code as text', () => {
    expect(relayed({ text: '{{ ref }} {% if %}' })).toContain('{{ ref }} {% if %}')
  })

  it('of 256 KiB of blanks is rendered at once (G9)', () => {
    expect(relayed({ text: `${' '.repeat(262_144)}x` })).toContain('x')
    expect(relayed({ text: `${'\t \n'.repeat(87_000)}x` })).toContain('x')
  })
})

describe('the notice', () => {
  it('says the mark of the policy once', () => {
    expect(render(sample('notice: a first notice'))).not.toContain('TLP:TLP:')
  })
  it('is inside the preview exactly as members read it', () => {
    const specimen = sample('notice: a first notice')
    const params = sample('preview: a preview').params as Parameters<typeof preview>[0]
    expect(render(preview({ ...params, specimen }))).toContain(render(specimen).trim())
  })
})

describe('the acknowledgement says what to expect of our answer (B10)', () => {
  const words = (sealedTo: 'nobody' | 'desk', isClearAllowed: boolean, yourKey = ''): string => {
    const params = sample('acknowledgement: came in clear').params as AcknowledgementParams
    const message = acknowledgement({ ...params, sealedTo, isClearAllowed, yourKey })
    return renderWith(message, { ...SAMPLE, inClear: yourKey === '' }).replaceAll(/\s+/g, ' ')
  }

  it('to a reporter who began unencrypted and gave no key: it will come unencrypted unless they send one', () => {
    expect(words('nobody', true)).toContain(
      'Our answer will come unencrypted unless you send us your OpenPGP public key.'
    )
    expect(words('nobody', false)).toContain('Please send us one by replying')
  })

  it('to a reporter whose report we read too late: it promises no time that has passed (B6)', () => {
    const opened = { sealedTo: 'nobody', sealedToKeyIds: [] } as const
    const receivedAt = at('2026-11-23T12:00:00Z')
    const params = (now: string): AcknowledgementParams =>
      acknowledgementParams([PRODUCT], opened, { receivedAt, now: at(now) }, 'UTC')
    expect(params('2026-11-24T12:00:00Z').isLate).toBe(false)
    const message = acknowledgement(params('2026-12-24T12:00:00Z'))
    const text = renderWith(message, { ...SAMPLE, inClear: true }).replaceAll(/\s+/g, ' ')
    expect(text).toContain('you should have had a reply. A member of our team will reply as soon')
    expect(text).not.toContain('will reply by')
    expect(text).not.toContain('by then')
  })

  it('to a reporter who began encrypted without giving a key: it asks for the key', () => {
    expect(words('desk', true)).toContain('We found no usable OpenPGP public key of yours in it.')
    expect(words('desk', true, 'ABCD 1234')).toContain(
      'will be encrypted, as this message is. It is for your key with this fingerprint: ABCD 1234 To add'
    )
  })
})
