/**
 * The list of verbs, in the order in which a case needs them: `/help` shows them so, and the first that make sense are offered
 * next. The one place where a new one is added. Those that need no case stand here: they answer, and change nothing.
 */
import { type Address } from '../../domain/address.ts'
import { count, listed } from '../../domain/words.ts'
import { Refusal } from '../draft.ts'
import { caseLines } from '../status.ts'
import { APPROVAL } from './approval.ts'
import { CASE, DECIDE, END } from './case.ts'
import { EMBARGO } from './embargo.ts'
import { KEYS } from './keys.ts'
import { NOTICE } from './notice.ts'
import { PLACE } from './place.ts'
import { TALK } from './talk.ts'
import { type DeskAnswer, rolesOf, synopsis, type Verb, verbsUnder } from './verb.ts'

const how = (
  desk: Address
): string => `Write commands on the first lines of a signed and encrypted reply to any
message of the desk, one per line. If one line is wrong, none is carried out.
/help COMMAND explains a command.

A message that is no reply must say on its first lines who it is for and
which case it is about (/help and /cases need no case):
    to: ${desk}
    case: NUMBER`

const help: Verb = {
  name: 'help',
  arguments: '[COMMAND]',
  binds: 'desk',
  roles: [],
  help: 'lists the commands, or explains one',
  more: 'Works in any signed and encrypted message to the desk, also without a case.',
  run: ({ words }, { settings }, verbs): DeskAnswer => {
    const [wanted = ''] = /[^/:]+/.exec(words.join(' ').toLowerCase()) ?? []
    if (wanted === '')
      return { says: 'See below.', block: `${how(settings.desk.address)}\n\n${helpTable(verbs)}` }
    const found = verbsUnder(verbs, wanted)
    if (found.length === 0)
      throw new Refusal(`There is no command /${wanted}; /help lists them all.`)
    return { says: 'See below.', block: found.map(longHelp).join('\n\n') }
  }
}

function helpTable(verbs: readonly Verb[]): string {
  return verbs.map((verb) => `${synopsis(verb)}\n    ${verb.help}`).join('\n')
}

function longHelp(verb: Verb): string {
  return [
    `${synopsis(verb)}\n    ${verb.help}`,
    `    For: ${whoMay(verb)}.`,
    ...(verb.text === undefined ? [] : [`    ${TEXT_WORDS[verb.text.goesTo]}`]),
    ...(verb.more === undefined ? [] : [`    ${verb.more}`])
  ].join('\n')
}

function whoMay(verb: Verb): string {
  const roles = rolesOf(verb)
  return roles.length === 0
    ? 'every maintainer'
    : `maintainers with the role ${listed(roles, 'or')}`
}

const cases: Verb = {
  name: 'cases',
  binds: 'desk',
  roles: [],
  help: 'lists the open cases: state, owner, reporters, subject and what is due',
  more: 'Works in any signed and encrypted message to the desk, also without a case.',
  run: (_command, context): DeskAnswer => {
    const { openCases } = context
    if (openCases.length === 0) return { says: 'No case is open.', block: '' }
    return {
      says: `${count(openCases.length, 'case is', 'cases are')} open; see below.`,
      block: openCases.map((one) => caseLines(one, context)).join('\n')
    }
  }
}

const TEXT_WORDS = {
  reporter:
    'The text below it, or between << and >>, goes to the reporter; other maintainers get a copy.',
  member:
    'The text below it, or between << and >>, goes to that list member; other maintainers get a copy.',
  maintainers: 'The text below it, or between << and >>, stays among the maintainers.',
  fields: 'The lines below it are fields: key: value, or key: << longer text >>.'
} as const

export const VERBS: readonly Verb[] = [
  help,
  cases,
  ...CASE,
  ...PLACE,
  ...TALK,
  ...DECIDE,
  ...KEYS,
  ...EMBARGO,
  ...NOTICE,
  ...APPROVAL,
  ...END
]
