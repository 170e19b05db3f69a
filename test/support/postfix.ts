/**
 * A real Postfix on loopback that takes mail on a free port and relays all of it to one SMTP server of the test. Postfix's
 * master must be started by root, so this serves where the tests run as root (CI containers); see {@link canRunPostfix}.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, greets } from './ports.ts'
import { run, tryRun } from './programs.ts'
import { findProgram } from './requires.ts'
import { tempFolder } from './temp.ts'

export type Postfix = { readonly host: '127.0.0.1'; readonly port: number; close(): Promise<void> }

/** Postfix's master process runs as root only. */
export function canRunPostfix(): boolean {
  return process.getuid?.() === 0
}

/** Starts one; takes about a second. Mail for any address goes to `relayPort` on 127.0.0.1. */
export async function startPostfix(relayPort: number): Promise<Postfix> {
  const folder = tempFolder('pf-')
  const base = folder.path
  chmodSync(base, 0o755)
  const port = await freePort()
  const config = join(base, 'etc')
  for (const name of ['etc', 'spool', 'data']) mkdirSync(join(base, name))
  await run('chown', ['postfix', join(base, 'data')])
  writeFileSync(join(config, 'main.cf'), mainConfiguration(base, relayPort))
  writeFileSync(join(config, 'master.cf'), services(port))
  const postfix = findProgram('postfix') ?? 'postfix'
  await run(postfix, ['-c', config, 'start'])
  for (let tries = 0; !(await greets(port, '220')); tries += 1) {
    if (tries === 100) throw new Error(`Postfix does not start: ${logOf(base)}`)
    await delay(50)
  }
  return {
    host: '127.0.0.1',
    port,
    close: async () => {
      await tryRun(postfix, ['-c', config, 'stop'])
      folder.remove()
    }
  }
}

function logOf(base: string): string {
  return readFileSync(join(base, 'postfix.log'), 'utf8')
}

function mainConfiguration(base: string, relayPort: number): string {
  return `compatibility_level = 3.6
queue_directory = ${base}/spool
data_directory = ${base}/data
maillog_file_prefixes = ${base}
maillog_file = ${base}/postfix.log
myhostname = relay.test.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:${relayPort}
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = permit_mynetworks, reject
message_size_limit = 60000000
`
}

function services(port: number): string {
  const open = (name: string, rest: string): string => `${name} unix n - n ${rest}`
  const inner = (name: string, rest: string): string => `${name} unix - - n ${rest}`
  return [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    open('pickup', '60 1 pickup'),
    open('cleanup', '- 0 cleanup'),
    open('qmgr', '300 1 qmgr'),
    open('flush', '1000? 0 flush'),
    open('showq', '- - showq'),
    'postlog unix-dgram n - n - 1 postlogd',
    inner('rewrite', '- - trivial-rewrite'),
    inner('tlsmgr', '1000? 1 tlsmgr'),
    inner('verify', '- 1 verify'),
    inner('retry', '- - error'),
    ...['bounce', 'defer', 'trace'].map((name) => inner(name, '- 0 bounce')),
    ...['proxymap', 'smtp', 'error', 'discard'].map((name) => inner(name, `- - ${name}`)),
    ...['anvil', 'scache'].map((name) => inner(name, `- 1 ${name}`)),
    ''
  ].join('\n')
}
