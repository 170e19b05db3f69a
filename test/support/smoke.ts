import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { startEmbeddedImap } from './embedded-imap.ts'
import { gpgPerson } from './people.ts'
import { startSink } from './smtp-sink.ts'

const dir = '/tmp/smoke/d'
rmSync(dir, { recursive: true, force: true })
mkdirSync(`${dir}/keys/maintainers`, { recursive: true })
const imap = await startEmbeddedImap()
const sink = await startSink()
const alice = await gpgPerson({ name: 'Alice Reporter', address: 'alice@reporter.example' })
const grace = await gpgPerson({ name: 'Grace Hopper', address: 'grace@acme.example' })
const ada = await gpgPerson({ name: 'Ada Lovelace', address: 'ada@acme.example' })
writeFileSync(`${dir}/pass`, 'correct horse\n')
writeFileSync(`${dir}/keys/maintainers/grace.asc`, await grace.exportPublicKey())
writeFileSync(`${dir}/keys/maintainers/ada.asc`, await ada.exportPublicKey())
writeFileSync(`${dir}/postern.yaml`, `
desk: { name: ACME Security Team, address: security@acme.example, case_prefix: ACME, key: keys/desk.asc, passphrase: { file: pass }, timezone: Europe/Berlin }
imap: { host: 127.0.0.1, port: ${imap.port}, tls: none, user: ${imap.user}, password: { env: P } }
smtp: { host: 127.0.0.1, port: ${sink.port}, tls: none }
storage: { path: data/postern.db }
acknowledgement: { jitter: 0 }
maintainers:
  - { id: grace, name: Grace Hopper, address: grace@acme.example, key: keys/maintainers/grace.asc, roles: [committer, release, approver] }
  - { id: ada, name: Ada Lovelace, address: ada@acme.example, key: keys/maintainers/ada.asc, roles: [committer, approver] }
products:
  - { id: parser, name: ACME Parser, policy: dispatch, supported: [main] }
`)
function postern(...args: string[]) {
  const child = spawn('node', ['dist/main.js', ...args], { env: { ...process.env, P: imap.password }, stdio: ['ignore', 'inherit', 'inherit'] })
  return child
}
const done = (c: ReturnType<typeof postern>) => new Promise<number | null>((r) => c.on('exit', (code) => r(code)))
await done(postern('keys', 'generate', '--name', 'ACME Security Team', '--address', 'security@acme.example', '--passphrase-file', `${dir}/pass`, '--out', `${dir}/keys/desk.asc`))
console.log('check', await done(postern('check', '--config', `${dir}/postern.yaml`)))
const { readFileSync } = await import('node:fs')
const desk = readFileSync(`${dir}/keys/desk.pub.asc`, 'utf8')
for (const p of [alice, grace, ada]) await p.importKey(desk)
const mail = await alice.encryptSignedMime(desk, { to: 'security@acme.example', subject: 'Heap overflow', text: 'Hello, there is a heap overflow in the parser.\n', attachments: [{ filename: 'poc.bin', contentType: 'application/octet-stream', content: Buffer.from([0, 1, 2, 255]) }] } as never, { sign: true, encrypt: true } as never)
await imap.append(mail)
const d = postern('run', '--config', `${dir}/postern.yaml`)
const t0 = Date.now()
await sink.waitFor(3)
console.log('3 mails after', Date.now() - t0)
for (const t of sink.taken) {
  const who = t.to === alice.address ? alice : t.to === grace.address ? grace : ada
  const read = await who.decryptMail(t.raw)
  console.log('=====', t.to, read.encrypted, read.verified, '|', read.subject)
  console.log(read.text)
  console.log(read.attachments.map((a: { filename: string; content: Uint8Array }) => [a.filename, a.content.length]))
}
const first = sink.taken.find((t) => t.to === grace.address)!
console.log(Buffer.from(first.raw).toString().slice(0, 1500))
await imap.append(await grace.reply(first.raw, '/accept\n/reply\nDear Alice,\nthank you, we confirm.\n', { quote: 'below' } as never))
const t1 = Date.now()
await sink.waitFor(7).catch(() => null)
console.log('after command', Date.now() - t1, sink.taken.length)
for (const t of sink.taken.slice(3)) {
  const who = t.to === alice.address ? alice : t.to === grace.address ? grace : ada
  const read = await who.decryptMail(t.raw)
  console.log('=====', t.to, read.encrypted, read.verified, '|', read.subject)
  console.log(read.text)
}
d.kill('SIGTERM')
console.log('exit', await done(d))
console.log(await done(postern('show', 'ACME-2026-0001', '--config', `${dir}/postern.yaml`)))
console.log(await done(postern('audit', 'verify', '--config', `${dir}/postern.yaml`)))
for (const p of [alice, grace, ada]) await p.close()
await imap.close(); await sink.close()
