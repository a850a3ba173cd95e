// The rows `mappings`: of an account, and at the top of the file those of the global one
// (reference 2.4). Texts of errors are nats-server's.

import { mappingFault } from '../account/mappings.ts'
import type { MappedTo, MappingRule } from '../account/sharing.ts'
import { isPattern } from '../subject/subject.ts'
import type { Block, ConfEntry, ConfNode, Report } from './option.ts'

const mappingsMax = 1024
const destinationsMax = 100

const destinationBlock = {
  destination: {
    type: 'string',
    default: null,
    aliases: ['dest'],
    about: 'Subject that it becomes; may use the mapping functions.',
  },
  weight: { type: 'string', default: null, about: 'Percent of the messages: `25` or "25%".' },
  cluster: { type: 'string', default: null, about: 'Only on servers of this cluster.' },
} as const satisfies Block

export const mappingsRow = {
  type: 'custom',
  default: [] as readonly MappingRule[],
  defaultText: '',
  read: readMappings,
  block: destinationBlock,
  reloadable: true,
} as const

export function readMappings(node: ConfNode, report: Report): readonly MappingRule[] {
  if (node.is !== 'map') {
    report.error(node.place, 'Expected mappings to be a map/struct')
    return []
  }
  if (node.entries.size > mappingsMax) {
    report.error(node.place, `more than ${mappingsMax} mappings`)
    return []
  }
  const rules: MappingRule[] = []
  for (const { key: from, node: value } of node.entries.values()) {
    if (!isPattern(from)) {
      report.error(value.place, `Subject "${from}" is not a valid subject`)
      continue
    }
    const to = readDestinations(value, report)
    if (to === null) continue
    const rule = { from, to }
    const wrong = mappingFault(rule)
    if (wrong === null) rules.push(rule)
    else {
      const what = value.is === 'string' ? `"${from}" to "${value.value}"` : `"${from}"`
      report.error(value.place, `Error adding mapping for ${what} : ${wrong}`)
    }
  }
  return rules
}

function readDestinations(node: ConfNode, report: Report): readonly MappedTo[] | null {
  if (node.is === 'string') return [{ subject: node.value, weight: 100, cluster: '' }]
  const items = node.is === 'list' ? node.items : [node]
  if (items.length > destinationsMax) {
    report.error(node.place, `more than ${destinationsMax} destinations of one mapping`)
    return null
  }
  const read = items.map(item => readDestination(item, report))
  return read.every(one => one !== null) ? read : null
}

function readDestination(node: ConfNode, report: Report): MappedTo | null {
  if (node.is !== 'map') {
    report.error(node.place, 'Expected an entry for the mapping destination')
    return null
  }
  let subject = ''
  let cluster = ''
  let weight: number | null | undefined
  for (const entry of node.entries.values()) {
    const { key, node: value } = entry
    switch (key.toLowerCase()) {
      case 'dest':
      case 'destination':
        subject = textOf(entry, report)
        break
      case 'cluster':
        cluster = textOf(entry, report)
        break
      case 'weight':
        weight = readWeight(value, report)
        if (weight === null) return null
        break
      default:
        report.error(entry.keyPlace, `Unknown field "${key}" for mapping destination`)
        return null
    }
  }
  if (weight !== undefined) return { subject, weight: weight ?? 0, cluster }
  report.error(node.place, `Missing weight for mapping destination "${subject}"`)
  return null
}

function readWeight(node: ConfNode, report: Report): number | null {
  if (node.is !== 'string' && node.is !== 'integer') {
    report.error(node.place, 'Unknown entry type for weight')
    return null
  }
  const text = node.is === 'integer' ? String(node.value) : node.value.replace(/%$/, '')
  const weight = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (weight >= 0 && weight <= 100) return weight
  const shown = Number.isNaN(weight) ? `"${text}"` : weight
  report.error(node.place, `Invalid weight ${shown} for mapping destination`)
  return null
}

function textOf({ key, node }: ConfEntry, report: Report): string {
  if (node.is === 'string') return node.value
  report.error(node.place, `Expected ${key} of the mapping destination to be a string`)
  return ''
}
