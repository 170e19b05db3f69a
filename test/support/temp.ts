/**
 * Temporary folders with short paths: unix sockets (gpg-agent, Dovecot) allow about 100 characters, which the usual
 * temporary folder of some systems exceeds.
 */
import { mkdtempSync, rmSync } from 'node:fs'

/** A folder of one test or helper. `remove` deletes it with everything in it. */
export type TempFolder = { readonly path: string; remove(): void }

/** Makes `/tmp/<prefix>XXXXXX`, readable by its owner only. */
export function tempFolder(prefix = 'po-'): TempFolder {
  const path = mkdtempSync(`/tmp/${prefix}`)
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}
