/** What is wrong with the fields of a notice is said before anybody approves it (B18). */
import { expect, it } from 'vitest'
import { type NoticeFields, type ToldNotice } from '../../../src/domain/notice.ts'
import { notice as noticeMessage } from '../../../src/messages/to-members.ts'
import { startDraft } from '../../../src/policy/draft.ts'
import { approvedText, noticeParams } from '../../../src/policy/notice-content.ts'
import { noticeFaults } from '../../../src/policy/notice-lint.ts'
import { rows } from '../../support/rows.ts'
import {
  at,
  bound,
  builtInRender,
  caseRecord,
  commandContext,
  file,
  LINUS,
  NOW,
  noticeRecord,
  POLICY,
  PRODUCT,
  parse,
  runText,
  SETTINGS,
  sha256
} from './samples.ts'

const DISCLOSURE = at('2026-12-04T12:00:00Z')
const PLANNED = caseRecord({ state: 'planned', disclosureAt: DISCLOSURE })

/** Fields as a message states them, a line each. */
function fieldsOf(lines: string): NoticeFields {
  const read = parse(`/notice draft\n${lines}`).commands.flatMap(({ fields }) => fields)
  return Object.fromEntries(read.map(({ key, value }) => [key, value]))
}

function faults(
  fields: NoticeFields,
  supported: readonly string[] = [],
  links: readonly string[] = []
): string {
  const { notice } = POLICY
  const policy = { ...POLICY, notice: notice && { ...notice, links } }
  const known = bound({ case: PLANNED, notice: noticeRecord({ fields }) })
  const context = commandContext({ bound: known, product: { ...PRODUCT, supported, policy } })
  return [...noticeFaults(startDraft(context))].join('\n')
}

const NO_BREAK = '\u00A0'
it.each(rows`
  a relative date          | description: The fix comes next week.        | description says "next week"
  a span from now          | mitigations: Update within 3 days.           | mitigations says "within 3 days"
  a bare weekday           | description: Patches land by Monday morning. | says "Monday"
  a short span             | remedy_steps: Please update within 48h.      | says "within 48h"
  a number as a word       | description: The fix comes in eight days.    | says "in eight days"
  a few days               | description: It comes in the next few days.  | says "in the next few days"
  days from now            | description: Public three days from now.     | says "three days from now"
  half an hour             | description: Public in half an hour.         | says "in half an hour"
  the weekend              | description: Public this weekend.            | says "this weekend"
  the end of the week      | description: Public by the end of the week.  | says "end of the week"
  next year                | description: Version 5 comes next year.      | says "next year"
  a line break             | description: <<\nThe fix comes next\nweek.\n>> | says "next week"
  no year                  | description: Public on Friday 9 December.    | says "Friday 9 December": please write the date with its year
  no year, in America      | description: Public on Thursday, Dec 4.      | says "Thursday, Dec 4": please write the date with its year
  no month                 | description: Public on Friday the 4th.       | says "Friday"
  numbers with slashes     | description: Public on 12/09/2026.           | says "12/09/2026", which people read in different ways
  numbers with dots        | description: Public on 9.12.2026.            | says "9.12.2026", which people read in different ways
  another day with a time  | description: Public on 2026-12-24T12:00Z.    | says "2026-12-24", and nothing
  a fortnight              | description: It follows in a fortnight.      | "in a fortnight"
  a range of days          | description: It comes in 3-4 days.           | says "in 3-4 days"
  a range in words         | description: It comes in three to four days. | says "in three to four days"
  less than a week         | description: It comes in less than a week.   | says "in less than a week"
  a span from the notice   | description: 48 hours after this notice.     | says "48 hours after this notice"
  a short weekday          | description: Public on Tue.                  | says "on Tue"
  the next short weekday   | description: It comes next Sun.              | says "next Sun"
  a part of a month        | description: It comes in early January.      | says "early January"
  a day of no month        | description: It comes on the 9th.            | says "on the 9th"
  a wrong weekday          | remedy_steps: Deploy on Thu 4 Dec 2026.      | that day is a Fri
  one of America           | description: On Thursday, December 4, 2026.  | "Thursday, December 4, 2026", but that day is a Fri
  another day              | description: Public on 2026-12-24 at noon.   | says "2026-12-24", and nothing
  another day, wrapped     | description: <<\nAll is public on\n9 December 2026.\n>> | says "9 December 2026", and nothing
  another day, unbroken    | description: Public on 9${NO_BREAK}December 2026. | says "9 December 2026", and nothing
  another day, shortened   | description: Public on Wed. Dec. 9 2026.     | says "Wed. Dec. 9 2026", and nothing
  another day, also moved  | description: It was moved, and is public on 9 December 2026. | says "9 December 2026", and nothing
  a day of the last year   | description: Public on 4 December 2025.      | says "4 December 2025", and nothing
  no such day              | description: We tested until 2026-02-30.     | there is no such day
  no instant               | patch_available_at: soon                     | patch_available_at:
  a permission alone       | deploy_permission: yes                       | deploy_permission: please
  a permission in prose    | deploy_permission: If you must.              | deploy_permission: please
  a late patch             | patch_available_at: 2026-12-04T10:00:00Z\nrelease_at: 2026-12-03T12:00:00Z | patch_available_at is after release_at
  a release after the date | release_at: 2026-12-05T12:00:00Z             | release_at is after
`)('(B18) %s is a sentence that names the field', (_name, lines, says) => {
  expect(faults(fieldsOf(lines))).toContain(says)
})

