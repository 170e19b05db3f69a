/**
 * Somebody on the way who changes what a mail server says before TLS begins (RFC 3207 §6, RFC 9051 §6.2.1; CVE-2011-0411 and its
 * like in clients, "NO STARTTLS"): nothing said in clear counts afterwards, and nothing of ours leaves in clear.
 */
import { expect, it, onTestFinished } from 'vitest'
import { type Address } from '../../src/domain/address.ts'
import { type MessageId } from '../../src/domain/ids.ts'
import { type LogEvent } from '../../src/effects/events.ts'
import { connectMailbox } from '../../src/transport/imap-mailbox.ts'
import { createSender } from '../../src/transport/smtp-sender.ts'
import { PASSWORD, startDovecot } from '../support/dovecot.ts'
import { closing } from '../support/office.ts'
import { describeWith } from '../support/requires.ts'
import { inOnePiece, startSink } from '../support/smtp-sink.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const never = new AbortController().signal
/** The first record of a server's TLS. */
const HANDSHAKE = '\u0016\u0003'
type Change = (said: string) => string

async function given(port: number, change: Change) {
  let isChanged = false
  const proxy = await startTcpProxy(port, (chunk) => {
    const [said, changed] = [chunk.toString('latin1'), change(chunk.toString('latin1'))]
    isChanged ||= said !== changed
    return Buffer.from(changed, 'latin1')
  })
  onTestFinished(() => {
    proxy.close()
    expect(isChanged).toBe(true)
  })
  return proxy
}

const ahead =
  (words: string): Change =>
  (said) =>
    said.startsWith(HANDSHAKE) ? `${words}${said}` : said

describeWith(['dovecot'], '(16) STARTTLS with somebody on the way', async () => {
  const dovecot = closing(await startDovecot())

  it.each<[string, Change]>([
    [
      'answers behind the one to STARTTLS',
      (said) =>
        said.replace(
          /OK Begin TLS[^\r]*\r\n/,
          '$&* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n* OK [ALERT] evil\r\n'
        )
    ],
    ['answers before the handshake', ahead('* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n')],
    [
      'a greeting that says the user is known already',
      (said) => said.replace(/^\* OK /, '* PREAUTH ')
    ],
    ['no STARTTLS among what the server can', (said) => said.replaceAll(' STARTTLS', '')],
    ['a refusal of STARTTLS', (said) => said.replace('OK Begin TLS', 'NO Begin TLS')],
    ['another answer than the one to STARTTLS', (said) => said.replace('OK Begin TLS', 'BAD what')]
  ])('the inbox is not opened after %s, and no password leaves', async (_what, change) => {
    const proxy = await given(dovecot.port, change)
    const account = { user: 'starttls', password: PASSWORD, ca: { text: dovecot.certificates.ca } }
    const folders = { inbox: 'INBOX', processed: 'Done', held: 'Held', mailBytes: 1000 }
    const options = { host: '127.0.0.1', port: proxy.port, tls: 'starttls', ...account } as const
    const opening = connectMailbox(
      { ...options, ...folders, connectTimeoutMs: 5000 },
      'INBOX',
      never
    )
    await expect(opening).rejects.toMatchObject({ name: 'Trouble', code: 'imap-tls' })
    expect(proxy.sent()).toMatch(/STARTTLS\r\n|^$/)
    expect(proxy.sent()).not.toMatch(/LOGIN|AUTHENTICATE|SELECT|LIST/i)
  })

  const LOGIN = { user: 'desk', password: 'PASSWORD-OF-THE-DESK' }
  async function sendThrough(change: Change) {
    const sink = await startSink({
      tls: 'starttls',
      auth: LOGIN,
      certificates: dovecot.certificates
    })
    onTestFinished(sink.close)
    const proxy = await given(sink.port, change)
    const logged: LogEvent[] = []
    const sender = createSender(
      {
        ...{ host: '127.0.0.1', port: proxy.port, tls: 'starttls', ...LOGIN },
        ...{ ca: { text: dovecot.certificates.ca }, reply_seconds: 5, connectTimeoutMs: 5000 },
        address: 'desk@example.org' as Address
      },
      (event) => logged.push(event)
    )
    onTestFinished(() => sender.close())
    const raw = Buffer.from('Subject: a\r\n\r\nTHE TEXT\r\n')
    const from = 'desk@example.org' as Address
    const mail = {
      messageId: 'a@b.example' as MessageId,
      from,
      to: 'a@example.org' as Address,
      ...inOnePiece(raw)
    }
    const outcome = await sender.send(mail, never)
    return { outcome, taken: sink.taken, sent: proxy.sent(), logged }
  }

  it.each(['250-evil\r\n250-AUTH LOGIN\r\n250 SIZE 3\r\n235 welcome\r\n250 taken\r\n', '250 SIZE'])(
    '(15) what the server is made to say behind its answer to STARTTLS counts for nothing: %j',
    async (words) => {
      const { outcome, taken, sent } = await sendThrough((said) =>
        said.startsWith('220 ') && !said.includes('ESMTP') ? `${said}${words}` : said
      )
      expect(outcome).toEqual({ kind: 'accepted', code: 250 })
      expect(taken).toMatchObject([{ secure: true, user: 'desk' }])
      expect(sent).not.toMatch(/AUTH|MAIL FROM|THE TEXT/)
    }
  )

  it.each<[string, Change]>([
    ['answers before the handshake', ahead('250-AUTH LOGIN\r\n250 SIZE 3\r\n235 welcome\r\n')],
    ['a refusal of STARTTLS', (said) => said.replace(/^220 (?!.*ESMTP).*/, '454 not now')],
    ['an EHLO that is not understood', (said) => said.replace(/^250[- ][^]*/, '500 what\r\n')]
  ])('(15) nothing is sent after %s', async (_what, change) => {
    const { outcome, taken, sent, logged } = await sendThrough(change)
    expect(outcome).toMatchObject({ kind: 'untried' })
    expect(taken).toEqual([])
    expect(sent).not.toMatch(/AUTH|MAIL FROM|THE TEXT/)
    expect(logged).toMatchObject([{ event: 'trouble', where: 'smtp' }])
  })
})
