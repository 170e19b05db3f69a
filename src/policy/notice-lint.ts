/**
 * Judges the fields of a notice before anybody approves it (B18): a sentence for each thing that members could misread. Only
 * complains; the author has to reword it.
 */
import { type MemberRecord, NOTICE_TEXT_FIELDS, type NoticeFields } from '../domain/notice.ts'
import { formatInstant, type Instant, readInstant } from '../domain/time.ts'
import { oneALine } from '../domain/words.ts'
import { type Draft } from './draft.ts'
import { fieldInstant, INSTANTS, missingFields, readDeployment } from './notice-content.ts'
import { readVersions, sharedVersions, VERSIONS_EXAMPLE } from './versions.ts'

const COUNT =
  '(?:\\d+|half an?|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:a )?(?:few|couple(?: of)?)|several) ?'
const UNIT = '(?:(?:business|working) )?(?:h|hrs?|hours?|d|days?|weeks?|fortnights?|months?)'
const MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)'
const RELATIVE = [
  String.raw`\b(?:today|tomorrow|tonight|yesterday|(?:next|this|coming) (?:week|month)|(?:next|coming) year)\b`,
  String.raw`\b(?:(?:the|this|next|coming) weekend|end of (?:the |this |next )?(?:week|month|quarter|year)|week['’]s end)\b`,
  String.raw`\b(?:(?:next|this|coming) )?(?:mon|tues|wednes|thurs|fri|satur|sun)day\b`,
  String.raw`\b(?:on|by|until|next|this|coming) (?:(?:mon|tues?|wed|thu(?:rs?)?|fri|sat)\b(?! \d)|sun\b(?! \w))`,
  String.raw`\b(?:early|mid|late|beginning of|end of)[ -](?:in )?(?!may)${MONTH}\b(?! \d{4})|\b(?:on|by|until) the \d{1,2}(?:st|nd|rd|th)\b(?=[.,;:!?)]|$)`,
  String.raw`\b(?:in|within) (?:about |less than |at most )?(?:(?:${COUNT}(?:[-–]|to |or ) ?)?${COUNT}|the (?:next|coming) (?:${COUNT})?)${UNIT}\b`,
  String.raw`\b(?:(?:${COUNT})?${UNIT} (?:ago|from now|after this (?:notice|mail|message))|from now(?! on))\b`
].map((form) => new RegExp(form, 'giu'))
const WEEKDAY = '(?:(mon|tue|wed|thu|fri|sat|sun)(?:[a-z]*,?|\\.) (?:the )?)?'
const DAY = String.raw`(\d{1,2})(?:st|nd|rd|th)?`
const DAY_MONTH = String.raw`${DAY}[ -](?:of )?${MONTH}\b`
const MONTH_DAY = String.raw`${MONTH}\.? ${DAY}\b`
/** `Fri 4 Dec 2026`, `Friday, December 4th, 2026` and `2026-12-04`, each with or without the weekday. */
const DATE = new RegExp(
  String.raw`\b${WEEKDAY}(?:${DAY_MONTH}[.,]*[ -](\d{4})|${MONTH_DAY},? (\d{4})|(\d{4}-\d{2}-\d{2}))(?=t\d|\b)`,
  'giu'
)
const YEARLESS = new RegExp(String.raw`(?<![\d.])\b${WEEKDAY}(?:${DAY_MONTH}|${MONTH_DAY})`, 'giu')
/** `12/09/2026`, `12/09/26`, `9.12.2026` and `2026/12/4`, but no version: that ends in no year, or follows the word `version`. */
const NUMERIC =
  /(?<![\w./-]|version )(?:(?:0?[1-9]|[12]\d|3[01])(\/|-|\. ?)(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)\d{2}|\d{1,2}\/\d{1,2}\/\d{2}|20\d{2}([/-])\d{1,2}\2\d{1,2})(?![\w/-]|\.\d)/giu
