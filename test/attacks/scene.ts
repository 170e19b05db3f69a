/**
 * Where an attack takes place: a desk with two maintainers and one case, that of Alice. An attack delivers its message, lets the
 * desk do all that it would do, and asks what harm came of it. An attacker's words carry {@link ATTACK}, Alice's {@link SECRET}.
 */
import { beforeAll, expect } from 'vitest'
import { givenDesk } from '../support/desk.ts'
import { describeWith, type Tool } from '../support/requires.ts'
import { type Accepted, autocrypt, refIn, type World, type WorldOptions } from '../support/world.ts'
import { encryptedMail, lines, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, type Cast, DESK_ADDRESS, makeCast, type Who } from './cast.ts'

export const ATTACK = 'QATTACKQ'
export const SECRET = 'QSECRETQ'
export const CASE = 'ACME-2026-0001'
/** Would send the attacker's words to the reporter and accept the case. */
export const COMMANDS = `to: ${DESK_ADDRESS}\r\ncase: ${CASE}\r\n\r\n/reply <<\r\n${ATTACK} words\r\n>>\r\n/accept`

export type Scene = {
  readonly world: World
  /** Delivers a message and lets the desk work until nothing is left to do. */
  attack(raw: string | Uint8Array): Promise<void>
  /** What went wrong since the scene began; `[]` is what a test wants. */
  harm(): Promise<string[]>
  /** What maintainers and others were sent since the scene began, in words. */
  mailsTo(who: Who): Promise<string[]>
  /** The last line of the newest message of this kind about Alice's case that somebody was sent. */
  ref(who: Who, kind?: string): Promise<string>
  /** What became of the newest message. */
  disposition(): string
}

/** The people of the running tests, and where the running test takes place. */
export let cast: Cast
export let scene: Scene

/** Attacks by and on people with gpg. */
export function describeAttacks(name: string, body: () => void, tools: readonly Tool[] = []): void {
  describeWith(['gpg', ...tools], name, () => {
    beforeAll(async () => {
      cast = await makeCast()
      return cast.close
    })
    body()
  })
}

type Options = Omit<WorldOptions, 'maintainers'>

/** Alice reports, encrypted and signed, and everybody has their first messages. */
export function openScene(options: Options = {}): Promise<void> {
  return openAfter(report, options)
}

/** A desk that knows nobody but its maintainers. */
export function openEmpty(options: Options = {}): Promise<void> {
  return openAfter(null, options)
}

/** The scene begins after this message. */
export async function openAfter(
  first: (() => Promise<Uint8Array>) | null,
  options: Options
): Promise<void> {
  const world = await givenDesk([cast.grace, cast.linus], options)
  if (first !== null) await world.receive(await first())
  scene = sceneOf(world)
}

function sceneOf(world: World): Scene {
  const before = world.accepted.length
  const cases = snapshot(world)
  const since = (): Accepted[] => world.accepted.slice(before)
  return {
    world,
    attack: (raw) => world.receive(typeof raw === 'string' ? Buffer.from(raw, 'latin1') : raw),
    harm: async () => [
      ...harmToCases(world, cases),
      ...(await harmInMails(world, since())),
      ...world.column<string>(
        `SELECT 'the words are kept as a maintainer’s' FROM messages
         WHERE text LIKE '%${ATTACK}%' AND author = 'maintainer'`
      )
    ],
    mailsTo: (who) =>
      Promise.all(
        since()
          .filter(({ to }) => to === ADDRESSES[who])
          .map((mail) => world.read(cast[who], mail))
      ),
    ref: async (who, kind = 'relay') => {
      const ids = world.column(
        'SELECT message_id FROM outbox JOIN cases ON cases.id = case_id WHERE tag = ? AND kind = ?',
        [CASE, kind]
      )
      const isWanted = ({ to, messageId }: Accepted): boolean =>
        to === ADDRESSES[who] && ids.includes(messageId)
      const mail = world.accepted.findLast(isWanted)
      return refIn(mail === undefined ? '' : await world.read(cast[who], mail))
    },
    disposition: () => world.dispositions().at(-1) ?? ''
  }
}

/** A message is delivered, and this becomes of it. */
export async function becomes(disposition: string, raw: string | Uint8Array): Promise<void> {
  await scene.attack(raw)
  expect(scene.disposition()).toBe(disposition)
}

/** All that somebody was sent since the scene began, runs of blanks as one. */
export async function wordsTo(who: Who): Promise<string> {
  return (await scene.mailsTo(who)).join('\n').replaceAll(/\s+/g, ' ')
}

/** Who gave the commands that ran. */
export function commanders(): string[] {
  return scene.world.column("SELECT actor_id FROM events WHERE kind = 'commands-ran'")
}

/** What comes after an attack is handled as ever. */
export async function nextIsServed(): Promise<void> {
  await scene.attack(plainMail('mallory', 'the next one'))
  expect((await scene.mailsTo('grace')).at(-1)).toContain('the next one')
}

