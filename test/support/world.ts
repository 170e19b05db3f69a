/**
 * A desk in one process: the real database file, the real OpenPGP and the real loop steps, with a clock, a mailbox and an
 * SMTP server that the test turns by hand, and a process that can be made to die between any two effects.
 */
import { setImmediate } from 'node:timers/promises'
import * as openpgp from 'openpgp'
import { BUILT_IN_CLOCKS } from '../../src/config/clock-schema.ts'
import { builtInTexts } from '../../src/config/texts.ts'
import { record } from '../../src/desk/commit.ts'
import { type Desk } from '../../src/desk/desk.ts'
import { createDispatcher, type Dispatcher } from '../../src/desk/dispatch.ts'
import { takeIn } from '../../src/desk/intake.ts'
import { moveHandled } from '../../src/desk/moves.ts'
import { releaseDue } from '../../src/desk/release.ts'
import { lookAtRoom } from '../../src/desk/room.ts'
import { adoptClocks, listFurtherReports, tick } from '../../src/desk/tick.ts'
import { lookAtClock, lookAtDisk } from '../../src/desk/watch.ts'
import { createHandler, handlePending } from '../../src/desk/work.ts'
import { type Address } from '../../src/domain/address.ts'
import { BY_OPERATOR, event } from '../../src/domain/event.ts'
import { type SendOutcome } from '../../src/domain/outgoing.ts'
import { type Role } from '../../src/domain/role.ts'
import { type Policy, type Product, type Settings } from '../../src/domain/settings.ts'
import { addMs, type Instant, msOf } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import {
  type Envelope,
  type Mailbox,
  type Sender,
  type Workers
} from '../../src/effects/effects.ts'
import { type LogEvent } from '../../src/effects/events.ts'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import { type Database } from '../../src/store/database.ts'
import * as members from '../../src/store/members.ts'
import { type SqlParams } from '../../src/store/sql.ts'
import * as samples from '../unit/policy/samples.ts'
import { encryptedMail } from '../unit/reading/material.ts'
import { openIn } from '../unit/store/support.ts'
import { type TestDesk, testDesk } from './desk-identity.ts'
import { inProcessWorkers } from './in-process-workers.ts'
import { tempFolder } from './temp.ts'

export const START = samples.at('2026-11-23T12:00:00Z')
const KEYS_MADE = samples.at('2026-11-01T00:00:00Z')

/** A message that SMTP accepted. */
export type Accepted = Pick<Envelope, 'messageId' | 'from' | 'to'> & { readonly raw: Buffer }

/** Somebody with a mail client and an OpenPGP key. */
export type Someone = {
  readonly id: string
  readonly name: string
  readonly address: Address
  readonly secret: openpgp.PrivateKey
  readonly keyData: Uint8Array
}

/** A person with a fresh key; `days` is how long the key lasts, 0 for ever. */
export async function someone(id: string, address: string, days = 0): Promise<Someone> {
  const name = `${id.charAt(0).toUpperCase()}${id.slice(1)}`
  const { privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name, email: address }],
    keyExpirationTime: days * 86_400,
    date: new Date(msOf(KEYS_MADE)),
    format: 'armored'
  })
  const secret = await openpgp.readPrivateKey({ armoredKey: privateKey })
  return { id, name, address: samples.address(address), secret, keyData: secret.toPublic().write() }
}

export type Letter = {
  readonly subject: string
  readonly text: string
  /** Default: encrypted and signed. */
  readonly as?: 'signed' | 'encrypted' | 'clear'
  /** Another key that signs beside the sender's. */
  readonly alsoBy?: Someone
  readonly autocrypt?: boolean
  readonly headers?: readonly string[]
  /** The protected To; the desk's address unless given, none at all for null. */
  readonly to?: string | null
  /** What is encrypted, in place of a MIME entity with the text. */
  readonly payload?: string
  /** What is encrypted is compressed first, as GnuPG does. */
  readonly isCompressed?: boolean
  /** A file, a patch unless given, as it is written in the message; makes the payload multipart. */
  readonly patch?: Record<'filename' | 'content', string> & {
    readonly contentType?: string
    readonly encoding?: 'base64'
  }
}

let letters = 0

/** Everything the test can do to a desk and see of it. */
export type World = Awaited<ReturnType<typeof openWorld>>

