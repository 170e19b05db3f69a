/**
 * The house rules that no compiler checks: what README, src/README.md and the settings of the tools say is what is there.
 * Every failure names the line to add, to change or to take away.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { runProgram } from '../src/cli/program.ts'
import { loadConfig } from '../src/config/load.ts'
import { listPresets, readPolicy } from '../src/config/policy-file.ts'
import { configIn } from '../src/config/schema.ts'
import { builtInTexts } from '../src/config/texts.ts'
import { wordingProblems } from '../src/messages/render.ts'
import { parseCommands } from '../src/policy/commands.ts'
import { VERBS } from '../src/policy/verbs/index.ts'
import { tempFolder } from './support/temp.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COLUMNS_MAX = 130
const SENTENCE_OR_PATTERN = /['`"].*['`"]|\/[^/*].+\/[gimsu]*/
const NOT_OURS = [
  '.cache',
  'node_modules',
  'dist',
  '.git',
  'coverage',
  'demo-mail',
  'bench-results',
  'gallery'
]

function read(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8')
}

/** Files below `folder`, as paths from the repository's root. */
function filesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.includes(entry.name)) return []
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`
    return entry.isDirectory() ? filesOf(name) : [name]
  })
}

/** The part of a Markdown text under one heading, up to the next of the same or a higher level. */
function section(markdown: string, heading: string): string {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) => line.replace(/^#+ /, '') === heading)
  if (start < 0) throw new Error(`there is no heading "${heading}"`)
  const level = /^#+/.exec(lines[start] ?? '')?.[0].length ?? 1
  const length = lines
    .slice(start + 1)
    .findIndex((line) => new RegExp(`^#{1,${level}} `).test(line))
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n')
}

/** Cells of the table rows whose first cell is code: `| \`key\` | … |`. */
function rows(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|'))
    )
}

function uncoded(text: string): string {
  return text.replaceAll('`', '')
}

