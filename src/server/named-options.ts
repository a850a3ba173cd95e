// Options that hold names of the user's or of nats-server's choosing: server_metadata,
// feature_flags, write_timeout. Rule: reference section 2.2.

import type { ConfNode, Report } from './option.ts'

/** Shown on every monitoring page that shows the server: there is a bound. */
const entriesMax = 256
const textBytesMax = 4096

type Texts = Readonly<Record<string, string>>
type Switches = Readonly<Record<string, boolean>>

const none: Readonly<Record<string, never>> = {}

export const metadataRow = {
  type: 'custom',
  default: none as Texts,
  reloadable: true,
  read: readMetadata,
  about: 'Names and values of your own, shown by monitoring: { rack: "7", site: "harbour" }.',
} as const

export const featureFlagsRow = {
  type: 'custom',
  default: none as Switches,
  read: readFeatureFlags,
  about: 'Switches of nats-server 2.14, shown by monitoring; what they switch is not here.',
} as const

export const writeTimeoutRow = {
  type: 'custom',
  default: 'default',
  read: readWriteTimeout,
  about: 'One of default, close, retry; all close who takes nothing within write_deadline.',
} as const

function readMetadata(node: ConfNode, report: Report): Texts {
  if (node.is !== 'map') {
    report.error(node.place, `error parsing metadata: unsupported type ${node.is}`)
    return none
  }
  return entriesOf(node, report, (value, place) => {
    if (value.is === 'string' && Buffer.byteLength(value.value) <= textBytesMax) return value.value
    const wanted = `a text of at most ${textBytesMax} bytes`
    report.error(place, `server_metadata holds something that is not ${wanted}`)
    return null
  })
}

function readFeatureFlags(node: ConfNode, report: Report): Switches {
  if (node.is !== 'map') {
    report.error(node.place, `error parsing feature flags: unsupported type ${node.is}`)
    return none
  }
  return entriesOf(node, report, (value, place, name) => {
    if (value.is === 'boolean') {
      report.note?.(place, `feature flag "${name}" has no effect in nats-edge`)
      return value.value
    }
    report.error(place, `error parsing feature flag "${name}": expected bool, got ${value.is}`)
    return null
  })
}

function entriesOf<T>(
  { entries, place }: Extract<ConfNode, { is: 'map' }>,
  report: Report,
  read: (value: ConfNode, place: ConfNode['place'], name: string) => T | null,
): Readonly<Record<string, T>> {
  const found: [string, T][] = []
  if (entries.size > entriesMax) report.error(place, `more than ${entriesMax} entries`)
  for (const { key, keyPlace, node } of entries.values()) {
    const value = read(node, keyPlace, key)
    if (value !== null) found.push([key, value])
  }
  return Object.fromEntries(found)
}

function readWriteTimeout(node: ConfNode, report: Report): string {
  if (node.is === 'string' && ['default', 'close', 'retry'].includes(node.value)) return node.value
  report.error(node.place, "write_timeout must be 'default', 'close' or 'retry'")
  return 'default'
}
