/**
 * The next sensible commands after a message, or for `/status`: what is left to do, tried against the machine for cases. Never
 * offers a command that the machine refuses or that the author has no role for.
 */
import { missingRole } from './authority.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { needsNoCase, type Verb } from './verbs/verb.ts'

const NEXT_MAX = 2

/** Which of several sensible commands is offered first; a verb that is not named here comes last. */
const ORDER: readonly string[] = [
  'take',
  'acknowledge',
  'reply',
  'ask',
  'accept',
  'embargo',
  'notice draft',
  'notice preview',
  'notice approve',
  'disclosed',
  'close'
]

/** At most two commands that `context.author` may write now, ready to be copied. */
export function nextCommands(
  draft: Draft,
  context: CommandContext,
  verbs: readonly Verb[]
): { readonly command: string; readonly help: string }[] {
  return [...verbs]
    .sort((a, b) => rank(a) - rank(b))
    .flatMap((verb) => {
      if (needsNoCase(verb) || verb.next === undefined) return []
      if (missingRole(context.author, verb.roles) !== null) return []
      const { tries, writes } = verb.next
      const command = writes(draft, context)
      const isOffered = command !== null && tries(draft, context).kind === 'happened'
      return isOffered ? [{ command, help: verb.help }] : []
    })
    .slice(0, NEXT_MAX)
}

function rank({ name }: Verb): number {
  const at = ORDER.indexOf(name)
  return at < 0 ? ORDER.length : at
}
