/**
 * `npm run simulate`: plays flood days on real servers (Dovecot, an SMTP server, a disk of its own) with the built daemon and says
 * which rules were broken; then the exit status is 1. `--seeds N` days (1), the first with `--seed N` (by the time), `--scale F` of
 * the mail of a whole day (1), in `--seconds N` (240).
 */
import { parseArgs } from 'node:util'
import { playDay } from './day.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    scale: { type: 'string' },
    seconds: { type: 'string' }
  }
})
const numberOf = (name: keyof typeof values, usual: number): number => Number(values[name] ?? usual)
const [seed, seeds, scale, seconds] = [
  numberOf('seed', Date.now() % 2 ** 31),
  numberOf('seeds', 1),
  numberOf('scale', 1),
  numberOf('seconds', 240)
]
if ([seed, seeds, scale, seconds].every((value) => Number.isFinite(value) && value >= 0))
  await main()
else {
  process.stderr.write('--seed, --seeds, --scale and --seconds each want a number.\n')
  process.exitCode = 2
}

async function main(): Promise<void> {
  const of = (count: number): number => Math.max(1, Math.round(count * scale))
  const sizes = {
    ...{ hostile: of(2000), clumsy: of(500), honest: of(40), members: 50 },
    ...{ seconds, kills: 3, diskMiB: 1024, memoryMiB: 512 }
  }
  let failed = 0
  for (let day = 0; day < seeds; day += 1) {
    process.stdout.write(`seed ${seed + day}\n`)
    const tell = (text: string): void => {
      process.stdout.write(`  ${new Date().toISOString().slice(11, 19)} ${text}\n`)
    }
    const broken = await playDay(seed + day, sizes, tell)
    for (const rule of broken) process.stdout.write(`  BROKEN ${rule}\n`)
    failed += broken.length > 0 ? 1 : 0
  }
  process.stdout.write(`${seeds - failed} of ${seeds} days were good\n`)
  process.exitCode = failed > 0 ? 1 : 0
}
