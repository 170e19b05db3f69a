/**
 * `npm run demo`: sets the stage for one story, has it told and clears up. It needs Node and nothing else: no network, no
 * mail server, no OpenPGP program. With `--keep` everything stays up afterwards for a mail client, until Ctrl-C.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDesk, createWaitFor, type Desk } from './desk.ts'
import { createMailFolder, type MailFolder } from './mail-folder.ts'
import { type Correspondent, createCorrespondent } from './mailbox.ts'
import { createNarrator, expect } from './narrator.ts'
import { createPerson, type Identity, type Person } from './people.ts'
import { openPostOffice, type PostOffice } from './post-office.ts'
import { checkTheBooks, endTheDaemon, type Stage, tellStory } from './story.ts'

const DESK: Identity = {
  id: 'security',
  name: 'ACME Security Team',
  address: 'security@acme.example'
}
const ALICE: Identity = { id: 'alice', name: 'Alice Reporter', address: 'alice@reporter.example' }
const GRACE: Identity = { id: 'grace', name: 'Grace Hopper', address: 'grace@acme.example' }
const ADA: Identity = { id: 'ada', name: 'Ada Lovelace', address: 'ada@acme.example' }
const MEMBERS: readonly Identity[] = [
  { id: 'northwind', name: 'Northwind Linux', address: 'security@northwind.example' },
  { id: 'fjord', name: 'Fjord Cloud', address: 'psirt@fjord.example' },
  { id: 'baobab', name: 'Baobab Networks', address: 'cert@baobab.example' }
]
const JUNIPER: Identity = {
  id: 'juniper',
  name: 'Juniper Hosting',
  address: 'abuse@juniper.example'
}
/** Time to get on the list with that key, but none to get the notice: that leaves more than 20 seconds later. */
const JUNIPER_KEY_SECONDS = 20

const MAIL_FOLDER = fileURLToPath(new URL('../../demo-mail', import.meta.url))

const narrator = createNarrator(process.stdout)
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort()
  })
}
process.exitCode = await main(process.argv.slice(2))
// The embedded servers may hold on to connections that nobody closes; everything else has ended by now.
setTimeout(() => process.exit(), 1000).unref()

