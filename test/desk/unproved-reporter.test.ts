/** To know a Message-ID of the desk does not make anybody the reporter: an acknowledgement also goes to a return path (mail.md §1.12). */
import { afterEach, expect, it } from 'vitest'
import { openWorld, someone, type World } from '../support/world.ts'
import { lines, textPart } from '../unit/reading/material.ts'

const MX = 'mx.acme.example'
const THIEF = 'thief@evil.example'

let world: World | undefined
afterEach(() => world?.close())

/** A message in Alice's name from the thief's own server, as the desk's mail server hands it on. */
function forged(id: string, more: readonly string[], text: string): Buffer {
  const head = lines(
    `Return-Path: <${THIEF}>`,
    `Authentication-Results: ${MX}; spf=pass smtp.mailfrom=${THIEF}; dmarc=none header.from=reporter.example`,
    `Received: from evil by ${MX}; Mon, 23 Nov 2026 12:00:00 +0000`,
    'From: <alice@reporter.example>',
    'To: <security@acme.example>',
    'Subject: x',
    `Message-ID: <${id}@evil.example>`,
    ...more,
    'MIME-Version: 1.0'
  )
  return Buffer.from(`${head}${textPart(text)}\r\n`)
}

it('whoever got the acknowledgement of a forged report does not become the reporter by answering it (G4)', async () => {
  const grace = await someone('grace', 'grace@acme.example')
  const authentication = { servers: [MX], receivedHops: 1 }
  world = await openWorld({ maintainers: [grace], authentication })
  await world.receive(forged('one', [], 'A hole.'))
  const acknowledgement = world.accepted.find(({ to }) => to === THIEF)
  const answers = `In-Reply-To: <${acknowledgement?.messageId ?? ''}>`
  await world.receive(forged('two', [answers], 'Write to my new address from now on.'))

  expect(world.rows('SELECT author, audience FROM messages ORDER BY id')).toEqual([
    { author: 'reporter', audience: 'reporter' },
    { author: 'other', audience: 'internal' }
  ])
  expect(world.rows('SELECT latest FROM case_reporters')).toEqual([{ latest: 'one@evil.example' }])
  const relay = world.accepted.at(-1)
  const words = relay && (await world.read(grace, relay)).replaceAll(/\s+/g, ' ')
  expect(words).toContain(
    `says that it comes from the reporter of this case, but the sender is not verified; our mail server says only that the message came from ${THIEF}`
  )
})