export type WorldOptions = {
  readonly maintainers: readonly (Someone & { readonly roles?: readonly Role[] })[]
  readonly policy?: Partial<Policy>
  /** Beside the product of every world. */
  readonly moreProducts?: readonly Product[]
  readonly limits?: Partial<Settings['limits']>
  readonly acknowledgement?: Partial<Settings['acknowledgement']>
  readonly forwarding?: Partial<Settings['forwarding']>
  /** Other addresses of the desk. */
  readonly aliases?: readonly Address[]
  /** The mail servers whose word about senders counts; none unless given. */
  readonly authentication?: Settings['authentication']
  /** When it begins; {@link START} by default. */
  readonly startsAt?: Instant
  /** Whether there is a digest, each morning at 08:00 UTC. */
  readonly digest?: boolean
  /** Whether the desk warns before maintainers' keys end. */
  readonly keyEnds?: boolean
  /** What sends in place of the SMTP server that the test turns by hand. */
  readonly sender?: Sender
  /** With a key of its own; the one that all worlds share unless given. */
  readonly identity?: TestDesk
}

let sharedDesk: Promise<TestDesk> | null = null

/** The public key of the desk of every world, armored. */
export async function deskCertificate(): Promise<string> {
  sharedDesk ??= testDesk(KEYS_MADE)
  return (await sharedDesk).publicArmored
}

