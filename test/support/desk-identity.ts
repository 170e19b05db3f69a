/** A desk of the tests: a fresh key, unlocked, as the workers would hold it. */
import { type Address } from '../../src/domain/address.ts'
import { type Instant } from '../../src/domain/time.ts'
import { generateDeskKey } from '../../src/openpgp/generate.ts'
import { type WorkerStart } from '../../src/worker/calls.ts'
import { type Keys, unlockDesk } from '../../src/worker/unlock.ts'

export type TestDesk = {
  readonly keys: Keys
  readonly start: WorkerStart
  readonly publicArmored: string
}

/** `security@acme.example`, its key made at `createdAt`. */
export async function testDesk(createdAt: Instant): Promise<TestDesk> {
  const address = 'security@acme.example' as Address
  const name = 'ACME Security Team'
  const passphrase = 'correct horse'
  const request = { name, address, passphrase, lifetimeSeconds: null }
  const { privateArmored, publicArmored } = await generateDeskKey(request, createdAt)
  const start: WorkerStart = {
    deskKeys: [privateArmored],
    passphrase,
    deskName: name,
    deskAddress: address,
    maintainerKeys: []
  }
  return { keys: await unlockDesk(start), start, publicArmored }
}
