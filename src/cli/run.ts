/**
 * `postern run`: the daemon. Stops within ten seconds of SIGTERM or SIGINT whatever it does, and at once on a second signal.
 */
import { setFlagsFromString } from 'node:v8'
import { loadConfig } from '../config/load.ts'
import { createLog } from '../effects/log.ts'
import { startAhead } from '../worker/pool.ts'
import { type Call } from './context.ts'
import { version } from './output.ts'

/** How long the daemon may take to stop by itself after a signal. */
const GRACE_MS = 9000
/** SIGHUP comes when the terminal is closed. */
const STOPS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/**
 * Each thread compiles its code by itself, and much of it runs only a few hundred times: by V8's default, a quarter of the
 * processor time of a release goes into optimizing. Longer loops are optimized as before, a little later. The V8 of Node 24
 * does not know this flag, and would say so on standard error at each start.
 */
const OPTIMIZE_LATER = '--interrupt-budget=1000000'

export async function run(call: Call<{ readonly once?: boolean }>): Promise<void> {
  const config = await loadConfig(call.config, process.env)
  if (Number.parseInt(process.versions.node, 10) < 22) setFlagsFromString(OPTIMIZE_LATER)
  const { key, retired_keys: retired, passphrase } = config.desk
  const deskKeys = [key, ...retired].map((one) => one.reveal())
  const keys = { deskKeys, passphrase: passphrase.reveal() }
  // It loads its code and unlocks the keys while this thread loads its own (E21).
  const first = startAhead(keys, { memoryMegabytes: config.limits.worker_memory })
  // Loads the whole desk, so only after the configuration was found valid.
  const { runDaemon } = await import('../app.ts')
  const log = createLog(process.stdout)
  const stop = new AbortController()
  const endInTime = (): void => {
    setTimeout(() => {
      // Something hangs. The disk is consistent at any moment; the next start continues from there.
      log({ event: 'desk.stopping', because: 'trouble' })
      call.streams.err(
        'postern: something did not stop in time and was ended; the next start goes on\n'
      )
      process.exit(1)
    }, GRACE_MS).unref()
  }
  const onSignal = (): void => {
    // Restores the default action: a second signal ends the process at once.
    for (const name of STOPS) process.removeListener(name, onSignal)
    log({ event: 'desk.stopping', because: 'signal' })
    stop.abort()
    endInTime()
  }
  for (const name of STOPS) process.on(name, onSignal)
  await runDaemon(config, {
    mode: call.options.once === true ? 'once' : 'stay',
    log,
    signal: stop.signal,
    version: version(),
    keys,
    first
  }).finally(async () => {
    // Whatever is left open must not keep a desk that has ended from being started again.
    endInTime()
    // Where the start fails, nobody else ends it.
    await first.terminate()
  })
}
