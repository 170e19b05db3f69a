/** One submission through a real Postfix: what reaches the next server is what Postern sealed. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Address } from '../../src/domain/address.ts'
import { type MessageId } from '../../src/domain/ids.ts'
import { createSender } from '../../src/transport/smtp-sender.ts'
import { canRunPostfix, type Postfix, startPostfix } from '../support/postfix.ts'
import { describeWith } from '../support/requires.ts'
import { type Sink, startSink } from '../support/smtp-sink.ts'

/** Without root there is no Postfix to talk to; where servers are required that is a failure, not a skip. */
const isSkipped = !canRunPostfix() && process.env['POSTERN_REQUIRE_SERVERS'] !== '1'

const never = new AbortController().signal

const RAW = Buffer.from(
  'From: desk@desk.example\r\nTo: a@member.example\r\nDate: Tue, 01 Dec 2026 13:00:00 +0000\r\n' +
    'Message-ID: <m1@desk.example>\r\nSubject: x\r\n\r\nline\r\n.dot\r\n'
)

describeWith(['postfix'], 'submission through Postfix', () => {
  let sink: Sink
  let postfix: Postfix | null = null

  beforeAll(async () => {
    sink = await startSink()
    if (canRunPostfix()) postfix = await startPostfix(sink.port)
  })
  afterAll(async () => {
    await postfix?.close()
    await sink.close()
  })

  it.skipIf(isSkipped)(
    'relays one mail to one recipient with its bytes and Message-ID as they were (needs root: run it as root)',
    async () => {
      expect(canRunPostfix(), 'Postfix starts as root only: run the tests as root').toBe(true)
      const options = { host: '127.0.0.1', port: postfix?.port ?? 0, tls: 'none' } as const
      const sender = createSender(options, () => undefined)
      const from = 'desk@desk.example' as Address
      const to = 'a@member.example' as Address

      const outcome = await sender.send(
        { messageId: 'm1@desk.example' as MessageId, from, to, raw: RAW },
        never
      )
      await sender.close()
      const [taken] = await sink.waitFor(1, 20_000)

      expect(outcome).toEqual({ kind: 'accepted', code: 250 })
      expect(taken).toMatchObject({ from, to })
      expect(taken?.raw.toString()).toMatch(/^Received: /)
      expect(taken?.raw.toString().endsWith(RAW.toString())).toBe(true)
    }
  )
})
