/** What the desk makes of a message is bounded by what came, and it goes along once (A1, A2). */
import { describe, expect, it } from 'vitest'
import * as desk from '../support/desk.ts'

const KIB = 1024

/** The bytes that are stored to be sent, by recipient. */
function made(): number[] {
  return desk.world.column<number>("SELECT size FROM outbox WHERE kind = 'relay' ORDER BY id")
}

describe('the forwarded copy of a report', () => {
  it('(A1) holds at most 64 KiB where the message was smaller, and names the files that would be more', async () => {
    const patch = { filename: 'zeros.bin', content: '0'.repeat(2_000_000) }
    const text = `Look.\n${'the text goes on\n'.repeat(12_000)}`
    await desk.givenReport({ text, patch, isCompressed: true })
    const [came = 0] = desk.world.column<number>('SELECT size FROM arrivals')
    expect(came).toBeLessThan(10 * KIB)
    // Encrypted base64 of base64.
    for (const bytes of made()) expect(bytes).toBeLessThan(2 * 64 * KIB)
    const says = await desk.lastTo(desk.grace)
    expect(says).toContain('the text goes on')
    expect(says).toContain('The text is too long and was cut off.')
    expect(says).toMatch(/Files that are not attached[^-]*- zeros\.bin \(2000000 bytes/)
    expect(says).not.toContain('filename=zeros.bin')
  })

  it('(A1) holds the small file beside one that is too large', async () => {
    const files = [
      { filename: 'zeros.bin', content: '0'.repeat(2_000_000) },
      { filename: 'poc.sh', content: 'echo run me' }
    ]
    const parts = files.map(
      ({ filename, content }) =>
        `--m\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${filename}"\r\n\r\n${content}\r\n`
    )
    const payload = `Content-Type: multipart/mixed; boundary=m\r\n\r\n${parts.join('')}--m--\r\n`
    await desk.givenReport({ payload, isCompressed: true })
    const says = await desk.lastTo(desk.grace)
    expect(says).toContain('filename=poc.sh')
    expect(says).not.toContain('filename=zeros.bin')
  })

  it.each([
    ['in clear, as it came, with its files inside', 'clear', true],
    ['encrypted, in its parts', 'signed', false]
  ] as const)('(A2) holds a report that came %s, once', async (_how, as, isOriginal) => {
    const content = 'SENT ONCE '.repeat(5000)
    const patch = { filename: 'run.log', content }
    await desk.givenReport(as === 'clear' ? { as, text: content } : { as, patch })
    const says = await desk.lastTo(desk.grace)
    expect(says.includes('Content-Type: message/rfc822')).toBe(isOriginal)
    expect(says.includes('filename=run.log')).toBe(!isOriginal)
    const [came = 0] = desk.world.column<number>('SELECT size FROM arrivals')
    for (const bytes of made()) expect(bytes).toBeLessThan(came * 3 + 20 * KIB)
  })
})
