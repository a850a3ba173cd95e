// Core messages a second: a nats-server and nats-edge in turn on the same core, the load on
// another one, medians of several rounds. Where the load could not keep a server busy, the ratio
// says nothing: there the messages per second of the server's own CPU time are compared.

import { natsServer, natsServerVersion } from '../support/peers.ts'
import { type Contender, type Contest, inTurn, startContest } from './contest.ts'
import { measure, type Shape } from './load.ts'
import { cpuMs, median } from './process.ts'

export interface ThroughputOptions {
  readonly sizes: readonly number[]
  /** `publishers:subscribers`. */
  readonly fans: readonly string[]
  /** More shapes, by name. */
  readonly shapes?: Readonly<Record<string, Shape>>
  /** Each server on one core, the load on another; else all where the kernel likes. */
  readonly isPinned: boolean
  /** What the geometric mean of the ratios must reach; null: only each cell counts. */
  readonly meanGoal: number | null
  readonly rounds: number
  readonly ms: number
  /** The program. */
  readonly main: string
}

/** Share of its core below which the load was the limit. */
const saturatedMin = 0.9

/** What a round gave, and the share of a core that it took. */
interface Round {
  readonly rate: number
  readonly busy: number
}

/** Returns the cells in which we are behind what we promise. */
export async function throughput(options: ThroughputOptions): Promise<string[]> {
  const contest = await startContest(options.main, options.isPinned)
  try {
    return await compare(contest, options)
  } finally {
    await contest.stop()
  }
}

async function compare(contest: Contest, options: ThroughputOptions): Promise<string[]> {
  const { rounds, isPinned, meanGoal } = options
  const version = natsServerVersion(natsServer('newest'))
  const where = isPinned ? 'each on one core' : 'on all cores'
  console.log(`core messages/s, delivered (1:0: published), ${where}, medians of ${rounds} rounds`)
  const servers = [`nats-server ${version}`, 'nats-edge']
  console.log(row('bytes', 'pub:sub', ...servers, 'ratio', 'per cpu', 'cpu of each'))
  const behind: string[] = []
  const ratios: number[] = []
  for (const [name, shape] of shapesOf(options)) {
    const [theirs, ours] = await inTurn(contest, rounds, (one, isWarmUp) =>
      measureRound(one, shape, isWarmUp ? options.ms / 2 : options.ms),
    )
    const judged = show(name, shape, theirs, ours, isPinned)
    ratios.push(judged)
    if (judged < 1 && isPinned)
      behind.push(`${shape.payloadBytes} B ${name}: ${judged.toFixed(2)}, not 1`)
  }
  const mean = Math.exp(ratios.reduce((sum, one) => sum + Math.log(one), 0) / ratios.length)
  console.log(`geometric mean of the ratios: ${mean.toFixed(2)}`)
  if (meanGoal !== null && mean < meanGoal) {
    behind.push(`geometric mean ${where}: ${mean.toFixed(2)}, not ${meanGoal}`)
  }
  return behind
}

function shapesOf({ sizes, fans, shapes }: ThroughputOptions): [string, Shape][] {
  const list: [string, Shape][] = []
  for (const payloadBytes of sizes) {
    for (const fan of fans) {
      const [publishers = 1, subscribers = 0] = fan.split(':').map(Number)
      list.push([fan, { payloadBytes, publishers, subscribers }])
    }
  }
  return [...list, ...Object.entries(shapes ?? {})]
}

/** Prints a row; returns the ratio that counts. */
function show(
  name: string,
  { payloadBytes }: Shape,
  theirs: readonly Round[],
  ours: readonly Round[],
  isPinned: boolean,
): number {
  const rates = [theirs, ours].map(all => median(all.map(one => one.rate)))
  const busy = [theirs, ours].map(all => median(all.map(one => one.busy)))
  const [theirRate = 0, ourRate = 0] = rates
  const [theirBusy = 0, ourBusy = 0] = busy
  const ratio = ourRate / theirRate
  const perCpu = (ratio * theirBusy) / ourBusy
  const isSaturated = Math.min(theirBusy, ourBusy) >= saturatedMin
  const judged = isSaturated || !isPinned ? ratio : perCpu
  const mark = judged < 1 ? ' <' : ''
  const counts = rates.map(rate => Math.round(rate).toLocaleString('en-US'))
  const shares = busy.map(share => `${Math.round(share * 100)} %`.padStart(6)).join(' ')
  const figures = [ratio.toFixed(2) + mark, perCpu.toFixed(2), shares]
  console.log(row(String(payloadBytes), name, ...counts, ...figures))
  return judged
}

async function measureRound({ port, pid }: Contender, shape: Shape, ms: number): Promise<Round> {
  const beforeMs = performance.now()
  const beforeCpuMs = cpuMs(pid)
  const { perSecond } = await measure(port, shape, ms)
  const busy = (cpuMs(pid) - beforeCpuMs) / (performance.now() - beforeMs)
  return { rate: perSecond, busy }
}

function row(...cells: readonly string[]): string {
  const widths = [6, 8, 20, 14, 8, 8, 14]
  return cells.map((cell, at) => cell.padStart(widths[at] ?? 12)).join('  ')
}
