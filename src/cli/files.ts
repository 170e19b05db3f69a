/**
 * `postern files NUMBER`: writes the files of a received message into a folder, unencrypted, for the operator. The number is that in
 * the forwarded message. Opens the message as `postern open` does, and overwrites nothing.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../effects/system.ts'
import { filesOf } from '../policy/files.ts'
import * as arrivals from '../store/arrivals.ts'
import { type Call, withDatabase } from './context.ts'
import { openStored } from './open.ts'
import { CommandError, printRows, UsageError } from './output.ts'

export async function writeFiles(call: Call<{ readonly out: string }>): Promise<void> {
  const id = Number(call.argument)
  if (!Number.isSafeInteger(id) || id < 1)
    throw new UsageError(
      `"${call.argument}" is not the number of a message; the message that the desk forwarded says it.`
    )
  const raw = await withDatabase(call, (db) =>
    db.read((read) => arrivals.readRaw(read, arrivals.find(read, id)?.duplicateOf ?? id))
  )
  if (raw === null) throw new CommandError(`There is no received message ${id}.`)
  const opened = await openStored(call, raw, systemClock.now())
  const { out } = call.options
  mkdirSync(out, { recursive: true, mode: 0o700 })
  const written = filesOf(opened, raw, false).map(({ filename, content }, index) => {
    // Two files may have one name.
    const path = join(out, `${index + 1}-${filename}`)
    try {
      writeFileSync(path, content, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
      throw new CommandError(`${path} cannot be written (${code}).`)
    }
    return { path, bytes: content.byteLength }
  })
  printRows(call, written, { FILE: (row) => row.path, BYTES: (row) => row.bytes })
}
