/**
 * The list of verbs, in the order in which a case needs them: `/help` shows them so, and the first that make sense are offered
 * next. The one place where a new one is added. Those that need no case stand here: they answer, and change nothing.
 */
import { count, listed } from '../../domain/words.ts'
import { Refusal } from '../draft.ts'
import { caseLines } from '../status.ts'
import { APPROVAL } from './approval.ts'
import { CASE, DECIDE, END } from './case.ts'
import { EMBARGO } from './embargo.ts'
import { FILES } from './files.ts'
import { KEYS } from './keys.ts'
import { NOTICE } from './notice.ts'
import { PLACE } from './place.ts'
import { SHOW } from './show.ts'
import { TALK } from './talk.ts'
import { type DeskAnswer, missingRoles, rolesOf, synopsis, type Verb, verbsUnder } from './verb.ts'

const help: Verb = {
  name: 'help',
  arguments: '[COMMAND]',
  binds: 'desk',
  roles: [],
  help: 'lists the commands that your key may use, or explains one',
  more: 'Works in any signed and encrypted message to the desk, also without a case.',
  run: ({ words }, { author }, verbs): DeskAnswer => {
    const [wanted = ''] = /[^/:]+/.exec(words.join(' ').toLowerCase()) ?? []
    const isList = wanted === ''
    const own = verbs.filter(({ roles }) => missingRoles(author, roles).length === 0)
    const found = isList ? own : verbsUnder(verbs, wanted)
    if (found.length === 0)
      throw new Refusal(`There is no command "/${wanted}"; /help lists the commands.`)
    return { says: 'See below.', block: { kind: 'help', isList, verbs: found.map(helpOf) } }
  }
}

function helpOf(verb: Verb) {
  const { help, text, more = '' } = verb
  const roles = listed(rolesOf(verb), 'or')
  return { synopsis: synopsis(verb), help, roles, goesTo: text?.goesTo ?? '', more }
}

const cases: Verb = {
  name: 'cases',
  binds: 'desk',
  roles: [],
  help: 'lists the open cases: state, owner, reporters, subject and what is due',
  more: 'Ended ones are among them while something there is due, such as words that wait for a key. Works in any signed and encrypted message to the desk, also without a case.',
  run: (_command, context): DeskAnswer => {
    const { openCases } = context
    const { length } = openCases
    return {
      says:
        length === 0
          ? 'No case is open.'
          : `${count(length, 'case is listed', 'cases are listed')} below.`,
      block: { kind: 'lines', text: openCases.map((one) => caseLines(one, context)).join('\n') }
    }
  }
}

export const VERBS: readonly Verb[] = [
  help,
  cases,
  ...SHOW,
  ...CASE,
  ...PLACE,
  ...TALK,
  ...FILES,
  ...DECIDE,
  ...KEYS,
  ...EMBARGO,
  ...NOTICE,
  ...APPROVAL,
  ...END
]