/** A sentence that says when something becomes public, and not that it did. */
const PUBLIC = /\b(?:public|disclos|embargo)/iu
const PAST = /\b(?:was|were|been|had|since|reported|fixed)\b/iu
/** Ends a sentence, but not behind `Dec.`, `Wed.` or `p.m.`; an empty line and the next entry of a list end one, too. */
const SENTENCE_END =
  /(?<!\b(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|[a-z]))[.!?]\s|\n\s*(?:\n|[-*•]\s|\d+[.)]\s)/iu
const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
/** Fields that are parsed as a whole, so that they hold no prose. */
const PARSED = new Set<string>([...INSTANTS, 'affected_versions', 'not_affected'])

/** Why the notice cannot be previewed or approved as it is; null when it can. */
export function noticeComplaint(draft: Draft): string | null {
  const lacks = noticeLacks(draft)
  if (lacks.length > 0) return oneALine(lacks)
  const { disclosureAt } = draft.case
  return disclosureAt !== null && disclosureAt <= draft.now
    ? 'The disclosure instant has passed; set a new one with /embargo.'
    : null
}

/** What stands against a preview: a sentence for what is missing, and one for each fault. */
export function noticeLacks(about: Judged): readonly string[] {
  const missing = missingFields(about)
  const wants = missing.length > 0 ? [`Missing for the notice: ${missing.join('; ')}.`] : []
  return [...wants, ...noticeFaults(about)]
}

/** What the judgement goes by. */
type Judged = Pick<Draft, 'case' | 'notice' | 'product' | 'settings' | 'now'> & {
  readonly bound: Pick<Draft['bound'], 'members' | 'reported'>
}

/** A sentence for each thing in the fields that members could misread. While one is left, nothing is approved. */
export function* noticeFaults(draft: Judged): Iterable<string> {
  const { notice, product, bound } = draft
  const { supported, policy } = product
  const fields = notice?.fields ?? {}
  const days = daysOf(draft)
  for (const name of NOTICE_TEXT_FIELDS) {
    if (!PARSED.has(name)) yield* proseFaults(name, fields[name] ?? '', { days, now: draft.now })
    yield* linkFaults(name, fields[name] ?? '', policy.notice?.links ?? [])
  }
  yield* quoteFaults(fields, bound.reported)
  yield* versionFaults(fields, supported)
  if (readDeployment(fields.deploy_permission ?? '') === null)
    yield 'deploy_permission: please write none, hosted: TERMS (on systems that members host themselves) or yes: TERMS, for example hosted: no reboot that users would notice.'
  yield* instantFaults(fields, draft)
  yield* pastFaults(draft)
  if (bound.members.length === 0) yield NOBODY_LISTED
}

export const NOBODY_LISTED =
  'Nobody is on the list of this product, so nobody would get the notice; the operator adds members with "postern members add".'

/** A sentence for each member whom a field names, by id. For list admins alone, so it refuses nothing (G5). */
export function memberMentions(fields: NoticeFields, members: readonly MemberRecord[]): string[] {
  return NOTICE_TEXT_FIELDS.flatMap((field) => {
    const text = wordsIn(fields[field] ?? '')
    return members
      .filter(({ id, name, address }) =>
        [id, name, address.slice(address.lastIndexOf('@') + 1)]
          .map(wordsIn)
          .some((one) => one.trim() !== '' && text.includes(one))
      )
      .map(({ id }) => `${field} names list member ${id}, and every member would read it.`)
  })
}

/** The words of a text, in small letters and without anything between them. */
function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
}

/** The words of a text between single blanks, so that only whole words are found. */
function wordsIn(text: string): string {
  return ` ${words(text).join(' ')} `
}

