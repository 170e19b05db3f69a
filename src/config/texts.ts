/**
 * Reads the wordings of messages: the Liquid files beside the program, by name. Must never check what they say: `messages/` does.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const EXTENSION = '.liquid'

/** One wording: its Liquid text and its file. */
export type Wording = { readonly file: string; readonly source: string }

/** Every wording by its name, read at once so that the whole program sees the same. */
export type Texts =
  | { readonly wordings: ReadonlyMap<string, Wording> }
  | { readonly problem: string }

/** The built-in wordings, each replaced by the one of the same name in the operator's folder, if there is one. */
export function readTexts(own: string | null): Texts {
  const builtIn = builtInTexts()
  if (own === null) return { wordings: builtIn }
  try {
    const wordings = new Map([...builtIn, ...wordingsIn(own)])
    const stray = [...wordings.keys()].filter((name) => !builtIn.has(name))
    if (stray.length === 0) return { wordings }
    const names = stray.map((name) => `${name}${EXTENSION}`).join(', ')
    const known = [...builtIn.keys()].sort().join(', ')
    return {
      problem: `there is no message for ${names}: rename or remove it (the messages are ${known})`
    }
  } catch {
    return { problem: `the folder ${own} cannot be read: check that it exists and its permissions` }
  }
}

/** The wordings beside the program. */
export function builtInTexts(): ReadonlyMap<string, Wording> {
  return new Map(wordingsIn(fileURLToPath(new URL('../messages/', import.meta.url))))
}

function wordingsIn(folder: string): [name: string, Wording][] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => {
      const file = join(folder, name)
      return [name.slice(0, -EXTENSION.length), { file, source: readFileSync(file, 'utf8') }]
    })
}
