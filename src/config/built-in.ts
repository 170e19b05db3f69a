/**
 * Reads the YAML files that come with the program, in `src` or, written as JSON by build.mjs, in `dist`. They are trusted: an
 * operator's file is read by yaml.ts.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** The content of a file by its path in the program, like `messages/history.yaml`. */
export function readBuiltIn(path: string): unknown {
  const source = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
  return source.startsWith('{')
    ? JSON.parse(source)
    : parse(source, { merge: true, maxAliasCount: -1 })
}
