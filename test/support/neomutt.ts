/**
 * A person who works in neomutt with GnuPG, on a terminal of its own (`script` of util-linux): writes new messages and answers
 * the ones they got, with the same keys a person would press. Nothing of a message is made by the tests but its words.
 */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './programs.ts'
import { tempFolder } from './temp.ts'

export type Mutt = Awaited<ReturnType<typeof makeMutt>>

type Draft = {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly attach?: string
  readonly as?: 'encrypted' | 'signed'
}

/** How long a person waits for the screen before something must be wrong. */
const SCREEN_MS = 30_000

/** Makes the key and the settings. */
export async function makeMutt(person: { readonly name: string; readonly address: string }) {
  const folder = tempFolder('nm-')
  const file = (name: string): string => join(folder.path, name)
  const home = folder.path
  const gpg = (args: readonly string[], input = '') =>
    run('gpg', ['--homedir', home, '--batch', '--no-tty', '--quiet', ...args], { input })
  const passphrase = ['--pinentry-mode', 'loopback', '--passphrase', '']
  const userId = `${person.name} <${person.address}>`
  await gpg([...passphrase, '--quick-generate-key', userId, 'future-default', 'default', 'never'])
  const script = (name: string, text: string): string => {
    writeFileSync(file(name), `#!/bin/sh\n${text}\n`)
    chmodSync(file(name), 0o700)
    return file(name)
  }
  const settings = {
    from: person.address,
    realname: person.name,
    sendmail: script(
      'sendmail',
      `cat >"${file('sent.new')}" && mv "${file('sent.new')}" "${file('sent')}"`
    ),
    // Puts the words of the test above what stands there.
    editor: script('editor', `cat "${file('words')}" "$1" >"$1.new" && mv "$1.new" "$1"`),
    folder: folder.path,
    spool_file: file('received'),
    header_cache: '',
    charset: 'utf-8',
    pgp_default_key: person.address,
    crypt_protected_headers_subject: '...'
  }
  const on = ['crypt_use_gpgme', 'crypt_autosign', 'crypt_autoencrypt', 'fast_reply', 'include']
  const off = ['abort_unmodified', 'copy', 'wait_key', 'mark_old', 'save_empty', 'move', 'beep']
  writeFileSync(
    file('muttrc'),
    [
      ...Object.entries(settings).map(([name, value]) => `set ${name}="${value}"`),
      ...[...on, 'crypt_protected_headers_write'].map((name) => `set ${name}=yes`),
      ...off.map((name) => `set ${name}=no`)
    ].join('\n')
  )
  const sent = async (args: readonly string[], words: string): Promise<Buffer> => {
    writeFileSync(file('words'), words)
    rmSync(file('sent'), { force: true })
    await drive(['neomutt', '-n', '-F', file('muttrc'), ...args], home)
    if (!existsSync(file('sent'))) throw new Error('neomutt has sent nothing')
    return Buffer.from(readFileSync(file('sent'), 'latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1')
  }
  return {
    ...person,
    exportPublicKey: async () => (await gpg(['--armor', '--export'])).stdout.toString('latin1'),
    /** Imports a key and believes in it, as somebody does who compared its fingerprint. */
    trustKey: async (armored: string) => {
      await gpg(['--import'], armored)
      const keys = (await gpg(['--with-colons', '--list-keys'])).stdout.toString()
      const all = [...keys.matchAll(/^pub:[^]*?^fpr:+([0-9A-F]{40}):/gm)].map(
        ([, key]) => key ?? ''
      )
      await gpg(['--import-ownertrust'], all.map((key) => `${key}:6:\n`).join(''))
    },
    /** A new message, its headers protected; signed and encrypted unless asked otherwise. */
    write: ({ to, subject, text, attach, as }: Draft) => {
      const off = { encrypted: ['autosign'], signed: ['autoencrypt'] }
      const without = (as === undefined ? [] : off[as]).flatMap((what) => [
        ...['-e', `set crypt_${what}=no`]
      ])
      const file = attach === undefined ? [] : ['-a', attach, '--']
      return sent([...without, '-s', subject, ...file, to], `${text}\n`)
    },
    /** Opens a message that came and answers it: `text` above what neomutt quotes. */
    reply: (received: Uint8Array, text: string) => {
      writeFileSync(file('received'), mboxOf(received))
      return sent(['-f', file('received'), '-e', 'push <reply>'], `${text}\n\n`)
    },
    /** Opens a message that came: the header fields and the text that neomutt shows. */
    read: async (received: Uint8Array) => {
      writeFileSync(file('received'), mboxOf(received))
      const push = `push <pipe-message>cat>${file('shown')}<enter><exit>`
      const args = ['-f', file('received'), '-e', 'set pipe_decode=yes', '-e', push]
      await drive(['neomutt', '-n', '-F', file('muttrc'), ...args], home)
      return readFileSync(file('shown'), 'utf8')
    },
    close: async () => {
      await run('gpgconf', ['--homedir', home, '--kill', 'all'])
      folder.remove()
    }
  }
}

function mboxOf(raw: Uint8Array): Buffer {
  const text = Buffer.from(raw).toString('latin1').replaceAll('\r\n', '\n')
  return Buffer.from(`From desk Sun Nov 22 10:00:00 2026\n${text}\n\n`, 'latin1')
}

/** Runs it on a terminal and presses `y` at the compose screen; a reply leaves the index with `x` afterwards. */
function drive(command: readonly string[], home: string): Promise<void> {
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qfec', quoted, '/dev/null'], {
      env: { ...process.env, GNUPGHOME: home, TERM: 'xterm', LC_ALL: 'C.UTF-8', COLUMNS: '100' }
    })
    let screen = ''
    const pressed = new Set<string>()
    const press = (key: string, when: RegExp): void => {
      if (pressed.has(key) || !when.test(screen)) return
      pressed.add(key)
      child.stdin.write(key)
    }
    const tooLong = setTimeout(() => {
      child.kill('SIGKILL')
      reject(
        new Error(`neomutt stands still at: ${screen.slice(-300).replaceAll(/[^ -~]+/g, ' ')}`)
      )
    }, SCREEN_MS)
    child.stdout.on('data', (chunk: Buffer) => {
      screen += chunk.toString('latin1')
      // The recipient and the subject were given; Enter takes them as they stand.
      press('\r', /To: /)
      press('y', /Security: .*(?:Sign|Encrypt)/)
      press('x', /Mail sent/)
    })
    child.stdin.on('error', () => undefined)
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(tooLong)
      resolve()
    })
  })
}
