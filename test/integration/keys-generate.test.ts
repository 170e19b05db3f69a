/**
 * `postern keys generate`: a pair that nobody else can read, or nothing at all. Nothing is ever overwritten, and what could
 * not be finished is not left in the way of the next try.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { type CliResult, runCli } from '../support/daemon.ts'
import { useFolder } from '../support/folder.ts'
import { run } from '../support/programs.ts'
import { describeWith } from '../support/requires.ts'
import { tempFolder } from '../support/temp.ts'

const PASSPHRASE = 'correct horse battery'
const PARTS = ['keys/desk.asc', 'keys/desk.pub.asc'] as const

describeWith(['gpg'], 'a new desk key from the command line', () => {
  const folder = useFolder()
  beforeEach(() => {
    fs.writeFileSync(file('passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 })
  })

  function file(name: string): string {
    return join(folder.path, name)
  }

  function generate(
    more: readonly string[] = [],
    under: readonly string[] = []
  ): Promise<CliResult> {
    return runCli(
      [
        ...['keys', 'generate', '--name', 'ACME Security Team'],
        ...['--address', 'security@acme.example', '--passphrase-file', 'passphrase', ...more]
      ],
      { cwd: folder.path, under }
    )
  }
  const modeOf = (name: string): string => (fs.statSync(file(name)).mode & 0o777).toString(8)
  const read = (name: string): string => fs.readFileSync(file(name), 'utf8')
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
      file('keys/desk.pub.asc')
    ])
    home.remove()
    const [, fingerprint = ''] = /^fpr:+([0-9A-F]{40}):/m.exec(gpg.stdout.toString()) ?? []

    expect(stdout.replaceAll(/(?<=[0-9A-F]{4}) /g, '')).toBe(
      [
        `private key ${file('keys/desk.asc')}`,
        `public key  ${file('keys/desk.pub.asc')}`,
        `fingerprint ${fingerprint}\n`
      ].join('\n')
    )
  })

  it('prints the same as JSON, and never the private key', async () => {
    const { stdout, status } = await generate(['--json', '--out', 'other'])

    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      private: file('other'),
      public: file('other.pub'),
      fingerprint: expect.stringMatching(/^[0-9a-f]{40}$/i) as string
    })
    expect(read('other')).toContain('BEGIN PGP PRIVATE KEY BLOCK')
    expect(stdout).not.toContain('BEGIN PGP')
  })

  it.each(PARTS)(
    'overwrites nothing: %s stays as it was and no other file is made',
    async (part) => {
      fs.mkdirSync(file('keys'))
      fs.writeFileSync(file(part), 'mine')

      expectOneLine(await generate(), new RegExp(`${part} exists already, so nothing was written`))
      expect(read(part)).toBe('mine')
      expect(fs.readdirSync(file('keys'))).toHaveLength(1)
    }
  )

  it('leaves no private key behind when the public one cannot be made', async () => {
    fs.mkdirSync(file('keys'))
    fs.symlinkSync(file('nowhere/at/all'), file('keys/desk.pub.asc'))

    expectOneLine(await generate(), /desk\.pub\.asc exists already, so nothing was written/)
    expect(fs.readdirSync(file('keys'))).toEqual(['desk.pub.asc'])
    expect(fs.existsSync(file('nowhere'))).toBe(false)
  })

  it('leaves no half of a file behind when the disk is full, and the next try works', async () => {
    // The private key is a little longer than what may be written: its end would be missing.
    const noRoom = ['prlimit', '--fsize=1000', '--']
    expectOneLine(await generate([], noRoom), /desk\.asc cannot be written.*the disk has room/)
    expect(fs.readdirSync(file('keys'))).toEqual([])

    expect(await generate()).toMatchObject({ status: 0, stderr: '' })
    expect(fs.readdirSync(file('keys')).sort()).toEqual(['desk.asc', 'desk.pub.asc'])
  })

  it.each([
    ['is missing', null, /there is no file/],
    ['is empty', '\n', /is empty/],
    ['has two lines', 'one line of words\nanother\n', /more than one line/],
    ['is soon guessed', 'short\n', /--passphrase-file: .*shorter than 12 characters/]
  ])('is not made under a passphrase that %s', async (_, text, says) => {
    const more = text === null ? ['--passphrase-file', 'nothing'] : []
    if (text !== null) fs.writeFileSync(file('passphrase'), text)

    expectOneLine(await generate(more), says)
    expect(fs.existsSync(file('keys'))).toBe(false)
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
    expect(fs.existsSync(file('keys'))).toBe(false)
  })

  it('is not made where a file is in the way of its folder', async () => {
    fs.writeFileSync(file('file'), 'mine')

    expectOneLine(await generate(['--out', 'file/desk.asc']), /file\/desk\.asc cannot be written/)
    expect(read('file')).toBe('mine')
  })
})
