/** Makes a finding small: leaves out lines, then bytes, as long as the same rule stays broken. Never changes the rule. */

const TRIES_MAX = 400

/** The smallest message found, within a bound of tries, for which `stillBreaks` says yes. */
export async function minimise(
  raw: Buffer,
  stillBreaks: (raw: Buffer) => Promise<boolean>
): Promise<Buffer> {
  let tries = 0
  let best = raw.toString('latin1').split('\n')
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < best.length; ) {
      if (tries === TRIES_MAX) return bytesOf(best)
      tries += 1
      const smaller = best.toSpliced(at, size)
      if (await stillBreaks(bytesOf(smaller))) best = smaller
      else at += size
    }
  }
  return bytesOf(best)
}

function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.join('\n'), 'latin1')
}
