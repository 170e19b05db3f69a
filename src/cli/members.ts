/**
 * `postern members`: the private distribution list (G5). Only these commands show it, to the operator who can read the database.
 */
import { readFileSync } from 'node:fs'
import { type Address, isSameAddress, parseAddress } from '../domain/address.ts'
import { BY_OPERATOR, event } from '../domain/event.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { isDesks } from '../domain/mail.ts'
import { KEY_PROBLEMS } from '../domain/outgoing.ts'
import { listed } from '../domain/words.ts'
import { systemClock } from '../effects/system.ts'
import { type Database, type Tx } from '../store/database.ts'
import * as deliveries from '../store/deliveries.ts'
import * as members from '../store/members.ts'
import * as notices from '../store/notices.ts'
import { type Call, record, requireName, withDatabase } from './context.ts'
import { readCertificate } from './keys.ts'
import { CommandError, print, printRows, UsageError } from './output.ts'
import { page } from './page.ts'

export async function listTheMembers(call: Call): Promise<void> {
  await withDatabase(call, (db) => {
    printRows(call, db.read(members.list), {
      ID: (member) => member.id,
      NAME: (member) => member.name,
      ADDRESS: (member) => member.address,
      STATE: (member) => member.state,
      PRODUCTS: (member) => member.products.join(','),
      KEY: (member) => formatFingerprint(member.fingerprint),
      'KEY EXPIRES': (member) => member.keyExpiresAt ?? 'never'
    })
  })
}

type NewMember = {
  readonly id: string
  readonly name: string
  readonly addressFile?: string
  readonly key: string
  readonly product: readonly string[]
}

export async function addMember(call: Call<NewMember>): Promise<void> {
  const { options } = call
  const given = addressIn(options.addressFile)
  const name = requireName(options.name)
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(options.id))
    throw new UsageError(
      '--id takes lower-case letters, digits and "-", for example example-linux.'
    )
  await withDatabase(
    call,
    async (db, { products, desk }) => {
      const known = products.map(({ id }) => id)
      const unknown = options.product.find((product) => !known.includes(product))
      if (unknown !== undefined)
        throw new CommandError(
          `--product: "${unknown}" is not in the configuration; its products are ${listed(known)}.`
        )
      const member = await readMember({ ...options, name }, given)
      if (isDesks(member.address, desk))
        throw new CommandError("This is the desk's own address; give the member's address.")
      db.transact((tx) => {
        insert(tx, member)
      })
      const { id, fingerprint } = member
      report(call, db, member.products, { member: id, removed: false, fingerprint, stopped: 0 })
    },
    'create'
  )
}

function insert(tx: Tx, member: members.MemberToAdd): void {
  const { id, products, keyExpiresAt: expiresAt, addedAt: at } = member
  const inserted = members.add(tx, member)
  if (inserted === 'id-taken')
    throw new CommandError(
      `There is already a member ${id}; to replace it, run "postern members remove ${id}" first.`
    )
  if (inserted === 'address-taken')
    throw new CommandError('Another member has this address already.')
  const subject = { kind: 'member', id } as const
  record(tx, event('member-added', subject, BY_OPERATOR, { products }), at)
  const about = { fingerprint: null, expiresAt }
  record(tx, event('certificate-seen', subject, BY_OPERATOR, about), at)
}

/**
 * The address in a file or on standard input; null where none is named. Never on the command line: everybody on this machine can
 * read that (`ps`).
 */
function addressIn(file: string | undefined): Address | null {
  if (file === undefined) return null
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch {
    throw new CommandError(`--address-file: ${file} cannot be read.`)
  }
  const address = parseAddress(text.trim())
  if (address === null)
    throw new CommandError(
      '--address-file: it holds no plain mail address such as security@example.org.'
    )
  return address
}

async function readMember(options: NewMember, given: Address | null): Promise<members.MemberToAdd> {
  const now = systemClock.now()
  const facts = await readCertificate('--key', options.key, now)
  if (facts.state !== 'usable')
    throw new CommandError(
      `--key: ${options.key} cannot be used, because ${KEY_PROBLEMS[facts.state]}; ask the member for a current one.`
    )
  const [only, ...others] = facts.addresses
  if (given === null && others.length > 0)
    throw new CommandError(
      `--key: the key in ${options.key} names several addresses; write the one that notices go to into a file and add --address-file FILE.`
    )
  const address = given ?? only
  if (address === undefined || !facts.addresses.some((one) => isSameAddress(one, address)))
    throw new CommandError(
      `--key: the key in ${options.key} has no valid user id with this address; ask the member which address is right.`
    )
  const { id, name, product: products } = options
  const { fingerprint, keyData, signingKeys, expiresAt: keyExpiresAt } = facts
  const key = { fingerprint, keyData, signingKeys, keyExpiresAt }
  return { id, name, address, products, state: 'active', ...key, addedAt: now }
}

export async function removeTheMember(call: Call): Promise<void> {
  const { argument: id } = call
  await withDatabase(call, (db) => {
    const at = systemClock.now()
    const stopped = db.transact((tx) => {
      const count = members.remove(tx, id, at)
      if (count === null)
        throw new CommandError(
          `There is no member ${id}; "postern members list" lists all members.`
        )
      record(tx, event('member-removed', { kind: 'member', id }, BY_OPERATOR, {}), at)
      return count
    })
    report(call, db, null, { member: id, removed: true, fingerprint: null, stopped })
  })
}

/**
 * Says what was done; which scheduled notices about these products, or about any for null, have other recipients now; and which
 * not every member has.
 */
function report(call: Call, db: Database, products: readonly string[] | null, done: object): void {
  const noticesToApproveAgain = db
    .read(notices.listActive)
    .filter((one) => one.state === 'scheduled' && (products?.includes(one.product) ?? true))
    .map(({ caseTag }) => caseTag)
  const missing = db.read((read) => deliveries.listMissing(read, systemClock.now()))
  const noticesMissed = [...new Set(missing.map(({ caseTag }) => caseTag))]
  const value = { ...done, noticesToApproveAgain, noticesMissed }
  print(call, value, page('show-member', value, 'UTC'))
}
