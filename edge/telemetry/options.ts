// The `telemetry` block: how the board itself is doing, as a message at an interval.

import type { Block, ConfNode, Report, Values } from '../../src/server/option.ts'
import { isSubject } from '../../src/subject/subject.ts'

export const sensorNames = ['cpu', 'memory', 'temperature', 'disk', 'network'] as const
export type SensorName = (typeof sensorNames)[number]

function readSubject(node: ConfNode, report: Report): string {
  const text = node.is === 'string' ? node.value : ''
  if (!isSubject(text.replaceAll('{server}', 'server'))) {
    report.error(node.place, 'the telemetry subject must be a subject without wildcards')
  }
  return text
}

function readInclude(node: ConfNode, report: Report): readonly SensorName[] {
  const found: SensorName[] = []
  for (const item of node.is === 'list' ? node.items : [node]) {
    const name = item.is === 'string' ? item.value.toLowerCase() : ''
    const sensor = sensorNames.find(known => known === name)
    if (sensor) found.push(sensor)
    else report.error(item.place, `telemetry can include ${sensorNames.join(', ')}`)
  }
  return found
}

export const telemetryBlock = {
  interval: {
    type: 'duration',
    default: 60_000,
    min: 1000,
    max: 86_400_000,
    about: 'Time between two messages.',
  },
  subject: {
    type: 'custom',
    default: 'telemetry.{server}',
    read: readSubject,
    about: 'Subject of the messages; {server} is the name of the server.',
  },
  include: {
    type: 'custom',
    default: sensorNames as readonly SensorName[],
    defaultText: 'all of them',
    read: readInclude,
    about: 'What is measured: cpu, memory, temperature, disk, network.',
  },
  disk_path: {
    type: 'string',
    default: '/',
    about: 'Any path on the file system whose room is measured.',
  },
  account: { type: 'string', default: '$G', about: 'Account of the subject.' },
} as const satisfies Block

export type TelemetryOptions = Values<typeof telemetryBlock>

/** The row of the config file's top level. */
export const telemetryRow = {
  type: 'block',
  block: telemetryBlock,
  about: 'Publishes processor load, memory, temperature, disk and network figures.',
} as const
