/** One definition a message: one more is one entry, and its type says whether it may leave unencrypted (G3). */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { builtInTexts, readTexts } from '../../../src/config/texts.ts'
import { type SendClear } from '../../../src/domain/decision.ts'
import { type Message, type Wording } from '../../../src/domain/message.ts'
import { MESSAGES } from '../../../src/messages/catalogue.ts'
import { family } from '../../../src/messages/define.ts'
import { createRender, SAMPLE_DESK, wordingProblems } from '../../../src/messages/render.ts'
import { DATE_MAIL } from '../../../src/policy/date-talk.ts'
import { inClearTo, sealedTo } from '../../../src/policy/send.ts'
import { samplesOf } from '../../demo/exhibits.ts'
import { useFolder } from '../../support/folder.ts'
import { expectInReadme, messagesTable } from '../../support/readme.ts'
import { SETTINGS, TAG } from '../policy/samples.ts'

const reminder = family('maintainer', 'never', 'auto-generated')<{ readonly days: number }>()(
  'reminder',
  'reminder',
  ({ days }) => `${days} days left`
)
const wording = {
  file: 'reminder.liquid',
  source: '{{ days }} days are left for case {{ tag }}.',
  builtIn: '{{ days }} days are left for case {{ tag }}.',
  samples: { 'a week': { days: 7 } }
}

const folder = useFolder()
const SENDING = { once: '1', tag: TAG }

describe('one more message (A4)', () => {
  const all = [...MESSAGES, reminder]
  const texts = new Map([...builtInTexts(), ['reminder', wording] as const])

  it('is sent by the one builder, which fills in all else', () => {
    const decision = sealedTo(SETTINGS.maintainers, reminder({ days: 3 }), SENDING)
    expect(decision).toMatchObject({
      once: 'reminder:1',
      tag: TAG,
      message: { subject: '3 days left', autoSubmitted: 'auto-generated' }
    })
    expect(decision.recipients).toHaveLength(SETTINGS.maintainers.length)
    const render = createRender(texts, SETTINGS.desk, all)
    expect(render(decision.message, { tag: TAG, inClear: false })).toBe(
      `3 days are left for case ${TAG}.\n`
    )
  })

  it('takes the wording of the operator’s own folder', () => {
    writeFileSync(join(folder.path, 'reminder.liquid'), 'Only {{ days }} days for {{ tag }}!')
    const render = createRender(readTexts(folder.path, texts), SETTINGS.desk, all)
    expect(render(reminder({ days: 3 }), { tag: TAG, inClear: false })).toBe(
      `Only 3 days for ${TAG}!\n`
    )
  })

  it('is shown in the gallery and documented in README, with its variables', () => {
    expect(samplesOf(all, texts)).toContainEqual(['reminder: a week', reminder({ days: 7 })])
    expect(messagesTable(all, texts)).toContain(
      '\n| `reminder.liquid` | reminder, to a maintainer | `days` |\n'
    )
  })

  it('has its wording checked with all the others', () => {
    expect(wordingProblems(texts, all)).toEqual([])
    const wrong = new Map([
      ...texts,
      ['reminder', { ...wording, source: '\n{{ hours }}' }] as const
    ])
    expect(wordingProblems(wrong, all)).toEqual([
      expect.stringContaining(
        'reminder.liquid: line 2: the message reminder has no variable "hours"'
      )
    ])
    expect(() => createRender(builtInTexts(), SAMPLE_DESK, all)).toThrow('reminder.liquid')
  })
})

it('the database counts every message in a maintainer’s own words as an answer, and none about a date (A4, B10)', () => {
  const schema = readFileSync(
    new URL('../../../migrations/0001-schema.sql', import.meta.url),
    'utf8'
  )
  const listed = /audience = 'reporter'\s+AND kind IN \(([^)]*)\)/.exec(schema)?.[1] ?? ''
  const words = MESSAGES.filter((one) => one.inClear === 'own-words').map(({ kind }) => kind)
  const answers = words.filter((kind) => !DATE_MAIL.includes(kind))
  expect(listed.split(', ').sort()).toEqual(answers.map((kind) => `'${kind}'`).sort())
})

