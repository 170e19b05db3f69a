/**
 * Files and folders that everybody on this machine may change: whoever can put another key, policy or configuration there is the
 * desk. Looks at permissions alone.
 */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'

const BY_OTHERS = 0o002
/** In such a folder everybody may add files, and nobody may replace another's. */
const STICKY = 0o1000

/** Those of these files, and of the folders that they lie in, that others may change. One that is not there is passed over. */
export function changeableByOthers(files: readonly string[]): string[] {
  const all = new Set(files.flatMap((file) => [file, dirname(file)]))
  return [...all].filter((path) => {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
    return (mode & BY_OTHERS) !== 0 && (mode & STICKY) === 0
  })
}
