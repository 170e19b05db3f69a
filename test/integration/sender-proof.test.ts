/**
 * The built daemon behind a mail server that checks senders (RFC 8601): whom it acknowledges, whom it does not before a
 * maintainer says so, and what that changes of nothing else (mail.md §1.9, §1.11, §2.20; G4).
 */
import { expect, it } from 'vitest'
import { clearMail, DESK_ADDRESS, mailboxOf } from '../support/desk-world.ts'
import { GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const MX = 'mx.acme.example'
const RECEIVED = `Received: from outside.example by ${MX} with ESMTPS; Sun, 22 Nov 2026 10:00:00 +0000`
const DMARC = (result: string, domain: string): string =>
  `Authentication-Results: ${MX}; dmarc=${result} (p=none) header.from=${domain}`
const RETURN_PATH = 'Return-Path: <carol@mailer.example>'
const SPF = `Authentication-Results: ${MX}; spf=pass smtp.mailfrom=carol@mailer.example`

describeWith(['dovecot', 'gpg'], 'a desk whose mail server checks senders', async () => {
  const { sink, desk, grace, handled } = await givenOffice({ grace: gpgPerson(GRACE) })
  const imap = { ...(desk.config['imap'] as object), authserv_ids: [MX] }
  desk.write({ ...desk.config, imap })
  const daemon = await desk.start()

  /** Sends a report and returns its case and what its relay says. */
  async function report(
    from: string,
    top: readonly string[]
  ): Promise<{ tag: string; relay: string }> {
    const head = [...top, `From: Somebody <${from}>`, `To: ${DESK_ADDRESS}`, 'Subject: report']
    const raw = clearMail([...head, `Message-ID: <${from}>`], 'A hole.\n')
    const line = await handled(daemon, raw)
    expect(line['disposition']).toBe('case-opened')
    const tag = String(line['case'])
    const mail = await mailboxOf(grace, sink).find(
      ({ read }) => read.subject.includes(tag),
      'relay'
    )
    return { tag, relay: mail.read.text.replaceAll(/\s+/g, ' ') }
  }
  async function command(tag: string, text: string): Promise<string> {
    const subject = `Re: [${tag}] report`
    const line = await handled(daemon, await grace.write({ to: DESK_ADDRESS, subject, text }))
    return String(line['disposition'])
  }
  const answersOf = (tag: string) =>
    desk.rows<{ to: string; state: string }>(
      `SELECT envelope_to AS "to", outbox.state FROM outbox JOIN cases ON cases.id = outbox.case_id
       WHERE cases.tag = '${tag}' AND kind = 'acknowledgement'`
    )
  const got = (address: string) => sink.taken.filter(({ to }) => to === address).length
  const reaches = (address: string) => sink.waitFor((all) => all.some(({ to }) => to === address))

  it('acknowledges to From when DMARC passes', async () => {
    const { relay } = await report('bob@people.example', [
      DMARC('pass', 'people.example'),
      RECEIVED
    ])
    await reaches('bob@people.example')
    expect(relay).toContain('DMARC passes')
  })

  it.each([
    ['carol', 'SPF passes for another address alone', [RETURN_PATH, SPF, RECEIVED]],
    ['dan', 'DMARC fails', [DMARC('fail', 'people.example'), RECEIVED]],
    ['erin', 'the sender wrote the field himself', [RECEIVED, DMARC('pass', 'people.example')]],
    [
      'fay',
      'another server wrote it',
      [DMARC('pass', 'people.example').replace(MX, 'mx.evil.example'), RECEIVED]
    ]
  ])('holds the answer to %s, because %s, until a maintainer lets it go', async (name, _, top) => {
    const from = `${name}@people.example`
    const { tag, relay } = await report(from, top)
    expect(relay).toContain(`/acknowledge sends it to ${from}`)
    expect(answersOf(tag)).toEqual([{ to: from, state: 'held' }])
    expect(await command(tag, '/acknowledge\n')).toBe('commands')
    await reaches(from)
    expect(await command(tag, '/acknowledge\n')).toBe('commands-refused')
    expect(got(from)).toBe(1)
  })
})