it('README lists the messages and their variables as they are defined (A4)', () => {
  expectInReadme(messagesTable(MESSAGES, builtInTexts()))
})

describe('what may leave unencrypted (G3)', () => {
  it('is decided by the type of the definition', () => {
    expectTypeOf<Message<'never'>>().not.toExtend<SendClear['message']>()
    expectTypeOf<Message<'content-free'>>().toExtend<SendClear['message']>()
    // @ts-expect-error a message that must be encrypted is not sent in clear
    inClearTo({ id: '', name: '', address: SETTINGS.desk.address }, reminder({ days: 3 }), SENDING)
  })

  it('is made by definitions alone', () => {
    const { kind, audience, autoSubmitted, subject, params } = reminder({ days: 1 })
    // @ts-expect-error an object that was put together by hand is no message
    const forged: Message = { kind, audience, autoSubmitted, subject, params, inClear: 'never' }
    expect(forged.kind).toBe('reminder')
  })
})

describe('an operator’s own wording', () => {
  const withOwn = (source: string, kinds = 'note') => {
    const texts = new Map(builtInTexts())
    for (const kind of kinds.split(' '))
      texts.set(kind, { ...texts.get(kind), file: `texts/${kind}.liquid`, source } as Wording)
    return wordingProblems(texts)
  }

  it.each([
    ['Liquid that does not parse', 'Hello\n{% if %}', /^texts\/note\.liquid: line 2: /],
    ['a filter that does not exist', '{{ text | shout }}', /^texts\/note\.liquid: line 1: .*shout/],
    [
      'a variable that the message does not have',
      'a\nb {{ nope }}',
      /^texts\/note\.liquid: line 2: .*"nope"/
    ],
    [
      'one behind a condition that no sample meets',
      '{% if tag == "x" %}{{ nope }}{% endif %}',
      /"nope"/
    ],
    [
      'a part that does not exist',
      '{% for f in facts %}\n{{ f.nope }}{% endfor %}',
      /line 2: .*nope/
    ],
    ['a file to include', '{% include "/etc/passwd" %}', /^texts\/note\.liquid: /]
  ])('is refused with file and line for %s', (_, source, complaint) => {
    expect(withOwn(source).join('\n')).toMatch(complaint)
  })

  it('is refused for what a block does not have, also where no sample comes (B11)', () => {
    const source = '{% if policy.title == "x" %}{{ policy.titel }}{% endif %}'
    expect(withOwn(source, 'acknowledgement')).toEqual([
      expect.stringMatching(/line 1: .* has no variable "policy\.titel"; it has answer_includes, /u)
    ])
  })

  it.each([
    ['reply', '', 'text'],
    ['rejected', '{{ text }}', 'decision'],
    ['date-proposed', 'A date is set.', 'date'],
    ['preview', '{{ specimen }}', 'code']
  ])('is refused when it leaves out what the message is for: %s (A4)', (kind, source, lost) => {
    expect(withOwn(source, kind)).toEqual([
      expect.stringContaining(`texts/${kind}.liquid: it leaves out "${lost}"`)
    ])
  })

  it('hides no mistake in another one, whatever is wrong with it (A4)', () => {
    expect(withOwn('{{ text }}', 'acknowledgement note reply rejected').sort()).toEqual([
      expect.stringMatching(/acknowledgement\.liquid: line 1: .* no variable "text"/),
      expect.stringContaining('note.liquid: it leaves out "reach"'),
      expect.stringContaining('rejected.liquid: it leaves out "decision"')
    ])
  })

  it('is taken when it uses what the message has, and says what it is for', () => {
    const source = '{{ author }} of {{ desk }}: {{ text | guard }}\n{{ tag }} {{ reach }}'
    expect(withOwn(source)).toEqual([])
  })
})
