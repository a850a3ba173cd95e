// Core messages a second: a nats-server and nats-edge in turn on the same core, the load on
// another one, medians of several rounds. Where the load could not keep a server busy, the ratio
// says nothing: there the messages per second of the server's own CPU time are compared.

import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { natsServer, natsServerVersion } from '../support/peers.ts'
import { measure, type Shape } from './load.ts'
import { cpuMs, median, pinned } from './process.ts'

export interface ThroughputOptions {
  readonly sizes: readonly number[]
  /** `publishers:subscribers`. */
  readonly fans: readonly string[]
  readonly rounds: number
  readonly ms: number
  /** The program. */
  readonly main: string
}

/** Share of its core below which the load was the limit. */
const saturatedMin = 0.9

interface Contender {
  readonly port: number
  readonly pid: number
}

interface Cell {
  readonly rates: number[]
  readonly busy: number[]
}

/** Returns the cells in which we are behind what we promise. */
export async function throughput(options: ThroughputOptions): Promise<string[]> {
  const hub = await startHub({ wrap: pinned() })
  const edge = await startEdge({ main: options.main, wrap: pinned() })
  try {
    return await compare(hub, edge, options)
  } finally {
    await edge.stop()
    await hub.stop()
  }
}

async function compare(hub: Hub, edge: Edge, options: ThroughputOptions): Promise<string[]> {
  const version = natsServerVersion(natsServer('newest'))
  console.log(`core messages/s, delivered (1:0: published), medians of ${options.rounds} rounds`)
  console.log(
    row(
      'bytes',
      'pub:sub',
      `nats-server ${version}`,
      'nats-edge',
      'ratio',
      'per cpu',
      'cpu of each',
    ),
  )
  const behind: string[] = []
  for (const payloadBytes of options.sizes) {
    for (const fan of options.fans) {
      const [publishers = 1, subscribers = 0] = fan.split(':').map(Number)
      const shape = { payloadBytes, publishers, subscribers }
      const [theirs, ours] = await alternate(
        [
          { port: hub.port, pid: hub.process.pid },
          { port: edge.port, pid: edge.process.pid },
        ],
        shape,
        options,
      )
      const ratio = median(ours.rates) / median(theirs.rates)
      const perCpu = (ratio * median(theirs.busy)) / median(ours.busy)
      const goal = payloadBytes <= 128 ? 1.2 : 1
      const isSaturated = Math.min(median(theirs.busy), median(ours.busy)) >= saturatedMin
      const judged = isSaturated ? ratio : perCpu
      if (judged < goal) behind.push(`${payloadBytes} B ${fan}: ${judged.toFixed(2)}, not ${goal}`)
      const mark = judged < goal ? ' <' : ''
      const busy = `${percent(theirs)} ${percent(ours)}`
      const ratios = [ratio.toFixed(2) + mark, perCpu.toFixed(2)] as const
      const cells = [count(theirs), count(ours), ...ratios, busy] as const
      console.log(row(String(payloadBytes), fan, ...cells))
    }
  }
  return behind
}

/** Theirs, ours, theirs, ours: a neighbour on the machine then hurts both. */
async function alternate(
  [theirs, ours]: readonly [Contender, Contender],
  shape: Shape,
  { rounds, ms }: ThroughputOptions,
): Promise<readonly [Cell, Cell]> {
  const cells = [newCell(), newCell()] as const
  for (const one of [theirs, ours]) await measure(one.port, shape, ms / 2)
  for (let round = 0; round < rounds; round++) {
    await add(cells[0], theirs, shape, ms)
    await add(cells[1], ours, shape, ms)
  }
  return cells
}

async function add(cell: Cell, { port, pid }: Contender, shape: Shape, ms: number): Promise<void> {
  const beforeMs = performance.now()
  const beforeCpuMs = cpuMs(pid)
  const { perSecond } = await measure(port, shape, ms)
  cell.rates.push(perSecond)
  cell.busy.push((cpuMs(pid) - beforeCpuMs) / (performance.now() - beforeMs))
}

function newCell(): Cell {
  return { rates: [], busy: [] }
}

function percent(cell: Cell): string {
  return `${Math.round(median(cell.busy) * 100)} %`.padStart(6)
}

function count(cell: Cell): string {
  return Math.round(median(cell.rates)).toLocaleString('en-US')
}

function row(...cells: readonly string[]): string {
  const widths = [6, 8, 20, 14, 8, 8, 14]
  return cells.map((cell, at) => cell.padStart(widths[at] ?? 12)).join('  ')
}
