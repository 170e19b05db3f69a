/** Tells the story of the demo on the terminal and knows, when something goes wrong, in which chapter that was. */
import { styleText } from 'node:util'

export type Narrator = {
  /** Starts the next chapter. */
  chapter(title: string): void
  /** One thing that has just been seen to be so. */
  saw(line: string): void
  /** Lines without a time, for tables and help. */
  print(...lines: string[]): void
  /** The chapter that is being told. */
  current(): string
}

/** Somebody expected something and saw something else. The message says what. */
export class StoryError extends Error {
  override readonly name = 'StoryError'
}

/** Ends the story unless `isSo`. `what` is the expectation, as a sentence. */
export function expect(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new StoryError(`expected: ${what}`)
}

export function createNarrator(out: NodeJS.WriteStream): Narrator {
  const start = performance.now()
  let chapters = 0
  let title = 'the preparations'
  const write = (line: string): void => {
    out.write(`${line}\n`)
  }
  const style = (format: 'bold' | 'dim', text: string): string =>
    out.isTTY ? styleText(format, text) : text
  return {
    chapter: (next) => {
      chapters += 1
      title = `chapter ${chapters}, "${next}"`
      write(`\n${style('bold', `${chapters}. ${next}`)}`)
    },
    saw: (line) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      write(`${style('dim', `${seconds.padStart(6)} s`)}  ${line}`)
    },
    print: (...lines) => {
      for (const line of lines) write(line)
    },
    current: () => title
  }
}
