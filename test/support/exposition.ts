// Reads Prometheus' text format 0.0.4 by its grammar, stricter than a scraper has to be.

export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface ReadFamily {
  readonly type: string
  readonly help: string
  readonly series: readonly Series[]
}

const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\\n]|\\\\|\\n)+)$/
const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$/
const sample =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/
const pair = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/gy
const number = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/

/** Families by name; throws at the first line that breaks a rule. */
export function readExposition(text: string): Map<string, ReadFamily> {
  const families = new Map<string, ReadFamily>()
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  let open: { name: string; help: string; type: string; series: Map<string, Series> } | null = null
  for (const line of text.slice(0, -1).split('\n')) {
    const bad = (why: string) => new Error(`${why}: ${line}`)
    const helped = help.exec(line)
    if (helped) {
      const [, name = '', about = ''] = helped
      if (families.has(name)) throw bad('a family stands twice')
      open = { name, help: about, type: '', series: new Map() }
      continue
    }
    const typed = type.exec(line)
    if (typed) {
      if (open?.name !== typed[1] || open?.type !== '') throw bad('TYPE without its HELP')
      open.type = typed[2] ?? ''
      families.set(open.name, { help: open.help, type: open.type, series: [] })
      continue
    }
    const read = sample.exec(line)
    if (!read) throw bad('neither HELP, TYPE nor a sample')
    const [, name = '', pairs = '', value = ''] = read
    if (open?.name !== name || open.type === '') throw bad('a sample outside of its family')
    if (!number.test(value)) throw bad('no number')
    if (open.series.has(pairs)) throw bad('a series stands twice')
    open.series.set(pairs, { labels: labelsOf(pairs, bad), value: numberOf(value) })
    families.set(name, { help: open.help, type: open.type, series: [...open.series.values()] })
  }
  return families
}

function labelsOf(text: string, bad: (why: string) => Error): Record<string, string> {
  const labels: Record<string, string> = {}
  let end = 0
  for (const [whole, name = '', value = ''] of text.matchAll(pair)) {
    if (Object.hasOwn(labels, name)) throw bad('a label stands twice')
    labels[name] = value.replace(/\\([\\"n])/g, (_, one) => (one === 'n' ? '\n' : one))
    end += whole.length
  }
  if (end !== text.length) throw bad('broken labels')
  return labels
}

function numberOf(text: string): number {
  return text.endsWith('Inf') ? Number(text.replace('Inf', 'Infinity')) : Number(text)
}
