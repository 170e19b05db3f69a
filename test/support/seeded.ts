/**
 * Puts cases, members and approved notices straight into the database of a desk, through Postern's own store, for tests that
 * begin in the middle of a story. Must never be the way to a state that the store itself would not allow.
 */
import { join } from 'node:path'
import { requireSettings } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type SaveNotice } from '../../src/domain/decision.ts'
import { aboutCase, BY_DESK, byMaintainer, event, NO_EVIDENCE } from '../../src/domain/event.ts'
import { type CaseTag, type MessageId } from '../../src/domain/ids.ts'
import { type NoticeRecord } from '../../src/domain/notice.ts'
import { type Settings } from '../../src/domain/settings.ts'
import { addMs, type Instant } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import { sha256 } from '../../src/openpgp/packets.ts'
import { approvedText } from '../../src/policy/notice-content.ts'
import * as cases from '../../src/store/cases.ts'
import { type Database, openDatabase, type Tx } from '../../src/store/database.ts'
import * as events from '../../src/store/events.ts'
import * as members from '../../src/store/members.ts'
import * as notices from '../../src/store/notices.ts'
import { address, caseRecord, reporter } from '../unit/policy/samples.ts'
import { type Desk, IMAP_PASSWORD, PASSPHRASE } from './desk-world.ts'
import { type Person } from './people.ts'

const WEEK_MS = 7 * 86_400_000

/** Opens (and makes, when missing) the database of a desk; close it before the desk is asked. */
export function databaseOf(desk: Desk, path = 'data/postern.db'): Database {
  return openDatabase({
    path: join(desk.folder, path),
    passphrase: PASSPHRASE
  })
}

/** The settings as the daemon of this desk would have them. */
export async function settingsOf(desk: Desk): Promise<Settings> {
  const environment = { POSTERN_IMAP_PASSWORD: IMAP_PASSWORD }
  return requireSettings(await loadConfig(desk.configFile, environment))
}

/** Makes `person` a member for the product `parser`. */
export async function seedMember(
  db: Database,
  id: string,
  person: Pick<Person, 'name' | 'address' | 'exportPublicKey'>
): Promise<void> {
  const now = systemClock.now()
  const facts = await inspectKey(await person.exportPublicKey(), now)
  if (facts === null) throw new Error('bad test data')
  const { expiresAt, fingerprint, keyData, signingKeys } = facts
  const who = { id, name: person.name, address: address(person.address) }
  const key = { fingerprint, keyData, signingKeys, keyExpiresAt: expiresAt }
  db.transact((tx) =>
    members.add(tx, { ...who, ...key, products: ['parser'], state: 'active', addedAt: now })
  )
}

/** Opens a case; returns its tag and row id. */
export function seedCase(
  tx: Tx,
  subject: string,
  disclosureAt: Instant | null = null
): { readonly tag: CaseTag; readonly id: number } {
  const now = systemClock.now()
  const tag = cases.nextTag(tx, 'ACME', now, 'Europe/Berlin')
  const root = (name: string): MessageId => `${tag}.${name}@acme.example` as MessageId
  const state = disclosureAt === null ? 'received' : 'planned'
  const who = { contact: null, latest: null, answeredAt: now }
  const record = caseRecord({ tag, state, subject, disclosureAt, reporters: [reporter(who)] })
  const roots = { maintainer: root('maintainers'), reporter: root('reporter') }
  const id = cases.open(tx, { ...record, receivedAt: now, openedAt: now }, roots)
  return { tag, id }
}

/** A case with a notice that ada (or somebody else) has approved for the members there are now, to leave at `releaseAt`. */
export function seedNotice(
  tx: Tx,
  settings: Settings,
  releaseAt: Instant,
  content: Partial<Pick<SaveNotice, 'fields' | 'patches'>> = {},
  approver = 'ada'
): NoticeRecord {
  const { tag, id } = seedCase(tx, 'Heap overflow in the parser', addMs(releaseAt, WEEK_MS))
  notices.save(tx, id, {
    kind: 'save-notice',
    caseTag: tag,
    product: 'parser',
    version: 0,
    state: 'scheduled',
    revision: 1,
    fields: {
      title: 'Heap overflow in the parser',
      description: 'A crafted file overflows a heap buffer.',
      affected_versions: '4.0 to 4.2',
      remedy_steps: 'Update to 4.2.1.'
    },
    told: null,
    releaseAt,
    releasedAt: null,
    patches: [],
    copies: 'go-on',
    ...content
  })
  const digest = sha256(approvedText(...approved(tx, settings, tag)))
  const given = { revision: 1, digest, code: 'seeded', members: 1 }
  const happened = [
    event('notice-drafted', aboutCase(tag), BY_DESK, { revision: 1, fields: [], patches: [] }),
    event('notice-previewed', aboutCase(tag), BY_DESK, given),
    event('notice-approved', aboutCase(tag), byMaintainer(approver), given)
  ]
  for (const one of happened)
    events.append(tx, one, { at: systemClock.now(), evidence: NO_EVIDENCE })
  return noticeOf(tx, tag)
}

function approved(tx: Tx, settings: Settings, tag: CaseTag): Parameters<typeof approvedText> {
  const record = cases.find(tx, tag)
  const [product] = settings.products
  if (record === null || product === undefined) throw new Error('the case was not stored')
  return [
    noticeOf(tx, tag),
    { case: record, product, settings },
    members.listActive(tx, product.id)
  ]
}

function noticeOf(tx: Tx, tag: CaseTag): NoticeRecord {
  const notice = notices.find(tx, tag)
  if (notice === null) throw new Error('the notice was not stored')
  return notice
}