describe('src/README.md', () => {
  const page = read('src/README.md')

  const require = createRequire(import.meta.url)
  const { forbidden } = require(join(ROOT, '.dependency-cruiser.cjs')) as {
    forbidden: {
      name: string
      from: { pathNot?: string }
      to: { path?: string; pathNot?: string }
    }[]
  }

  it('has the import table that dependency-cruiser enforces', () => {
    const enforced = forbidden
      .filter(({ name }) => name.startsWith('layer-'))
      .map(({ name, to }) => {
        const layer = name.slice('layer-'.length)
        const allowed = /^\^src\/\((.*)\)\[/.exec(to.pathNot ?? '')?.[1]?.split('|') ?? []
        return `${layer}: ${allowed.filter((other) => other !== layer).join(', ')}`
      })
    const written = rows(section(page, 'Who may import whom')).map(
      ([layer = '', allowed = '']) => `${uncoded(layer)}: ${allowed === 'nothing' ? '' : allowed}`
    )

    expect(written).toEqual(enforced)
  })

  it('names the one home of every package that dependency-cruiser enforces', () => {
    const packages = forbidden
      .filter(({ to }) => to.path?.startsWith('node_modules/'))
      .map(({ from, to }) => [
        to.path?.slice('node_modules/'.length),
        (from.pathNot ?? '')
          .replace('^src/(cli/|main\\.ts$)', '^src/cli/')
          .replaceAll(/\^src\/|\\|\$/g, '')
          .replaceAll('|', ', ')
      ])
    const written = rows(section(page, 'Homes of packages')).map(([name = '', home = '']) => [
      uncoded(name),
      uncoded(home)
    ])

    expect(written).toEqual(packages)
  })
})

describe('README.md', () => {
  const page = read('README.md')
  const folder = tempFolder()
  afterAll(() => folder.remove())
  const config = configIn({ baseDir: folder.path, env: { NAME: 'x' } })
  const sections = config.shape
  const schema = z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' })

  it('shows a configuration that is accepted as it stands, and every line that is commented out, too', async () => {
    const example = read('postern.example.yaml')
    for (const text of [
      /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '',
      example,
      example.replaceAll(/^( *)# ( *[a-z_]+:( |$))/gm, '$1$2')
    ]) {
      const folder = tempFolder()
      try {
        for (const { key } of parse(text).maintainers as { key: string }[]) {
          mkdirSync(join(folder.path, 'keys/maintainers'), { recursive: true })
          writeFileSync(join(folder.path, key), 'a public key')
        }
        mkdirSync(join(folder.path, 'secrets'))
        writeFileSync(join(folder.path, 'keys/desk.asc'), 'the desk key')
        writeFileSync(join(folder.path, 'keys/mail-ca.pem'), 'a certificate')
        for (const name of ['passphrase', 'imap_password', 'smtp_password'])
          writeFileSync(join(folder.path, 'secrets', name), 'a secret\n')
        writeFileSync(join(folder.path, 'postern.yaml'), text)
        const loaded = await loadConfig(join(folder.path, 'postern.yaml'), {})

        expect(loaded.desk.address).toBe('security@acme.example')
      } finally {
        folder.remove()
      }
    }
  })

  type Property = {
    readonly properties?: Record<string, Property>
    readonly items?: Property
    readonly required?: string[]
  }
  type Key = { readonly name: string; readonly required: boolean }

  function keysOf(property: Property, prefix: string): Key[] {
    return Object.entries(property.properties ?? {}).flatMap(([key, value]) => {
      const name = `${prefix}${key}`
      if (value.properties !== undefined) return keysOf(value, `${name}.`)
      if (value.items?.properties !== undefined) return keysOf(value.items, `${name}[].`)
      return [{ name, required: property.required?.includes(key) ?? false }]
    })
  }

  const table = rows(section(page, 'Every key')).map(([key = '', standard = '', says = '']) => ({
    key: uncoded(key),
    standard,
    says
  }))

  it('has a row for every key of the configuration, in order, and for no other', () => {
    const keys = keysOf(schema as Property, '').map(({ name }) => name)

    expect(table.map(({ key }) => key)).toEqual(keys)
    expect(table.filter(({ says }) => says === '')).toEqual([])
  })

  it('says of every key whether it is required, and its true default', async () => {
    mkdirSync(join(folder.path, 'keys'))
    writeFileSync(join(folder.path, 'keys/desk.asc'), 'the desk key')
    writeFileSync(join(folder.path, 'grace.asc'), 'a public key')
    const required = new Map(keysOf(schema as Property, '').map((key) => [key.name, key.required]))
    for (const { key, standard } of table) {
      if (required.get(key) === true) {
        expect([key, standard]).toEqual([key, 'required'])
        continue
      }
      expect([key, standard]).not.toEqual([key, 'required'])
      const written = /^`(.*)`$/.exec(standard)?.[1]
      const value: unknown = written === undefined ? undefined : parse(written)
      const { bare, given } = await decodedWith(key, value)
      expect([key, given], `the default of ${key}`).toEqual([key, bare])
      // Without a folder of one's own the built-in texts are read.
      if (written === undefined && key !== 'texts') expect([key, bare]).toEqual([key, undefined])
    }
  })

  /** The decoded value of `key` in a configuration without it, and in one that gives `value`. */
  async function decodedWith(
    key: string,
    value: unknown
  ): Promise<{ bare: unknown; given: unknown }> {
    const [name = '', leaf] = key.replace('[]', '').split('.')
    const schemaOf = (sections as Record<string, z.ZodType>)[name]
    if (schemaOf === undefined) throw new Error(`there is no section ${name}`)
    const isList = key.includes('[]')
    if (leaf === undefined) {
      const [bare, given] = [undefined, value].map((one) => schemaOf.parseAsync(one))
      return { bare: await bare, given: await given }
    }
    const decode = async (more: object): Promise<unknown> => {
      const whole = { ...LEAST[name], ...more }
      const decoded = (await schemaOf.parseAsync(isList ? [whole] : whole)) as Record<
        string,
        unknown
      >
      return (isList ? (decoded as unknown as Record<string, unknown>[])[0] : decoded)?.[leaf]
    }
    return {
      bare: await decode({}),
      given: await decode(value === undefined ? {} : { [leaf]: value })
    }
  }

  const secret = { env: 'NAME' }
  const LEAST: Readonly<Record<string, object>> = {
    desk: { name: 'ACME', address: 'a@acme.example', case_prefix: 'ACME', passphrase: secret },
    imap: { host: 'imap.acme.example', user: 'security', password: secret },
    smtp: { host: 'smtp.acme.example' },
    maintainers: { id: 'grace', name: 'Grace', address: 'g@acme.example', key: 'grace.asc' },
    products: { id: 'parser', name: 'Parser', policy: 'dispatch' }
  }

  it('lists the commands of the program with all their options, and no other', async () => {
    const written = rows(section(page, 'Commands')).map(([usage = '']) => uncoded(usage))
    const offered = await commandsOf([])

    expect(written.map((usage) => usage.replace(/ [A-Z-[].*$/, '')).sort()).toEqual(
      offered.map(({ name }) => `postern ${name}`).sort()
    )
    for (const { name, options } of offered) {
      const usage = written.find((text) => text.replace(/ [A-Z-[].*$/, '') === `postern ${name}`)
      const flags = [...(usage ?? '').matchAll(/--[a-z-]+/g)].map(([flag]) => flag)
      expect([name, ...flags.sort()]).toEqual([name, ...options])
    }
  })

  /** Every command below `words`, with the options that not all commands have. */
  async function commandsOf(
    words: readonly string[]
  ): Promise<{ name: string; options: string[] }[]> {
    let help = ''
    await runProgram([...words, '--help'], { out: (text) => (help += text), err: () => {} })
    const below = /^Commands:\n((?: +\S.*\n)+)/m.exec(help)?.[1]
    if (below === undefined) {
      const flags = [...help.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag = '']) => flag)
      const own = flags.filter((flag) => !['--config', '--json', '--help'].includes(flag))
      return [{ name: words.join(' '), options: own.sort() }]
    }
    const names = [...below.matchAll(/^ {2}([a-z]+)/gm)]
      .map(([, name = '']) => name)
      .filter((name) => name !== 'help')
    return (await Promise.all(names.map((name) => commandsOf([...words, name])))).flat()
  }

  it('shows mail commands that the desk understands as they stand', () => {
    const examples = section(page, 'By mail, for maintainers').matchAll(/^```\n([\s\S]*?)^```/gm)
    const parsed = [...examples].map(([, text = '']) => parseCommands(text, VERBS))

    expect(parsed.flatMap(({ problems }) => problems)).toEqual([])
    expect(parsed.flatMap(({ commands }) => commands.map(({ verb }) => verb))).toEqual([
      'take',
      'accept',
      'reply',
      'reject',
      'embargo',
      'notice draft',
      'notice preview',
      'notice approve'
    ])
    expect(parsed.map(({ rest }) => rest).join('')).toBe('')
  })

  it('names every clock of a case that rings until somebody acts', async () => {
    const policies = await Promise.all(listPresets().map((name) => readPolicy(name, ROOT)))
    const clocks = policies.flatMap(({ policy }) => policy.clocks)
    const lasting = clocks.filter(({ steps }) => steps.some(({ at }) => 'every' in at))
    const written = section(page, 'Reminders')
    const missing = lasting.filter(({ id }) => !written.includes(`(\`${id}\``))
    expect([...new Set(missing.map(({ id }) => id))]).toEqual([])
  })

  it('explains every guarantee, G1 to G10', () => {
    const named = rows(section(page, 'Guarantees')).map(
      ([name = '']) => uncoded(name).split(' ')[0]
    )

    expect(named).toEqual(Array.from({ length: 10 }, (_, index) => `G${index + 1}`))
  })

  it('links to files that exist only', () => {
    for (const name of ['README.md', 'src/README.md', 'keys/README.md']) {
      const folder = name.includes('/') ? name.slice(0, name.lastIndexOf('/') + 1) : ''
      const files = filesOf('')
      const links = [...read(name).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, to = '']) => to)
      const broken = links.filter((to) => {
        const path = join(folder, to).replace(/\/$/, '')
        return !files.some((file) => file === path || file.startsWith(`${path}/`))
      })
      expect([name, ...broken]).toEqual([name])
    }
  })
})

