/**
 * `postern keys generate`: a pair that nobody else can read, or nothing at all. Nothing is ever overwritten, and what could
 * not be finished is not left in the way of the next try.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type CliResult, runCli } from '../support/daemon.ts'
import { run } from '../support/programs.ts'
import { describeWith } from '../support/requires.ts'
import { type TempFolder, tempFolder } from '../support/temp.ts'

const PASSPHRASE = 'correct horse battery'
const PARTS = ['keys/desk.asc', 'keys/desk.pub.asc'] as const

describeWith(['gpg'], 'a new desk key from the command line', () => {
  let temp: TempFolder
  let folder = ''

  beforeEach(() => {
    temp = tempFolder()
    folder = temp.path
    fs.writeFileSync(join(folder, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 })
  })
  afterEach(() => {
    temp.remove()
  })

  function generate(
    more: readonly string[] = [],
    under: readonly string[] = []
  ): Promise<CliResult> {
    return runCli(
      [
        ...['keys', 'generate', '--name', 'ACME Security Team'],
        ...['--address', 'security@acme.example', '--passphrase-file', 'passphrase', ...more]
      ],
      { cwd: folder, under }
    )
  }
  const modeOf = (name: string): string =>
    (fs.statSync(join(folder, name)).mode & 0o777).toString(8)
  const read = (name: string): string => fs.readFileSync(join(folder, name), 'utf8')
  /** Status 1, nothing on standard output, and one line that says this and nothing of the passphrase. */
  function expectOneLine(result: CliResult, says: RegExp, status = 1): void {
    expect(result.stderr).toMatch(says)
    expect(result.stderr).toMatch(/^postern: [^\n]+\n$/)
    expect(result.stderr).not.toContain(PASSPHRASE)
    expect(result).toMatchObject({ status, stdout: '' })
  }

  it('is readable by its owner alone whatever the umask allows, and its public part by all', async () => {
    const result = await generate([], ['sh', '-c', 'umask 000; exec "$@"', 'sh'])

    expect(result).toMatchObject({ status: 0, stderr: '' })
    expect(PARTS.map(modeOf)).toEqual(['600', '644'])
    expect(modeOf('keys')).toBe('700')
  })

  it('is told in three lines, with the fingerprint that gpg reads from the public file', async () => {
    const { stdout } = await generate()
    const home = tempFolder('pg-')
    const gpg = await run('gpg', [
      ...['--homedir', home.path, '--batch', '--with-colons', '--show-keys'],
      join(folder, 'keys/desk.pub.asc')
    ])
    home.remove()
    const [, fingerprint = ''] = /^fpr:+([0-9A-F]{40}):/m.exec(gpg.stdout.toString()) ?? []

    expect(stdout.replaceAll(/(?<=[0-9A-F]{4}) /g, '')).toBe(
      [
        `private key ${join(folder, 'keys/desk.asc')}`,
        `public key  ${join(folder, 'keys/desk.pub.asc')}`,
        `fingerprint ${fingerprint}\n`
      ].join('\n')
    )
  })

  it('prints the same as JSON, and never the private key', async () => {
    const { stdout, status } = await generate(['--json', '--out', 'other'])

    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      private: join(folder, 'other'),
      public: join(folder, 'other.pub'),
      fingerprint: expect.stringMatching(/^[0-9a-f]{40}$/i) as string
    })
    expect(read('other')).toContain('BEGIN PGP PRIVATE KEY BLOCK')
    expect(stdout).not.toContain('BEGIN PGP')
  })

  it.each(PARTS)(
    'overwrites nothing: %s stays as it was and no other file is made',
    async (part) => {
      fs.mkdirSync(join(folder, 'keys'))
      fs.writeFileSync(join(folder, part), 'mine')

      expectOneLine(await generate(), new RegExp(`${part} exists already, so nothing was written`))
      expect(read(part)).toBe('mine')
      expect(fs.readdirSync(join(folder, 'keys'))).toHaveLength(1)
    }
  )

  it('leaves no private key behind when the public one cannot be made', async () => {
    fs.mkdirSync(join(folder, 'keys'))
    fs.symlinkSync(join(folder, 'nowhere/at/all'), join(folder, 'keys/desk.pub.asc'))

    expectOneLine(await generate(), /desk\.pub\.asc exists already, so nothing was written/)
    expect(fs.readdirSync(join(folder, 'keys'))).toEqual(['desk.pub.asc'])
    expect(fs.existsSync(join(folder, 'nowhere'))).toBe(false)
  })

  it('leaves no half of a file behind when the disk is full, and the next try works', async () => {
    // The private key is a little longer than what may be written: its end would be missing.
    const noRoom = ['prlimit', '--fsize=1000', '--']
    expectOneLine(await generate([], noRoom), /desk\.asc cannot be written.*the disk has room/)
    expect(fs.readdirSync(join(folder, 'keys'))).toEqual([])

    expect(await generate()).toMatchObject({ status: 0, stderr: '' })
    expect(fs.readdirSync(join(folder, 'keys')).sort()).toEqual(['desk.asc', 'desk.pub.asc'])
  })

  it.each([
    ['is missing', null, /there is no file/],
    ['is empty', '\n', /is empty/],
    ['has two lines', 'one line of words\nanother\n', /more than one line/],
    ['is soon guessed', 'short\n', /--passphrase-file: .*shorter than 12 characters/]
  ])('is not made under a passphrase that %s', async (_, text, says) => {
    const more = text === null ? ['--passphrase-file', 'nothing'] : []
    if (text !== null) fs.writeFileSync(join(folder, 'passphrase'), text)

    expectOneLine(await generate(more), says)
    expect(fs.existsSync(join(folder, 'keys'))).toBe(false)
  })

  it.each([
    [
      'an address that is none',
      ['--address', 'security at acme'],
      /--address: this is not a plain/
    ],
    ['an empty name', ['--name', '  '], /--name is empty/],
    ['a name that would forge a user id', ['--name', 'A <b@c.example>'], /--name must not contain/]
  ])('is not made for %s', async (_, more, says) => {
    expectOneLine(await generate(more), says, 2)
    expect(fs.existsSync(join(folder, 'keys'))).toBe(false)
  })

  it('is not made where a file is in the way of its folder', async () => {
    fs.writeFileSync(join(folder, 'file'), 'mine')

    expectOneLine(await generate(['--out', 'file/desk.asc']), /file\/desk\.asc cannot be written/)
    expect(read('file')).toBe('mine')
  })
})
