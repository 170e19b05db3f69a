/**
 * Reads the wordings of messages: the Liquid files beside the program, by name, with their samples. Must never check what they
 * say: `messages/` does.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '../domain/assert.ts'
import { type EventKind } from '../domain/event.ts'
import { type Wording } from '../domain/message.ts'
import { readBuiltIn } from './built-in.ts'
import { BUILT_IN_CLOCKS } from './clock-schema.ts'
import { refusedConfig } from './problems.ts'
import { refuseChangeable } from './writable.ts'

const EXTENSION = '.liquid'
const FOLDER = fileURLToPath(new URL('../messages/', import.meta.url))

/**
 * The built-in wordings by name, each replaced by the one of the same name in the operator's folder, read at once so that the
 * whole program sees the same. Throws `Trouble` `config` when something is wrong with the folder.
 */
export function readTexts(own: string, builtIn = builtInTexts()): ReadonlyMap<string, Wording> {
  const wordings = new Map(builtIn)
  const known = [...wordings.keys()].sort().join(', ')
  const stray: string[] = []
  const sources = sourcesIn(own)
  refuseChangeable([own, ...sources.map(([, { file }]) => file)])
  for (const [name, source] of sources) {
    const replaced = wordings.get(name)
    if (replaced === undefined) stray.push(`${name}${EXTENSION}`)
    else wordings.set(name, { ...replaced, ...source })
  }
  if (stray.length === 0) return wordings
  throw refusedConfig(
    `there is no message for ${stray.join(', ')}: rename or remove it (the messages are ${known})`
  )
}

/** The wordings beside the program. Samples are read when they are asked for: only the operator's own wordings are judged. */
export function builtInTexts(): ReadonlyMap<string, Wording> {
  let samples: ReturnType<typeof readSamples> | undefined
  return new Map(
    sourcesIn(FOLDER).map(([name, read]) => [
      name,
      {
        ...read,
        builtIn: read.source,
        get samples() {
          samples ??= readSamples()
          return samples[name] ?? {}
        }
      }
    ])
  )
}

function readSamples(): Readonly<Record<string, Wording['samples']>> {
  const samples = readBuiltIn('messages/samples.yaml') as Record<string, Wording['samples']>
  return { ...samples, alert: withClocks(samples['alert'] ?? {}) }
}

/** Samples of alarms with the words of the built-in clocks that they are named after. */
function withClocks(samples: Wording['samples']): Wording['samples'] {
  const all = Object.entries(samples).map(([name, particulars]) => {
    const clock = BUILT_IN_CLOCKS.find(({ id }) => id === name.split(',')[0])
    assert(clock !== undefined, `no clock for the sample ${name}`)
    const { message: alarm, title, risk, remedy, quote } = clock
    return [name, { alarm, title, risk, remedy, quote, ...particulars }] as const
  })
  return Object.fromEntries(all)
}

/** The sentences of the history: a line about any event, and by its kind what happened. */
export function historySentences(): Readonly<Record<EventKind | 'line', string>> {
  return readBuiltIn('messages/history.yaml') as Record<EventKind | 'line', string>
}

function sourcesIn(folder: string): [name: string, Pick<Wording, 'file' | 'source'>][] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => {
        const file = join(folder, name)
        return [name.slice(0, -EXTENSION.length), { file, source: readFileSync(file, 'utf8') }]
      })
  } catch {
    throw refusedConfig(
      `the folder ${folder} cannot be read: check that it exists and its permissions`
    )
  }
}
