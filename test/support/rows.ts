/**
 * The cases of a test as a table: a line each, its cells apart by ` | `, of which all are text. `\n` in a cell is the end of a
 * line, `\t` a tab, `\\` a backslash. For `it.each` where a list of lists would take a screen to say what fits on a few lines.
 */
export function rows(text: TemplateStringsArray, ...values: readonly string[]): string[][] {
  return String.raw(text, ...values)
    .trim()
    .split('\n')
    .map((row) => `${row} `.split(' | ').map((cell) => unescaped(cell.trim())))
}

const MARKS: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\' }

function unescaped(cell: string): string {
  return cell.replaceAll(/\\([nt\\])/g, (_, mark: string) => MARKS[mark] ?? '')
}