/** Opens a world in a folder of its own. */
export async function openWorld(options: WorldOptions) {
  sharedDesk ??= testDesk(KEYS_MADE)
  const identity = options.identity ?? (await sharedDesk)
  const folder = tempFolder()
  const settings = await settingsOf(options, identity)
  // Unlocked once for all worlds of a file: that takes longer than much of what they do.
  const certificates = options.maintainers.map(({ keyData }) => keyData)
  const real = inProcessWorkers(
    { ...identity.keys, certificates },
    { ...identity.start, deskAliases: options.aliases ?? [] }
  )
  const life = { dead: false, steps: 0, dieAt: Number.POSITIVE_INFINITY }
  const clock = { now: options.startsAt ?? START, monotonicMs: 1000 }
  const faults: {
    fail: ((raw: Uint8Array, call: 'open' | 'openHeaders') => Trouble | null) | null
    failSeal: ((said: string) => Error | null) | null
  } = { fail: null, failSeal: null }
  const disk: { trouble: Trouble | null } = { trouble: null }
  const log: LogEvent[] = []
  let database = openIn(folder.path)
  let seed = 1
  const below = (limit: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % limit
  }
  const token = (length: number): string =>
    Array.from({ length }, () => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(below(32))).join('')

  function step(): void {
    if (life.dead) throw died()
    life.steps += 1
    if (life.steps >= life.dieAt) {
      life.dead = true
      throw died()
    }
  }
  async function around<T>(work: () => Promise<T>): Promise<T> {
    step()
    const result = await work()
    step()
    return result
  }
  const db: Database = {
    ...database,
    read: (work) => {
      if (life.dead) throw died()
      return database.read(work)
    },
    transact: (work) => {
      step()
      const result = database.transact(work)
      step()
      return result
    },
    flush: () => (disk.trouble === null ? database.flush() : Promise.reject(disk.trouble))
  }
  const workers: Workers = {
    inTurn: () => workers,
    open: (raw, open) =>
      around(() => {
        const trouble = faults.fail?.(raw, 'open') ?? null
        return trouble === null ? real.open(raw, open) : Promise.reject(trouble)
      }),
    openHeaders: (raw) =>
      around(() => {
        const trouble = faults.fail?.(raw, 'openHeaders') ?? null
        return trouble === null ? real.openHeaders(raw) : Promise.reject(trouble)
      }),
    seal: (...args) =>
      around(() => {
        const error = faults.failSeal?.(JSON.stringify(args)) ?? null
        return error === null ? real.seal(...args) : Promise.reject(error)
      }),
    signClear: (...args) => around(() => real.signClear(...args)),
    inspectKey: (...args) => around(() => real.inspectKey(...args)),
    close: () => Promise.resolve()
  }
  const desk: Desk = {
    db,
    settings,
    workers,
    render: samples.builtInRender(settings.desk),
    clock: {
      now: () => clock.now,
      monotonicMs: () => clock.monotonicMs,
      bootMs: () => clock.monotonicMs,
      bootId: () => 'boot'
    },
    randomness: { token, below },
    sha256: samples.sha256,
    log: (event) => {
      log.push(event)
    },
    nextDigestsAt: () => (options.digest === true ? nextMornings(clock.now) : [])
  }
  const inbox = new Map<number, Uint8Array>()
  const processed: number[] = []
  const heldMails: number[] = []
  const accepted: Accepted[] = []
  const replies: SendOutcome['kind'][] = []
  const server: { size: number; refuses: (mail: Envelope) => boolean } = {
    size: Number.POSITIVE_INFINITY,
    refuses: () => false
  }
  const slow = { to: [] as string[], owed: [] as (() => void)[] }
  const box = folderOf(
    inbox,
    () => clock.now,
    (uids, to) => {
      for (const uid of uids)
        if (inbox.delete(uid)) (to === 'held' ? heldMails : processed).push(uid)
      return Promise.resolve()
    }
  )
  const mailbox: Mailbox = {
    ...box,
    list: (range) => around(() => box.list(range)),
    fetch: (uid, part) => around(() => box.fetch(uid, part)),
    move: (uids, to) => around(() => box.move(uids, to))
  }
  const sender: Sender = options.sender ?? {
    room: () => 8,
    send: async (mail) => {
      // A process that dies here was not heard; one that dies below was, and does not know.
      if (life.dead) return { kind: 'uncertain', code: 0 }
      if (slow.to.includes(mail.to)) await new Promise<void>((answer) => slow.owed.push(answer))
      const usual = server.refuses(mail) ? 'deferred' : (replies.shift() ?? 'accepted')
      const kind = mail.size > server.size ? 'too-large' : usual
      try {
        step()
      } catch {
        return { kind: 'uncertain', code: 0 }
      }
      if (kind === 'accepted') accepted.push({ ...mail, raw: Buffer.concat([...mail.pieces()]) })
      await Promise.resolve()
      return { kind, code: CODES[kind] }
    },
    close: () => Promise.resolve()
  }
  const signal = new AbortController().signal
  let dispatcher = newDispatcher()
  adoptClocks(desk)
  const failures = new Map<number, number>()
  function newDispatcher(): Dispatcher {
    return createDispatcher(desk, sender, { signal, ended: () => undefined })
  }

  async function dispatch(): Promise<boolean> {
    let worked = false
    while (await dispatcher.step()) {
      worked = true
      while (dispatcher.inFlight() > slow.owed.length) await setImmediate()
    }
    return worked
  }

  let uid = 0
  const pass = (ms: number): void => {
    clock.now = addMs(clock.now, ms)
    clock.monotonicMs += ms
    // As a daemon that ran meanwhile, and may die while it looks: then its next step says so.
    try {
      if (!life.dead) lookAtClock(desk)
    } catch (error) {
      if (!life.dead) throw error
    }
  }
  const settled = () => settle(desk, mailbox, { failures, dispatch, signal })
  const deliver = (raw: Uint8Array): number => {
    uid += 1
    inbox.set(uid, raw)
    return uid
  }
  const receive = (raw: Uint8Array): Promise<void> => {
    deliver(raw)
    return settled()
  }
  const writeNow = (from: Someone, letter: Letter): Promise<Uint8Array> =>
    write(from, letter, identity.publicArmored, clock.now)
  const rows = <Row>(sql: string, params?: SqlParams): Row[] =>
    database.read((read) => read.all(sql, params)) as never
  const column = <Value = string>(sql: string, params?: SqlParams): Value[] =>
    rows<object>(sql, params).map((row) => Object.values(row)[0] as never)
  return {
    desk,
    clock,
    /** Lets both clocks run. */
    pass,
    /** Lets time pass, and the desk does what is due then. */
    wait: (ms: number): Promise<void> => {
      pass(ms)
      return settled()
    },
    /** Sets the wall clock alone, as a broken time service does. */
    jump: (ms: number): void => {
      clock.now = addMs(clock.now, ms)
    },
    inbox,
    processed,
    heldMails,
    /** Every message that SMTP accepted, in order. */
    accepted,
    /** Those of them that went to this person. */
    sentTo: (person: Pick<Someone, 'address'>): Accepted[] =>
      accepted.filter(({ to }) => to === person.address),
    /** What SMTP answers next; accepted when empty. */
    replies,
    /** The largest message that SMTP takes, in bytes, and what it does not take for now. */
    server,
    /** SMTP takes its time over mail to these addresses. */
    isSlowTo: (addresses: readonly string[]): void => {
      slow.to = [...addresses]
    },
    /** SMTP says at last what it owes, and the desk does what follows. */
    answersAtLast: (): Promise<void> => {
      slow.to = []
      for (const answer of slow.owed.splice(0)) answer()
      return settled()
    },
    log,
    /** How the workers fail: at opening a message, or at encrypting one, which is given with its recipients as JSON. */
    workers: faults,
    /** While there is trouble, the disk never says that it has what was written. */
    disk,
    /** Builds a message as `from` would write it. */
    write: writeNow,
    /** Puts a message into the inbox. */
    deliver,
    /** A message comes, and the desk does everything that there is to do about it. */
    receive,
    /** Somebody writes, and so it comes. */
    send: async (from: Someone, letter: Letter): Promise<void> =>
      receive(await writeNow(from, letter)),
    addMember: async ({ id, name, address, ...one }: Someone): Promise<void> => {
      const { fingerprint, keyData, signingKeys, expiresAt } = await factsOf(one.keyData, clock.now)
      const who = { id, name, address, products: ['parser'], state: 'active' as const }
      const key = { fingerprint, keyData, signingKeys, keyExpiresAt: expiresAt }
      const subject = { kind: 'member', id } as const
      // As "postern members add" does.
      database.transact((tx) => {
        members.add(tx, { ...who, ...key, addedAt: clock.now })
        record(tx, event('member-added', subject, BY_OPERATOR, { products: who.products }), {
          now: clock.now
        })
        const seen = { fingerprint: null, expiresAt }
        record(tx, event('certificate-seen', subject, BY_OPERATOR, seen), { now: clock.now })
      })
    },
    /** The operator gives a maintainer another key; the desk knows it at its next start. */
    renewKey: async (renewed: Someone): Promise<void> => {
      const { fingerprint, keyData, signingKeys } = await factsOf(renewed.keyData, clock.now)
      const maintainers = settings.maintainers.map((one) =>
        one.id === renewed.id ? { ...one, fingerprint, keyData, signingKeys } : one
      )
      Object.assign(settings, { maintainers })
    },
    /** What the daemon does until nothing is left to do now. */
    settle: settled,
    /** What became of each message that was taken in, in order. */
    dispositions: () => column<string | null>('SELECT disposition FROM arrivals ORDER BY id'),
    sendOnce: dispatch,
    releaseOnce: () => releaseDue(desk, { failures, signal, queued: () => undefined }),
    rows,
    /** The first column of these rows. */
    column,
    /** Changes the database by hand. */
    change: (sql: string, params?: SqlParams): void => {
      database.transact((tx) => tx.run(sql, params))
    },
    /** What a person reads in a message: headers and all, decrypted. */
    read,
    /** The process dies at this effect (counted from now): nothing works until it is started again. */
    dieAt: (count: number): void => {
      life.dieAt = life.steps + count
    },
    /** A new process on the same database file. */
    restart: (): void => {
      database.close()
      database = openIn(folder.path)
      life.dead = false
      life.dieAt = Number.POSITIVE_INFINITY
      slow.owed.length = 0
      dispatcher = newDispatcher()
      adoptClocks(desk)
      failures.clear()
    },
    close: (): void => {
      database.close()
      folder.remove()
    }
  }
}

