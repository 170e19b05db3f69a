/**
 * The next sensible commands after a message, or for `postern show`: what is left to do, tried against the machine for cases.
 * Never offers a command that the machine refuses or that its author has no role for.
 */
import { aboutCase, BY_DESK, type EventKind, type NewEvent } from '../domain/event.ts'
import { missingRole } from './authority.ts'
import { type CommandContext, type Draft, happen, startDraft } from './draft.ts'
import { needsNoCase, type Verb } from './verbs/verb.ts'

const NEXT_MAX = 2

/** Which of several sensible commands is offered first; a verb that is not named here comes last. */
const ORDER: readonly string[] = [
  'take',
  'acknowledge',
  'plan',
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

/** A command, ready to be copied, and what it does. */
export type NextCommand = { readonly command: string; readonly help: string }

/** The next commands of a case, each with the ids of the maintainers who may write it. */
export function nextForAll(
  context: Omit<CommandContext, 'author'>,
  verbs: readonly Verb[]
): (NextCommand & { readonly by: readonly string[] })[] {
  const draft = startDraft(context)
  const offered = new Map<string, { readonly help: string; readonly by: string[] }>()
  for (const author of context.settings.maintainers)
    for (const { command, help } of nextCommands(draft, { ...context, author }, verbs)) {
      const known = offered.get(command) ?? { help, by: [] }
      known.by.push(author.id)
      offered.set(command, known)
    }
  return [...offered].map(([command, about]) => ({ command, ...about }))
}

/** At most two commands that `context.author` may write now. */
export function nextCommands(
  draft: Draft,
  context: CommandContext,
  verbs: readonly Verb[]
): NextCommand[] {
  return [...verbs]
    .sort((a, b) => rank(a) - rank(b))
    .flatMap((verb) => {
      if (needsNoCase(verb) || verb.next === undefined) return []
      if (missingRole(context.author, verb.roles) !== null) return []
      const command = verb.next.writes(draft, context)
      return command !== null && canHappen(verb.next.happens, draft)
        ? [{ command, help: verb.help }]
        : []
    })
    .slice(0, NEXT_MAX)
}

/** Whether the machine for cases lets it happen now, told to the reporter and without a reason. */
function canHappen(kind: EventKind, draft: Draft): boolean {
  const about = { told: 'told', reason: '' }
  const happening = { kind, subject: aboutCase(draft.case.tag), actor: BY_DESK, about } as NewEvent
  return happen(draft, happening).kind === 'happened'
}

function rank({ name }: Verb): number {
  const at = ORDER.indexOf(name)
  return at < 0 ? ORDER.length : at
}
