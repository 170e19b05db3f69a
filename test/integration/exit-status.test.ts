/**
 * The exit status of every command for everything that can be wrong before its work: 2 for wrong usage, 1 for what cannot be
 * used, each with a line that says so and never a stack trace.
 */
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, it } from 'vitest'
import { type CliResult, runCli } from '../support/daemon.ts'
import { DESK_ADDRESS, IMAP_PASSWORD, PASSPHRASE } from '../support/desk-world.ts'
import { GRACE, givenOfflineDesk } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { run, tryRun } from '../support/programs.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf } from '../support/seeded.ts'

/** Complete commands; files are relative to the desk's folder. First those that need the database. */
const WITH_DATABASE = [
  ...['run', 'cases', 'show ACME-2026-0001', 'members list'],
  'members add --id alpha --name Alpha --key keys/maintainers/grace.asc --product parser',
  ...['members remove alpha', 'notice list', 'notice show ACME-2026-0001'],
  ...['notice hold ACME-2026-0001', 'outbox list', 'outbox retry 1', 'audit verify'],
  ...['received list', 'received show 1', 'received retry 1']
]
const WITH_CONFIG = [...WITH_DATABASE, 'check', 'open mail.eml', 'keys list']
const COMMANDS = [
  ...WITH_CONFIG,
  'keys generate --name A --address a@acme.example --passphrase-file passphrase --out made.asc'
]
const PROGRAM = new URL('../../dist/cli/program.js', import.meta.url).href
/** Many command lines in one process: starting Node takes longer than all of what is asked here. */
const BATCH = `
  import { runProgram } from ${JSON.stringify(PROGRAM)}
  const ends = []
  for (const args of JSON.parse(process.argv[2])) {
    let [stdout, stderr] = ['', '']
    const streams = { out: (text) => (stdout += text), err: (text) => (stderr += text) }
    const status = await runProgram(args, streams)
    ends.push({ status, stdout, stderr })
  }
  process.stdout.write(JSON.stringify(ends))`

