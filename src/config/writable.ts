/**
 * Files and folders that everybody on this machine may change: whoever can put another key, policy or configuration there is the
 * desk. Looks at permissions alone.
 */
import { realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { refusedConfig } from './problems.ts'

const BY_OTHERS = 0o002
/** In such a folder everybody may add files, and nobody may replace another's. */
const STICKY = 0o1000

/**
 * Throws `Trouble` `config` where others may change one of these files, or a folder above one, by its name or by where a link
 * leads: whoever may rename a folder may put another in its place. One that is not there is passed over.
 */
export function refuseChangeable(files: readonly string[]): void {
  const all = new Set(files.flatMap((file) => [...chainOf(resolve(file)), ...chainOf(real(file))]))
  const changeable = [...all].filter((path) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    const mode = stat?.mode ?? 0
    const isKept = stat?.isDirectory() === true && (mode & STICKY) !== 0
    return (mode & BY_OTHERS) !== 0 && !isKept
  })
  if (changeable.length > 0)
    throw refusedConfig(
      ...changeable.map((one) => `everybody on this machine may change ${one}: chmod o-w ${one}`)
    )
}

/** The path and all folders above it. */
function chainOf(path: string): string[] {
  const above = dirname(path)
  return above === path ? [path] : [path, ...chainOf(above)]
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}
