/**
 * `npm run build` after the compiler: copies into dist/ what is no TypeScript. The program's own tables are written as JSON,
 * which is YAML, too, and is read in a tenth of the time at every start. Policies stay as they are, because people read them.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parse } from 'yaml'

for (const folder of ['cli', 'config', 'messages', 'policies'])
  cpSync(`src/${folder}`, `dist/${folder}`, {
    recursive: true,
    filter: (file) => !file.endsWith('.ts')
  })
const tables = ['config', 'messages', 'policies/lines'].flatMap((folder) =>
  readdirSync(`dist/${folder}`).map((name) => `dist/${folder}/${name}`)
)
for (const file of [...tables, 'dist/policies/shared/built-in-clocks.yaml']) {
  if (!file.endsWith('.yaml')) continue
  const table = parse(readFileSync(file, 'utf8'), { merge: true, maxAliasCount: -1 })
  writeFileSync(file, JSON.stringify(table))
}