/** Nobody but Alice reads what she sealed. */
export async function nobodyReads(): Promise<void> {
  for (const who of ['grace', 'linus', 'mallory'] as const)
    expect(await wordsTo(who)).not.toContain(SECRET)
}

/** A message's header fields. */
export function head(from: Who | string, subject = '...', more: readonly string[] = []): string[] {
  const people: Readonly<Record<string, string>> = ADDRESSES
  const address = people[from]
  count += 1
  return [
    `From: ${address === undefined ? from : `<${address}>`}`,
    `To: <${DESK_ADDRESS}>`,
    `Subject: ${subject}`,
    `Message-ID: <attack-${count}@evil.example>`,
    'Date: Mon, 23 Nov 2026 12:00:00 +0000',
    'MIME-Version: 1.0',
    ...more
  ]
}

let count = 0

/** A message of `from`, encrypted to the desk, and signed where somebody signs it. */
export async function sealedMail(
  from: Who | string,
  payload: string | Uint8Array,
  signer: Who | null = null,
  [subject, more]: readonly [subject?: string, more?: readonly string[]] = []
): Promise<string> {
  return encryptedMail(await cast.seal(payload, signer), head(from, subject, more))
}

/** A payload with protected headers, as mail clients write it. */
export function payload(from: Who, subject: string, text: string): string {
  return lines(
    'Content-Type: text/plain; charset=utf-8; protected-headers="v1"',
    `From: <${ADDRESSES[from]}>`,
    `To: <${DESK_ADDRESS}>`,
    `Subject: ${subject}`,
    '',
    text
  )
}

/** Commands as a maintainer sends them: signed and encrypted PGP/MIME. */
export async function commandMail(signer: Who, text = COMMANDS, tag = CASE): Promise<string> {
  return sealedMail(signer, payload(signer, `Re: [${tag}]`, text), signer)
}

/** A message in clear, or with the given entity. */
export function mail(from: Who | string, entity: string, subject = 'hello'): string {
  return lines(...head(from, subject)) + entity
}

/** A message in clear with nothing but words. */
export function plainMail(from: Who | string, text: string, subject = 'hello'): string {
  return `${mail(from, textPart(text), subject)}\r\n`
}

/** Alice's report. */
async function report(): Promise<Buffer> {
  const armored = await cast.seal(
    payload('alice', `a ${SECRET} subject`, `The ${SECRET} of Alice.`),
    'alice'
  )
  const field = autocrypt(cast.alice.keyData, ADDRESSES.alice)
  return Buffer.from(encryptedMail(armored, head('alice', '...', [field])))
}

function snapshot(world: World): string {
  const columns =
    'state, owner, disclosure_at, (SELECT answered_at FROM reporters WHERE case_id = cases.id)'
  return JSON.stringify(world.rows(`SELECT ${columns} FROM cases WHERE id = 1`))
}

function harmToCases(world: World, before: string): string[] {
  const ran = world.column("SELECT 'a command ran' FROM events WHERE kind = 'commands-ran'")
  return snapshot(world) === before ? ran : [...ran, 'the case was changed']
}

async function harmInMails(world: World, mails: readonly Accepted[]): Promise<string[]> {
  const harm: string[] = []
  for (const sent of mails) {
    const who = (Object.keys(ADDRESSES) as Who[]).find((name) => ADDRESSES[name] === sent.to)
    const words = who === undefined ? sent.raw.toString() : await world.read(cast[who], sent)
    if (who === 'grace' || who === 'linus') {
      const { facts, text } = relayOf(words)
      if (text.includes(ATTACK) && isSigned(facts)) harm.push('the words are shown as signed')
      continue
    }
    const marks = [ATTACK, ...(who === 'alice' ? [] : [SECRET])]
    if (marks.some((mark) => words.includes(mark))) harm.push(`words went out to ${sent.to}`)
  }
  return harm
}

/** The line between the desk's own words and those of a sender. */
export const RULE = '-----8<----- postern -----8<-----'

/**
 * The blocks of a relay, as the desk marks them off: its own facts (on top and as details below), the text, what stands outside.
 */
export function relayOf(words: string): { facts: string; text: string; outside: string } {
  const blocks: string[][] = [[]]
  for (const line of words.split('\n').map((each) => each.trimEnd())) {
    if (line === RULE) blocks.push([])
    else blocks.at(-1)?.push(line)
  }
  const [, facts = [], text = [], ...rest] = blocks
  const [details = []] = rest.splice(-1)
  // Behind the reference line stand the files of the message, the original among them.
  const end = details.findIndex((line) => line.startsWith('Ref: '))
  const [outside = []] = rest
  return {
    facts: [...facts, ...details.slice(0, end)].join('\n'),
    text: text.join('\n'),
    outside: outside.join('\n')
  }
}

/** Whether the desk says that a signature is valid, in either of the two places where it may say so. */
export function isSigned(facts: string): boolean {
  return /^(?:Signed: yes|From: .*, signature valid$)/m.test(facts.replaceAll(/\n {4}/g, ' '))
}
