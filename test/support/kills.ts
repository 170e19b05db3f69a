/**
 * `kill -9` at random moments of a run with twenty messages waiting: two thirds after some line of the log, one third at a time
 * that nothing in the daemon decides. Whatever step the process dies in, every message has one disposition, every answer and
 * relay leaves, and a copy that leaves twice is the same message (G1, G2). `npm test` takes a few moments
 * (integration/crash.test.ts), `npm run nightly` many.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect, it } from 'vitest'
import { seeded } from '../fuzz/random.ts'
import { type Daemon } from './daemon.ts'
import { DESK_ADDRESS, withHeaders } from './desk-world.ts'
import { headerOf, splitPart } from './mail-parts.ts'
import { ADA, GRACE, givenOffice } from './office.ts'
import { gpgPerson, type Person } from './people.ts'
import { describeWith } from './requires.ts'

const MAILS = 20
const MINUTE = 60_000
/**
 * All deaths are within this time, and the last life sees its end. Maintainers would be told of reports that nobody has seen for
 * an hour (clock `unseen`), and rightly.
 */
const ALL_OF_IT = 50 * MINUTE
/** A daemon that nobody watches is killed at most this long after its start. */
const BLIND_MS_MAX = 1500
/** After these something is on the disk or with the other side that the next life must know of. */
const WINDOWS = ['arrival.stored', 'arrival.done', 'outbox.accepted']
const SEED = Number(process.env['POSTERN_TEST_SEED'] ?? Date.now() % 1_000_000)

type OutboxRow = {
  readonly kind: string
  readonly recipient: string
  readonly state: string
  readonly attempts: number
  readonly messageId: string
  readonly caseTag: string
}

