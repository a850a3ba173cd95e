// `compression` of links to other servers, as nats-server reads it. Our links are not compressed:
// the mode is checked, and the other side, which asks before it compresses, sees that we do not.

import type { ConfNode, Report } from './option.ts'

const modes = [
  ...['on', 'enabled', 'true', 'off', 'disabled', 'false', 'not supported', 'not_supported'],
  ...['accept', 'auto', 's2_auto', 'fast', 's2_fast', 'better', 's2_better', 'best', 's2_best'],
  ...['s2_uncompressed', 'uncompressed'],
]

export const compressionRow = {
  type: 'custom',
  default: 'off',
  defaultText: 'off',
  read: readCompression,
  reloadable: true,
  about: 'Checked only: links are not compressed, and the other side falls back to that.',
} as const

function readCompression(node: ConfNode, report: Report): 'off' {
  const mode = node.is === 'map' ? modeIn(node) : node
  if (mode === undefined) return 'off'
  if (mode.is === 'boolean') return 'off'
  if (mode.is !== 'string') {
    report.error(node.place, 'field "compression" should be a boolean or a structure')
  } else if (!modes.includes(mode.value.toLowerCase())) {
    report.error(mode.place, `unsupported compression mode "${mode.value}"`)
  }
  return 'off'
}

function modeIn(node: ConfNode & { is: 'map' }): ConfNode | undefined {
  for (const entry of node.entries.values()) if (/^mode$/i.test(entry.key)) return entry.node
  return undefined
}
