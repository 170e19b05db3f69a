/**
 * `postern files NUMBER`: writes the files of a received message into a folder, unencrypted, for the operator. The number is that in
 * the forwarded message. Opens the message as `postern open` does, and overwrites nothing.
 */
import { join } from 'node:path'
import { systemClock } from '../effects/system.ts'
import { filesOf } from '../policy/files.ts'
import * as arrivals from '../store/arrivals.ts'
import { type Call, requireNumber, withDatabase } from './context.ts'
import { writeNew } from './new-files.ts'
import { openStored } from './open.ts'
import { CommandError, printRows } from './output.ts'

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
    // Two files may have one name.
    path: join(call.options.out, `${index + 1}-${filename}`),
    content
  }))
  await writeNew(...files.map(({ path, content }) => [path, content, 0o600] as const))
  const written = files.map(({ path, content }) => ({ path, bytes: content.byteLength }))
  printRows(call, written, { FILE: (row) => row.path, BYTES: (row) => row.bytes })
}