/** Describes the run with this many deaths. */
export function describeKills(kills: number): void {
  const mostMs = 180_000 + kills * 10_000
  describeWith(['dovecot', 'gpg'], `kill -9 at ${kills} moments (seed ${SEED})`, async () => {
    const reporter = (index: number): string => `reporter${index}@people.example`
    const { dovecot, user, sink, desk, alice } = await givenOffice({
      alice: gpgPerson({ name: 'Reporter', address: reporter(0) }),
      grace: gpgPerson(GRACE),
      ada: gpgPerson(ADA)
    })
    const mails: Buffer[] = []
    const deaths: string[] = []
    let outbox: readonly OutboxRow[] = []

    beforeAll(async () => {
      for (let index = 0; index < MAILS; index += 1) mails.push(await report(alice, index))
      await dovecot.seed(user, mails)
      await dieAgainAndAgain()
      await finish()
      outbox = desk.rows<OutboxRow>(
        `SELECT kind, recipient_id AS recipient, outbox.state, attempts, message_id AS messageId, tag AS caseTag
         FROM outbox LEFT JOIN cases ON cases.id = case_id`
      )
    }, mostMs)

    /** The first has a key of its own and is answered sealed; the others are known by their address alone. */
    async function report(writer: Person, index: number): Promise<Buffer> {
      const attachments = [
        {
          filename: 'poc.bin',
          contentType: 'application/octet-stream',
          content: Buffer.alloc(50_000, index)
        }
      ]
      const raw = await writer.write(
        {
          to: DESK_ADDRESS,
          subject: `Report ${index}`,
          text: `This is report ${index}.`,
          attachments
        },
        // Without a header inside that would contradict another sender outside.
        index === 0 ? {} : { sign: false, autocrypt: false, protectedHeaders: 'none' }
      )
      return index === 0
        ? raw
        : withHeaders(raw, { From: `Reporter ${index} <${reporter(index)}>` })
    }

    async function dieAgainAndAgain(): Promise<void> {
      const random = seeded(SEED)
      for (let life = 0; life < kills; life += 1) {
        // A message that was on its way at a death is due again a little later: let later lives see that.
        desk.clock.set(Math.floor((life / kills) * ALL_OF_IT))
        const daemon = desk.spawn(desk.clock.env)
        const lines = 1 + Math.floor(random() * 9)
        const pause = Math.floor(random() * 40)
        if (life % 3 === 2) await delay(Math.floor(random() * BLIND_MS_MAX))
        else {
          // Counted from its first line, so that on a slow machine not all of them die before it.
          await daemon.waitForLog('desk.started')
          await Promise.race([daemon.waitForLog(() => daemon.lines.length >= lines), delay(4000)])
          await delay(pause)
        }
        await daemon.kill9()
        deaths.push(lastOf(daemon))
      }
    }

    function lastOf(daemon: Daemon): string {
      return daemon.lines.at(-1)?.event ?? 'before anything'
    }

    async function finish(): Promise<void> {
      // What the last death lost is due again.
      desk.clock.set(ALL_OF_IT)
      const daemon = await desk.start(desk.clock.env)
      const open =
        "SELECT 1 FROM outbox WHERE state <> 'sent' UNION ALL SELECT 1 FROM arrivals WHERE moved = 0"
      const isDone = (): boolean =>
        desk.rows<{ n: number }>('SELECT count(*) AS n FROM arrivals')[0]?.n === MAILS &&
        desk.rows(open).length === 0
      for (let waits = 0; waits < 300 && !isDone(); waits += 1) await delay(200)
      await daemon.stop()
    }

    it('gives every message exactly one arrival, one disposition and one case (G1)', () => {
      const arrivals = desk.rows<{
        state: string
        disposition: string
        caseId: number
        moved: number
      }>('SELECT state, disposition, case_id AS caseId, moved FROM arrivals')
      expect(arrivals).toHaveLength(MAILS)
      for (const arrival of arrivals) {
        expect(arrival).toMatchObject({ state: 'done', disposition: 'case-opened', moved: 1 })
      }
      expect(new Set(arrivals.map(({ caseId }) => caseId)).size).toBe(MAILS)
      expect(desk.rows('SELECT id FROM cases')).toHaveLength(MAILS)
    })

    it('answers every reporter once and relays every report to every maintainer once (G2)', () => {
      const byCase = new Map<string, string[]>()
      for (const { kind, recipient, caseTag } of outbox) {
        byCase.set(caseTag, [...(byCase.get(caseTag) ?? []), `${kind} ${recipient}`])
      }
      expect(byCase.size).toBe(MAILS)
      // Should an alarm be among them, its name says why.
      const rung = desk.rows<{ clock: string }>(
        'SELECT DISTINCT clock FROM rings WHERE at IS NOT NULL'
      )
      const clocks = rung.map(({ clock }) => clock).join(' ')
      for (const [tag, kinds] of byCase)
        expect(kinds.sort(), clocks).toEqual([`acknowledgement ${tag}`, 'relay ada', 'relay grace'])
    })

    it('hands over every message, and the same bytes where it had to do so again (G2)', () => {
      const copies = new Map<string, Buffer[]>()
      for (const { raw } of sink.taken) {
        const id = headerOf(splitPart(raw), 'message-id').slice(1, -1)
        copies.set(id, [...(copies.get(id) ?? []), raw])
      }
      expect([...copies.keys()].sort()).toEqual(outbox.map(({ messageId }) => messageId).sort())
      for (const { messageId, attempts, state } of outbox) {
        const [first, ...again] = copies.get(messageId) ?? []
        expect(state).toBe('sent')
        expect(again.length).toBeLessThan(attempts)
        for (const copy of again) {
          expect(headerOf(splitPart(copy), 'message-id')).toBe(`<${messageId}>`)
          expect(copy.equals(first ?? Buffer.alloc(0))).toBe(true)
        }
      }
    })

    it('answers each reporter at the address the report came from, and nobody else', () => {
      const answered = new Set(
        sink.taken.map(({ to }) => to).filter((to) => to.endsWith('@people.example'))
      )
      expect([...answered].sort()).toEqual(mails.map((_, index) => reporter(index)).sort())
    })

    it('leaves the inbox empty and every original in the processed folder, byte for byte (G1)', async () => {
      const moved = await dovecot.messages(user, 'Postern/Processed')
      const bytes = (list: readonly Buffer[]) => list.map((raw) => raw.toString('latin1')).sort()
      expect(await dovecot.messages(user)).toEqual([])
      expect(bytes(moved.map(({ raw }) => raw))).toEqual(bytes(mails))
    })

    it('keeps the record unbroken through all of it (G8)', async () => {
      const verified = await desk.cli('audit', 'verify', '--json')
      expect(verified.status).toBe(0)
      expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true })
      // The run meant something: deaths fell into more than one step.
      expect(deaths).toHaveLength(kills)
      expect(new Set(deaths).size).toBeGreaterThan(2)
      expect(deaths.filter((event) => WINDOWS.includes(event))).not.toEqual([])
    })
  })
}