it('(B18) exact dates are fine', () => {
  const fields = {
    description:
      'Public on Fri 4 Dec 2026. The patches are public on Tuesday, December 1st, 2026. It was public on 2026-11-03.',
    mitigations:
      'Support of 3.9 ends on 2026-12-31. On Friday, 4 December 2026, we answer questions.',
    release_at: '2026-12-04 12:00 Europe/Berlin',
    patch_available_at: '2026-12-01T14:00+01:00'
  }
  expect(faults(fields)).toBe('')
})

it('(B18) other days may stand beside the day of the disclosure in sentences and lists of their own', () => {
  const description =
    'History:\n- 2026-11-20 a fix\n- 2026-12-02 a test\n- 2026-12-04 public\n\nSupport of 3.9 ends on 2026-12-31\n\nIt was reported on 2026-11-03 and is public on\n4 Dec. 2026. Then 2026-12-31 follows.'
  expect(faults({ description })).toBe('')
})

it('(B18) versions, counts and paths are no dates', () => {
  const description =
    'Versions 9.12.2, 4.1 and 4 may crash after 8 octets or decode 12 bytes; see src/12/09/26.c, version 1.2.2026 and CVE-2026-12345. It ran on Sun hardware too late, may fail on the 9th octet, and we meet on Fri 4 Dec 2026 and in mid-January 2027. From now on, the 4th of December 2026 counts.'
  expect(faults({ description, affected_versions: '1.2.2026' })).toBe('')
})

it.each(rows`
  a hyphen in the zone   | 2027-03-01 14:00 America/Port-au-Prince | 18:00 Berlin \(17:00 UTC|20:00 Berlin \(19:00 UTC; 14:00 Port-au-Prince
  a plus in the zone     | 2027-03-01 14:00 Etc/GMT+3              | 18:00 Berlin \(17:00 UTC; 14:00 Etc/GMT\+3\)
  brackets               | 2027-03-01T14:00[Europe/Berlin]         | 14:00 Berlin \(13:00 UTC\)
  the zone of the desk   | 2027-03-01 14:00                        | 14:00 Berlin \(13:00 UTC\)
`)(
  '(B17) /notice draft reads an instant with %s as /embargo does, and the answer says it',
  (_, written, says) => {
    const context = commandContext({ bound: bound({ case: PLANNED, notice: noticeRecord() }) })
    const draft = JSON.stringify(
      runText(`/notice draft\npatch_available_at: ${written}\nrelease_at: ${written}\n`, context)
    )
    expect(draft).toMatch(
      new RegExp(
        `Patch available: Mon 1 Mar 2027, (?:${says}).*Release: Mon 1 Mar 2027, (?:${says})`
      )
    )
    expect(draft).not.toContain('time zone')
    expect(JSON.stringify(runText(`/embargo ${written} because test`, context))).toMatch(
      new RegExp(says)
    )
  }
)

it('(B17) members read what changed of an instant in UTC and in its zone', () => {
  const told = { revision: 1, patches: [], disclosureAt: NOW, disclosureZone: null, at: NOW }
  const changed = noticeRecord({
    fields: { release_at: '2026-12-01 12:00 Europe/Berlin' },
    told: { ...told, fields: { release_at: '2026-12-01 10:00 Europe/Berlin' } }
  })
  const about = { case: PLANNED, product: PRODUCT, settings: SETTINGS }
  const release = noticeParams(changed, about).changes.find(({ what }) => what === 'Release')
  expect(release?.was).toMatch(/^Tue 1 Dec 2026, .*09:00 UTC/)
  expect(release?.is).toMatch(/^Tue 1 Dec 2026, .*11:00 UTC/)
})