/** What the desk knows of a certificate at this time. */
export async function factsOf(certificate: Uint8Array, now: Instant) {
  const facts = await inspectKey(certificate, now)
  if (facts === null) throw new Error('bad test data')
  return facts
}

/** A folder of a mail server with these messages, which announces nothing and keeps what is moved unless that is given. */
export function folderOf(
  messages: ReadonlyMap<number, Uint8Array>,
  now: () => Instant,
  move: Mailbox['move'] = () => Promise.resolve()
): Mailbox {
  return {
    list: ({ afterUid, limit }) => {
      const above = [...messages].filter(([uid]) => uid > afterUid).sort(([a], [b]) => a - b)
      const page = above.slice(0, limit)
      const waiting = page.map(([uid, raw]) => ({ uid, size: raw.length, receivedAt: now() }))
      return Promise.resolve({ uidValidity: '1', waiting, more: above.length > limit })
    },
    fetch: (uid, part) => {
      const raw = messages.get(uid)
      if (raw === undefined) return Promise.resolve(null)
      // As the real one: the beginning of the message, header or not.
      const end = part === 'whole' ? raw.length : arrivals.HEAD_BYTES
      return Promise.resolve({ raw: raw.subarray(0, end), part })
    },
    move,
    takeOut: () => Promise.resolve(),
    mark: () => Promise.resolve(),
    waitForChange: () => Promise.resolve(false),
    close: () => Promise.resolve()
  }
}

