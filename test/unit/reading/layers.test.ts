/** The layers of an envelope share one budget, and what stands beside them is shown as far as the limit of text. */
import { createMessage, sign } from 'openpgp'
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { signedEntity } from '../../fuzz/entities.ts'
import { encryptedEntity, givenCorrespondence, HEAD, lines, mixed, textPart } from './material.ts'

const WORDS = 'as it was written'

const alice = await givenCorrespondence()

describe('the layers of an envelope', () => {
  /** `entity` under `count` signatures of its own. */
  const signed = async (entity: string, count: number, boundary: string): Promise<string> => {
    const signingKeys = alice.alice
    const message = await createMessage({ binary: Buffer.from(entity) })
    const packets: Uint8Array[] = []
    for (let index = 0; index < count; index += 1) {
      packets.push(await sign({ message, signingKeys, detached: true, format: 'binary' }))
    }
    return signedEntity(Buffer.concat(packets), entity, boundary)
  }
  /** `entity` in as many signed layers as there are counts, the innermost first. */
  const layered = async (
    entity: string,
    counts: readonly number[],
    name: string
  ): Promise<string> => {
    let whole = entity
    for (const [level, count] of counts.entries()) {
      whole = await signed(whole, count, `${name}${level}`)
    }
    return whole
  }
  const sealed = async (entity: string, signatures: number): Promise<string> =>
    encryptedEntity(await alice.seal(entity, signatures))
  const openIt = (entity: string): Promise<OpenedMail> => alice.open(lines(...HEAD) + entity)
  const readingOf = async (entity: string): Promise<string> => {
    const { failure, signatures } = await openIt(entity)
    const valid = signatures.filter((each) => each.state === 'valid').length
    return `${failure ?? 'opened'}, ${valid} of ${signatures.length}`
  }

  it('are verified up to eight signatures in total', async () => {
    expect(await readingOf(await layered(textPart(WORDS), [4, 4], 's'))).toBe('opened, 8 of 8')
    expect(await readingOf(await layered(textPart(WORDS), [5, 4], 's'))).toBe('limit, 4 of 4')
    const inside = await layered(textPart(WORDS), [2, 2], 'i')
    const around = (outside: number): Promise<string> =>
      sealed(inside, 2).then((cipher) => layered(cipher, [outside], 'o'))
    expect(await readingOf(await around(2))).toBe('opened, 8 of 8')
    expect(await readingOf(await around(3))).toMatch(/^limit, /)
    // What came in the OpenPGP message itself counts as well, and then nothing of it is shown.
    expect(await openIt(await layered(await sealed(textPart(WORDS), 5), [4], 'o'))).toMatchObject({
      failure: 'limit',
      text: ''
    })
  })

  it('are read on each side of an encryption', async () => {
    const inside = await layered(textPart(WORDS), [1, 1], 'i')
    expect(await readingOf(await layered(await sealed(inside, 1), [1, 1], 'o'))).toBe(
      'opened, 5 of 5'
    )
  })

  it('have text beside them that is cut at 256 KiB, with a warning', async () => {
    const footers = Array.from({ length: 4 }, (_, index) =>
      textPart(`${index}${'x'.repeat(100_000)}`)
    )
    const opened = await openIt(mixed([await signed(textPart(WORDS), 1, 's'), ...footers]))
    expect(opened.outsideText).toHaveLength(256 * 1024)
    expect(opened.text).toBe(`${WORDS}\n`)
    expect(opened.warnings).toEqual(expect.arrayContaining(['outside-text', 'text-truncated']))
  })
})
