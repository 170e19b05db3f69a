/** (D19) Keys on a brainpool curve are said to be unsupported, and a signature by one is never "changed on the way". */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseAddress } from '../../../src/domain/address.ts'
import { instantFromMs } from '../../../src/domain/time.ts'
import { toBinary } from '../../../src/openpgp/armor.ts'
import { inspectKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { verifyDetached } from '../../../src/openpgp/verify.ts'
import { withGpg } from '../../support/gpg-home.ts'
import { tempFolder } from '../../support/temp.ts'

const NOW = instantFromMs(Date.now() + 60_000)
const DATA = Buffer.from('I agree.\r\n')

it('a brainpool key is unsupported as a desk key, as another’s key and as a signer', async () => {
  const folder = tempFolder('pg-')
  const file = join(folder.path, 'data')
  await writeFile(file, DATA)
  const { secret, key, signature } = await withGpg('', async (gpg) => {
    await gpg(
      '--quick-generate-key',
      'Rita <rita@x.example>',
      'brainpoolP256r1',
      'cert,sign',
      'never'
    )
    return {
      secret: (await gpg('--export-secret-keys')).toString(),
      key: (await gpg('--export')).toString(),
      signature: (await gpg('--detach-sign', '--output', '-', file)).toString()
    }
  })
  folder.remove()
  expect(await unlockSecretKey(secret, '')).toBe('unsupported')
  expect(await inspectKey(key, NOW)).toMatchObject({ state: 'unsupported' })
  const facts = await inspectKey(key, NOW, parseAddress('rita@x.example'))
  expect(facts).toMatchObject({ state: 'unsupported', addresses: ['rita@x.example'] })
  const packets = toBinary(signature)?.data ?? new Uint8Array()
  const certificates = [toBinary(key)?.data ?? new Uint8Array()]
  const verdicts = await verifyDetached(DATA, packets, { certificates, now: NOW })
  expect(verdicts).toMatchObject([{ state: 'unsupported', fingerprint: null }])
})
