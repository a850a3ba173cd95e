// One screen: on a terminal it is drawn over itself, elsewhere a line is printed when it changed.

export interface Counts {
  readonly seconds: number
  readonly link: 'up' | 'CUT'
  readonly captured: number
  readonly stored: number
  readonly delivered: number
  readonly duplicates: number
}

const barColumns = 50

export class Screen {
  readonly #isTerminal = process.stdout.isTTY === true
  #drawnLines = 0
  #lastText = ''
  #lastSecond = -1

  title(lines: readonly string[]): void {
    process.stdout.write(`${lines.join('\n')}\n\n`)
  }

  show(counts: Counts, most: number): void {
    if (this.#isTerminal) this.#draw(counts, most)
    else this.#print(counts)
  }

  #draw(counts: Counts, most: number): void {
    const { captured, stored, delivered, duplicates, link, seconds } = counts
    const lines = [
      `link to the hub  ${link === 'up' ? '\u001b[32mup \u001b[0m' : '\u001b[31mCUT\u001b[0m'}   ${seconds.toFixed(0)} s`,
      bar('captured', captured, most),
      bar('stored', stored, most),
      bar('delivered', delivered, most),
      `  on the way ${String(captured - delivered).padStart(6)}`,
      `  duplicates ${String(duplicates).padStart(6)}`,
    ]
    if (this.#drawnLines > 0) process.stdout.write(`\u001b[${this.#drawnLines}A`)
    process.stdout.write(lines.map(line => `\u001b[2K${line}\n`).join(''))
    this.#drawnLines = lines.length
  }

  #print(counts: Counts): void {
    const { captured, stored, delivered, duplicates, link, seconds } = counts
    const text =
      `link ${link.padEnd(3)}  captured ${captured}  stored ${stored}  delivered ${delivered}` +
      `  on the way ${captured - delivered}  duplicates ${duplicates}`
    const second = Math.floor(seconds)
    if (text === this.#lastText || second === this.#lastSecond) return
    this.#lastText = text
    this.#lastSecond = second
    process.stdout.write(`${String(second).padStart(3)} s  ${text}\n`)
  }
}

function bar(label: string, value: number, most: number): string {
  const filled = Math.round((Math.min(value, most) / Math.max(1, most)) * barColumns)
  return `  ${label.padEnd(10)} ${String(value).padStart(6)}  ${'█'.repeat(filled)}`
}