async function main(args: readonly string[]): Promise<number> {
  if (args.some((argument) => argument !== '--keep')) {
    narrator.print('usage: npm run demo [-- --keep]')
    return 2
  }
  const work = mkdtempSync(join(tmpdir(), 'postern-demo-'))
  try {
    await play(work, args.includes('--keep'))
    return 0
  } catch (error) {
    if (stop.signal.aborted) {
      narrator.print('', 'Stopped.')
      return 130
    }
    const why = error instanceof Error ? error.message : String(error)
    narrator.print(
      '',
      `FAILED in ${narrator.current()}: ${why}`,
      `See ${MAIL_FOLDER}, where daemon.log is, too.`
    )
    return 1
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Whatever is started here ends when this function does, in the opposite order. */
async function play(work: string, keep: boolean): Promise<void> {
  await using mails = createMailFolder(MAIL_FOLDER)
  narrator.print(
    'Postern, from a first report to the advance notice. The daemon, its database, OpenPGP, IMAP and SMTP are',
    'real; people and keys are made up. Each line is something just seen in a mailbox or in the database.'
  )
  narrator.chapter('The desk opens')
  const desk = await createDesk(work, DESK, randomBytes(18).toString('base64url'))
  narrator.saw(`postern keys generate: ${DESK.address} has the key ${desk.fingerprint}`)

  const contact = { address: DESK.address, publicKey: desk.publicKey }
  const arrive = (identity: Identity): Promise<Person> => createPerson(identity, contact)
  const [alice, grace, ada] = [await arrive(ALICE), await arrive(GRACE), await arrive(ADA)]
  const members = await Promise.all(MEMBERS.map(arrive))
  const people = [alice, grace, ada, ...members]
  const accounts = [DESK, ...people, JUNIPER]
  const password = randomBytes(9).toString('base64url')
  await using postOffice = await openPostOffice(accounts, password, (delivery) => {
    mails.keep(delivery, people)
  })
  await desk.configure(
    [
      { person: grace, roles: ['committer', 'release', 'approver'] },
      { person: ada, roles: ['committer', 'approver'] }
    ],
    postOffice
  )
  await desk.postern('check')
  narrator.saw('postern check: configuration, keys and policies are in order')
  const juniper = await createPerson(JUNIPER, contact, { validSeconds: JUNIPER_KEY_SECONDS })
  people.push(juniper)
  const keyFolder = await writeKeys(join(work, 'people'), people)
  await joinTheList(desk, [juniper, ...members], keyFolder)

  await using daemon = desk.startDaemon(join(mails.path, 'daemon.log'))
  const waitFor = createWaitFor(daemon, stop.signal)
  await waitFor('the daemon to watch its inbox', () => daemon.hasLogged('imap.connected') || null)
  narrator.saw('postern run: the daemon watches its inbox')
  const seat = (person: Person): Correspondent =>
    createCorrespondent(person, contact, postOffice, waitFor)
  const stage: Stage = {
    ...{ desk, deskIdentity: DESK, daemon, postOffice, waitFor, narrator, signal: stop.signal },
    ...{ alice: seat(alice), grace: seat(grace), ada: seat(ada) },
    ...{ members: members.map(seat), juniper: seat(juniper) }
  }
  await tellStory(stage)
  await checkTheBooks(stage)
  if (keep) await stayOpen(postOffice, accounts, keyFolder)
  await endTheDaemon(stage)
  sumUp(mails, postOffice)
}

/** Everybody's keys as files, `ID.asc` (private) and `ID.pub.asc`. */
async function writeKeys(folder: string, people: readonly Person[]): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const { id, publicKey, privateKey } of people) {
    await writeFile(join(folder, `${id}.pub.asc`), publicKey)
    await writeFile(join(folder, `${id}.asc`), privateKey, { mode: 0o600 })
  }
  return folder
}

/** The operator adds the members: first the one whose key does not last, then all others at the same time. */
async function joinTheList(
  desk: Desk,
  [first, ...others]: readonly [Person, ...Person[]],
  keyFolder: string
): Promise<void> {
  const add = async ({ id, name, address }: Person): Promise<void> => {
    const key = join(keyFolder, `${id}.pub.asc`)
    const who = ['--id', id, '--name', name, '--address', address, '--key', key]
    await desk.postern('members', 'add', ...who, '--product', 'parser')
  }
  await add(first)
  await Promise.all(others.map(add))
  const list = await desk.ask<object[]>('members', 'list')
  expect(list.length === 1 + others.length, 'everybody on the list')
  narrator.saw(`postern members add: ${list.length} members on the private list of ACME Parser`)
}

async function stayOpen(
  { host, smtpPort, password, imapOf }: PostOffice,
  accounts: readonly Identity[],
  keyFolder: string
): Promise<void> {
  narrator.chapter('It stays open for your mail client')
  narrator.print(
    `SMTP server   ${host}, port ${smtpPort}, no TLS, for every account`,
    `IMAP server   ${host}, no TLS, a port for each account:`,
    '',
    ...accounts.map(
      ({ id, address }) =>
        `  ${address.padEnd(28)} user ${id.padEnd(10)} IMAP port ${imapOf(id).port}`
    ),
    '',
    `Password      ${password} for all of them`,
    `Private keys  ${keyFolder} (without passphrase; the public keys are there, too)`,
    `Desk key      ${join(keyFolder, '..', 'keys', 'desk.pub.asc')}`,
    '',
    'Be Grace and answer Alice, or be Alice and report something. Ctrl-C ends everything.'
  )
  // The sockets keep the process alive; this listens for nothing else than Ctrl-C.
  if (!stop.signal.aborted) await once(stop.signal, 'abort')
}

function sumUp({ path }: MailFolder, { deliveries }: PostOffice): void {
  narrator.print(
    '',
    `All ${deliveries.length} messages are in ${path}, as they travelled (.eml) and as they were read (.txt), with daemon.log.`
  )
}