const REPORTED = 'one two three four five six seven eight nine ten'
it.each(rows`
  a link                    | description: See https://evil.example/poc. | description links to \\"evil.example
  a relative date           | description: Tomorrow.                     | description says \\"Tomorrow
  a wrong weekday           | remedy_steps: Deploy on Thu 4 Dec 2026.    | that day is a Fri
  a late release            | release_at: 2026-12-05T12:00:00Z           | release_at is after the disclosure
  a release in the past     | release_at: 2025-12-03T12:00:00Z           | release_at has passed already
  patches in the past       | patch_available_at: 2026-11-20T14:00:00Z   | patch_available_at has passed already
  a quotation of the report | description: So: ${REPORTED}               | description repeats 10 or more
  prose for versions        | affected_versions: since spring            | affected_versions says
`)('(B18) %s is a sentence instead of a preview and of an approval', (_name, field, says) => {
  const notice = noticeRecord({ fields: { ...noticeRecord().fields, ...fieldsOf(field) } })
  const ofCase = { case: PLANNED, notice, reported: [REPORTED] }
  const preview = runText('/notice preview', commandContext({ bound: bound(ofCase) }))
  expect(preview.ran).toBe(false)
  expect(JSON.stringify(preview.decisions)).toContain(says)

  // Such a code can only come from before the policy or the report said so.
  const { members } = bound()
  const about = { case: PLANNED, product: PRODUCT, settings: SETTINGS }
  const digest = sha256(approvedText(notice, about, members))
  const previews = [{ code: 'secretcode', digest, issuedAt: NOW, eventId: 7 }]
  const approval = runText(
    '/notice approve secretcode',
    commandContext({ bound: bound({ ...ofCase, notice: { ...notice, previews } }), author: LINUS })
  )
  expect(approval.ran).toBe(false)
  expect(JSON.stringify(approval.decisions)).toContain(says)
})

it.each<[string, string]>([
  ['all', ''],
  ['>= 4.0, < 4.2.7', '4.2.7'],
  ['4.0 to 4.2.6', '> 4.2.6'],
  ['- v4.0-rc1\n- 4.0, 4.1', 'main; 4.2'],
  ['4.1.x; < 4.0', '4.0; 4.2'],
  ['1.0.2k', '1.0.2l'],
  ['>= 1.1.1, < 1.1.1c', '1.1.1c; 1.1.1m'],
  ['<= 1.1.1; 4.2.0', '1.1.1a; 4.2.0a1; 4.2.0-b; 4.2.0b2; 4.2.0-alpha'],
  ['<= 4.2', 'none'],
  ['main', '>= 4.0']
])('(B18) "%s" and not affected "%s" are versions that can be read', (affected, not) => {
  expect(faults({ affected_versions: affected, not_affected: not }, ['main', '4.2'])).toBe('')
})

it.each(rows`
  prose                  | affected_versions: since the spring                   | affected_versions says "since the spring"
  a branch nobody knows  | affected_versions: 4.0; trunk                         | a branch that the operator listed (main, 4.2)
  a range backwards      | not_affected: 4.2 to 4.0                              | not_affected says "4.2 to 4.0", and no
  two lower ends         | affected_versions: > 4.0, > 4.1                       | which we cannot read as versions
  an overlap             | affected_versions: 4.0 to 4.2.6\nnot_affected: 4.2.6  | "4.2.6", but
  all and some           | affected_versions: all\nnot_affected: < 3             | not_affected says "< 3"
  a branch twice         | affected_versions: main\nnot_affected: Main           | not_affected says "Main"
  a version of a branch  | affected_versions: 4.2\nnot_affected: 4.2.7           | "4.2.7", but
  a letter release       | affected_versions: >= 1.1.1, < 1.1.1d\nnot_affected: 1.1.1b | "1.1.1b", but
  a candidate of the fix | affected_versions: < 4.2.7\nnot_affected: 4.2.7-rc1   | not_affected says "4.2.7-rc1"
`)('(B18) versions: %s is a sentence that names the field', (_name, lines, says) => {
  expect(faults(fieldsOf(lines), ['main', '4.2'])).toContain(says)
})

it('(B18) what cannot be read is stored, and said at once', () => {
  const notice = noticeRecord()
  const context = commandContext({ bound: bound({ case: PLANNED, notice }) })
  const result = runText('/notice draft\naffected_versions: some\n', context)
  expect(result.ran).toBe(true)
  expect(JSON.stringify(result)).toContain('affected_versions says \\"some')
})

function noticeText(
  fields: NoticeFields,
  patches = [file('fix.patch')],
  told: ToldNotice | null = null
): string {
  const notice = noticeRecord({ fields, patches, told })
  const params = noticeParams(notice, { case: PLANNED, product: PRODUCT, settings: SETTINGS })
  return builtInRender()(noticeMessage(params), { tag: null, inClear: false }).replaceAll(
    /\s+/g,
    ' '
  )
}

