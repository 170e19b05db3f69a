/** Where the processor time of the daemon goes, from V8's own profiles: by library and by folder of Postern. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const SHOWN = 16

/** A text of the busiest places for every thread that left a profile in `folder`. */
export function profileReport(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
  return files.map((name) => threadReport(join(folder, name), name)).join('\n')
}

function threadReport(file: string, name: string): string {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byPlace = new Map<string, number>()
  const byFunction = new Map<string, number>()
  let busy = 0
  for (const [index, id] of profile.samples.entries()) {
    const frame = frames.get(id)
    const ms = (profile.timeDeltas[index] ?? 0) / 1000
    if (frame === undefined || frame.functionName === '(idle)') continue
    busy += ms
    const place = placeOf(frame.url, frame.functionName)
    byPlace.set(place, (byPlace.get(place) ?? 0) + ms)
    const called = `${frame.functionName || '(anonymous)'} [${place}]`
    byFunction.set(called, (byFunction.get(called) ?? 0) + ms)
  }
  const lines = (counts: ReadonlyMap<string, number>): string[] =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .slice(0, SHOWN)
      .map(([what, ms]) => `  ${((100 * ms) / busy).toFixed(1).padStart(5)} %  ${what}`)
  return [
    `${name}: busy ${Math.round(busy)} ms`,
    ...lines(byPlace),
    ' --',
    ...lines(byFunction),
    ''
  ].join('\n')
}

function placeOf(url: string, functionName: string): string {
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (library !== undefined) return library
  const own = /\/dist\/([^/]+\/[^/]+|[^/]+)$/.exec(url)?.[1]
  if (own !== undefined) return `postern ${own}`
  if (url.startsWith('node:')) return url
  return functionName.startsWith('(') ? functionName : 'native'
}
