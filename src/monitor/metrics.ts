// /metrics: figures as families of samples in Prometheus' text format, version 0.0.4.
//
// Names are nats_edge_<what>_<unit>, counters end in _total; a family stands together under its
// HELP and TYPE, no series comes twice, and a family has at most `seriesMax` of them: what has more
// peers than that is not watched one by one.

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  /** Without the prefix. */
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly Sample[]
}

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

const prefix = 'nats_edge_'
const seriesMax = 100

/** One sample without labels. */
export function figure(type: Family['type'], name: string, help: string, value: number): Family {
  return { type, name, help, samples: [{ value }] }
}

export function metricsText(families: Iterable<Family>): string {
  let text = ''
  for (const family of families) text += familyText(family)
  return text
}

function familyText({ name, type, help, samples }: Family): string {
  if (samples.length === 0) return ''
  const series = new Map<string, number>()
  for (const { labels, value } of samples) {
    const key = labelsText(labels ?? {})
    if (!series.has(key) && series.size < seriesMax) series.set(key, value)
  }
  const full = prefix + name
  let text = `# HELP ${full} ${helpText(help)}\n# TYPE ${full} ${type}\n`
  for (const [labels, value] of series) text += `${full}${labels} ${valueText(value)}\n`
  return text
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}

function helpText(help: string): string {
  return help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
}

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
