/** The built daemon on a real Dovecot, when strangers have used up their room of a day (A1). */
import { expect, it } from 'vitest'
import { clearMail, DESK_ADDRESS } from '../support/desk-world.ts'
import { GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

function stranger(name: string, text: string): Buffer {
  const head = [`From: ${name}@strange.example`, `To: ${DESK_ADDRESS}`, `Subject: ${name}`]
  return clearMail(head, `${text}\n`)
}

describeWith(['dovecot', 'gpg'], 'strangers who have no room left', async () => {
  const { dovecot, user, desk, grace, handled } = await givenOffice({ grace: gpgPerson(GRACE) })
  const inbox = async () =>
    (await dovecot.messages(user)).map(({ raw }) => /Subject: (\w+)/.exec(raw.toString())?.[1])

  it("(A1) leave their mail in the inbox, a maintainer's is handled, and the operator gets one in", async () => {
    desk.write({ ...desk.config, limits: { strangers_per_day: '1MiB' } })
    const daemon = await desk.start()
    const big = stranger('Big', 'It crashes.\n'.repeat(100_000))
    expect(await handled(daemon, big)).toMatchObject({ disposition: 'case-opened' })
    await dovecot.append(user, stranger('Small', 'It crashes.'))
    await dovecot.append(user, stranger('Other', 'It crashes.'))
    const mail = await grace.write({ to: DESK_ADDRESS, subject: 'x', text: '/cases\n' })
    const done = await handled(daemon, mail)
    expect(done['arrival']).toBe(4)
    expect(done['disposition']).not.toMatch(/case-opened|no-room/)
    const listed = await desk.cli('received', 'list', '--state', 'left')
    expect(listed.stdout.match(/^\d+ .*no-room/gm)).toHaveLength(2)
    expect(listed.stdout).toMatch(/^2 .*no-room +- +2 /m)
    const shown = await desk.cli('received', 'show', '2')
    expect(shown.stdout).toContain('postern received retry 2')
    expect(shown.stdout).not.toContain('moved to')
    for (const args of [
      ['received', 'show', '2', '--out', 'two.eml'],
      ['files', '2']
    ])
      expect(await desk.cli(...args), args.join(' ')).toMatchObject({ status: 1, stdout: '' })
    const before = daemon.lines.length
    const wanted = await desk.cli('received', 'retry', '2')
    expect(wanted).toMatchObject({ status: 0, stderr: '' })
    expect(wanted.stdout).toContain('taken in from INBOX within five minutes')
    const taken = await daemon.waitForLog('arrival.done', { from: before, timeoutMs: 90_000 })
    expect(taken).toMatchObject({ arrival: 2, disposition: 'case-opened' })
    await expect.poll(inbox, { timeout: 10_000 }).toEqual(['Other'])
    await daemon.stop()
  })
})