describeWith(['gpg'], 'the exit status', async () => {
  const { desk } = await givenOfflineDesk({ grace: gpgPerson(GRACE) })
  writeFileSync(join(desk.folder, 'mail.eml'), 'From: a@b.example\r\n\r\nHello\r\n')
  writeFileSync(join(desk.folder, 'batch.mjs'), BATCH)
  databaseOf(desk).close()

  /** One command as a process of its own. */
  const postern = (...args: readonly string[]): Promise<CliResult> =>
    runCli(args, { cwd: desk.folder })

  type Situation = { readonly config?: string; readonly under?: readonly string[] }
  /** Runs all of these in one process, one after the other; returns those that did not end as they must. */
  async function wrong(
    commands: readonly string[],
    status: number,
    says: RegExp,
    { config = 'postern.yaml', under = [] }: Situation = {}
  ): Promise<readonly unknown[]> {
    const lines = commands.map((command) => [...command.split(' '), '--config', config])
    const node = [process.execPath, 'batch.mjs', JSON.stringify(lines)]
    const [program = '', ...args] = [...under, ...node]
    const { stdout } = await run(program, args, {
      cwd: desk.folder,
      env: { POSTERN_IMAP_PASSWORD: IMAP_PASSWORD }
    })
    const ends = JSON.parse(stdout.toString('utf8')) as readonly CliResult[]
    expect(ends).toHaveLength(commands.length)
    return ends.flatMap((end, index) => {
      const isRight = end.status === status && says.test(end.stderr)
      return isRight && !/^ {4}at |bug in/m.test(end.stderr)
        ? []
        : [{ command: commands[index], ...end }]
    })
  }
  const ONE_LINE = (words: string): RegExp => new RegExp(`^postern: [^\\n]*(?:${words})[^\\n]*\\n$`)

  /** The desk as it is, with another configuration beside its own; returns the file's name. */
  function configWith(name: string, changes: Readonly<Record<string, unknown>>): string {
    writeFileSync(join(desk.folder, name), JSON.stringify({ ...desk.config, ...changes }))
    return name
  }

  it('is 0 for help and version, which go to standard output', async () => {
    for (const args of [['--help'], ['--version'], ['notice', 'hold', '--help']]) {
      const result = await postern(...args)
      expect([args, result.status, result.stderr]).toEqual([args, 0, ''])
      expect(result.stdout).not.toBe('')
    }
  })

  it('(12) is 1 with a sentence also where nobody caught an error, and where nothing is left that the process waits for', async () => {
    const ways = {
      'throw.mjs':
        "setTimeout(() => { throw new Error('CONTENT') }, 1)\nawait new Promise((end) => setTimeout(end, 999))",
      'hang.mjs': 'await new Promise(() => undefined)'
    }
    const output = JSON.stringify(new URL('../../dist/cli/output.js', import.meta.url).href)
    for (const [file, body] of Object.entries(ways)) {
      const head = `import { endWithWords, processStreams } from ${output}\nendWithWords(processStreams)\n`
      writeFileSync(join(desk.folder, file), `${head}${body}\n`)
      const ended = await tryRun(process.execPath, [file], { cwd: desk.folder })
      expect(ended).toMatchObject({ status: 1 })
      const { stderr } = ended
      expect(stderr).toMatch(/postern: this is a bug in Postern/)
      expect(stderr).not.toContain('CONTENT')
    }
  })

  it('reaches the shell', async () => {
    const missing = ['--config', 'nothing.yaml']
    expect(await postern('nonsense')).toMatchObject({ status: 2, stdout: '' })
    expect(await postern('cases', '--nonsense')).toMatchObject({ status: 2, stdout: '' })
    expect(await postern('cases', ...missing)).toMatchObject({ status: 1, stdout: '' })
    expect(await postern('show', 'nonsense', ...missing)).toMatchObject({ status: 2, stdout: '' })
  })

  it('is 2 for a command that there is not, and for a group without its command', async () => {
    const names = ['nonsense', 'members nonsense', 'Cases', 'notice hold-all ACME-2026-0001']
    expect(await wrong(names, 2, /^error: unknown command/)).toEqual([])
    for (const group of [
      'members list',
      'notice list',
      'outbox list',
      'keys list',
      'audit verify',
      'policy check'
    ]) {
      const [name = ''] = group.split(' ')
      const usage = name === 'policy' ? '[options] <policy>' : '[options]'
      const says = `error: the command is not complete: after "postern ${name}" write one of its commands, for example "postern ${group} ${usage}".\n\nUsage: postern ${name} `
      // With --config, and without.
      expect(await wrong([name], 2, /^error: the command is not complete/)).toEqual([])
      const { status, stderr } = await postern(name)
      expect([status, stderr.slice(0, says.length)]).toEqual([2, says])
    }
    expect(await postern('--config', 'postern.yaml', 'cases')).toMatchObject({ status: 2 })
  })

  it('is 2 for an unknown option of any command, which does nothing then', async () => {
    const commands = COMMANDS.map((command) => `${command} --nonsense`)
    expect(await wrong(commands, 2, /^error: unknown option '--nonsense'\n/)).toEqual([])
    expect(desk.rows('SELECT id FROM members')).toEqual([])
  })

  it('is 2 for an argument too many of any command', async () => {
    const commands = COMMANDS.map((command) => `${command} -- surplus`)
    expect(await wrong(commands, 2, /^error: too many arguments/)).toEqual([])
  })

  it('is 2 for a missing argument, and for each option that a command cannot do without', async () => {
    const bare = [
      ...['open', 'show', 'notice show', 'notice hold', 'members remove', 'outbox retry'],
      ...['received show', 'received retry']
    ]
    expect(await wrong(bare, 2, /^error: missing required argument/)).toEqual([])
    const lacking = COMMANDS.flatMap((command) =>
      /^members add|^keys generate/.test(command)
        ? [...command.matchAll(/ --(?!out)[a-z-]+ \S+/g)].map(([option]) =>
            command.replace(option, '')
          )
        : []
    )
    expect(lacking).toHaveLength(7)
    expect(await wrong(lacking, 2, /^error: required option/)).toEqual([])
    expect(desk.rows('SELECT id FROM members')).toEqual([])
  })

  it('is 2 for an argument of the wrong form', async () => {
    const commands = [
      ...['show nonsense', 'notice show acme-1', 'notice hold ACME-2026-0001x'],
      ...['outbox retry zero', 'outbox retry 1.5', 'received retry x', 'received show 0'],
      'open mail.eml --at yesterday'
    ]
    expect(await wrong(commands, 2, ONE_LINE('.'))).toEqual([])
    const choices = /^error: .*'lost' is invalid. Allowed choices are queued, sending,/
    expect(await wrong(['outbox list --state lost'], 2, choices)).toEqual([])
  })

  it('is 1 without a configuration, with the way to have one', async () => {
    const found = await wrong(WITH_CONFIG, 1, ONE_LINE('there is no configuration'), {
      config: 'nothing.yaml'
    })
    expect(found).toEqual([])
  })

  it('is 1 for a configuration that cannot be read', async () => {
    const config = configWith('locked.yaml', {})
    chmodSync(join(desk.folder, config), 0)
    // Root may read everything unless this right is taken away.
    const rights = '-dac_override,-dac_read_search'
    const under = process.getuid?.() === 0 ? ['setpriv', `--bounding-set=${rights}`, '--'] : []
    const locked = await wrong(WITH_CONFIG, 1, ONE_LINE('cannot be read'), { config, under })
    expect(locked).toEqual([])
    const folder = await wrong(WITH_CONFIG, 1, ONE_LINE('cannot be read'), { config: 'keys' })
    expect(folder).toEqual([])
  })

  it('is 1 for an unknown key of the configuration, named with its line', async () => {
    const config = configWith('unknown.yaml', { colour: 'blue' })
    const words = String.raw`colour \(line \d+\): is not a known`
    expect(await wrong(WITH_CONFIG, 1, ONE_LINE(words), { config })).toEqual([])
  })

  it('is 1 for a passphrase that is not the one, of the key or of the database', async () => {
    writeFileSync(join(desk.folder, 'other'), 'something else altogether\n', { mode: 0o600 })
    const section = desk.config['desk'] as Readonly<Record<string, unknown>>
    const config = configWith('other.yaml', { desk: { ...section, passphrase: { file: 'other' } } })
    expect(await wrong(WITH_CONFIG, 1, ONE_LINE('passphrase'), { config })).toEqual([])
  })

  it('is 1 for a database of a newer version, which stays as it is', async () => {
    const newer = join(desk.folder, 'data/newer.db')
    copyFileSync(join(desk.folder, 'data/postern.db'), newer)
    const connection = new Sqlite(newer)
    connection.pragma("cipher = 'aegis'")
    connection.pragma(`key = '${PASSPHRASE}'`)
    connection.pragma('user_version = 9999')
    connection.close()
    const before = readFileSync(newer)
    const config = configWith('newer.yaml', { storage: { path: 'data/newer.db' } })
    expect(await wrong(WITH_DATABASE, 1, ONE_LINE('newer version'), { config })).toEqual([])
    // Only for a signer who is nobody's of the configuration is the database asked; that is no fault of the message.
    const stranger = await gpgPerson({ name: 'Eve', address: 'eve@evil.example' })
    await stranger.importKey(desk.publicKey)
    const signed = await stranger.write({ to: DESK_ADDRESS, subject: 'x', text: 'x' })
    await stranger.close()
    writeFileSync(join(desk.folder, 'signed.eml'), signed)
    const ofTheDatabase = /^postern: (?!signed)[^\n]*newer version[^\n]*\n$/
    const env = { POSTERN_IMAP_PASSWORD: IMAP_PASSWORD }
    const args = ['open', 'signed.eml', '--config', config]
    const opened = await runCli(args, { cwd: desk.folder, env })
    expect([opened.status, opened.stdout]).toEqual([1, ''])
    expect(opened.stderr).toMatch(ofTheDatabase)
    expect(readFileSync(newer).equals(before)).toBe(true)
  })

  it('is 1 where there is no database yet, and no command that looks makes one', async () => {
    const config = configWith('fresh.yaml', { storage: { path: 'fresh/postern.db' } })
    const looking = WITH_DATABASE.filter((command) => !/^(?:run|members add)/.test(command))
    expect(await wrong(looking, 1, ONE_LINE('[Tt]here is no database'), { config })).toEqual([])
    expect(existsSync(join(desk.folder, 'fresh/postern.db'))).toBe(false)
  })
})
