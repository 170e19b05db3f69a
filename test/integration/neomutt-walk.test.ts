/**
 * A walk through whole cases in neomutt by maintainers who know nothing but what the messages of the desk say: every step answers
 * the message that suggests it, with the line that this message shows. A command that no message suggests any more fails here.
 */

import { expect, it } from 'vitest'
import {
  DESK_ADDRESS,
  kindOf,
  mailboxOf,
  ofKind,
  type Received,
  says
} from '../support/desk-world.ts'
import { headerOf, splitPart } from '../support/mail-parts.ts'
import { type Mutt, makeMutt } from '../support/neomutt.ts'
import { ADA, addMember, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const DAY_MS = 86_400_000

/** A message as neomutt shows it. */
type Shown = { readonly raw: Buffer; readonly text: string }

describeWith(
  ['dovecot', 'gpg', 'neomutt'],
  'a maintainer who knows only what the messages say',
  async () => {
    /** How many messages had left when the last one was sent to the desk. */
    let before = 0
    /** What the maintainer goes back to. */
    let report: Shown
    let help: Shown
    let last: Shown
    let notice: Received
    let firstTag = ''

    const { dovecot, user, sink, desk, grace, ada, alice, bob, member } = await givenOffice({
      grace: makeMutt(GRACE),
      ada: makeMutt(ADA),
      alice: gpgPerson({ name: 'Alice', address: 'alice@reporter.example' }),
      bob: gpgPerson({ name: 'Bob', address: 'bob@reporter.example' }),
      member: gpgPerson({ name: 'Alpha Linux', address: 'security@alpha.example' })
    })
    await addMember(desk, 'alpha-linux', member, await member.exportPublicKey())
    await desk.start()

    async function send(raw: Buffer): Promise<void> {
      before = sink.taken.length
      await dovecot.append(user, raw)
    }

    /** The newest message of this kind that came to a maintainer since something was sent to the desk. */
    async function got(person: Mutt, kind: string): Promise<Shown> {
      const isWanted = (raw: Buffer): boolean => {
        const id = headerOf(splitPart(raw), 'message-id').slice(1, -1)
        const sql = `SELECT kind FROM outbox WHERE message_id = '${id}' AND kind = '${kind}'`
        return desk.rows(sql).length > 0
      }
      const find = (): Buffer | undefined =>
        sink.taken.slice(before).findLast(({ to, raw }) => to === person.address && isWanted(raw))
          ?.raw
      await sink.waitFor(() => find() !== undefined, 20_000)
      const raw = find() ?? Buffer.alloc(0)
      return { raw, text: await person.read(raw) }
    }

    /** The command that a message shows; a maintainer copies it from there. */
    function shown({ text }: Shown, command: RegExp): string {
      const found = command.exec(text)?.[0].trim()
      if (found === undefined) throw new Error(`No message says ${command.source} here:\n${text}`)
      return found
    }

    /** Answers a message with the command that it shows and these words below; returns the desk's answer. */
    async function answer(
      person: Mutt,
      message: Shown,
      command: RegExp,
      below = ''
    ): Promise<Shown> {
      const line = shown(message, command)
      await send(await person.reply(message.raw, `${line}${below === '' ? '' : `\n${below}`}`))
      return got(person, 'transcript')
    }

    /** The same, carried out. */
    async function carriedOut(...step: Parameters<typeof answer>): Promise<Shown> {
      const transcript = await answer(...step)
      expect(transcript.text).toContain('Done: 1 command.')
      return transcript
    }

    it('takes the case as the forwarded report says', async () => {
      const text = 'A crafted file overflows a buffer.\n'
      await send(await alice.write({ to: DESK_ADDRESS, subject: 'Heap overflow', text }))
      report = await got(grace, 'relay')
      firstTag = /ACME-\d{4}-\d{4}/.exec(report.text)?.[0] ?? ''
      last = await carriedOut(grace, report, /\/take\b/)
      expect(last.text).toContain('The case is yours.')
    })

    it('finds all commands in /help, which the forwarded report names', async () => {
      help = await carriedOut(grace, report, /\/help\b/)
    })

    it('asks the reporter, who answers', async () => {
      await carriedOut(grace, help, /^\/ask\b/m, 'Which version do you use?')
      const question = await mailboxOf(alice, sink).find(
        ofKind(desk, 'reply', 'Which version'),
        'question'
      )
      await send(await alice.reply(question.taken.raw, 'It is 4.2.\n'))
      expect((await got(grace, 'relay')).text).toContain('It is 4.2.')
    })

    it('accepts the report with the command that the answer to /take offers', async () => {
      last = await carriedOut(grace, last, /^\/accept$/m)
      await mailboxOf(alice, sink).find(ofKind(desk, 'accepted'), 'decision')
    })

    it('tells the reporter the plan in the fields that /help names', async () => {
      const plan = shown(help, /^\/plan$/m)
      const [first, second] = [shown(help, /\bplan:/), shown(help, /\bworkarounds:/)]
      const below = `${first} a fix in 4.2.1\n${second} none known`
      await carriedOut(grace, help, new RegExp(`^${plan}$`, 'm'), below)
      await mailboxOf(alice, sink).find(ofKind(desk, 'reply', 'a fix in 4.2.1'), 'plan')
    })

    it('sets the date, fills in the form of the notice and previews it, each as the answer before offers', async () => {
      last = await carriedOut(grace, last, /^\/embargo \S.*$/m)
      last = await carriedOut(grace, last, /^\/notice draft$/m)
      const form = /^\/notice draft\n(?:[a-z_]+:\n)+/m.exec(last.text)?.[0] ?? ''
      expect(form).not.toBe('')
      const words: Readonly<Record<string, string>> = {
        description: 'A crafted file overflows a buffer.',
        affected_versions: '>= 4.0, < 4.2.1',
        remedy_steps: 'Apply the patch and rebuild.'
      }
      const filled = form
        .split('\n')
        .slice(1, -1)
        .map((line) => `${line} ${words[line.slice(0, -1)] ?? ''}`.trim())
      const without = `${shown(last, /\bno_patches:/)} they follow`
      last = await carriedOut(grace, last, /^\/notice draft$/m, [...filled, without].join('\n'))
      await carriedOut(grace, last, /^\/notice preview$/m)
    })

    it('postern show names what is due', async () => {
      const { stdout } = await desk.cli('show', firstTag)
      expect(stdout).toMatch(/^Message of .*, by Alice <alice@reporter\.example> \(to the desk\)/m)
      expect(stdout).toMatch(/^Notice: +revision 1, not approved$/m)
      expect(stdout).toMatch(/^Due: .*: The advance notice should leave by then\.$/m)
      expect(stdout).toMatch(/^\d+ answers to commands and updates to maintainers left, too/m)
    })

    it('has it approved by somebody else with the code of the preview', async () => {
      last = await carriedOut(ada, await got(ada, 'preview'), /^ *\/notice approve \S+$/m)
      expect(last.text.replaceAll(/\s+/g, ' ')).toContain('The notice leaves')
    })

    it('moves the date; a new preview and approval let the notice leave', async () => {
      const sooner = new Date(Date.now() + 2 * DAY_MS).toISOString().slice(0, 10)
      const date = `${sooner} 14:00 because it is exploited`
      await movedTo(date)
      notice = await mailboxOf(member, sink).find(ofKind(desk, 'notice'), 'notice')
      expect(says(notice, 'overflows a buffer')).toBe(true)
      expect((await desk.cli('notice', 'show', firstTag)).stdout).toMatch(/^Released: /m)
    })

    it('postern show and audit say who moved the date from when to when, why, and by which message (A1)', async () => {
      const moved =
        /: Grace Hopper moved the disclosure from \w{3} \d.* UTC\)? to \w{3} \d.*, because: it is exploited; signed message [0-9a-f]{12}…\.$/m
      const shown = (await desk.cli('show', firstTag)).stdout
      expect(shown).toMatch(/^Notice: +revision \d, released .*UTC.*; approved by Ada/m)
      expect(shown).toMatch(/^Date: +.*alice@reporter\.example/m)
      expect(shown).toMatch(/^Message of .*\(to Alice <alice@reporter\.example>\)/m)
      for (const args of [
        ['show', firstTag],
        ['audit', 'export']
      ])
        expect((await desk.cli(...args)).stdout).toMatch(moved)
    })

    /** Sets another date with the command from /help, and has the notice previewed and approved as the answers say. */
    async function movedTo(date: string): Promise<void> {
      const embargo = shown(help, /^\/embargo\b/m)
      await send(await grace.reply(help.raw, `${embargo} ${date}`))
      const moved = await got(grace, 'transcript')
      expect(moved.text).toContain('Done: 1 command.')
      await carriedOut(grace, moved, /^\/notice preview$/m)
      await carriedOut(ada, await got(ada, 'preview'), /^ *\/notice approve \S+$/m)
    }

    it('answers a list member as the forwarded message says', async () => {
      await send(await member.reply(notice.taken.raw, 'question Is 3.9 affected?\n'))
      const forwarded = await got(grace, 'relay')
      expect(forwarded.text).toContain('Is 3.9 affected?')
      await carriedOut(grace, forwarded, /\/member\b/, 'No, 3.9 is not affected.')
      await mailboxOf(member, sink).find(ofKind(desk, 'member-answer', '3.9 is not'), 'answer')
    })

    it('moves the date once more, and the change reaches the list and the reporter', async () => {
      const later = new Date(Date.now() + 9 * DAY_MS).toISOString().slice(0, 10)
      await movedTo(`${later} 14:00 because the fix needs a week more`)
      await mailboxOf(member, sink).find(ofKind(desk, 'notice', 'revision 2'), 'change')
      await mailboxOf(alice, sink).find(ofKind(desk, 'date-notice', 'another date'), 'new date')
    })

    it('merges a second report of the reporter into the first as its forwarded message says', async () => {
      const text = 'One more detail.\n'
      await send(await alice.write({ to: DESK_ADDRESS, subject: 'The overflow again', text }))
      const second = await got(grace, 'relay')
      await carriedOut(grace, second, new RegExp(`/merge ${firstTag}\\b`))
      await mailboxOf(alice, sink).find(ofKind(desk, 'merged'), 'word of it')
    })

    it('rejects a report with a code that the answer to /reject lists, and closes the case', async () => {
      await send(await bob.write({ to: DESK_ADDRESS, subject: 'Missing header', text: 'See.\n' }))
      const relay = await got(grace, 'relay')
      const all = await carriedOut(grace, relay, /\/help\b/)
      const codes = await answer(grace, all, /^\/reject\b/m)
      expect(codes.text).toContain('Nothing was done')
      const code = shown(codes, /\bnot-a-vulnerability\b/)
      await send(await grace.reply(codes.raw, `/reject ${code}\nIt needs root already.`))
      const rejected = await got(grace, 'transcript')
      const told = await mailboxOf(bob, sink).find(ofKind(desk, 'rejected'), 'decision')
      expect(says(told, 'It needs root already.')).toBe(true)
      await carriedOut(grace, rejected, /^\/close$/m)
      expect(kindOf(desk, told)).toBe('rejected')
    })

    it('writes a new message, no reply, with the line that the refusal names (B20)', async () => {
      const mail = { to: DESK_ADDRESS, subject: 'Which commands are there?' }
      await send(await grace.write({ ...mail, text: '/help' }))
      const refusal = await got(grace, 'refusal')
      const line = shown(refusal, /\bto:\s+\S+@[^"\s]+/).replace(/\s+/, ' ')
      await send(await grace.write({ ...mail, text: `${line}\n\n/help` }))
      const all = await got(grace, 'transcript')
      const [to, number] = [shown(all, /\bto: [^\s"]+/), shown(all, /\bcase: (?=NUMBER)/)]
      const text = `${to}\n${number} ${firstTag}\n/status`
      await send(await grace.write({ to: DESK_ADDRESS, subject: 'Status, please', text }))
      expect((await got(grace, 'transcript')).text).toContain('Done: 1 command.')
    })

    it('records the disclosure and closes the case', async () => {
      const disclosed = shown(help, /^\/disclosed\b/m)
      await send(await grace.reply(help.raw, `${disclosed} because the reporter published it`))
      const recorded = await got(grace, 'transcript')
      expect(recorded.text).toContain('Done: 1 command.')
      await carriedOut(grace, recorded, /^\/close$/m)
      await mailboxOf(alice, sink).find(ofKind(desk, 'closed'), 'word of it')
    })
  }
)
