/** The built daemon and the junk folder of a real Dovecot, on a connection beside that of the inbox (G1). */
import { expect, it } from 'vitest'
import { connectMailbox } from '../../src/transport/imap-mailbox.ts'
import { clearMail, DESK_ADDRESS, mailboxOf } from '../support/desk-world.ts'
import { PASSWORD } from '../support/dovecot.ts'
import { GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const SPAM = clearMail(
  ['From: Pills <pills@spam.example>', `To: ${DESK_ADDRESS}`, 'Subject: Cheap pills'],
  'Buy now.\n'
)

describeWith(['dovecot', 'gpg'], 'the junk folder of a real server', async () => {
  const { dovecot, user, sink, desk, grace } = await givenOffice({ grace: gpgPerson(GRACE) })

  it('gives up what is encrypted to the desk, at once, and keeps the rest for the digest', async () => {
    await dovecot.append(user, SPAM, { folder: 'Junk' })
    const imap = { ...(desk.config['imap'] as object), junk: 'Junk' }
    const schedule = { ...(desk.config['schedule'] as object), digest: '*/10 * * * * *' }
    desk.write({ ...desk.config, imap, schedule })
    const daemon = await desk.start()
    const before = daemon.lines.length
    const report = await grace.write({ to: DESK_ADDRESS, subject: 'A hole', text: 'A hole.\n' })
    await dovecot.append(user, report, { folder: 'Junk' })
    await daemon.waitForLog('junk.taken', { from: before, timeoutMs: 30_000 })
    const taken = await daemon.waitForLog('arrival.done', { from: before, timeoutMs: 30_000 })
    expect(taken['disposition']).toBe('case-opened')
    const left = await dovecot.messages(user, 'Junk')
    expect(left.map(({ raw }) => raw.toString())).toEqual([SPAM.toString()])
    expect(left[0]?.flags).not.toContain('\\Seen')
    const digest = await mailboxOf(grace, sink).find(
      ({ read }) => read.subject === '[ACME] Digest' && read.text.includes('pills@spam.example'),
      'digest',
      60_000
    )
    expect(digest.read.text).toContain('Cheap pills')
    await daemon.stop()
  })

  it('is read whatever the server, and messages go from it into the inbox byte for byte', async () => {
    const never = new AbortController().signal
    const account = {
      ...{ host: dovecot.host, port: dovecot.port, tls: 'none' as const },
      ...{ user: 'bare', password: PASSWORD, mailBytes: 1_000_000 },
      ...{ inbox: 'INBOX', processed: 'Done', held: 'Held' }
    }
    await dovecot.append('bare', SPAM, { folder: 'Junk' })
    const junk = await connectMailbox(account, 'Junk', never)
    try {
      const { waiting } = await junk.list({ afterUid: 0, limit: 10 })
      const uids = waiting.map(({ uid }) => uid)
      for (const again of [uids, uids]) await junk.move(again, 'inbox')
    } finally {
      await junk.close()
    }
    expect((await dovecot.messages('bare')).map(({ raw }) => raw.toString())).toEqual([
      SPAM.toString()
    ])
    expect(await dovecot.messages('bare', 'Junk')).toEqual([])
    await expect(connectMailbox(account, 'Nowhere', never)).rejects.toMatchObject({
      code: 'imap-mailbox',
      retryable: false
    })
  })
})
