/**
 * Loaded into a daemon under test with NODE_OPTIONS=--import: a wall clock that the test can move while the daemon runs. The
 * file named by POSTERN_TEST_CLOCK holds milliseconds to add; the monotonic clock stays true. POSTERN_TEST_REPLY_TIMEOUT
 * shortens the very long socket timeouts (RFC 5321 grants ten minutes for a reply), so that a test can wait for them.
 */
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'

const file = process.env.POSTERN_TEST_CLOCK
const replyTimeoutMs = Number(process.env.POSTERN_TEST_REPLY_TIMEOUT ?? '0')
const LONG_MS = 600_000
const REREAD_MS = 10

if (file !== undefined) {
  const RealDate = Date
  let offset = 0
  let readAt = -REREAD_MS
  const now = () => {
    if (performance.now() - readAt >= REREAD_MS) {
      readAt = performance.now()
      const given = Number(readFileSync(file, 'utf8'))
      if (Number.isFinite(given)) offset = given
    }
    return RealDate.now() + offset
  }
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args) => (args.length === 0 ? new target(now()) : new target(...args)),
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name))
  })
}

if (replyTimeoutMs > 0) {
  const setTimeoutOfSocket = Socket.prototype.setTimeout
  Socket.prototype.setTimeout = function (ms, ...rest) {
    return setTimeoutOfSocket.call(this, ms >= LONG_MS ? replyTimeoutMs : ms, ...rest)
  }
}
