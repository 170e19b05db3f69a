/**
 * Every message that the desk sends, as its recipient sees it; what a policy decides is shown for each of the presets.
 */
import { BUILT_IN_CLOCKS } from '../../src/config/clock-schema.ts'
import { listPresets, readPolicy } from '../../src/config/policy-file.ts'
import { builtInTexts } from '../../src/config/texts.ts'
import { type Clock } from '../../src/domain/clock.ts'
import { groupBy } from '../../src/domain/group.ts'
import { type Message, type VisibleEncryption } from '../../src/domain/message.ts'
import { type Instant } from '../../src/domain/time.ts'
import { MESSAGES } from '../../src/messages/catalogue.ts'
import { type AnyDefinition } from '../../src/messages/define.ts'
import { createRender, SAMPLE, SAMPLE_DESK } from '../../src/messages/render.ts'
import { alert } from '../../src/messages/to-maintainers.ts'
import { acknowledgement } from '../../src/messages/to-reporters.ts'
import { acknowledgementParams } from '../../src/policy/acknowledgement.ts'
import { remedyOf } from '../../src/policy/clocks.ts'
import { answers } from './answers.ts'

/** One message as its recipient sees it. */
export type Exhibit = {
  readonly title: string
  readonly message: Message
  readonly inClear: boolean
  /** Whether it is about no case although messages of its kind may be. */
  readonly isOfDesk?: boolean
}

const RECEIVED = '2026-11-27T09:00:00.000Z' as Instant
const SEALED_TO: readonly VisibleEncryption[] = ['nobody', 'desk', 'other', 'hidden', 'unknown']

type Samples = readonly (readonly [title: string, message: Message])[]

/** The sample messages of these definitions, by kind and title. */
export function samplesOf(messages: readonly AnyDefinition[], texts = builtInTexts()): Samples {
  return messages.flatMap((definition) =>
    Object.entries(texts.get(definition.kind)?.samples ?? {}).map(
      ([title, params]) => [`${definition.kind}: ${title}`, definition(params as never)] as const
    )
  )
}

export const SAMPLES = samplesOf(MESSAGES)

/** All of them. */
export async function exhibits(): Promise<Exhibit[]> {
  const samples = SAMPLES.flatMap(([title, message]) => {
    const { inClear, kind } = message
    // Shown clock by clock.
    if (kind === 'alert') return []
    const ways = inClear === 'own-words' ? [false, true] : [inClear === 'content-free']
    return ways.map((clear) => ({
      title: `${title}${clear ? ' (in clear)' : ''}`,
      message,
      inClear: clear
    }))
  })
  const ofCommands = oncePerWording(answers(await presets()))
  return [...samples, ...(await acknowledgements()), ...(await alarms()), ...ofCommands]
}

/** What several presets say in the same words is shown once, under all their names. */
function oncePerWording(all: readonly Exhibit[]): Exhibit[] {
  const alike = groupBy(all, (one) => `${one.title.replace(OF_PRESET, '')}\n${shown(one)}`)
  return [...alike.values()].map((same) => {
    const names = same.flatMap(({ title }) => OF_PRESET.exec(title)?.[1] ?? [])
    return { ...same[0], title: same[0].title.replace(OF_PRESET, `policy ${names.join(', ')}: `) }
  })
}

const OF_PRESET = /^policy ([^:]+): /

/** What each preset promises, for every way in which a first message can come. */
async function acknowledgements(): Promise<Exhibit[]> {
  const found: Exhibit[] = []
  for (const { preset, policy, calendar } of await presets()) {
    const timezone = calendar.zone ?? 'Europe/Berlin'
    const { weekend } = calendar
    const product = { policy, calendar: { weekend, timezone, holidays: [] } }
    for (const sealedTo of SEALED_TO) {
      const opened = { sealedTo, sealedToKeyIds: sealedTo === 'other' ? ['0123456789ABCDEF'] : [] }
      const message = acknowledgement(
        acknowledgementParams([product], opened, { receivedAt: RECEIVED, now: RECEIVED }, timezone)
      )
      const ways = sealedTo === 'desk' ? [true, false] : [true]
      for (const inClear of ways)
        found.push({
          title: `policy ${preset}: acknowledgement, ${sealedTo}${inClear ? ' (in clear)' : ''}`,
          message,
          inClear
        })
    }
  }
  return found
}

/** Every alarm: each clock with its own words, once; a preset is named where it alone has these words. */
async function alarms(): Promise<Exhibit[]> {
  const said = new Map<string, Exhibit>()
  const samples = Object.entries(builtInTexts().get('alert')?.samples ?? {})
  const told = (clocks: readonly Clock[], whose: string): void => {
    for (const clock of clocks.filter(({ message }) => !COMPOSED.includes(message))) {
      const { id, message: alarm, title, risk, quote } = clock
      const own = samples.filter(([name]) => name.split(',')[0] === id)
      const [like] = samples.filter(([, one]) => 'alarm' in one && one.alarm === alarm)
      const isOver = clock.steps.every(({ at }) => 'after' in at)
      const variants = own.length > 0 ? own : [[id, { ...like?.[1], isOver }] as const]
      for (const [name, particulars] of variants)
        for (const isOfDesk of waysOf(clock)) {
          const none = isOfDesk ? { owner: '', disclosure: '' } : {}
          const remedy = remedyOf(clock, name.includes('undecided') ? 'triaging' : 'accepted')
          const words = { ...particulars, alarm, title, risk, remedy, quote, ...none }
          const key = JSON.stringify([name.replace(id, ''), words])
          const about = isOfDesk && clock.subjects.includes('case') ? ', about no case' : ''
          if (!said.has(key))
            said.set(key, {
              title: `alert: clock ${name}${about}${whose}`,
              message: alert(words as Parameters<typeof alert>[0]),
              inClear: false,
              isOfDesk
            })
        }
    }
  }
  told(BUILT_IN_CLOCKS, '')
  for (const { preset, policy } of await presets()) told(policy.clocks, `, policy ${preset}`)
  return [...said.values()]
}

/** Clocks that send a message of another kind. */
export const COMPOSED = ['own-key', 'report-list', 'digest']

/** Whether a clock rings for what is no case, for a case, or for both. */
function waysOf({ subjects }: Clock): boolean[] {
  const others = subjects.filter((one) => one !== 'case')
  return [...(subjects.includes('case') ? [false] : []), ...(others.length > 0 ? [true] : [])]
}

function presets() {
  return Promise.all(
    listPresets().map(async (preset) => ({ ...(await readPolicy(preset, '.')), preset }))
  )
}

const render = createRender(builtInTexts(), SAMPLE_DESK)

/** Messages that are about no case. */
const WITHOUT_CASE = ['digest', 'refusal', 'key-problem', 'key-expires']

/** Subject and text. */
export function shown({ message, inClear, isOfDesk = false }: Exhibit): string {
  const tag = isOfDesk || WITHOUT_CASE.includes(message.kind) ? null : SAMPLE.tag
  const subject = `Subject: ${tag === null ? '' : `[${tag}] `}${message.subject}`
  return `${subject}\n\n${render(message, { ...SAMPLE, tag, inClear })}`
}
