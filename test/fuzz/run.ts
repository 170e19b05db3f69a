/**
 * The fuzzer's loop: makes messages in batches, opens them, checks every invariant. The seed and the corpus alone decide
 * which messages are made, not how fast a message was opened or what came of it.
 */
import { readFileSync } from 'node:fs'
import { type OpenedMail } from '../../src/domain/mail.ts'
import { type Workers } from '../../src/effects/effects.ts'
import { filesBelow, findCorpus } from '../unit/reading/material.ts'
import { brokenRules } from './invariants.ts'
import { cleanMails, type FuzzMail, makeMail } from './mails.ts'
import { allSaid } from './said.ts'
import { type World } from './world.ts'

/** A message that breaks an invariant, as small as it could be made. */
export type Finding = {
  readonly rule: string
  /** Number of the message under the seed; -1 for an unbroken one. */
  readonly index: number
  readonly recipe: string
  readonly raw: Buffer
}

export type RunOptions = {
  readonly world: World
  readonly workers: Pick<Workers, 'open'>
  /** Asked before each batch with the messages opened so far. */
  readonly isOver: (count: number) => boolean
  /** Real messages to take up; none by default. */
  readonly corpus?: readonly Buffer[]
  /** Only the message with this number. */
  readonly number?: number
  /** Told when a batch of messages was opened. */
  readonly onBatch?: (count: number, kinds: number) => void
}

export type RunResult = {
  readonly count: number
  /** In how many different ways messages behaved: structure, failure, signature states, warnings. */
  readonly kinds: number
  readonly decrypted: number
  readonly valid: number
  /** Unbroken messages, of which everything is known beforehand. */
  readonly exact: number
  readonly findings: readonly Finding[]
}

const BATCH = 128
const CORPUS_BYTES_MAX = 64 * 1024
/** More findings of one rule say nothing new. */
const FINDINGS_PER_RULE = 3
const TRIES_MAX = 400

/** Runs until told that it is over. */
export async function runFuzz(options: RunOptions): Promise<RunResult> {
  const { world } = options
  const source = { world, corpus: options.corpus ?? [] }
  const said = allSaid(world)
  const kinds = new Set<string>()
  const findings: Finding[] = []
  const counts = { count: 0, decrypted: 0, valid: 0, exact: 0 }

  async function judge(batch: readonly FuzzMail[], first: number): Promise<void> {
    const all = await Promise.all(batch.map((mail) => openOrTell(options, mail)))
    for (const [index, mail] of batch.entries()) {
      const opened = all[index]
      if (opened === undefined) continue
      const rules = typeof opened === 'string' ? [opened] : brokenRules(said, mail, opened)
      for (const rule of rules) await note(rule, mail, first < 0 ? -1 : first + index)
      if (typeof opened === 'string') continue
      counts.count += 1
      counts.exact += mail.exact === null ? 0 : 1
      counts.decrypted += opened.decrypted ? 1 : 0
      counts.valid += opened.signatures.some((each) => each.state === 'valid') ? 1 : 0
      kinds.add(kindOf(opened))
    }
  }

  async function note(rule: string, mail: FuzzMail, index: number): Promise<void> {
    if (findings.filter((each) => each.rule === rule).length >= FINDINGS_PER_RULE) return
    const stillBreaks = async (raw: Buffer): Promise<boolean> => {
      const opened = await openOrTell(options, { ...mail, raw })
      return typeof opened === 'string'
        ? opened === rule
        : brokenRules(said, { ...mail, exact: null }, opened).includes(rule)
    }
    // Half of an unbroken message is a broken one, about which nothing more is known.
    const raw = mail.exact === null ? await minimise(mail.raw, stillBreaks) : mail.raw
    findings.push({ rule, index, recipe: mail.recipe, raw: delivered({ ...mail, raw }) })
  }

  if (options.number !== undefined) {
    await judge([makeMail(source, options.number)], options.number)
    return { ...counts, kinds: kinds.size, findings }
  }
  for (const signed of world.signed) await judge(cleanMails(world, signed), -1)
  for (let next = 0; !options.isOver(next); next += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, index) => makeMail(source, next + index))
    await judge(batch, next)
    options.onBatch?.(next + BATCH, kinds.size)
  }
  return { ...counts, kinds: kinds.size, findings }
}

/** Messages of the corpus, where there is one, small enough to be mutated often. */
export function corpusMails(): Buffer[] {
  const folder = findCorpus()
  if (folder === null) return []
  return filesBelow(folder, ['.eml', '.inner'])
    .sort()
    .map((path) => readFileSync(path))
    .filter((raw) => raw.length <= CORPUS_BYTES_MAX)
}

/** The message as the desk fetches it. */
export function delivered({ top, raw }: FuzzMail): Buffer {
  return Buffer.concat([Buffer.from(top.fields), raw])
}

/** The opened message, or the name of the rule that opening itself broke. */
async function openOrTell(
  { workers, world }: RunOptions,
  mail: FuzzMail
): Promise<OpenedMail | string> {
  try {
    return await workers.open(delivered(mail), { now: world.now, knownKeys: world.knownKeys })
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

/** The smallest message found, within a bound of tries, for which `stillBreaks` says yes. */
async function minimise(
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
