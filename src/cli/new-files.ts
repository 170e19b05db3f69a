/** Writes the files that a command makes. Must never overwrite one. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CommandError } from './output.ts'

type NewFile = readonly [path: string, content: string | Uint8Array, mode: number]

/** Writes files that must not exist yet, and their folder: all of them or none, because some would block the next attempt. */
export async function writeNew(...files: readonly NewFile[]): Promise<void> {
  const made: string[] = []
  for (const [path, content, mode] of files) {
    try {
      // Without its folder the file cannot be written, which says why.
      await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(() => undefined)
      await writeFile(path, content, { flag: 'wx', mode, flush: true })
      made.push(path)
    } catch (error) {
      const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
      if (!isThere) made.push(path)
      for (const one of made) await rm(one, { force: true }).catch(() => undefined)
      throw new CommandError(
        isThere
          ? `${path} exists already, so nothing was written (EEXIST); name another place with --out.`
          : `${path} cannot be written; check the owner and permissions of its folder, and that the disk has room. Nothing was overwritten.`
      )
    }
  }
}

/** Whether a file is there with exactly this content. */
export async function isThere(path: string, content: Uint8Array): Promise<boolean> {
  const found = await readFile(path).catch(() => null)
  return found?.equals(content) === true
}
