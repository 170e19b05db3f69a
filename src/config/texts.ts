/**
 * Reads the mail texts: the Liquid files beside the program, by name. Must never judge what they say: `messages/` does.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const EXTENSION = '.liquid'

/** One wording: its Liquid text and the file that it is from. */
export type Wording = { readonly file: string; readonly source: string }

/** Every wording by its name, read at once so that all of the program sees the same; an operator's folder goes first. */
export function readTexts(own: string | null): ReadonlyMap<string, Wording> {
  const builtIn = new Map(wordingsIn(fileURLToPath(new URL('../messages/', import.meta.url))))
  return own === null ? builtIn : new Map([...builtIn, ...wordingsIn(own)])
}

function wordingsIn(folder: string): [name: string, Wording][] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => {
      const file = join(folder, name)
      return [name.slice(0, -EXTENSION.length), { file, source: readFileSync(file, 'utf8') }]
    })
}
