/**
 * Reads the mail texts: the Liquid files beside the program, by name. Must never judge what they say: `templates/` does.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const EXTENSION = '.liquid'

/** The source of every mail text, read at once so that all of the program sees the same wording. */
export function readTexts(): ReadonlyMap<string, string> {
  const folder = new URL('../templates/', import.meta.url)
  const files = readdirSync(fileURLToPath(folder)).filter((name) => name.endsWith(EXTENSION))
  return new Map(
    files.map((name) => [
      name.slice(0, -EXTENSION.length),
      readFileSync(new URL(name, folder), 'utf8')
    ])
  )
}
