/**
 * `postern members`: the private distribution list (G5). Only these commands show it, to the operator who can read the database.
 */

import { readFile } from 'node:fs/promises'
import { type Address, isSameAddress } from '../domain/address.ts'
import { BY_OPERATOR, event, NO_EVIDENCE } from '../domain/event.ts'
import { type Fingerprint, formatFingerprint } from '../domain/ids.ts'
import { count, listed } from '../domain/words.ts'
import { systemClock } from '../effects/system.ts'
import { classifyKey, inspectKey } from '../openpgp/keyring.ts'
import { appendEvent } from '../store/events.ts'
import { insertMember, listMembers, type MemberToAdd, removeMember } from '../store/members.ts'
import { listActiveNotices } from '../store/notices.ts'
import { type Call, requireAddress, requireName, withDatabase } from './context.ts'
import { CommandError, printJson, printTable, UsageError } from './output.ts'

export async function listTheMembers(call: Call): Promise<void> {
  await withDatabase(call, (db) => {
    const members = db.read(listMembers)
    if (call.json) {
      printJson(call.streams, members)
      return
    }
    printTable(
      call.streams,
      ['ID', 'NAME', 'ADDRESS', 'STATE', 'PRODUCTS', 'KEY', 'KEY EXPIRES'],
      members.map((member) => [
        member.id,
        member.name,
        member.address,
        member.state,
        member.products.join(','),
        formatFingerprint(member.fingerprint),
        member.keyExpiresAt ?? 'never'
      ])
    )
  })
}

export type NewMember = {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly key: string
  readonly product: readonly string[]
}

export async function addMember(call: Call, options: NewMember): Promise<void> {
  const address = requireAddress(options.address)
  const name = requireName(options.name)
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(options.id)) {
    throw new UsageError(
      '--id takes lower-case letters, digits and "-", for example example-linux.'
    )
  }
  await withDatabase(
    call,
    async (db, { config }) => {
      const known = config.products.map(({ id }) => id)
      const unknown = options.product.find((product) => !known.includes(product))
      if (unknown !== undefined)
        throw new CommandError(
          `--product: "${unknown}" is not in the configuration; its products are ${listed(known)}.`
        )
      if (isSameAddress(address, config.desk.address))
        throw new CommandError(
          "--address: this is the desk's own address; give the member's address."
        )
      const member = await readMember({ ...options, name }, address)
      const result = db.transact((tx) => {
        const inserted = insertMember(tx, member)
        if (inserted === 'added') {
          const subject = { kind: 'member', id: member.id } as const
          const { products, fingerprint, keyExpiresAt: expiresAt, addedAt: at } = member
          const work = { at, evidence: NO_EVIDENCE }
          appendEvent(tx, event('member-added', subject, BY_OPERATOR, { products }), work)
          const seen = { fingerprint, expiresAt }
          appendEvent(tx, event('certificate-seen', subject, BY_OPERATOR, seen), work)
        }
        return inserted
      })
      if (result === 'id-taken')
        throw new CommandError(
          `There is already a member ${member.id}; to replace it, run "postern members remove ${member.id}" first.`
        )
      if (result === 'address-taken')
        throw new CommandError('--address: another member has this address already.')
      const voided = db
        .read(listActiveNotices)
        .filter(({ product }) => member.products.includes(product)).length
      report(call, { member: member.id, fingerprint: member.fingerprint }, voided)
    },
    'create'
  )
}

async function readMember(options: NewMember, address: Address): Promise<MemberToAdd> {
  const now = systemClock.now()
  const data = await readFile(options.key).catch(() => null)
  if (data === null)
    throw new CommandError(
      `--key: ${options.key} cannot be read; check that it exists and its permissions.`
    )
  const kind = classifyKey(data)
  if (kind === 'private')
    throw new CommandError(
      `--key: ${options.key} is a PRIVATE key; delete this file and ask the member for the public key.`
    )
  const facts = kind === 'public' ? await inspectKey(data, now) : null
  if (facts === null)
    throw new CommandError(`--key: ${options.key} is not exactly one readable OpenPGP public key.`)
  if (facts.state !== 'usable') {
    const why = {
      expired: 'has expired',
      revoked: 'is revoked',
      'cannot-encrypt': 'cannot be used to encrypt'
    }[facts.state]
    throw new CommandError(
      `--key: the key in ${options.key} ${why}; ask the member for a current one.`
    )
  }
  if (!facts.addresses.some((candidate) => isSameAddress(candidate, address))) {
    throw new CommandError(
      `--key: the key in ${options.key} has no valid user id with this address; ask the member which address is right.`
    )
  }
  return {
    id: options.id,
    name: options.name,
    address,
    products: options.product,
    state: 'active',
    fingerprint: facts.fingerprint,
    keyData: facts.keyData,
    signingKeys: facts.signingKeys,
    keyExpiresAt: facts.expiresAt,
    addedAt: now
  }
}

export async function removeTheMember(call: Call, id: string): Promise<void> {
  await withDatabase(call, (db) => {
    const at = systemClock.now()
    const removed = db.transact((tx) => {
      if (!removeMember(tx, id, at)) return false
      appendEvent(tx, event('member-removed', { kind: 'member', id }, BY_OPERATOR, {}), {
        at,
        evidence: NO_EVIDENCE
      })
      return true
    })
    if (!removed)
      throw new CommandError(`There is no member ${id}; "postern members list" lists all members.`)
    report(call, { member: id, removed: true }, db.read(listActiveNotices).length)
  })
}

function report(
  call: Call,
  what: { readonly member: string; readonly fingerprint?: Fingerprint; readonly removed?: true },
  notices: number
): void {
  if (call.json) {
    printJson(call.streams, { ...what, noticesToApproveAgain: notices })
    return
  }
  const said =
    what.fingerprint === undefined
      ? 'removed'
      : `added, fingerprint ${formatFingerprint(what.fingerprint)}`
  call.streams.out(`member ${what.member} ${said}\n`)
  if (notices > 0)
    call.streams.out(
      `The recipients of ${count(notices, 'scheduled notice', 'scheduled notices')} changed: on hold until somebody sends /notice preview and /notice approve again.\n`
    )
}
