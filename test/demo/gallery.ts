/**
 * `npm run gallery [FOLDER]`: writes every message that the desk sends, as text files and as one page of HTML that needs nothing
 * else, so that all of them can be read aloud. What a policy decides is shown for each of the presets.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readPolicy } from '../../src/config/policy-file.ts'
import { builtInTexts } from '../../src/config/texts.ts'
import { type Message, type VisibleEncryption } from '../../src/domain/message.ts'
import { type Instant } from '../../src/domain/time.ts'
import { MESSAGES } from '../../src/messages/catalogue.ts'
import { createRender, SAMPLE, SAMPLE_DESK } from '../../src/messages/render.ts'
import { acknowledgement } from '../../src/messages/to-reporters.ts'
import { acknowledgementParams } from '../../src/policy/acknowledgement.ts'

/** One message as its recipient sees it. */
type Exhibit = { readonly title: string; readonly message: Message; readonly inClear: boolean }

const SRC = join(dirname(fileURLToPath(import.meta.url)), '../../src')
const RECEIVED = '2026-11-27T09:00:00.000Z' as Instant
const SEALED_TO: readonly VisibleEncryption[] = ['nobody', 'desk', 'other', 'hidden', 'unknown']

async function exhibits(): Promise<Exhibit[]> {
  const samples = MESSAGES.flatMap(({ kind, samples, inClear }) =>
    Object.entries(samples).flatMap(([title, message]) =>
      (inClear === 'own-words' ? [false, true] : [inClear === 'content-free']).map((clear) => ({
        title: `${kind}: ${title}${clear ? ' (in clear)' : ''}`,
        message,
        inClear: clear
      }))
    )
  )
  return [...samples, ...(await acknowledgements())]
}

/** What each preset promises, for every way in which a first message can come. */
async function acknowledgements(): Promise<Exhibit[]> {
  const folder = join(SRC, 'policies')
  const presets = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  const found: Exhibit[] = []
  for (const preset of presets.map((name) => name.slice(0, -'.yaml'.length))) {
    const read = await readPolicy(preset, folder, folder)
    if (read.kind !== 'policy') throw new Error(`${preset} is no policy`)
    const timezone = read.calendar.timezone ?? 'Europe/Berlin'
    const product = { policy: read.policy, calendar: { ...read.calendar, timezone, holidays: [] } }
    for (const sealedTo of SEALED_TO) {
      const opened = { sealedTo, sealedToKeyIds: sealedTo === 'other' ? ['0123456789ABCDEF'] : [] }
      const message = acknowledgement(acknowledgementParams(product, opened, RECEIVED, timezone))
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

const render = createRender(builtInTexts(), SAMPLE_DESK)

function shown({ message, inClear }: Exhibit): string {
  const subject = `Subject: [${SAMPLE.tag}] ${message.subject}`
  return `${subject}\n\n${render(message, { ...SAMPLE, inClear })}`
}

function page(all: readonly (readonly [title: string, text: string])[]): string {
  const safe = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
  const links = all.map(([title], at) => `<li><a href="#m${at}">${safe(title)}</a></li>`)
  const texts = all.map(
    ([title, text], at) => `<h2 id="m${at}">${safe(title)}</h2>\n<pre>${safe(text)}</pre>`
  )
  return `<!doctype html>
<meta charset="utf-8">
<title>Every message of Postern</title>
<style>body{font:16px sans-serif;max-width:52em;margin:2em auto}pre{background:#f4f4f0;padding:1em;overflow:auto}</style>
<h1>Every message of Postern</h1>
<ol>${links.join('\n')}</ol>
${texts.join('\n')}
`
}

const folder = process.argv[2] ?? 'gallery'
mkdirSync(folder, { recursive: true })
const all = (await exhibits()).map((exhibit) => [exhibit.title, shown(exhibit)] as const)
for (const [title, text] of all)
  writeFileSync(
    join(folder, `${title.replaceAll(/[^A-Za-z0-9]+/g, '-').replace(/-$/, '')}.txt`),
    text
  )
writeFileSync(join(folder, 'index.html'), page(all))
process.stdout.write(
  `${all.length} messages are in ${folder}/, all of them on one page in ${join(folder, 'index.html')}\n`
)
