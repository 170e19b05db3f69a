/**
 * `postern run`: the daemon. Ends within ten seconds of SIGTERM or SIGINT in the middle of anything, at once at the second.
 */
import { ConfigError } from '../config/config-error.ts'
import { loadConfig } from '../config/load.ts'
import { createLog } from '../effects/log.ts'
import { type Call, scheduleProblems } from './context.ts'
import { version } from './version.ts'

/** The daemon has this long to end by itself after a signal. */
const GRACE_MS = 9000

export async function run(call: Call, options: { readonly once: boolean }): Promise<void> {
  const loaded = await loadConfig(call.config, process.env)
  const problems = scheduleProblems(loaded)
  if (problems.length > 0) throw new ConfigError(loaded.config.path, problems)
  // All of the desk: a mistake in the configuration is said without waiting for it.
  const { runDaemon } = await import('../app.ts')
  const log = createLog({ level: 'info', destination: process.stdout })
  const { passphrase, imapPassword, smtpPassword } = loaded.secrets
  log.registerSecrets(
    [passphrase, imapPassword, ...(smtpPassword === null ? [] : [smtpPassword])].map((secret) =>
      secret.reveal()
    )
  )
  const stop = new AbortController()
  const onSignal = (): void => {
    // The default action of the signal is back: a second one ends the process at once.
    process.removeListener('SIGTERM', onSignal)
    process.removeListener('SIGINT', onSignal)
    log({ event: 'desk.stopping', because: 'signal' })
    stop.abort()
    setTimeout(() => {
      // Something hangs. What is on the disk is whole at any moment; the next start goes on from there.
      log({ event: 'desk.stopping', because: 'trouble' })
      process.exit(1)
    }, GRACE_MS).unref()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    await runDaemon(loaded, {
      mode: options.once ? 'once' : 'stay',
      log,
      signal: stop.signal,
      version: version()
    })
  } finally {
    process.removeListener('SIGTERM', onSignal)
    process.removeListener('SIGINT', onSignal)
  }
}
