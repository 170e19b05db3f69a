import { expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { instantFromMs } from '../../../src/domain/time.ts'
import { generateDeskKey, inspectKey } from '../../../src/openpgp/keyring.ts'
import { useFolder } from '../../support/folder.ts'
import { run } from '../../support/programs.ts'
import { describeWith } from '../../support/requires.ts'

const now = instantFromMs(Date.now() - 60_000)
const request = {
  name: 'ACME Sécurité',
  address: 'security@acme.example' as Address,
  passphrase: 'correct horse'
}

describeWith(['gpg', 'sq'], 'a new desk key', () => {
  const folder = useFolder()

  it('names the desk and can be encrypted to', async () => {
    const { publicArmored, fingerprint } = await generateDeskKey(request, now)
    expect(await inspectKey(publicArmored, now)).toMatchObject({
      fingerprint,
      addresses: [request.address],
      algorithm: 'ed25519',
      expiresAt: null,
      state: 'usable'
    })
  })

  it('is a version 4 key without the AEAD feature, so that every program encrypts in a form GnuPG reads', async () => {
    const { publicArmored } = await generateDeskKey(request, now)
    const gpg = await run('gpg', ['--homedir', folder.path, '--list-packets', '-v'], {
      input: publicArmored
    })
    const packets = gpg.stdout.toString()
    expect(packets.match(/version 4, algo/g)?.length).toBeGreaterThanOrEqual(2)
    expect(packets).toMatch(/subpkt 30 len 1 \(features: 01\)/)
    const sq = await run('sq', ['inspect'], { input: publicArmored })
    expect(sq.stdout.toString()).toContain('ACME Sécurité <security@acme.example>')
  })

  it('can be used by GnuPG with its passphrase', async () => {
    const home = ['--homedir', folder.path, '--batch', '--no-tty', '--pinentry-mode', 'loopback']
    try {
      const { privateArmored, fingerprint } = await generateDeskKey(request, now)
      const secret = ['--passphrase', request.passphrase]
      await run('gpg', [...home, ...secret, '--import'], { input: privateArmored })
      const signed = await run('gpg', [...home, ...secret, '-u', fingerprint, '--sign'], {
        input: 'text'
      })
      const read = await run('gpg', [...home, '--status-fd', '2', '--decrypt'], {
        input: signed.stdout
      })
      expect(read.stderr).toContain(`VALIDSIG ${fingerprint.toUpperCase()}`)
    } finally {
      await run('gpgconf', ['--homedir', folder.path, '--kill', 'all'])
    }
  })

  it('is never made without a passphrase or with a name that breaks its user id', async () => {
    await expect(generateDeskKey({ ...request, passphrase: '' }, now)).rejects.toThrow('passphrase')
    for (const name of ['A\nB', 'A <b@c.example>']) {
      await expect(generateDeskKey({ ...request, name }, now)).rejects.toThrow('user id')
    }
  })
})
