import { describe, expect, it } from 'vitest'
import { Trouble } from '../../../src/domain/trouble.ts'
import { patientLogin } from '../../../src/transport/login.ts'

const signal = new AbortController().signal
const refused = () => Promise.reject(new Trouble('imap-auth', 'refused'))

/** Two connections that are made again whenever they fail, for six hours; when the server was asked, in seconds. */
async function askedBy(connect: (nth: number) => Promise<string>): Promise<number[]> {
  let now = 5_000_000
  const began = now
  const asked: number[] = []
  const sleep = (ms: number): Promise<void> => {
    now += ms
    return Promise.resolve()
  }
  const inTurn = patientLogin({ monotonicMs: () => now, sleep })
  const keep = async (): Promise<void> => {
    let isIn = false
    while (!isIn && now - began < 6 * 3_600_000) {
      const ask = () => {
        asked.push((now - began) / 1000)
        return connect(asked.length)
      }
      isIn = await inTurn(ask, signal).then(
        () => true,
        () => false
      )
    }
  }
  await Promise.all([keep(), keep()])
  return asked
}

describe('(16) a refused login', () => {
  it('is tried again soon, then ever more rarely, and by all connections together', async () => {
    const asked = await askedBy(refused)
    expect(asked.slice(0, 7)).toEqual([0, 10, 310, 1210, 4810, 8410, 12_010])
    expect(asked.length).toBeLessThan(13)
  })

  it('that was refused for a moment is over with the next try', async () => {
    const asked = await askedBy((nth) => (nth === 1 ? refused() : Promise.resolve('in')))
    expect(asked).toEqual([0, 10, 10])
  })
})
