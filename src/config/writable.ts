/**
 * Files and folders that everybody on this machine may change: whoever can put another key, policy or configuration there is the
 * desk. Looks at permissions alone.
 */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { refusedConfig } from './problems.ts'

const BY_OTHERS = 0o002
/** In such a folder everybody may add files, and nobody may replace another's. */
const STICKY = 0o1000

/**
 * Throws `Trouble` `config` where others may change one of these files, or a folder that one lies in. One that is not there is
 * passed over.
 */
export function refuseChangeable(files: readonly string[]): void {
  const all = new Set(files.flatMap((file) => [file, dirname(file)]))
  const changeable = [...all].filter((path) => {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
    return (mode & BY_OTHERS) !== 0 && (mode & STICKY) === 0
  })
  if (changeable.length > 0)
    throw refusedConfig(
      ...changeable.map((one) => `everybody on this machine may change ${one}: chmod o-w ${one}`)
    )
}
