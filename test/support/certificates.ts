/** A private certificate authority of one test run, made with the openssl program: a CA and a server certificate by it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './programs.ts'
import { tempFolder } from './temp.ts'

/** PEM texts and the files that hold them. The server certificate is for localhost, 127.0.0.1 and ::1. */
export type Certificates = Awaited<ReturnType<typeof makeCertificates>>

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A new CA (valid for a year) and a server certificate. `names` replaces the subject alternative names. */
export async function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1,IP:::1') {
  const folder = tempFolder('ca-')
  const file = (name: string): string => join(folder.path, name)
  await run('openssl', [
    ...['req', '-x509', ...CURVE, '-days', '365', '-subj', '/CN=Test authority'],
    ...['-keyout', file('ca.key'), '-out', file('ca.pem')]
  ])
  await run('openssl', [
    ...['req', '-new', ...CURVE, '-subj', '/CN=test server'],
    ...['-keyout', file('server.key'), '-out', file('server.csr')]
  ])
  writeFileSync(file('names.ext'), `subjectAltName=${names}\n`)
  await run('openssl', [
    ...['x509', '-req', '-in', file('server.csr'), '-days', '365', '-CAcreateserial'],
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-extfile', file('names.ext')],
    ...['-out', file('server.pem')]
  ])
  const files = { ca: file('ca.pem'), certificate: file('server.pem'), key: file('server.key') }
  return {
    ca: readFileSync(files.ca, 'utf8'),
    certificate: readFileSync(files.certificate, 'utf8'),
    key: readFileSync(files.key, 'utf8'),
    files,
    remove: folder.remove
  }
}
