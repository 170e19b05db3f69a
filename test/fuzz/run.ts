/**
 * The fuzzer's loop: makes mails in batches, opens them, checks every invariant, and keeps mails that behaved in a new way as
 * material for more. The choices depend on the seed alone, not on how fast a mail was opened.
 */
import { readFileSync } from 'node:fs'
import { type OpenedMail } from '../../src/domain/mail.ts'
import { type Workers } from '../../src/effects/effects.ts'
import { filesBelow, findCorpus } from '../unit/reading/material.ts'
import { brokenRules, learn, type Said } from './invariants.ts'
import { cleanMails, type FuzzMail, makeMail } from './mails.ts'
import { minimise } from './minimise.ts'
import { randomOf } from './random.ts'
import { type World } from './world.ts'

/** A mail that breaks an invariant, as small as it could be made. */
export type Finding = {
  readonly rule: string
  /** Number of the mail under the seed; -1 for an unbroken one. */
  readonly index: number
  readonly recipe: string
  readonly raw: Buffer
}

export type RunOptions = {
  readonly seed: number
  readonly world: World
  readonly workers: Pick<Workers, 'open'>
  /** Asked before each batch with the mails opened so far. */
  readonly isOver: (count: number) => boolean
  /** Real mails to begin with; none by default. */
  readonly corpus?: readonly FuzzMail[]
  /** Told after each batch. */
  readonly onBatch?: (count: number, kinds: number) => void
}

export type RunResult = {
  readonly count: number
  /** In how many different ways mails behaved: structure, failure, signature states, warnings. */
  readonly kinds: number
  readonly decrypted: number
  readonly valid: number
  readonly findings: readonly Finding[]
}

const BATCH = 128
/** Kept mails; each must be small enough that mutating it costs little. */
const KEPT_MAX = 3000
const KEPT_BYTES_MAX = 64 * 1024
/** More findings of one rule say nothing new. */
const FINDINGS_PER_RULE = 3

/** Runs until told that it is over. */
export async function runFuzz(options: RunOptions): Promise<RunResult> {
  const said: Said = new Map()
  const kept: FuzzMail[] = [...(options.corpus ?? [])]
  const kinds = new Set<string>()
  const findings: Finding[] = []
  const counts = { count: 0, decrypted: 0, valid: 0 }

  async function judge(
    batch: readonly FuzzMail[],
    check: typeof brokenRules,
    first: number
  ): Promise<void> {
    const all = await Promise.all(batch.map((mail) => openOrTell(options, mail)))
    for (const [index, mail] of batch.entries()) {
      const opened = all[index]
      if (opened === undefined) continue
      const rules = typeof opened === 'string' ? [opened] : check(said, mail, opened)
      for (const rule of rules) await note(rule, mail, first < 0 ? -1 : first + index)
      if (typeof opened === 'string') continue
      counts.count += 1
      counts.decrypted += opened.decrypted ? 1 : 0
      counts.valid += opened.signatures.some((each) => each.state === 'valid') ? 1 : 0
      const kind = kindOf(opened)
      if (!kinds.has(kind) && kept.length < KEPT_MAX && mail.raw.length <= KEPT_BYTES_MAX)
        kept.push(mail)
      kinds.add(kind)
    }
  }

  async function note(rule: string, mail: FuzzMail, index: number): Promise<void> {
    if (findings.filter((each) => each.rule === rule).length >= FINDINGS_PER_RULE) return
    const stillBreaks = async (raw: Buffer): Promise<boolean> => {
      const opened = await openOrTell(options, { ...mail, raw })
      return typeof opened === 'string'
        ? opened === rule
        : brokenRules(said, mail, opened).includes(rule)
    }
    findings.push({ rule, index, recipe: mail.recipe, raw: await minimise(mail.raw, stillBreaks) })
  }

  const random = randomOf(options.seed, -1)
  for (const signed of options.world.signed) {
    await judge(cleanMails(random, options.world, signed), learn, -1)
  }
  for (let next = 0; !options.isOver(next); next += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, index) =>
      makeMail(randomOf(options.seed, next + index), options.world, kept)
    )
    await judge(batch, brokenRules, next)
    options.onBatch?.(next + BATCH, kinds.size)
  }
  return { ...counts, kinds: kinds.size, findings }
}

/** Mails of the corpus, where there is one, small enough to be mutated often. None of its keys is known. */
export function corpusMails(): FuzzMail[] {
  const folder = findCorpus()
  if (folder === null) return []
  return filesBelow(folder, ['.eml', '.inner'])
    .sort()
    .map((path) => readFileSync(path))
    .filter((raw) => raw.length <= KEPT_BYTES_MAX)
    .map((raw) => ({ raw, recipe: 'corpus', mayBeValid: false }))
}

/** The opened mail, or the name of the rule that opening itself broke. */
async function openOrTell(
  { workers, world }: RunOptions,
  mail: FuzzMail
): Promise<OpenedMail | string> {
  try {
    // A copy, because a worker may take the bytes away from this thread.
    return await workers.open(Buffer.from(mail.raw), { now: world.now, knownKeys: world.knownKeys })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return `no crash, no hang, no lack of memory (${code === '' ? String(error) : code})`
  }
}

function kindOf(opened: OpenedMail): string {
  const states = opened.signatures.map(
    ({ state, coversWhole }) => `${state}${coversWhole ? '+' : '-'}`
  )
  return [
    opened.structure,
    opened.failure,
    opened.sealedTo,
    opened.decrypted,
    opened.protected !== null,
    opened.bounce !== null,
    Math.min(opened.attachments.length, 3),
    ...states.slice(0, 3),
    ...opened.warnings.toSorted()
  ].join(' ')
}