const NAME = String.raw`(?:[\p{L}\p{N}-]{1,63}[.․。．]){1,8}(?:\p{L}{2,63}|xn--[a-z0-9-]{1,59})`
/** `192.0.2.1` and `[2001:db8::1]`, but no network such as `10.0.0.0/8`. */
const NUMBER = String.raw`(?:\d{1,3}\.){3}\d{1,3}(?!\/[\d./]+(?![\w./-]))|\[[\da-f]{0,4}:[\da-f]{0,4}:[\da-f:.]{0,40}\]`
/** `https://host…`, `www.host`, `git@host:path` and `host/…`: what a reader would follow. `name.ext:12` may be a place in a file. */
const LINK = new RegExp(
  String.raw`(?:\b(?:https?:[/\\]|[a-z][a-z0-9+.-]{0,30}:[/\\]{2}|www\.)|(?<=@)${NAME}:(?=\w)|(?<![\p{L}\p{N}_./\\-])(?:(?:\/\/)?(?:${NAME}|${NUMBER})(?::[^\s<>"/?#]{0,64})?(?:\/|[?#](?=\w))|\\\\${NAME}))[^\s<>"]*`,
  'giu'
)

function* linkFaults(name: string, text: string, links: readonly string[]): Iterable<string> {
  const hosts = [...text.matchAll(LINK)].map(([link]) => hostOf(link))
  const other = hosts.find((host) => !links.includes(host))
  const may = links.length === 0 ? 'no page' : `only ${links.join(', ')}`
  if (other !== undefined)
    yield `${name} links to "${other}": ${may} may be linked, because a link can hold the exploit.`
}

/** The host as a browser would find it, whatever stands before an @. */
function hostOf(link: string): string {
  const url = link.replace(/^(?![a-z][a-z0-9+.-]*:[/\\])[/\\]*/iu, 'https://')
  const host = URL.canParse(url) ? new URL(url).hostname : /^[^:@/]+(?=:[^/\\])/u.exec(link)?.[0]
  return (host || link).replace(/\.$/u, '').toLowerCase()
}

const RUN = 10

/** Fields that repeat many words in a row from the reporter, who told them in confidence. Lines that they quoted do not count. */
function* quoteFaults(fields: NoticeFields, reported: readonly string[]): Iterable<string> {
  const told = new Set(reported.flatMap((text) => wordRuns(text.replace(/^[^\S\n]*>.*$/gmu, ''))))
  for (const name of NOTICE_TEXT_FIELDS)
    if (wordRuns(fields[name] ?? '').some((run) => told.has(run)))
      yield `${name} repeats ${RUN} or more words in a row from the reporter's message: please say it in your own words.`
}

function wordRuns(text: string): string[] {
  const all = words(text)
  return all.flatMap((_, at) => (at + RUN > all.length ? [] : [all.slice(at, at + RUN).join(' ')]))
}

function* versionFaults(fields: NoticeFields, supported: readonly string[]): Iterable<string> {
  const branches = `, or a branch that the operator listed (${supported.join(', ') || 'none yet'})`
  const not = (fields.not_affected ?? '').replace(/^\s*none\s*$/iu, '')
  const read = {
    affected_versions: readVersions(fields.affected_versions ?? '', supported),
    not_affected: readVersions(not, supported)
  }
  for (const [name, { unread, empty }] of Object.entries(read)) {
    if (unread !== undefined)
      yield `${name} says "${unread}", which we cannot read as versions: please write for example ${VERSIONS_EXAMPLE}${branches}.`
    if (empty !== undefined)
      yield `${name} says "${empty}", and no version is in that range: please write for example >= 4.0, < 4.2.7.`
  }
  const shared = sharedVersions(read.affected_versions.ranges, read.not_affected.ranges)
  if (shared !== null)
    yield `not_affected says "${shared[1]}", but affected_versions has some of that, too ("${shared[0]}"): please write for example affected_versions: >= 4.0, < 4.2.7 and not_affected: >= 4.2.7.`
}

function* proseFaults(
  name: string,
  text: string,
  { days, now }: { readonly days: readonly string[]; readonly now: Instant }
): Iterable<string> {
  const flat = text.replace(/\s+/gu, ' ')
  for (const date of datesIn(flat)) yield* weekdayFault(name, date)
  yield* undatedFaults(name, flat.replace(DATE, '…'))
  for (const sentence of text.split(SENTENCE_END)) {
    if (days.length === 0 || !PUBLIC.test(sentence)) continue
    for (const { written, day } of datesIn(sentence.replace(/\s+/gu, ' ')))
      if (!days.includes(day) && (day > now || !PAST.test(sentence)))
        yield `${name} says "${written}", and nothing becomes public on that day by the date of the case and the fields.`
  }
}

