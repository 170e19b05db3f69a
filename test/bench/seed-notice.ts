/**
 * Puts members and an approved notice straight into the database, as commands and mails would have, so that the benchmark
 * of its release begins at the instant itself.
 */
import { fileURLToPath } from 'node:url'
import { requireSettings, sha256 } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type Address } from '../../src/domain/address.ts'
import { type MessageId } from '../../src/domain/ids.ts'
import { type Settings } from '../../src/domain/settings.ts'
import { addMs, type Instant } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import { approvedText } from '../../src/policy/notice-content.ts'
import { findCase, insertCase, nextCaseTag } from '../../src/store/cases.ts'
import { openDatabase, type Tx } from '../../src/store/database.ts'
import { insertMember, listRecipients, type MemberToAdd } from '../../src/store/members.ts'
import { findNotice, insertApproval, insertPreview, saveNotice } from '../../src/store/notices.ts'
import { type BenchKey } from './keys.ts'
import { PASSPHRASE } from './stage.ts'

const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations', import.meta.url))
const WEEK_MS = 7 * 86_400_000
const PATCH = Buffer.alloc(8192, '- memcpy(buffer, chunk, length);\n')

/** Makes `people` members and schedules a notice to them for `inMs` after the last of them is in. Returns its instant. */
export async function seedNotice(
  desk: {
    readonly databaseFile: string
    readonly configFile: string
    readonly imapPassword: string
  },
  people: readonly BenchKey[],
  inMs: number
): Promise<Instant> {
  const environment = { BENCH_PASSWORD: desk.imapPassword }
  const settings = await requireSettings(await loadConfig(desk.configFile, environment))
  const members: MemberToAdd[] = []
  for (const [index, person] of people.entries()) members.push(await memberOf(person, index))
  using db = openDatabase({
    path: desk.databaseFile,
    passphrase: PASSPHRASE,
    migrationsDir: MIGRATIONS_DIR
  })
  const now = systemClock.now()
  const releaseAt = addMs(now, inMs)
  db.transact((tx) => {
    for (const member of members) insertMember(tx, member)
    schedule(tx, settings, now, releaseAt)
  })
  return releaseAt
}

async function memberOf(person: BenchKey, index: number): Promise<MemberToAdd> {
  const now = systemClock.now()
  const facts = await inspectKey(person.publicArmored, now)
  if (facts === null) throw new Error('a key of the benchmark cannot be read')
  return {
    id: `member-${index}`,
    name: person.name,
    address: person.address as Address,
    products: ['parser'],
    state: 'active',
    fingerprint: facts.fingerprint,
    keyData: facts.keyData,
    signingKeys: facts.signingKeys,
    keyExpiresAt: facts.expiresAt,
    addedAt: now
  }
}

function schedule(tx: Tx, settings: Settings, now: Instant, releaseAt: Instant): void {
  const tag = nextCaseTag(tx, 'ACME', now, 'UTC')
  const disclosureAt = addMs(releaseAt, WEEK_MS)
  const root = (name: string): MessageId => `${name}@acme.example` as MessageId
  const caseId = insertCase(
    tx,
    {
      case: {
        tag,
        product: 'parser',
        state: 'planned',
        subject: 'Heap overflow in the parser',
        receivedAt: now,
        openedAt: now,
        owner: null,
        disclosureAt,
        disclosureZone: null
      },
      reporter: { contact: null, beganInClear: false, root: null, latest: null, answeredAt: now }
    },
    { maintainer: root('maintainers'), reporter: root('reporter') }
  )
  const patch = { filename: 'fix.patch', contentType: 'text/x-diff', content: PATCH }
  const noticeId = saveNotice(tx, caseId, {
    kind: 'save-notice',
    caseTag: tag,
    product: 'parser',
    version: 0,
    state: 'scheduled',
    revision: 1,
    fields: {
      title: 'Heap overflow in the parser',
      description: 'A negative chunk length makes the parser write beyond its buffer. '.repeat(20),
      affected_versions: '4.0 to 4.2',
      remedy_steps: 'Apply the patch and restart every service that parses untrusted input.'
    },
    told: null,
    releaseAt,
    patches: [{ ...patch, sha256: sha256(PATCH) }],
    approvals: 'keep',
    copies: 'go-on'
  })
  const notice = findNotice(tx, tag)
  if (notice === null) throw new Error('the notice was not stored')
  const record = findCase(tx, tag)
  const [product] = settings.products
  if (record === null || product === undefined) throw new Error('the case was not stored')
  const recipients = listRecipients(tx, product.id)
  const digest = sha256(approvedText(notice, { record, product, settings }, recipients))
  insertPreview(tx, noticeId, { code: 'seeded', digest, issuedAt: now })
  insertApproval(tx, noticeId, { maintainerId: 'm1', digest, code: 'seeded', at: now })
}
