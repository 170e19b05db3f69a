/**
 * `npm run demo`: sets the stage for one story, has it told and clears up. It needs Node and nothing else: no network, no
 * mail server, no OpenPGP program.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Daemon } from '../support/daemon.ts'
import { DESK_ADDRESS, IMAP_PASSWORD, makeDesk } from '../support/desk-world.ts'
import { startEmbeddedImap } from '../support/embedded-imap.ts'
import { type ReadMail } from '../support/people.ts'
import { startSink } from '../support/smtp-sink.ts'
import { type Correspondent, createCorrespondent } from './cast.ts'
import { createNarrator, expect } from './narrator.ts'
import { ask, checkTheBooks, endTheDaemon, type Letter, type Stage, tellStory } from './story.ts'

const MEMBERS = [
  { id: 'northwind', name: 'Northwind Linux', address: 'security@northwind.example' },
  { id: 'fjord', name: 'Fjord Cloud', address: 'psirt@fjord.example' },
  { id: 'baobab', name: 'Baobab Networks', address: 'cert@baobab.example' }
]
/** Long enough to join the list with that key, but not to get the notice, which leaves more than 20 seconds later. */
const JUNIPER_KEY_SECONDS = 20
const MAIL_FOLDER = fileURLToPath(new URL('../../demo-mail', import.meta.url))

const narrator = createNarrator(process.stdout)
// The processes that the demo started end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
try {
  await play()
} catch (error) {
  const why = error instanceof Error ? error.message : String(error)
  narrator.print('', `FAILED in ${narrator.current()}: ${why}`, `See ${MAIL_FOLDER}.`)
  process.exitCode = 1
}
// The embedded servers may hold on to connections that nobody closes; everything else has ended by now.
setTimeout(() => process.exit(), 1000).unref()

async function play(): Promise<void> {
  narrator.print(
    'Postern, from a first report to the advance notice. The daemon, its database, OpenPGP, IMAP and SMTP are',
    'real; people and keys are made up. Each line is something just seen in a mailbox or in the database.'
  )
  narrator.chapter('The desk opens')
  const imap = await startEmbeddedImap({ user: 'desk', password: IMAP_PASSWORD })
  const sink = await startSink()
  const letters: Letter[] = []
  const seat = (
    id: string,
    name: string,
    address: string,
    seconds?: number
  ): Promise<Correspondent> => {
    const submit = (raw: Buffer): void => {
      letters.push({ from: address, to: DESK_ADDRESS, raw, at: Date.now() })
      imap.append(raw)
    }
    return createCorrespondent({ id, name, address }, sink, submit, seconds)
  }
  const alice = await seat('alice', 'Alice Reporter', 'alice@reporter.example')
  const grace = await seat('grace', 'Grace Hopper', 'grace@acme.example')
  const ada = await seat('ada', 'Ada Lovelace', 'ada@acme.example')
  const members: Correspondent[] = []
  for (const { id, name, address } of MEMBERS) members.push(await seat(id, name, address))
  const desk = await makeDesk({
    maintainers: [grace, ada].map(({ id, person }) => ({ id, person })),
    imap: { port: imap.port, user: imap.user },
    smtp: { port: sink.port }
  })
  const people = [alice, grace, ada, ...members]
  let daemon: Daemon | null = null
  try {
    expect((await desk.cli('check')).status === 0, 'a configuration without problems')
    narrator.saw('postern check: configuration, keys and policies are in order')
    const address = 'abuse@juniper.example'
    const juniper = await seat('juniper', 'Juniper Hosting', address, JUNIPER_KEY_SECONDS)
    people.push(juniper)
    for (const { person } of people) await person.importKey(desk.publicKey)
    for (const { id, name, person } of [juniper, ...members]) {
      const key = join(desk.folder, `${id}.pub.asc`)
      writeFileSync(key, await person.exportPublicKey())
      const who = ['--id', id, '--name', name, '--key', key]
      await ask(desk, 'members', 'add', ...who, '--product', 'parser')
    }
    narrator.saw(
      `postern members add: ${members.length + 1} members on the private list of ACME Parser`
    )
    daemon = await desk.start()
    narrator.saw('postern run: the daemon watches its inbox')
    const all = { alice, grace, ada, members, juniper }
    const stage: Stage = { desk, daemon, imap, sink, letters, narrator, ...all }
    await tellStory(stage)
    await checkTheBooks(stage)
    await endTheDaemon(stage)
  } finally {
    const deliveries = [...letters, ...sink.taken].sort((a, b) => a.at - b.at)
    await keep(deliveries, people, daemon?.output() ?? '')
    await desk.close()
    await sink.close()
    await imap.close()
    narrator.print(
      '',
      `All ${deliveries.length} messages are in ${MAIL_FOLDER}, as they travelled (.eml) and as they were read (.txt), with daemon.log.`
    )
  }
}

/** Writes every message as it travelled and as the person at its outer end reads it, numbered in the order of sending. */
async function keep(
  deliveries: readonly Letter[],
  people: readonly Correspondent[],
  log: string
): Promise<void> {
  rmSync(MAIL_FOLDER, { recursive: true, force: true })
  mkdirSync(MAIL_FOLDER)
  writeFileSync(join(MAIL_FOLDER, 'daemon.log'), log)
  for (const [index, { from, to, raw }] of deliveries.entries()) {
    const outside = people.find(({ address }) => address === (to === DESK_ADDRESS ? from : to))
    const mail = await outside?.person.decryptMail(raw).catch(() => undefined)
    const who = `${to === DESK_ADDRESS ? 'from' : 'to'}-${outside?.id ?? 'nobody'}`
    const what = mail === undefined ? 'unreadable' : slug(mail)
    const name = join(MAIL_FOLDER, `${String(index + 1).padStart(2, '0')}-${who}-${what}`)
    writeFileSync(`${name}.eml`, raw)
    if (mail !== undefined) writeFileSync(`${name}.txt`, clearText(mail))
  }
}

/** The commands of a message that has any, else its subject without the case number. */
function slug({ subject, text }: ReadMail): string {
  const commands = text.match(/^\/[a-z]+(?: (?:draft|preview|approve|hold)\b)?/gm) ?? []
  return (commands.length > 0 ? commands.join(' ') : subject.replaceAll(/\[[^\]]*\]/g, ''))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replaceAll(/^-|-$/g, '')
}

function clearText({ subject, encryptedTo, verified, attachments, text }: ReadMail): string {
  const files = attachments.map(({ filename, content }) => `${filename} (${content.length} bytes)`)
  return [
    `Subject:     ${subject}`,
    `Encrypted:   ${encryptedTo.length === 0 ? 'no' : `to key ids ${encryptedTo.join(', ')}`}`,
    `Signed:      ${verified === null ? 'not by the desk' : 'by the desk'}`,
    ...files.map((file) => `Attachment:  ${file}`),
    '',
    text
  ].join('\n')
}
