/** A desk that has changed its key: the retired one still opens mail, and signs nothing any more (G1, G4). */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readKey } from 'openpgp'
import { expect, it } from 'vitest'
import { DESK_ADDRESS, mailboxOf } from '../support/desk-world.ts'
import { headerOf } from '../support/mail-parts.ts'
import { GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson, sqPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

describeWith(['dovecot', 'gpg', 'sq'], 'a desk with a new key', async () => {
  async function fingerprintOf(): Promise<string> {
    const rows = JSON.parse((await desk.cli('keys', 'list', '--json')).stdout) as {
      of: string
      fingerprint: string
    }[]
    return rows.find(({ of }) => of === 'desk')?.fingerprint ?? ''
  }
  const useKeys = (key: string, retired: readonly string[]): void => {
    const section = { ...(desk.config['desk'] as object), key, retired_keys: retired }
    desk.write({ ...desk.config, desk: section })
  }

  // Both know the old key alone.
  const { dovecot, user, sink, desk, grace, alice } = await givenOffice({
    grace: gpgPerson(GRACE),
    alice: sqPerson({ name: 'Alice', address: 'alice@people.example' })
  })
  const before = await fingerprintOf()
  const made = await desk.cli(
    ...['keys', 'generate', '--name', 'ACME Security Team', '--address', DESK_ADDRESS],
    ...['--passphrase-file', join(desk.folder, 'passphrase')],
    ...['--out', join(desk.folder, 'keys/desk-new.asc')]
  )
  expect(made.status).toBe(0)
  useKeys('keys/desk-new.asc', ['keys/desk.asc'])
  const fingerprints = [before, await fingerprintOf()] as const

  it('opens what is sealed to the retired one, signs with the new one and takes commands sealed to either', async () => {
    expect(fingerprints[0]).not.toBe(fingerprints[1])
    const daemon = await desk.start()
    const report = await alice.write({ to: DESK_ADDRESS, subject: 'A hole', text: 'A hole.\n' })
    await dovecot.append(user, report)
    const opened = await daemon.waitForLog('arrival.done')
    expect(opened['disposition']).toBe('case-opened')
    const ofGrace = mailboxOf(grace, sink)
    const relay = await ofGrace.find(({ read }) => read.text.includes('A hole.'), 'relay')
    // Grace knows the old key alone, and none of this is signed with it.
    expect(relay.read.verified).toBeNull()
    await grace.importKey(readFileSync(join(desk.folder, 'keys/desk-new.pub.asc'), 'utf8'))
    expect((await grace.decryptMail(relay.taken.raw)).verified).toBe(fingerprints[1])
    await alice.importKey(readFileSync(join(desk.folder, 'keys/desk-new.pub.asc'), 'utf8'))
    for (const taken of sink.taken.filter(({ to }) => to === alice.address)) {
      const { outer, verified } = await alice.decryptMail(taken.raw)
      expect(verified).toBe(fingerprints[1])
      // The new key alone is offered, too.
      const keydata = headerOf(outer, 'autocrypt').split('keydata=')[1] ?? ''
      const key = await readKey({ binaryKey: Buffer.from(keydata, 'base64') })
      expect(key.getFingerprint()).toBe(fingerprints[1])
    }
    const since = daemon.lines.length
    const tag = String(opened['case'])
    const command = { to: DESK_ADDRESS, subject: `Re: [${tag}] A hole`, text: '/take\n' }
    await dovecot.append(user, await grace.write(command))
    const done = await daemon.waitForLog('arrival.done', { from: since })
    expect(done['disposition']).toBe('commands')
    await daemon.stop()
  })

  it('opens it in postern open, too, and lists both keys', async () => {
    const file = join(desk.folder, 'mail.eml')
    const mail = await alice.write(
      { to: DESK_ADDRESS, subject: 'x', text: 'to the old key\n' },
      { sign: false }
    )
    writeFileSync(file, mail)
    const result = await desk.cli('open', '--json', file)
    expect(JSON.parse(result.stdout)).toMatchObject({ encrypted: true, text: 'to the old key\n' })
    const list = await desk.cli('keys', 'list')
    expect(list.stdout).toContain('desk (retired)')
  })

  it('does not start when a retired key cannot be unlocked, and says which', async () => {
    useKeys('keys/desk-new.asc', ['keys/maintainers/grace.asc'])
    const wrong = await desk.cli('check')
    expect(wrong.status).toBe(1)
    expect(wrong.stderr).toMatch(/^postern: desk\.retired_keys\[0\]: .*\n$/)
    // Nobody could read when it expires.
    const list = await desk.cli('keys', 'list')
    expect(list.stdout).toMatch(/^desk \(retired\) .*unreadable +-$/m)
    useKeys('keys/desk-new.asc', ['keys/nowhere.asc'])
    const missing = await desk.cli('check')
    expect(missing.status).toBe(1)
    expect(missing.stderr).toContain('desk.retired_keys')
  })
})
