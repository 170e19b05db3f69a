/** A desk that was off for long, or is flooded: as much mail as one inbox may hold waits on a real Dovecot. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { takeIn } from '../../src/desk/intake.ts'
import { createHandler } from '../../src/desk/work.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { connectMailbox } from '../../src/transport/imap-mailbox.ts'
import { type Dovecot, PASSWORD, startDovecot } from '../support/dovecot.ts'
import { describeWith } from '../support/requires.ts'
import { openWorld, someone, type World } from '../support/world.ts'

const MEBIBYTE = 1024 * 1024
const WAITING = 10_000
const MAIL_BYTES = 20_000
/** Less than a third of the message that waits. */
const GROWTH_MIB_MAX = 60

/** One after the other: the test itself holds only one of them, too. */
function* tenThousand(): Generator<Uint8Array> {
  const line = 'It crashes when it reads this line.\r\n'
  const body = line.repeat(Math.ceil(MAIL_BYTES / line.length))
  for (let index = 0; index < WAITING; index += 1)
    yield Buffer.from(`From: a@example.org\r\nMessage-ID: <${index}@example.org>\r\n\r\n${body}`)
}

describeWith(['dovecot'], 'ten thousand waiting messages', () => {
  let dovecot: Dovecot
  let world: World
  let mailbox: Mailbox

  beforeEach(async () => {
    dovecot = await startDovecot()
    const maintainers = [await someone('grace', 'grace@acme.example')]
    // Of strangers, each of whom could send as much in a day.
    const limits = { strangers_per_day: 4 * WAITING * MAIL_BYTES }
    world = await openWorld({ maintainers, limits })
    await dovecot.seed('desk', tenThousand())
    mailbox = await connectMailbox(
      {
        host: dovecot.host,
        port: dovecot.port,
        tls: 'none',
        user: 'desk',
        password: PASSWORD,
        inbox: 'INBOX',
        processed: 'Postern/Processed',
        held: 'Postern/Held',
        mailBytes: MEBIBYTE
      },
      'INBOX',
      new AbortController().signal
    )
  }, 120_000)
  afterEach(async () => {
    await mailbox.close()
    world.close()
    await dovecot.close()
  })

  it('are all taken in, each once, in memory that does not grow with their number', async () => {
    let before = 0
    let most = 0
    let stored = 0
    await takeIn(world.desk, mailbox, {
      inbox: 'INBOX',
      signal: new AbortController().signal,
      stored: () => {
        stored += 1
        const { rss } = process.memoryUsage()
        // The first hundreds fill caches and buffers to their size.
        if (stored === 1000) before = rss
        most = Math.max(most, rss)
      },
      failures: new Map(),
      from: null,
      placeOf: createHandler(world.desk).placeOf
    })

    const [row] = world.rows<{ messages: number; bytes: number }>(
      'SELECT count(DISTINCT uid) AS messages, sum(length(raw)) AS bytes FROM arrivals JOIN arrival_bytes ON arrival_id = arrivals.id'
    )
    expect(stored).toBe(WAITING)
    expect(row?.messages).toBe(WAITING)
    expect(row?.bytes).toBeGreaterThan(WAITING * MAIL_BYTES)
    expect((most - before) / MEBIBYTE).toBeLessThan(GROWTH_MIB_MAX)
  }, 300_000)
})