describe('the wordings of messages', () => {
  it('use nothing but what their message has', () => {
    // Only a wording that is the operator's is judged.
    const own = [...builtInTexts()].map(
      ([kind, text]) => [kind, { ...text, source: `${text.source}\n` }] as const
    )
    expect(own.length).toBeGreaterThan(20)
    expect(wordingProblems(new Map(own))).toEqual([])
  })
})

describe('the tree', () => {
  const source = filesOf('src').filter((name) => !name.endsWith('.md'))

  it('calls whom nothing proves to be known a stranger, and has no other word for it', () => {
    const texts = ['README.md', 'CHANGELOG.md', 'postern.example.yaml', ...filesOf('src')]
    const others = /new senders|senders (?:whom|that) we do not know|unknown senders/i
    expect(texts.filter((name) => others.test(read(name)))).toEqual([])
  })

  it('has no line over 130 columns except where a sentence or a pattern cannot be broken', () => {
    const wide = source
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) =>
        read(name)
          .split('\n')
          .flatMap((line, index) =>
            line.length > COLUMNS_MAX && !SENTENCE_OR_PATTERN.test(line)
              ? [`${name}:${index + 1}`]
              : []
          )
      )

    expect(wide).toEqual([])
  })

  it('opens every source and test file with a comment that says what it is for', () => {
    const mute = [...source, ...filesOf('test')]
      .filter(
        (name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.endsWith('.test.ts')
      )
      .filter((name) => !/^(?:#![^\n]*\n)?\/\*\*/.test(read(name)))

    expect(mute).toEqual([])
  })

  it('leaves no test focused', () => {
    const focus = new RegExp(`\\w\\.(?:${['on', 'ly'].join('')})\\b`)

    expect(
      filesOf('test').filter((name) => name.endsWith('.ts') && focus.test(read(name)))
    ).toEqual([])
  })

  it('(E22) the native module of the database is compiled from the locked source, here and in the image', () => {
    const module = realpathSync(join(ROOT, 'node_modules/better-sqlite3'))
    const download = join(module, '../prebuild-install/bin.js')
    const tried = spawnSync(process.execPath, [download, '--verbose'], { cwd: module })
    const steps = read('Dockerfile').split('\n')
    const [copied, installed] = ['COPY .*\\.prebuild-installrc', 'RUN npm ci'].map((step) =>
      steps.findIndex((line) => new RegExp(step).test(line))
    )

    expect(tried.status).toBe(1)
    expect(tried.stderr.toString()).toContain('not attempting download')
    expect(copied).toBeGreaterThan(0)
    expect(installed).toBeGreaterThan(copied ?? Infinity)
  })

  it('numbers the migrations without gaps', () => {
    const names = readdirSync(join(ROOT, 'migrations')).sort()

    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !/^\d{4}-[a-z0-9-]+\.sql$/.test(name))).toEqual([])
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(
      names.map((_, index) => index + 1)
    )
  })

  it('mentions no path of the machine it was written on and no package host', () => {
    const folders = ['wo' + 'rk', 'ho' + 'me', 'ro' + 'ot', 'Us' + 'ers'].join('|')
    const local = new RegExp(`(?<![\\w.~/*-])/(?:${folders})/[\\w.]`)
    const host = new RegExp(`${'regi' + 'stry'}\\.[a-z]+\\.[a-z]+`)
    const told = filesOf('')
      .filter((name) =>
        /\.(?:ts|cjs|js|json|md|ya?ml|sql|liquid|service)$|(?:^|\/)\.?[A-Za-z]+$/.test(name)
      )
      .flatMap((name) =>
        read(name)
          .split('\n')
          .flatMap((line, index) =>
            local.test(line) || host.test(line) ? [`${name}:${index + 1}`] : []
          )
      )

    expect(told).toEqual([])
  })
})
