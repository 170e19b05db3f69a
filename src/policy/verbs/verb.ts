/**
 * What a verb is: everything that the parser, the role check, `/help`, README and the answer to commands know about one
 * command, in one object. Types and words only; `index.ts` lists the verbs.
 */
import { type Decision } from '../../domain/decision.ts'
import { type EventKind } from '../../domain/event.ts'
import { type Role } from '../../domain/role.ts'
import { type Maintainer } from '../../domain/settings.ts'
import { type Block } from '../../messages/to-maintainers.ts'
import { type Command, type DeskContext, type Draft, type Handler } from '../draft.ts'

/** Who may act: everybody but an advisor, who only reads and writes notes. */
const ACTING: readonly Role[] = ['committer', 'release', 'approver', 'list-admin']

/** Where the text of a maintainer stands in a message that says a decision. */
export const TEXT_BELOW_DECISION =
  'The desk says the decision in its own words; your text follows below them.'

/** Where the text below a command goes, and whether the command makes sense without any. */
export type VerbText = {
  /** `fields` are `key: value` lines. */
  readonly goesTo: 'reporter' | 'member' | 'maintainers' | 'fields'
  readonly isOptional: boolean
  /** Names of its fields. */
  readonly keys?: readonly string[]
}

/** What a verb that needs no case answers, perhaps with a longer answer below, and what is sent. */
export type DeskAnswer = {
  readonly says: string
  readonly block?: Block
  readonly decisions?: readonly Decision[]
}

type About = {
  /** As typed after the slash, in lower case: one word, or two such as `notice draft`. */
  readonly name: string
  /** Synopsis of what stands behind it on the same line: `CODE`, `[because REASON]`. */
  readonly arguments?: string
  /** Roles of which the author needs one; empty where every maintainer may, {@link ACTING} unless given. */
  readonly roles?: readonly Role[]
  readonly text?: VerbText
  /** One line that goes on after the synopsis: `makes the case yours`. */
  readonly help: string
  /** More sentences for `/help COMMAND`. */
  readonly more?: string
}

/** One command. It is about a case unless `binds` says otherwise. */
export type Verb = DeskVerb | CaseVerb

/** A verb that runs in any message of a maintainer, also in one that names no case, and changes no case. */
export type DeskVerb = About & {
  readonly binds: 'desk'
  readonly casesAfter?: undefined
  readonly run: (command: Command, context: DeskContext, verbs: readonly Verb[]) => DeskAnswer
}

/** A verb that takes the working copy of a case. */
export type CaseVerb = About & {
  /** `notice`: it needs the members of the product that the case had before the message. */
  readonly binds?: 'notice'
  /** Whether it also runs under the number of a case that was merged into another one, in that other one. */
  readonly followsMerges?: true
  /** Where it may name the cases in which it is to run: behind so many words of its own. */
  readonly casesAfter?: number
  /** What to say where it names none, in a message that names none either. */
  readonly withoutCases?: (context: DeskContext) => string
  readonly run: Handler
  readonly next?: NextStep
}

/** When a command may be offered as the next step. No states are listed: the machine for cases knows which. */
export type NextStep = {
  /** The event of the command: where the machine refuses it, the command is not offered. */
  readonly happens: EventKind
  /** The command, ready to be copied; null where it has nothing left to do. */
  readonly writes: (draft: Draft) => string | null
}

export function rolesOf({ roles = ACTING }: Pick<Verb, 'roles'>): readonly Role[] {
  return roles
}

/** The roles of which a maintainer would need one for a verb; empty when they have one of them or no role is needed. */
export function missingRoles(
  { roles: has }: Pick<Maintainer, 'roles'>,
  needed: readonly Role[] = ACTING
): readonly Role[] {
  return needed.some((role) => has.includes(role)) ? [] : needed
}

export function needsNoCase(verb: Verb): verb is DeskVerb {
  return verb.binds === 'desk'
}

/** What a person types: `/notice approve CODE`. */
export function synopsis(verb: Pick<Verb, 'name' | 'arguments'>): string {
  return `/${verb.name} ${verb.arguments ?? ''}`.trim()
}

/** The verbs whose names begin with this word: one, several (`notice`), or none. */
export function verbsUnder<V extends Pick<Verb, 'name'>>(verbs: readonly V[], word: string): V[] {
  return verbs.filter(({ name }) => name === word || name.startsWith(`${word} `))
}
