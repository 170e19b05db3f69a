/**
 * Everything that can be wrong before the first message: one clear line that names the remedy, a status that is not zero, no
 * stack, no secret.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { withGpgAt } from '../support/clock.ts'
import { type CliResult } from '../support/daemon.ts'
import { keyExpiringIn, PASSPHRASE } from '../support/desk-world.ts'
import { withGpg } from '../support/gpg-home.ts'
import { GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

type Section = Readonly<Record<string, unknown>>

describeWith(['dovecot', 'gpg'], 'what is wrong before the first mail', async () => {
  const { dovecot, desk } = await givenOffice({ grace: gpgPerson(GRACE) })
  const deskKey = readFileSync(join(desk.folder, 'keys/desk.asc'), 'utf8')

  afterEach(() => {
    desk.write(desk.config)
    writeFileSync(join(desk.folder, 'keys/desk.asc'), deskKey)
  })

  const section = (name: string): Section => desk.config[name] as Section
  const change = (name: string, changes: Section): void => {
    desk.write({ ...desk.config, [name]: { ...section(name), ...changes } })
  }
  /** Status 1 and exactly one line on standard error, which says this. */
  function expectOneLine(result: CliResult, says: RegExp): void {
    expect(result.stderr).toMatch(says)
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(result.stderr).toMatch(/^postern: /)
    expect(result.stderr).not.toMatch(/ {4}at |bug in Postern|node_modules/)
    expect(result.stderr).not.toContain(PASSPHRASE)
    expect(result.status).toBe(1)
  }
  /** What `postern run` says when it cannot start; it must end by itself. */
  async function runFails(env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
    const daemon = desk.spawn(env)
    const { status } = await daemon.waitForExit(30_000)
    return { status: status ?? -1, stdout: '', stderr: daemon.stderr() }
  }

  it('says that the IMAP server refuses the password, and does not try for ever', async () => {
    const failed = await runFails({ POSTERN_IMAP_PASSWORD: 'wrong-password' })
    expectOneLine(failed, /password|login/i)
    // Which server, which port, what it answered, what to do (A7).
    expect(failed.stderr).toContain(`127.0.0.1, port ${dovecot.port}, refused`)
    expect(failed.stderr).toMatch(/: "[^"]*[Aa]uth[^"]*"\. Please check imap\.user/)
  })

  it.each(['implicit', 'starttls'])(
    'refuses a certificate that nobody vouches for (%s)',
    async (tls) => {
      const port = tls === 'implicit' ? dovecot.tlsPort : dovecot.port
      change('imap', { tls, port })
      expectOneLine(await runFails(), /certificate/i)
    }
  )

  it('says that the key file holds the public key', async () => {
    copyFileSync(join(desk.folder, 'keys/desk.pub.asc'), join(desk.folder, 'keys/desk.asc'))
    expectOneLine(await runFails(), /desk\.key.*public/)
  })

  it('refuses a member whose key cannot encrypt, has expired or is private', async () => {
    const add = (file: string, ...more: string[]): Promise<CliResult> =>
      desk.cli(
        ...['members', 'add', '--id', 'alpha', '--name', 'Alpha', '--address', 'a@alpha.example'],
        ...['--key', file, '--product', 'parser', ...more]
      )
    const file = join(desk.folder, 'member.asc')
    const owner = { name: 'Alpha', address: 'a@alpha.example' }
    writeFileSync(file, await signOnlyKey(owner))
    expectOneLine(await add(file), /encrypt/)
    const expired = await withGpgAt(new Date(Date.now() - 7_200_000), () =>
      keyExpiringIn(owner, 60)
    )
    writeFileSync(file, expired.armored)
    expectOneLine(await add(file), /expired/)
    expectOneLine(await add(join(desk.folder, 'keys/desk.asc')), /PRIVATE/)
    // Products may stand behind one --product.
    expectOneLine(await add(file, 'lexer'), /^postern: --product: "lexer" is not in/)
    expect(JSON.parse((await desk.cli('members', 'list', '--json')).stdout)).toEqual([])
  })

  function signOnlyKey(owner: { readonly name: string; readonly address: string }) {
    return withGpg('', async (gpg) => {
      const userId = `${owner.name} <${owner.address}>`
      await gpg('--quick-generate-key', userId, 'ed25519', 'sign')
      return (await gpg('--export')).toString('latin1')
    })
  }
})
