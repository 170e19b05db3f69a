/**
 * A desk with real people on real servers (Dovecot, an SMTP server that keeps what it takes): where tests of the whole program
 * begin. Call it in an async `describeWith`; what it opened is closed when the tests of the group have finished.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { type Daemon, type LogLine } from './daemon.ts'
import { type Desk, type DeskOptions, makeDesk } from './desk-world.ts'
import { type Dovecot, startDovecot } from './dovecot.ts'
import { type Mutt } from './neomutt.ts'
import { type Person } from './people.ts'
import { type Sink, startSink } from './smtp-sink.ts'

export const GRACE = { name: 'Grace Hopper', address: 'grace@acme.example' }
export const ADA = { name: 'Ada Lovelace', address: 'ada@acme.example' }
export const ALICE = { name: 'Alice Reporter', address: 'alice@reporter.example' }

type Somebody = Pick<Person, 'name' | 'address' | 'exportPublicKey' | 'close'> &
  (Pick<Person, 'importKey'> | Pick<Mutt, 'trustKey'>)
/** People by id, or promises of them. Everybody with an address at acme.example is a maintainer. */
type People = Readonly<Record<string, Somebody | Promise<Somebody>>>
type Made<P extends People> = { readonly [Id in keyof P]: Awaited<P[Id]> }
type Options = Pick<DeskOptions, 'changes' | 'passphrase'> & {
  /** What these maintainers may do; everything unless given. */
  readonly roles?: Readonly<Record<string, readonly string[]>>
}

export type Office = {
  readonly dovecot: Dovecot
  /** Its user in Dovecot. */
  readonly user: string
  readonly sink: Sink
  readonly desk: Desk
  /** Puts a message into the inbox and says what became of it. */
  handled(daemon: Daemon, raw: Uint8Array): Promise<LogLine>
}

/** The desk does not run yet; everybody has its key. */
export async function givenOffice<P extends People>(
  people: P,
  options: Options = {}
): Promise<Office & Made<P>> {
  const user = 'desk'
  const dovecot = closing(await startDovecot())
  const sink = closing(await startSink())
  const servers = { imap: { port: dovecot.port, user }, smtp: { port: sink.port } }
  const { desk, made } = await deskOf(people, servers, options)
  const handled = async (daemon: Daemon, raw: Uint8Array): Promise<LogLine> => {
    const from = daemon.lines.length
    await dovecot.append(user, raw)
    return daemon.waitForLog('arrival.done', { from })
  }
  return { ...made, dovecot, user, sink, desk, handled }
}

/** The same without any server, for commands that need none. */
export async function givenOfflineDesk<P extends People>(
  people: P,
  options: Options = {}
): Promise<{ readonly desk: Desk } & Made<P>> {
  const servers = { imap: { port: 1, user: 'nobody' }, smtp: { port: 1 } }
  const { desk, made } = await deskOf(people, servers, options)
  return { ...made, desk }
}

/** Puts somebody on the private list, with a key of theirs. */
export async function addMember(
  desk: Desk,
  id: string,
  { name }: { readonly name: string },
  key: string
): Promise<void> {
  const file = join(desk.folder, `${id}.asc`)
  writeFileSync(file, key)
  const about = ['--id', id, '--name', name, '--key', file]
  const added = await desk.cli('members', 'add', ...about, '--product', 'parser')
  expect(added).toMatchObject({ status: 0, stderr: '' })
}

async function deskOf<P extends People>(
  people: P,
  servers: Pick<DeskOptions, 'imap' | 'smtp'>,
  { roles = {}, ...options }: Options
): Promise<{ readonly desk: Desk; readonly made: Made<P> }> {
  const entries: [string, Somebody][] = []
  for (const [id, making] of Object.entries(people)) entries.push([id, closing(await making)])
  const maintainers = entries.flatMap(([id, person]) => {
    if (!person.address.endsWith('@acme.example')) return []
    const own = roles[id]
    return [own === undefined ? { id, person } : { id, person, roles: own }]
  })
  const desk = closing(await makeDesk({ maintainers, ...servers, ...options }))
  for (const [, person] of entries) {
    if ('importKey' in person) await person.importKey(desk.publicKey)
    else await person.trustKey(desk.publicKey)
  }
  return { desk, made: Object.fromEntries(entries) as Made<P> }
}

/** Closes what was opened when the tests of the group have finished, the last first. */
export function closing<T extends { close(): Promise<void> }>(opened: T): T {
  afterAll(() => opened.close())
  return opened
}
