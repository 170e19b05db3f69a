/**
 * Whose turn it is (A3, A4): what is due waits for no reading, and what a message costs, its own sender pays.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Edges } from '../../src/desk/desk.ts'
import { createBells } from '../../src/desk/faults.ts'
import { runLoops } from '../../src/desk/loop.ts'
import { type Mailbox, type Workers } from '../../src/effects/effects.ts'
import * as desk from '../support/desk.ts'
import { folderOf } from '../support/world.ts'

const never = new Promise<never>(() => undefined)

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await delay(5)
}

/** The real loops over an inbox of the test's own. */
function givenRunning() {
  const { world } = desk
  const inbox = new Map<number, Uint8Array>()
  const bells = createBells()
  const stop = new AbortController()
  const mailbox: Mailbox = {
    ...folderOf(inbox, () => world.clock.now),
    waitForChange: (_ms, stopped) =>
      new Promise((resolve) => {
        stopped.addEventListener('abort', () => {
          resolve(false)
        })
      })
  }
  const accepted: string[] = []
  const edges: Edges = {
    inbox: 'INBOX',
    openJunk: null,
    openMailbox: () => Promise.resolve(mailbox),
    sender: {
      send: ({ to }) => {
        accepted.push(to)
        return Promise.resolve({ kind: 'accepted', code: 250 })
      },
      close: () => undefined
    }
  }
  const running = runLoops(world.desk, edges, bells, stop.signal)
  running.catch(() => undefined)
  onTestFinished(() => {
    stop.abort()
  })
  const ring = (): void => {
    for (const bell of [bells.intake, bells.work, bells.duties, bells.dispatch]) bell.ring()
  }
  let uid = 1000
  return {
    accepted,
    ring,
    receive: (raw: Uint8Array): void => {
      uid += 1
      inbox.set(uid, raw)
      ring()
    }
  }
}

/** Opening takes for ever where `isHard` says so of the bytes. Returns what was begun. */
function givenHard(isHard: (raw: string) => boolean) {
  const { workers } = desk.world.desk
  const begun: string[] = []
  const hard: Workers = {
    ...workers,
    inTurn: () => hard,
    open: (raw, options) => {
      const text = Buffer.from(raw).toString('latin1')
      begun.push(text)
      return isHard(text) ? never : workers.open(raw, options)
    }
  }
  Object.assign(desk.world.desk, { workers: hard })
  return begun
}

/** A report in clear by somebody whom the desk does not know. */
function strange(name: string, text = 'x'): Buffer {
  const head = `From: ${name}@strange.example\r\nTo: security@acme.example\r\nSubject: x\r\nMessage-ID: <${name}@strange.example>`
  return Buffer.from(`${head}\r\n\r\n${text}\r\n`)
}

describe('what is due', () => {
  it('(A3) leaves at its instant while a message is being read that takes for ever', async () => {
    await desk.givenNotices()
    const begun = givenHard((raw) => raw.includes('HARD'))
    const { receive, ring, accepted } = givenRunning()
    receive(strange('eve', 'HARD'))
    await until(() => begun.length === 1)
    desk.world.pass(desk.UNTIL_DUE)
    ring()
    await until(() => desk.noticeStates()[0] === 'released')
    await until(() => desk.members.every(({ address }) => accepted.includes(address)))
  })

  it('(A3, G7) is decided anew by a message that was read before it began to leave', async () => {
    await desk.givenNotices()
    await desk.world.wait(desk.UNTIL_DUE - desk.MINUTE)
    const { seal } = desk.world.desk.workers
    let isBegun = false
    // A maintainer's message is prepared for as long as the notice takes to leave.
    Object.assign(desk.world.desk.workers, {
      seal: async (...args: Parameters<typeof seal>) => {
        if (args[0].text.includes('a note of then') && !isBegun) {
          isBegun = true
          desk.world.pass(desk.MINUTE)
          await desk.world.releaseOnce()
        }
        return seal(...args)
      }
    })
    await desk.writes(desk.grace, 'a note of then\n')
    expect(isBegun).toBe(true)
    expect(desk.recorded('noted')).toHaveLength(1)
    expect(desk.world.rows('SELECT starts FROM arrivals ORDER BY id DESC LIMIT 1')).toEqual([
      { starts: 2 }
    ])
  })
})
