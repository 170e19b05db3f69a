/** Tells the story of the demo on the terminal and knows, when something goes wrong, in which chapter that was. */
import { styleText } from 'node:util'

export type Narrator = ReturnType<typeof createNarrator>

/** Ends the story unless `isSo`. `what` is the expectation, as a sentence. */
export function expect(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(`expected: ${what}`)
}

export function createNarrator(out: NodeJS.WriteStream) {
  const start = performance.now()
  let chapters = 0
  let title = 'the preparations'
  const write = (line: string): void => {
    out.write(`${line}\n`)
  }
  const style = (format: 'bold' | 'dim', text: string): string =>
    out.isTTY ? styleText(format, text) : text
  return {
    /** Starts the next chapter. */
    chapter: (next: string): void => {
      chapters += 1
      title = `chapter ${chapters}, "${next}"`
      write(`\n${style('bold', `${chapters}. ${next}`)}`)
    },
    /** One thing that the demo has just seen. */
    saw: (line: string): void => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      write(`${style('dim', `${seconds.padStart(6)} s`)}  ${line}`)
    },
    /** Lines without a time, for tables and help. */
    print: (...lines: string[]): void => {
      for (const line of lines) write(line)
    },
    /** The chapter that is being told. */
    current: () => title
  }
}
