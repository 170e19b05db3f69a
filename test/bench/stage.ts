/**
 * Where a benchmark takes place: a desk as its operator sets it up, on a real Dovecot and SMTP server, with the built daemon as a
 * process of its own, watched through its log and through /proc.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { wrapped } from '../fuzz/entities.ts'
import { type Daemon } from '../support/daemon.ts'
import { type Desk, makeDesk } from '../support/desk-world.ts'
import { type Dovecot, startDovecot } from '../support/dovecot.ts'
import { type Sink, startSink } from '../support/smtp-sink.ts'
import { type Someone, someone, write } from '../support/world.ts'

export const USER = 'desk'

export type Stage = { readonly dovecot: Dovecot; readonly sink: Sink; readonly desk: Desk }

/** `work` on a stage with so many maintainers, which is closed afterwards. */
export async function onStage<T>(count: number, work: (stage: Stage) => Promise<T>): Promise<T> {
  const dovecot = await startDovecot()
  const sink = await startSink()
  const maintainers = (await people('maintainer', count)).map((person) => ({
    id: person.id,
    person: withCertificate(person)
  }))
  const imap = { port: dovecot.port, user: USER }
  const changes = { limits: { mail_size: '100MiB' } }
  const desk = await makeDesk({ maintainers, imap, smtp: { port: sink.port }, changes })
  try {
    return await work({ dovecot, sink, desk })
  } finally {
    await desk.close()
    await sink.close()
    await dovecot.close()
  }
}

/** `count` people of one group, each with a key of their own: `reporter0@bench.example` and so on. */
export async function people(group: string, count: number): Promise<readonly Someone[]> {
  const all: Someone[] = []
  for (let index = 0; index < count; index += 1)
    all.push(await someone(`${group}${index}`, `${group}${index}@bench.example`))
  return all
}

/** A person with the method by which tests ask people for their public key. */
export function withCertificate(person: Someone) {
  return { ...person, exportPublicKey: () => Promise.resolve(person.secret.toPublic().armor()) }
}

/** The text of every report: about two screens, as reports are. */
const TEXT = [
  'Hello,\n\nthe parser reads one byte beyond its buffer when a chunk header announces a negative length.',
  ...Array.from({ length: 40 }, (_, line) => `${line}: ==4242==ERROR: heap-buffer-overflow READ`)
].join('\n')

/** One report, signed and encrypted to the desk, with a key and a file of `bytes` of random data. */
export function report(from: Someone, deskKey: string, bytes = 2048): Promise<Uint8Array> {
  const content = wrapped(randomBytes(bytes))
  const patch = {
    filename: 'poc.bin',
    contentType: 'application/zip',
    encoding: 'base64',
    content
  } as const
  const letter = { subject: 'Heap overflow in the parser', text: TEXT, autocrypt: true, patch }
  return write(from, letter, deskKey, new Date().toISOString() as Parameters<typeof write>[3])
}

/** The times of all lines of this event in the log of a daemon, in milliseconds since 1970. */
export function timesOf(daemon: Daemon, event: string): number[] {
  const lines = daemon.lines.filter((line) => line.event === event)
  return lines.map((line) => Date.parse(String(line['time'])))
}

/** Resident memory of a process in MiB: now, and the most so far. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024
  return { now: mib('VmRSS'), peak: mib('VmHWM') }
}

/** Seconds of processor time that a process has used so far, all threads. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')
  // Clock ticks of user and system time; Linux shows 100 a second to every program.
  return (Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0)) / 100
}

/** The process of a daemon, as its log names it. */
export function pidOf({ lines }: Daemon): number {
  return Number(lines.find(({ event }) => event === 'desk.started')?.['pid'])
}
