/** A small file system of its own, on memory, for a folder of a test: as root, where one can be mounted. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from './requires.ts'
import { tempFolder } from './temp.ts'

const PAGE = 4096
const mounted = new Set<string>()
process.on('exit', () => {
  for (const path of mounted) unmount(path)
})

/** Mounts a file system of `bytes` on the new folder `path`. */
export function mountSmallDisk(path: string, bytes: number) {
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
    /** From now on it can be read only, or written again; not while a file on it is open for writing. */
    remount: (as: 'ro' | 'rw') => {
      const { status, stderr } = spawnSync(findProgram('mount') ?? '', [
        '-o',
        `remount,${as}`,
        path
      ])
      if (status !== 0) throw new Error(`not remounted: ${stderr.toString()}`)
    },
    unmount: () => {
      unmount(path)
    }
  }
}

/** Whether this process may mount one. */
export function canMount(): boolean {
  if (process.getuid?.() !== 0 || findProgram('mount') === null) return false
  const probe = tempFolder()
  const { status } = mount(probe.path, PAGE)
  if (status === 0) unmount(probe.path)
  probe.remove()
  return status === 0
}

function mount(path: string, bytes: number): { status: number | null; stderr: string } {
  const options = `size=${bytes},mode=700`
  const args = ['-t', 'tmpfs', '-o', options, 'postern-test', path]
  return spawnSync(findProgram('mount') ?? '', args, { encoding: 'utf8' })
}

/** Also while something on it is still open: it is gone from the tree at once. */
function unmount(path: string): void {
  spawnSync(findProgram('umount') ?? '', ['--lazy', path])
  mounted.delete(path)
}
