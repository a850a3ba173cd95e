// Subject mappings of one account: what is published on one subject becomes another, or one of
// several by weight (reference 2.4). The first mapping that fits counts, in the order of the
// rules.
//
// What the weights leave of 100 stays on its own subject, unless the source is named among its
// destinations: then the rest is lost, which is how loss is simulated.

import { hasWildcard, isPattern, matches } from '../subject/subject.ts'
import { newTransform, type SubjectTransform } from '../subject/transform.ts'
import { withPlaces } from '../subject/import-map.ts'
import type { MappedTo, MappingRule } from './sharing.ts'

interface Destination {
  readonly transform: SubjectTransform
  /** Its own weight and those before it: a random number below it means this one. */
  readonly below: number
}

interface Mapping {
  readonly source: string
  readonly anywhere: readonly Destination[]
  readonly inCluster: ReadonlyMap<string, readonly Destination[]>
}

const foundMax = 1024
const percent = 100

export class Mappings {
  readonly rules: readonly MappingRule[]
  readonly #mappings: readonly Mapping[]
  readonly #cluster: () => string
  /** Which mapping a subject has; null = none. Cleared when full. */
  readonly #found = new Map<string, Mapping | null>()

  constructor(rules: readonly MappingRule[], mappings: readonly Mapping[], cluster: () => string) {
    this.rules = rules
    this.#mappings = mappings
    this.#cluster = cluster
  }

  /** The subject to use instead; '' = the message is lost, null = there is no mapping. */
  select(subject: string): string | null {
    let mapping = this.#found.get(subject)
    if (mapping === undefined) {
      mapping = this.#mappings.find(({ source }) => matches(source, subject)) ?? null
      if (this.#found.size >= foundMax) this.#found.clear()
      this.#found.set(subject, mapping)
    }
    if (mapping === null) return null
    const { anywhere, inCluster } = mapping
    const destinations = inCluster.size > 0 ? inCluster.get(this.#cluster()) : undefined
    const chosen = choose(destinations ?? anywhere)
    return chosen === null ? '' : (chosen.transform.apply(subject) ?? '')
  }

  /** For monitoring: every destination with the weights added up, as nats-server shows them. */
  *shown(): Generator<[source: string, destinations: readonly MappedTo[]]> {
    for (const { source, anywhere, inCluster } of this.#mappings) {
      const rows = anywhere.map(one => shown(one, ''))
      for (const [cluster, list] of inCluster) rows.push(...list.map(one => shown(one, cluster)))
      yield [source, rows]
    }
  }

  /** Subjects that peers have to send here, for what becomes of them. */
  get sources(): readonly string[] {
    return this.#mappings.map(({ source }) => source)
  }
}

function shown({ transform, below }: Destination, cluster: string): MappedTo {
  return { subject: transform.destination, weight: below, cluster }
}

function choose(destinations: readonly Destination[]): Destination | null {
  const [first] = destinations
  if (first === undefined) return null
  if (destinations.length === 1 && first.below === percent) return first
  const point = Math.floor(Math.random() * percent)
  return destinations.find(({ below }) => point < below) ?? null
}

/** The mappings, or what is wrong with the first bad one; null = there are none. */
export function newMappings(
  rules: readonly MappingRule[],
  cluster: () => string,
): Mappings | null | string {
  if (rules.length === 0) return null
  const mappings: Mapping[] = []
  for (const rule of rules) {
    const made = newMapping(rule)
    if (typeof made === 'string') return made
    mappings.push(made)
  }
  return new Mappings(rules, mappings, cluster)
}

/** What is wrong with the rule, in nats-server's words; null = nothing. */
export function mappingFault(rule: MappingRule): string | null {
  const made = newMapping(rule)
  return typeof made === 'string' ? made : null
}

function newMapping({ from, to }: MappingRule): Mapping | string {
  if (!isPattern(from)) return 'invalid subject'
  const seen = new Set<string>()
  const byCluster = new Map<string, [SubjectTransform, number][]>()
  for (const { subject, weight, cluster } of to) {
    if (seen.has(subject)) return `duplicate entry for "${subject}"`
    seen.add(subject)
    if (weight > percent) return 'individual weights need to be <= 100'
    const list = byCluster.get(cluster) ?? []
    const sum = list.reduce((total, [, one]) => total + one, weight)
    if (sum > percent) return 'total weight needs to be <= 100'
    const token = subject.split('.').findIndex(part => part === '' || /[\t\n\f\r]/.test(part))
    if (token >= 0) return 'invalid mapping destination: invalid transform'
    const transform = newTransform(from, subject)
    if (typeof transform === 'string') return transform
    list.push([transform, weight])
    byCluster.set(cluster, list)
  }
  const keepsRest = !seen.has(from)
  const inCluster = new Map<string, readonly Destination[]>()
  for (const [cluster, list] of byCluster) {
    if (cluster !== '') inCluster.set(cluster, weighted(from, list, keepsRest))
  }
  return { source: from, anywhere: weighted(from, byCluster.get('') ?? [], keepsRest), inCluster }
}

function weighted(
  from: string,
  list: readonly (readonly [SubjectTransform, number])[],
  keepsRest: boolean,
): readonly Destination[] {
  const all = [...list]
  const sum = all.reduce((total, [, weight]) => total + weight, 0)
  if (sum !== percent && keepsRest) {
    const same = newTransform(from, hasWildcard(from) ? withPlaces(from) : from)
    if (typeof same !== 'string') all.push([same, percent - sum])
  }
  all.sort(([, a], [, b]) => a - b)
  let below = 0
  return all.map(([transform, weight]) => {
    below += weight
    return { transform, below }
  })
}
