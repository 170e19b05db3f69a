/**
 * `postern files NUMBER`: writes the files of a received message into a folder, unencrypted, for the operator. The number is that in
 * the forwarded message. Opens the message as `postern open` does, and overwrites nothing: a file that is there from an earlier
 * call stays as it is.
 */
import { join } from 'node:path'
import { systemClock } from '../effects/system.ts'
import { filesOf } from '../policy/files.ts'
import * as arrivals from '../store/arrivals.ts'
import { type Call, requireNumber, withDatabase } from './context.ts'
import { isThere, writeNew } from './new-files.ts'
import { openStored } from './open.ts'
import { CommandError, print, printRows } from './output.ts'

export async function writeFiles(call: Call<{ readonly out: string }>): Promise<void> {
  const id = requireNumber(
    call,
    'the forwarded message says it, and "postern received list --state done" shows it.'
  )
  const { row, raw } = await withDatabase(call, (db) =>
    db.read((read) => ({ row: arrivals.find(read, id), raw: arrivals.readRaw(read, id) }))
  )
  if (row === null) throw new CommandError(`There is no received message ${id}.`)
  if (raw === null || row.part !== 'whole')
    throw new CommandError(
      `Message ${id} is not here in full; "postern received show ${id}" says where it is.`
    )
  const opened = await openStored(call, raw, systemClock.now())
  const files = filesOf(opened, () => raw, false).map(({ filename, content }, index) => ({
    // Two files may have one name, and the folder may hold those of other messages.
    path: join(call.options.out, `${id}-${index + 1}-${filename}`),
    content
  }))
  if (files.length === 0) {
    print(call, [], `Message ${id} has no files.`)
    return
  }
  const there = await Promise.all(files.map(({ path, content }) => isThere(path, content)))
  const lacking = files.filter((_file, index) => there[index] === false)
  await writeNew(...lacking.map(({ path, content }) => [path, content, 0o600] as const))
  const rows = files.map((file) => {
    const { path, content } = file
    return { path, bytes: content.byteLength, written: lacking.includes(file) }
  })
  printRows(call, rows, {
    FILE: (row) => row.path,
    BYTES: (row) => row.bytes,
    WRITTEN: (row) => (row.written ? 'now' : 'before')
  })
}