const CODES = {
  ...{ accepted: 250, deferred: 451, rejected: 550, uncertain: 0 },
  ...{ 'too-large': 552, ours: 550, unclear: 550, 'no-utf8': 0, untried: 0 }
} as const

async function settle(
  desk: Desk,
  mailbox: Mailbox,
  parts: {
    readonly failures: Map<number, number>
    readonly dispatch: () => Promise<boolean>
    readonly signal: AbortSignal
  }
): Promise<void> {
  const { failures, dispatch, signal } = parts
  const handler = createHandler(desk)
  for (let rounds = 0; ; rounds += 1) {
    if (rounds > 200) throw new Error('the desk never comes to rest')
    const stored = () => undefined
    const inbox = { inbox: 'INBOX', failures: new Map(), from: null }
    const place = await takeIn(desk, mailbox, {
      ...inbox,
      signal,
      stored,
      placeOf: handler.placeOf
    })
    lookAtClock(desk)
    const released = await releaseDue(desk, { failures, signal, queued: stored })
    lookAtDisk(desk)
    lookAtRoom(desk)
    const listed = await listFurtherReports(desk)
    const rang = await tick(desk)
    const handled = await handlePending(desk, signal, stored, handler)
    const sent = await dispatch()
    await moveHandled(desk, mailbox, { ...place, mailbox: 'INBOX' })
    if (!released && !listed && !rang && handled === 0 && !sent) return
  }
}

/** 08:00 UTC, the next ones after `now`. */
function nextMornings(now: Instant): Instant[] {
  const day = 86_400_000
  const since = (msOf(now) - 8 * 3_600_000) % day
  return [1, 2, 3].map((days) => addMs(now, days * day - since))
}

function died(): Trouble {
  return new Trouble('stopping', 'the process of this test has died')
}

async function settingsOf(options: WorldOptions, identity: TestDesk): Promise<Settings> {
  const usual: Role[] = ['committer', 'release', 'approver', 'list-admin']
  const maintainers = []
  for (const { id, name, address, keyData, roles } of options.maintainers) {
    const { expiresAt, ...key } = await factsOf(keyData, KEYS_MADE)
    const keyExpiresAt = options.keyEnds === true ? expiresAt : null
    maintainers.push({ id, name, address, roles: roles ?? usual, ...key, keyExpiresAt })
  }
  return {
    desk: {
      name: 'ACME Security Team',
      address: samples.DESK,
      aliases: options.aliases ?? [],
      casePrefix: 'ACME',
      timezone: 'UTC',
      bounceAddress: null,
      fingerprint: identity.keys.desk.signer.fingerprint,
      retiredFingerprints: [],
      keyExpiresAt: null
    },
    maintainers,
    products: [
      { ...samples.PRODUCT, policy: { ...samples.POLICY, ...options.policy } },
      ...(options.moreProducts ?? [])
    ],
    clocks: BUILT_IN_CLOCKS,
    noticeTemplate: builtInTexts().get('notice')?.source ?? '',
    acknowledgement: { jitter: 0, per_hour: 60, per_domain_hour: 60, ...options.acknowledgement },
    forwarding: { per_hour: 60, per_domain_hour: 60, ...options.forwarding },
    authentication: options.authentication ?? { servers: [], receivedHops: 1 },
    limits: {
      mail_size: 200_000,
      original: 100_000,
      strangers_per_day: 200_000_000,
      commands_per_mail: 20,
      signature_age_hours: 48,
      ...options.limits
    }
  }
}

const COMPRESSING = { preferredCompressionAlgorithm: openpgp.enums.compression.zlib }

