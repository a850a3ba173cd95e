// Messages and bytes both ways, as four families.

import type { Family } from './metrics.ts'
import type { Traffic } from './shapes.ts'

export interface Flow {
  readonly labels: Readonly<Record<string, string>>
  readonly traffic: Traffic
}

export function trafficFamilies(
  prefix: string,
  whose: string,
  flows: readonly Flow[],
): readonly Family[] {
  const family = (name: string, what: string, of: (traffic: Traffic) => number): Family => ({
    name: prefix + name,
    type: 'counter',
    help: `${what} ${whose}.`,
    samples: flows.map(({ labels, traffic }) => ({ labels, value: of(traffic) })),
  })
  return [
    family('received_messages_total', 'Messages from the peers', one => one.inMsgs),
    family('received_bytes_total', 'Payload from the peers', one => one.inBytes),
    family('sent_messages_total', 'Messages to the peers', one => one.outMsgs),
    family('sent_bytes_total', 'Payload to the peers', one => one.outBytes),
  ]
}
