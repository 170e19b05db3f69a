/**
 * Messages of the fuzzer go on through policy, encryption and the outbox of a whole desk: none stops it, each is settled, and what
 * it makes of a message stays within a bound (A1). What reading makes of them, run.ts checks.
 */
import { identityOf, unlockKeys } from '../../src/worker/tasks.ts'
import { type Letter, openWorld, someone, write } from '../support/world.ts'
import { makeMail } from './mails.ts'
import { delivered } from './run.ts'
import { type World } from './world.ts'

/**
 * Bytes for one recipient: at most so many times what came, or what a copy may always hold (policy/carried.ts): a text in
 * another script takes three times its bytes as quoted-printable, and armor a third more.
 */
const GROWTH_MAX = 5
const ALWAYS_BYTES = 64 * 1024
/** Header, facts and framing of one message. */
const FRAME_BYTES = 16 * 1024
/** Messages that wait at a time. */
const BATCH = 32

/** A few kilobytes that become three million. */
const GROWING: Letter = {
  ...{ subject: 'zeros', as: 'encrypted', isCompressed: true, text: 'x'.repeat(1_000_000) },
  patch: { filename: 'zeros.bin', content: '0'.repeat(2_000_000) }
}

export type Passage = {
  readonly count: number
  /** Dispositions, and how often each was met. */
  readonly ends: Readonly<Record<string, number>>
  /** The most bytes that one recipient was sent for one message, as a share of its bound. */
  readonly worst: number
  /** Messages that made more than the bound: their numbers, -1 for one that grows. */
  readonly tooMuch: readonly number[]
  /** Messages without a disposition. */
  readonly unsettled: number
}

/** Lets so many messages of a seed through, from `first` on, beside messages that were taken up from `corpus`. */
export async function passThrough(
  world: World,
  range: { readonly first: number; readonly count: number },
  corpus: readonly Buffer[] = []
): Promise<Passage> {
  const { start, now } = world
  const unlocked = await unlockKeys(start)
  const identity = { keys: { ...unlocked, desk: await identityOf(unlocked, start) }, start }
  // Alice, who signs most of it, is a reporter here.
  const grace = await someone('grace', 'grace@acme.example')
  const eve = await someone('eve', 'eve@outside.example')
  const deskKey = identity.keys.desk.signer.privateKey.toPublic().armor()
  const desk = await openWorld({
    // Each is forwarded: what that makes of it is what is tried here.
    forwarding: { per_hour: 1_000_000, per_domain_hour: 1_000_000 },
    maintainers: [grace],
    startsAt: now,
    identity: { ...identity, publicArmored: '' }
  })
  const came: { readonly number: number; readonly bytes: number }[] = []
  try {
    for (let next = 0; next < range.count; next += BATCH) {
      for (let index = next; index < Math.min(next + BATCH, range.count); index += 1) {
        const raw = delivered(makeMail({ world, corpus }, range.first + index))
        came.push({ number: range.first + index, bytes: raw.length })
        desk.deliver(raw)
      }
      // Beside them one that grows when it is opened.
      const bomb = await write(eve, GROWING, deskKey, now)
      came.push({ number: -1, bytes: bomb.length })
      desk.deliver(bomb)
      await desk.settle()
    }
    const made = desk.rows<{ arrival: number; size: number }>(
      `SELECT arrivals.id AS arrival, max(outbox.size) AS size FROM arrivals
         JOIN outbox ON once LIKE 'relay:' || arrivals.id || ':%' GROUP BY arrivals.id`
    )
    const shares = made.map(({ arrival, size }) => {
      const { number = -1, bytes = 0 } = came[arrival - 1] ?? {}
      const most = GROWTH_MAX * Math.max(bytes, ALWAYS_BYTES) + FRAME_BYTES
      return { number, share: size / most }
    })
    const ends = desk.rows<{ disposition: string; count: number }>(
      `SELECT coalesce(disposition, 'pending') AS disposition, count(*) AS count FROM arrivals GROUP BY 1`
    )
    const byEnd = Object.fromEntries(ends.map(({ disposition, count }) => [disposition, count]))
    return {
      count: came.length,
      ends: byEnd,
      worst: Math.max(0, ...shares.map(({ share }) => share)),
      tooMuch: shares.filter(({ share }) => share > 1).map(({ number }) => number),
      unsettled: byEnd['pending'] ?? 0
    }
  } finally {
    desk.close()
  }
}