/** A message to a desk with this key, as `from` would write it now. */
export async function write(
  from: Someone,
  letter: Letter,
  deskKey: string,
  now: Instant
): Promise<Uint8Array> {
  letters += 1
  const as = letter.as ?? 'signed'
  const head = [
    `From: ${from.name} <${from.address}>`,
    `To: <${samples.DESK}>`,
    `Subject: ${as === 'clear' ? letter.subject : '...'}`,
    `Message-ID: <letter-${letters}@people.example>`,
    `Date: ${new Date(msOf(now)).toUTCString().replace('GMT', '+0000')}`,
    'MIME-Version: 1.0',
    ...(letter.autocrypt === true ? [autocrypt(from.keyData, from.address)] : []),
    ...(letter.headers ?? [])
  ]
  const text = letter.text.replaceAll('\n', '\r\n')
  if (as === 'clear')
    return Buffer.from(
      `${[...head, 'Content-Type: text/plain; charset=utf-8', '', text].join('\r\n')}\r\n`
    )
  const shown = [
    `From: ${from.name} <${from.address}>`,
    ...(letter.to === null ? [] : [`To: <${letter.to ?? samples.DESK}>`]),
    `Subject: ${letter.subject}`
  ]
  const payload =
    letter.patch === undefined
      ? ['Content-Type: text/plain; charset=utf-8; protected-headers="v1"', ...shown, '', text]
      : [
          'Content-Type: multipart/mixed; boundary=m; protected-headers="v1"',
          ...shown,
          '',
          '--m',
          'Content-Type: text/plain; charset=utf-8',
          '',
          text,
          '--m',
          `Content-Type: ${letter.patch.contentType ?? 'text/x-diff'}`,
          `Content-Disposition: attachment; filename="${letter.patch.filename}"`,
          ...(letter.patch.encoding === undefined
            ? []
            : [`Content-Transfer-Encoding: ${letter.patch.encoding}`]),
          '',
          letter.patch.content,
          '--m--',
          ''
        ]
  const sealed = letter.payload ?? payload.join('\r\n')
  const armored = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: Buffer.from(sealed) }),
    encryptionKeys: await openpgp.readKey({ armoredKey: deskKey }),
    ...(as === 'signed'
      ? { signingKeys: [from.secret, ...[letter.alsoBy?.secret ?? []].flat()] }
      : {}),
    date: new Date(msOf(now)),
    format: 'armored',
    config: letter.isCompressed === true ? COMPRESSING : {}
  })
  return Buffer.from(encryptedMail(armored, head))
}

/** The header field that offers a key for an address. */
export function autocrypt(key: Uint8Array, address: string): string {
  const base64 = Buffer.from(key).toString('base64').replaceAll(/.{70}/g, '$&\r\n ')
  return `Autocrypt: addr=${address}; keydata=${base64}`
}

/** The code of the newest preview of a notice; '' when there was none. */
export function codeOf(world: Pick<World, 'column'>): string {
  const sql = "SELECT about ->> 'code' FROM events WHERE kind = 'notice-previewed' ORDER BY id DESC"
  return world.column(sql)[0] ?? ''
}

/** The first armored block of an encrypted message; '' when there is none. */
export function armorIn(raw: Uint8Array): string {
  const text = Buffer.from(raw).toString('latin1')
  return /-----BEGIN PGP MESSAGE-----[^]*?-----END PGP MESSAGE-----/.exec(text)?.[0] ?? ''
}

/** The reference line in the words of a message. */
export function refIn(words: string): string {
  return /^Ref: .*$/m.exec(words)?.[0].trimEnd() ?? 'no reference line'
}

async function read(person: Someone, mail: Accepted): Promise<string> {
  const armored = armorIn(mail.raw)
  if (armored === '') return Buffer.from(mail.raw).toString('utf8')
  const { data } = await openpgp.decrypt({
    message: await openpgp.readMessage({ armoredMessage: armored }),
    decryptionKeys: person.secret,
    date: new Date(msOf(START) + 365 * 86_400_000)
  })
  const payload = typeof data === 'string' ? data : ''
  // Bodies may be base64 or quoted-printable: shown decoded as well, so that a test can look for words.
  const blocks = payload.match(/(?:^[A-Za-z0-9+/=]{4,76}\r?\n)+/gm) ?? []
  const decoded = blocks.map((block) => Buffer.from(block, 'base64').toString('utf8')).join('\n')
  const unquoted = payload
    .replaceAll(/=\r?\n/g, '')
    .replaceAll(/(?:=[0-9A-F]{2})+/g, (run) =>
      Buffer.from(run.replaceAll('=', ''), 'hex').toString('utf8')
    )
  return `${payload}\n${decoded}\n${unquoted}`
}
