/** The in-process IMAP server of the demo must be good enough for the whole life of a message. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Mailbox } from '../../src/effects/effects.ts'
import { connectMailbox } from '../../src/transport/imap-mailbox.ts'
import { type EmbeddedImap, startEmbeddedImap } from '../support/embedded-imap.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

describe('embedded IMAP server', () => {
  let imap: EmbeddedImap
  let mailbox: Mailbox

  const connect = (
    changes: {
      readonly port?: number
      readonly silenceMs?: number
      readonly mailBytes?: number
    } = {}
  ): Promise<Mailbox> =>
    connectMailbox(
      {
        ...{
          host: imap.host,
          port: imap.port,
          tls: 'none',
          user: imap.user,
          password: imap.password
        },
        ...{ inbox: 'INBOX', processed: 'Postern/Processed', held: 'Postern/Held' },
        mailBytes: 1_000_000,
        ...changes
      },
      'INBOX',
      new AbortController().signal
    )

  beforeEach(async () => {
    imap = await startEmbeddedImap()
    mailbox = await connect()
  })
  afterEach(async () => {
    await mailbox.close()
    await imap.close()
  })

  it('gives up a connection on which the server fell silent', async () => {
    const proxy = await startTcpProxy(imap.port)
    const waiting = await connect({ port: proxy.port, silenceMs: 500 })
    const asking = await connect({ port: proxy.port, silenceMs: 500 })
    const trouble = { code: 'imap', retryable: true }

    const waited = expect(
      waiting.waitForChange(600_000, new AbortController().signal)
    ).rejects.toMatchObject(trouble)
    proxy.silence()
    await expect(asking.list({ afterUid: 0, limit: 1 })).rejects.toMatchObject(trouble)
    await waited
    await waiting.close()
    await asking.close()
    await proxy.close()
  })

  it.each([0.5, -1])('a wait of %d ms ends, and the connection stays', async (ms) => {
    expect(await mailbox.waitForChange(ms, new AbortController().signal)).toBe(false)
    expect((await mailbox.list({ afterUid: 0, limit: 1 })).waiting).toEqual([])
  })

  it('never gives a part of a message for the whole, whatever size was announced (G1)', async () => {
    const head = 'From: a@example.org\r\nSubject: large\r\n'
    imap.append(Buffer.from(`${head}\r\n${'All of it is text.\r\n'.repeat(56_000)}`))
    imap.append(Buffer.from(`Subject: endless\r\n${'X-Filler: filler\r\n'.repeat(60_000)}`))
    const small = await connect({ mailBytes: 1000 })
    const { waiting } = await small.list({ afterUid: 0, limit: 10 })
    const [large, endless] = await Promise.all(waiting.map(({ uid }) => small.fetch(uid, 'whole')))
    await small.close()

    expect(large?.part).toBe('header')
    expect(Buffer.from(large?.raw ?? []).toString()).toBe(head)
    expect(endless?.part).toBe('header')
    expect(endless?.raw).toHaveLength(128 * 1024)
  }, 60_000)
})
