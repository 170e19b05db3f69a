/** All messages that the desk sends, by kind. Nothing is listed here by hand: a definition is in it because it is exported. */
import { type MessageKind } from '../domain/message.ts'
import { type AnyDefinition } from './define.ts'
import * as toMaintainers from './to-maintainers.ts'
import * as toMembers from './to-members.ts'
import * as toReporters from './to-reporters.ts'

/** Every definition, whatever its parameters are. */
export const MESSAGES: readonly AnyDefinition[] = [
  ...Object.values(toReporters),
  ...Object.values(toMaintainers),
  ...Object.values(toMembers)
]

const NOUNS = new Map(MESSAGES.map(({ kind, noun }) => [kind, noun]))

/** What people call a message of this kind, to be used after "the". */
export function nounOf(kind: MessageKind): string {
  return NOUNS.get(kind) ?? kind
}
