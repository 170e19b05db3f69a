/**
 * Test groups that need programs of other projects. Where a program is missing the group is skipped under a name that says
 * how to install it; with POSTERN_REQUIRE_SERVERS=1 (CI) it fails instead, so a green run cannot hide a missing part.
 */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, it } from 'vitest'

/** A program that some tests run for real. */
export type Tool = 'gpg' | 'sq' | 'rnp' | 'neomutt' | 'dovecot'

const PACKAGES: Readonly<Record<Tool, readonly string[]>> = {
  gpg: ['gpg', 'gpg-agent'],
  sq: ['sq'],
  rnp: ['rnp'],
  neomutt: ['neomutt'],
  dovecot: ['dovecot-imapd']
}
const EXTRA_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/local/bin']

/** `describe` when every tool is installed; otherwise as {@link describeMissing}. */
export function describeWith(
  tools: readonly Tool[],
  name: string,
  body: () => void | Promise<void>
): void {
  const missing = tools.filter((tool) => findProgram(tool) === null)
  if (missing.length === 0) describe(name, body)
  else
    describeMissing(`apt-get install ${missing.flatMap((tool) => PACKAGES[tool]).join(' ')}`, name)
}

/** A group that cannot run because of what it needs: skipped, or failing under POSTERN_REQUIRE_SERVERS=1. */
export function describeMissing(needs: string, name: string): void {
  const title = `${name} (needs: ${needs})`
  if (process.env['POSTERN_REQUIRE_SERVERS'] !== '1') describe.todo(title)
  else
    it(title, () => {
      throw new Error(`missing: ${needs}`)
    })
}

/** Absolute path of an installed program, also in the sbin folders that an ordinary user's PATH lacks; null if missing. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...EXTRA_FOLDERS]
  for (const folder of folders) {
    if (folder !== '' && existsSync(join(folder, name))) return join(folder, name)
  }
  return null
}
