/** Rotation of the desk key: a retired one still opens, alone or beside the new one, and never signs. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { addMs } from '../../../src/domain/time.ts'
import { readCertificate } from '../../../src/openpgp/keyring.ts'
import { sealMessage } from '../../../src/openpgp/seal.ts'
import { sealCopy, signClearMail } from '../../../src/sealing/seal-copies.ts'
import {
  type DeskKeys,
  HEADERS,
  type TestDesk,
  testDesk,
  unlockDesk
} from '../../support/desk-identity.ts'
import { certificateOf, encryptedMail, open, testNow, textPart } from './material.ts'

describe('a desk with a new key and a retired one', () => {
  const now = testNow()
  let retired: TestDesk
  let current: TestDesk
  let reporter: TestDesk
  let keys: DeskKeys
  let certificates: Uint8Array[]

  beforeAll(async () => {
    retired = await testDesk(addMs(now, -400 * 86_400_000))
    current = await testDesk(addMs(now, -86_400_000))
    reporter = await testDesk(addMs(now, -86_400_000))
    const deskKeys = [...current.start.deskKeys, ...retired.start.deskKeys]
    keys = await unlockDesk({ ...current.start, deskKeys })
    certificates = await Promise.all(
      [retired, current].map(({ publicArmored }) => certificateOf(publicArmored))
    )
  })
  const mailTo = async (desk: TestDesk): Promise<string> => {
    const to = await readCertificate(desk.publicArmored)
    if (to === null) throw new Error('no certificate')
    const payload = Buffer.from(textPart('a report'))
    const sealed = await sealMessage(payload, to, reporter.keys.desk.signer, now)
    if (sealed.kind !== 'sealed') throw new Error(sealed.because)
    return encryptedMail(sealed.armored)
  }
  const body = { text: 'hello', attachments: [], original: null }

  it('decrypts messages to either key', async () => {
    for (const desk of [retired, current]) {
      const opened = await open(await mailTo(desk), keys.secretKeys)
      expect(opened).toMatchObject({ decrypted: true, sealedTo: 'desk', text: 'a report\n' })
    }
    const afterwards = await open(await mailTo(retired), current.keys.secretKeys)
    expect(afterwards).toMatchObject({ decrypted: false, failure: 'not-for-us' })
  })

  it('signs only with the new key, encrypted and in clear, and offers only the new key', async () => {
    const to = await readCertificate(reporter.publicArmored)
    if (to === null) throw new Error('no certificate')
    const sealed = await sealCopy(body, { headers: HEADERS, lastLine: '', ...to }, keys.desk, now)
    if (sealed.kind !== 'sealed') throw new Error('not sealed')
    const clear = await signClearMail('hello', HEADERS, keys.desk, now)
    const read: OpenedMail[] = [
      await open(sealed.raw, reporter.keys.secretKeys, certificates),
      await open(clear, [], certificates)
    ]
    for (const { signatures, candidateKeys } of read) {
      expect(signatures).toMatchObject([
        { state: 'valid', fingerprint: current.keys.desk.signer.fingerprint }
      ])
      expect(candidateKeys.map(({ fingerprint }) => fingerprint)).toEqual([
        current.keys.desk.signer.fingerprint
      ])
    }
  })
})
