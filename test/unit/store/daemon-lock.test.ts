import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Trouble } from '../../../src/domain/trouble.ts'
import { acquireDaemonLock } from '../../../src/store/database.ts'
import { useFolder } from '../../support/folder.ts'
import { openIn } from './support.ts'

const folder = useFolder()

function codeOfSecond(path: string): string {
  try {
    acquireDaemonLock(path)[Symbol.dispose]()
    return 'taken'
  } catch (error) {
    if (error instanceof Trouble) return error.code
    throw error
  }
}

/** Another process that holds the lock until it is killed. */
async function holder(path: string): Promise<ChildProcess> {
  const module = JSON.stringify(join(import.meta.dirname, '../../../src/store/database.ts'))
  const script = join(folder.path, 'holder.ts')
  writeFileSync(
    script,
    `import { acquireDaemonLock } from ${module}
     const lock = acquireDaemonLock(${JSON.stringify(path)})
     process.stdout.write('held')
     setInterval(() => lock, 1000)`
  )
  // Node itself, not npx: the process to kill must be the one that holds the lock.
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  if (child.stdout !== null) await once(child.stdout, 'data')
  return child
}

describe('the daemon lock', () => {
  it('refuses a second daemon in the same process, also after refusing one', () => {
    const path = join(folder.path, 'postern.db')
    const lock = acquireDaemonLock(path)

    expect([codeOfSecond(path), codeOfSecond(path)]).toEqual(['database-locked', 'database-locked'])

    lock[Symbol.dispose]()
    expect(codeOfSecond(path)).toBe('taken')
  })

  it('refuses a second daemon in another process, and is free after kill -9', async () => {
    const path = join(folder.path, 'postern.db')
    const child = await holder(path)

    const whileAlive = codeOfSecond(path)
    child.kill('SIGKILL')
    await once(child, 'exit')

    expect(whileAlive).toBe('database-locked')
    expect(codeOfSecond(path)).toBe('taken')
  })

  it('knows one database under two names', () => {
    const path = join(folder.path, 'postern.db')
    openIn(folder.path).close()
    using _lock = acquireDaemonLock(path)
    symlinkSync(path, join(folder.path, 'other.db'))

    expect(codeOfSecond(join(folder.path, 'other.db'))).toBe('database-locked')
  })

  it('leaves the database open to commands', () => {
    using _lock = acquireDaemonLock(join(folder.path, 'postern.db'))
    using db = openIn(folder.path)

    expect(db.transact(() => 'written')).toBe('written')
  })
})
