/**
 * `postern open` as a person runs it, through the built program, over messages that GnuPG and Sequoia made: the page and the
 * JSON of the contract tell the same.
 */
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Address } from '../../src/domain/address.ts'
import { instantFromMs } from '../../src/domain/time.ts'
import { generateDeskKey } from '../../src/openpgp/keyring.ts'
import { type CliResult, runCli } from '../support/daemon.ts'
import { gpgPerson, type Person, sqPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { tempFolder } from '../support/temp.ts'

const DESK = 'security@acme.example' as Address
const SUBJECT = 'Pufferlücke in parse()'
const TEXT = 'The parser reads past its buffer.\nSIGNATURES\n\u001b[2J\u202ethe end'

describeWith(['gpg', 'sq'], '`postern open` for people', () => {
  const folder = tempFolder('op-')
  const people: Person[] = []
  const at = new Date(Date.now() + 60_000).toISOString()

  beforeAll(async () => {
    const request = { name: 'ACME', address: DESK, passphrase: 'correct horse' }
    const made = instantFromMs(Date.now() - 86_400_000)
    const keys = await generateDeskKey(request, made)
    write('desk.asc', keys.privateArmored)
    write('passphrase', 'correct horse\n')
    people.push(await gpgPerson({ name: 'Alice', address: 'alice@gnupg.example' }))
    people.push(await sqPerson({ name: 'Boris', address: 'boris@sequoia.example' }))
    for (const person of people) {
      await person.importKey(keys.publicArmored)
      write(`${person.name}.asc`, await person.exportPublicKey())
    }
  })
  afterAll(async () => {
    for (const person of people) await person.close()
    folder.remove()
  })
  const write = (name: string, content: string | Uint8Array): void => {
    writeFileSync(join(folder.path, name), content, { mode: 0o600 })
  }
  const open = (mail: string | Uint8Array, ...args: readonly string[]): Promise<CliResult> => {
    write('mail.eml', mail)
    const keys = ['--secret-key', 'desk.asc', '--passphrase-file', 'passphrase', '--at', at]
    return runCli(['open', 'mail.eml', ...keys, ...args], { cwd: folder.path })
  }
  const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')

  it('opens only the header of a file larger than Node reads, and says which file is not there', async () => {
    write('large.eml', 'From: alice@gnupg.example\r\n\r\n')
    truncateSync(join(folder.path, 'large.eml'), 3 * 2 ** 30)
    const keys = ['--secret-key', 'desk.asc', '--passphrase-file', 'passphrase', '--at', at]
    const large = await runCli(['open', 'large.eml', ...keys], { cwd: folder.path })
    expect([large.status, large.stderr]).toEqual([0, ''])
    expect(flat(large.stdout)).toContain('It is larger, more deeply nested or in more pieces than')
    const none = await runCli(['open', 'none.eml', ...keys], { cwd: folder.path })
    expect(none).toMatchObject({ status: 1, stdout: '' })
    expect(none.stderr).toMatch(/^postern: there is no file none\.eml: /)
  })

  it('shows what was protected, by whom, and with which files', async () => {
    for (const person of people) {
      const attachments = [
        { filename: 'poc.bin', contentType: 'application/x-poc', content: Buffer.from('abc') }
      ]
      const mail = await person.write({ to: DESK, subject: SUBJECT, text: TEXT, attachments })
      const { status, stdout, stderr } = await open(mail, '--cert', `${person.name}.asc`)

      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u)
      const page = flat(stdout)
      expect(page).toContain('It was encrypted, and it was decrypted here.')
      expect(page).toMatch(/Encrypted to a key of the desk: [0-9A-F]{16} /)
      expect(page).toContain(`HEADER INSIDE Subject ${SUBJECT}`)
      expect(page).toContain('The signature is valid. [valid]')
      const fingerprint = person.fingerprint.toUpperCase().replaceAll(/(.{4})(?=.)/g, '$1 ')
      expect(page).toContain(fingerprint)
      expect(page).toContain('Covers everything shown')
      expect(stdout).toContain('│ SIGNATURES\n│ \u241b[2J<U+202E>the end')
      expect(stdout.match(/^SIGNATURES/gm)).toHaveLength(1)
      expect(page).toContain(
        'poc.bin application/x-poc 3 bytes sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
      )

      const json = JSON.parse(
        (await open(mail, '--cert', `${person.name}.asc`, '--json')).stdout
      ) as object
      expect(json).toMatchObject({
        structure: 'pgp-mime',
        decrypted: true,
        subject: SUBJECT,
        subjectProtected: true,
        signatures: [{ state: 'valid', fingerprint: person.fingerprint, coversWhole: true }],
        attachments: [{ filename: 'poc.bin', size: 3 }]
      })
    }
  })
})
