// Acknowledged JetStream publishes a second: a nats-server that syncs always, one with its
// default (an acknowledgement before the disk has it), and nats-edge, which always syncs.

import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { natsServer, natsServerVersion } from '../support/peers.ts'
import { measureAcked } from './acked.ts'
import { median, pinned } from './process.ts'

export interface StoringOptions {
  readonly depths: readonly number[]
  readonly rounds: number
  readonly ms: number
  /** The program. */
  readonly main: string
}

const payloadBytes = 128

/** Returns the depths at which we are behind what we promise. */
export async function storing(options: StoringOptions): Promise<string[]> {
  const always = await startHub({
    jetstream: true,
    jetstreamConf: 'sync_interval: always',
    wrap: pinned(),
  })
  const lazy = await startHub({ jetstream: true, wrap: pinned() })
  const edge = await startEdge({ main: options.main, jetstream: true, wrap: pinned() })
  try {
    const version = natsServerVersion(natsServer('newest'))
    console.log(`acknowledged publishes/s of ${payloadBytes} B, nats-server ${version}, medians`)
    console.log(
      row('in flight', 'sync always', 'its default', 'nats-edge', 'to always', 'to default'),
    )
    const behind: string[] = []
    // A server on a board runs for months: what it has compiled by then, it has compiled here.
    for (const { port } of [always, lazy, edge]) {
      for (const inFlight of [1, 16])
        await measureAcked(port, { payloadBytes, inFlight }, 2 * options.ms)
    }
    for (const inFlight of options.depths) {
      const ports = [always.port, lazy.port, edge.port]
      const rates: [number[], number[], number[]] = [[], [], []]
      for (let round = 0; round < options.rounds; round++) {
        for (const [at, port] of ports.entries()) {
          rates[at]?.push(await measureAcked(port, { payloadBytes, inFlight }, options.ms))
        }
      }
      const [theirs, unsynced, ours] = rates.map(median) as [number, number, number]
      const ratio = ours / theirs
      const goal = inFlight >= 256 ? 5 : 1
      if (ratio < goal) behind.push(`${inFlight} in flight: ${ratio.toFixed(2)}, not ${goal}`)
      const mark = ratio < goal ? ' <' : ''
      const ratios = [ratio.toFixed(2) + mark, (ours / unsynced).toFixed(2)]
      console.log(row(String(inFlight), ...[theirs, unsynced, ours].map(count), ...ratios))
    }
    return behind
  } finally {
    await edge.stop()
    await lazy.stop()
    await always.stop()
  }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function row(...cells: readonly string[]): string {
  return cells.map(cell => cell.padStart(12)).join('  ')
}
