/** A desk of the tests: a fresh key, unlocked, as the workers would hold it. */
import { type Address } from '../../src/domain/address.ts'
import { type MessageId } from '../../src/domain/ids.ts'
import { type OutgoingHeaders } from '../../src/domain/outgoing.ts'
import { type Instant } from '../../src/domain/time.ts'
import { generateDeskKey } from '../../src/openpgp/keyring.ts'
import { type ReadingKeys } from '../../src/reading/open-mail.ts'
import { type DeskIdentity } from '../../src/sealing/seal-copies.ts'
import { identityOf, unlockKeys, type WorkerStart } from '../../src/worker/tasks.ts'

type DeskKeys = ReadingKeys & { readonly desk: DeskIdentity }

export type TestDesk = Awaited<ReturnType<typeof testDesk>>

const address = 'security@acme.example' as Address
const name = 'ACME Security Team'
const passphrase = 'correct horse'

/** Headers of a message that the desk sends. */
export const HEADERS: OutgoingHeaders = {
  messageId: 'x@acme.example' as MessageId,
  date: '2026-11-22T10:00:00.000Z' as Instant,
  fromName: name,
  to: { name: '', address: 'r@x.example' as Address },
  subject: 'hello',
  outerSubject: '[...]',
  inReplyTo: null,
  references: [],
  autoSubmitted: 'no'
}

/** `security@acme.example`, its key made at `createdAt`. */
export async function testDesk(createdAt: Instant) {
  const owner = { name, address, passphrase }
  const { privateArmored, publicArmored } = await generateDeskKey(owner, createdAt)
  const start: WorkerStart = {
    deskKeys: [privateArmored],
    passphrase,
    deskName: name,
    deskAddress: address,
    maintainerKeys: []
  }
  return { keys: await unlockDesk(start), start, publicArmored }
}

/** The keys of a desk and its identity. */
async function unlockDesk(start: WorkerStart): Promise<DeskKeys> {
  const keys = await unlockKeys(start)
  return { ...keys, desk: await identityOf(keys, start) }
}
