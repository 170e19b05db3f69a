/**
 * A real file system with little room, for tests of what happens when the disk is full: a tmpfs, which only root may mount.
 * Where that is not possible the tests are skipped under a name that says so, or fail under POSTERN_REQUIRE_SERVERS=1.
 * Whatever happens it is unmounted again.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describeMissing, describeWith, findProgram, type Tool } from './requires.ts'
import { tempFolder } from './temp.ts'

export type SmallDisk = {
  /** Takes all the room that is left, but for `bytes`. */
  fill(bytes?: number): void
  /** Gives it back. */
  makeRoom(): void
  /** Bytes that can still be written. */
  room(): number
  unmount(): void
}

const PAGE = 4096
const mounted = new Set<string>()
process.on('exit', () => {
  for (const path of mounted) unmount(path)
})

/** Mounts a file system of `bytes` on the new folder `path`. */
export function mountSmallDisk(path: string, bytes: number): SmallDisk {
  mkdirSync(path)
  const { status, stderr } = mount(path, bytes)
  if (status !== 0) throw new Error(`no small disk: ${stderr}`)
  mounted.add(path)
  const filler = join(path, 'filler')
  const room = (): number => {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  }
  return {
    fill: (left = 0) => {
      const file = openSync(filler, 'a')
      const page = Buffer.alloc(PAGE)
      try {
        while (room() > left) writeSync(file, page)
      } finally {
        closeSync(file)
      }
    },
    makeRoom: () => {
      rmSync(filler)
    },
    room,
    unmount: () => {
      unmount(path)
    }
  }
}

/** `describeWith`, with a file system that can be mounted as one more thing that the tests need. */
export function describeWithSmallDisk(
  tools: readonly Tool[],
  name: string,
  body: () => void | Promise<void>
): void {
  if (canMount()) describeWith(tools, name, body)
  else describeMissing('root, allowed to mount a tmpfs', name)
}

function canMount(): boolean {
  if (process.getuid?.() !== 0 || findProgram('mount') === null) return false
  const probe = tempFolder()
  const { status } = mount(probe.path, PAGE)
  if (status === 0) unmount(probe.path)
  probe.remove()
  return status === 0
}

function mount(path: string, bytes: number): { status: number | null; stderr: string } {
  const options = `size=${bytes},mode=700`
  return spawnSync(
    findProgram('mount') ?? '',
    ['-t', 'tmpfs', '-o', options, 'postern-test', path],
    {
      encoding: 'utf8'
    }
  )
}

/** Also while something on it is still open: it is gone from the tree at once. */
function unmount(path: string): void {
  spawnSync(findProgram('umount') ?? '', ['--lazy', path])
  mounted.delete(path)
}
