/**
 * `npm run gallery [FOLDER]`: writes every message that the desk sends, as text files and as one page of HTML that needs nothing
 * else, so that all of them can be read aloud.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exhibits, shown } from './exhibits.ts'

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