const BEFORE = 'do not deploy the patches before'
it.each(rows`
  nothing            |                         | Please ${BEFORE} that instant. Please do not issue
  none               | deploy_permission: none | Please ${BEFORE} that instant.
  hosted             | deploy_permission: hosted: no reboot | deploy the patches before that instant on systems that you host yourself
  yes                | deploy_permission: Yes: quietly      | BEFORE DISCLOSURE quietly
  an earlier patch   | patch_available_at: 2026-12-03T12:00Z | ${BEFORE} Thu 3 Dec 2026, 13:00 Berlin (12:00 UTC), when the patches become public. Please do not issue a release before the disclosure.
  one for all        | deploy_permission: yes: quietly\npatch_available_at: 2026-12-03T12:00Z | before the disclosure: Thu 3 Dec 2026
  a later patch      | patch_available_at: 2026-12-05T12:00Z | only after the disclosure: Sat 5 Dec 2026
  an earlier release | release_at: 2026-12-04 12:00 Europe/Berlin | not issue a release before Fri 4 Dec 2026, 12:00 Berlin (11:00 UTC), when ours
`)('(B18) the fixed words of a notice follow the fields: %s', (_name, lines, says) => {
  expect(noticeText(fieldsOf(lines))).toContain(says)
})

it('(B18) the fixed words of a notice without patches mention none', () => {
  const words = 'Please do not deploy a fix before that instant.'
  expect(noticeText({ no_patches: 'The fix is in 4.2.1.' }, [])).toContain(words)
  expect(noticeText({}, [])).not.toMatch(/patch/i)
})

it.each([
  ['no patch', [], '- Patches: still none; we withdraw the reason that we gave Product'],
  ['a patch', [file('fix.patch')], 'SINCE REVISION 1 - Patch fix.patch: new, see below Product']
])(
  '(B16) a change that takes back why there are no patches says so where there is %s',
  (_what, patches, says) => {
    const fields = { no_patches: 'they follow' }
    const told = { ...PLANNED, revision: 1, fields, patches: [], at: NOW }
    expect(noticeText({}, patches, told)).toContain(says)
  }
)

it('(B18) a notice that lets members deploy early forbids it nowhere', () => {
  for (const kind of ['yes', 'hosted'])
    expect(noticeText({ deploy_permission: `${kind}: quietly` })).not.toContain('not deploy')
})

it.each([
  'https://evil.example/poc',
  'HTTPS://acme.example@evil.example',
  '//evil.example/x',
  'www.evil.example',
  'see evil.example/poc.',
  'git://evil.example:9418/poc',
  'https:\\\\evil.example\\poc',
  'http:evil.example/poc',
  '\\\\evil.example\\poc',
  'evil.example:8443/poc.py',
  'evil.example?x=1',
  'evil.example#poc',
  'git clone git@evil.example:poc.git',
  'evil.example:poc/poc.git',
  'acme.example:x@evil.example/poc',
  'ftp://evil.example.'
])('(B18) a link to a host that the policy does not name is refused: %s', (link) => {
  const says = /^description links to "(?:www\.)?evil\.example": only acme\.example may be linked/
  expect(faults({ description: link }, [], ['acme.example'])).toMatch(says)
  expect(faults({ description: link })).toContain('no page may be linked')
})

it.each(['192.0.2.1/x', '192.0.2.1:80/x', '[2001:db8::1]/x', '[::1]:80/x', 'bücher.example/x'])(
  '(B18) a link to a host by its number or in other letters is refused: %s',
  (link) => {
    expect(faults({ description: `See ${link}.` })).toContain('no page may be linked')
  }
)

it('(B18) links to hosts that the policy names, addresses and paths of files are fine', () => {
  const description =
    'See https://acme.example/help (or acme.example/faq, acme.example:443/faq, git@acme.example:x/y.git), ask security@acme.example: src/lib/parse.rs/x, parse.rs:12, a.txt\\0.png, C:\\lib.rs\\x, 10.0.0.0/8, 4.2.0.1/4.2.0.2 and either/or. In parse.rs?'
  expect(faults({ description }, [], ['acme.example'])).toBe('')
})

it('(B18) ten words in a row of the reporter are named by field, and not repeated', () => {
  const words = 'one two three four five six seven eight nine ten'
  const says = (text: string, description: string): string[] => {
    const notice = noticeRecord({ fields: { description } })
    const known = bound({ case: PLANNED, notice, reported: [text] })
    return [...noticeFaults(startDraft(commandContext({ bound: known })))]
  }
  expect(says(`Hi. ${words}!`, `It says: One, two\n${words.slice(8)}.`)).toEqual([
    "description repeats 10 or more words in a row from the reporter's message: please say it in your own words."
  ])
  expect(says(words, words.replace('five', '5'))).toEqual([])
  expect(says(`> ${words}`, words)).toEqual([])
})
