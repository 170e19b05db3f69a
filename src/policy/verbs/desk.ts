/**
 * The verbs that need no case: they answer, and change nothing.
 */
import { type DeskAnswer, synopsis, type Verb, verbsUnder } from './verb.ts'

const HOW =
  'Commands stand at the top of a signed and encrypted message, one a line. If one line is wrong, none runs. A line  case: NUMBER  names the case where the subject does not.'

export const help: Verb = {
  name: 'help',
  arguments: '[VERB]',
  binds: 'nothing',
  roles: [],
  needsCode: false,
  text: null,
  help: 'lists the commands, or explains one',
  more: 'Works in any signed and encrypted message to the desk, also without a case.',
  run: ({ words }, _context, verbs): DeskAnswer => {
    const wanted = words.join(' ').toLowerCase().replace(/^\//, '')
    if (wanted === '') {
      return { kind: 'answered', says: 'See below.', block: `${HOW}\n\n${helpTable(verbs)}` }
    }
    const found = verbsUnder(verbs, wanted)
    if (found.length === 0) {
      return { kind: 'refused', says: `There is no command /${wanted}; /help lists them all.` }
    }
    return { kind: 'answered', says: 'See below.', block: found.map(longHelp).join('\n\n') }
  }
}

function helpTable(verbs: readonly Verb[]): string {
  const width = Math.max(...verbs.map((verb) => synopsis(verb).length))
  return verbs.map((verb) => `${synopsis(verb).padEnd(width)}  ${verb.help}`).join('\n')
}

function longHelp(verb: Verb): string {
  return [
    `${synopsis(verb)}\n    ${verb.help}`,
    `    For: ${whoMay(verb)}.`,
    ...(verb.text === null ? [] : [`    ${TEXT_WORDS[verb.text.goesTo]}`]),
    ...(verb.more === '' ? [] : [`    ${verb.more}`])
  ].join('\n')
}

function whoMay({ roles }: Verb): string {
  return roles.length === 0 ? 'every maintainer' : `maintainers with the role ${roles.join(' or ')}`
}

const TEXT_WORDS = {
  reporter: 'The text below it, or between << and >>, goes to the reporter and to nobody else.',
  maintainers: 'The text below it, or between << and >>, stays among the maintainers.',
  fields: 'The lines below it are fields: key: value, or key: << longer text >>.'
} as const