/** What stands for a date and is none that everybody reads as the same day. */
function* undatedFaults(name: string, undated: string): Iterable<string> {
  for (const [written] of RELATIVE.flatMap((form) => [...undated.matchAll(form)]))
    yield `${name} says "${written}": please write the date, because nobody knows when it is read.`
  // "4.1 and 4 may crash" names no day.
  for (const [written] of undated.matchAll(YEARLESS))
    if (!written.includes('may'))
      yield `${name} says "${written}": please write the date with its year, for example Fri 4 Dec 2026.`
  for (const [written] of undated.matchAll(NUMERIC))
    yield `${name} says "${written}", which people read in different ways: please write the date as for example 2026-12-04 or 4 Dec 2026.`
}

type WrittenDate = { readonly written: string; readonly weekday: string; readonly day: string }

function datesIn(text: string): WrittenDate[] {
  return [...text.matchAll(DATE)].map(
    ([written, weekday = '', d1 = '', m1 = '', y1 = '', m2 = '', d2 = '', y2 = '', iso]) => {
      const month = String(MONTHS.indexOf((m1 || m2).slice(0, 3).toLowerCase()) + 1)
      const day = `${y1 || y2}-${month.padStart(2, '0')}-${(d1 || d2).padStart(2, '0')}`
      return { written, weekday, day: iso ?? day }
    }
  )
}

/** The days on which something becomes public, as people may write them: in the zones of the date and of the desk, and in UTC. */
function daysOf({ case: record, notice, settings }: Judged): string[] {
  const { timezone } = settings.desk
  const { disclosureAt, disclosureZone } = record
  const fields = notice?.fields ?? {}
  const instants = INSTANTS.flatMap((name) => fieldInstant({ fields }, name, timezone) ?? [])
  if (disclosureAt !== null) instants.push({ instant: disclosureAt, zone: disclosureZone ?? 'UTC' })
  return instants.flatMap(({ instant, zone }) => [
    instant.slice(0, 10),
    ...datesIn(formatInstant(instant, timezone, zone)).map(({ day }) => day)
  ])
}

function* weekdayFault(name: string, { written, weekday, day }: WrittenDate): Iterable<string> {
  const read = readInstant(`${day}T12:00Z`, 'UTC')
  const really = typeof read === 'string' ? '' : formatInstant(read.instant, 'UTC').slice(0, 3)
  if (really === '') yield `${name} says "${written}", and there is no such day.`
  else if (weekday !== '' && really.toLowerCase() !== weekday.toLowerCase())
    yield `${name} says "${written}", but that day is a ${really}.`
}

function* pastFaults({ notice, settings, now }: Judged): Iterable<string> {
  if (notice === null) return
  const known = notice.hasLeft ? notice : notice.told
  for (const name of INSTANTS) {
    const at = fieldInstant(notice, name, settings.desk.timezone)?.instant
    // Members have been told of it already where it stays as it was.
    if (at !== undefined && at <= now && notice.fields[name] !== known?.fields[name])
      yield `${name} has passed already, so members would not have to wait: please correct it, or take it out.`
  }
}

function* instantFaults(
  fields: NoticeFields,
  { case: record, settings }: Judged
): Iterable<string> {
  const { timezone } = settings.desk
  const [patch, release] = INSTANTS.map((name) => fieldInstant({ fields }, name, timezone)?.instant)
  for (const name of INSTANTS) {
    const text = fields[name] ?? ''
    const read = readInstant(text, timezone)
    if (text !== '' && typeof read === 'string') yield `${name}: ${read}`
  }
  if (patch !== undefined && release !== undefined && patch > release)
    yield 'patch_available_at is after release_at, but the release makes the patch public: please correct one of them.'
  if (release !== undefined && record.disclosureAt !== null && release > record.disclosureAt)
    yield 'release_at is after the disclosure: then users know of the issue and have no release.'
}
