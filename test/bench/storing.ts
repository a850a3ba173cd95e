// Acknowledged JetStream publishes a second: a nats-server that syncs always, one with its
// default (an acknowledgement before the disk has it), and nats-edge, which always syncs. The last
// column: our share of our core and the load's of its own; a load near 100 % is what was measured.

import { type AckedShape, measureAcked } from './acked.ts'
import { cpuMs, median } from './process.ts'
import { newestVersion, startStoring } from './servers.ts'

export interface StoringOptions {
  readonly depths: readonly number[]
  readonly rounds: number
  readonly ms: number
  /** The program. */
  readonly main: string
}

const payloadBytes = 128

/** Of a nats-server that syncs always, and of one with its default, by messages in flight. */
const goals: readonly { readonly from: number; readonly always: number; readonly lazy: number }[] =
  [
    { from: 4096, always: 10, lazy: 0.5 },
    { from: 256, always: 10, lazy: 0 },
    { from: 2, always: 1, lazy: 0 },
    { from: 0, always: 0.8, lazy: 0 },
  ]
/** One more row: the publishes of the deepest, all with one reply subject. */
const oneReplyFrom = 4096

/** Returns the depths at which we are behind what we promise. */
export async function storing(options: StoringOptions): Promise<string[]> {
  const contest = await startStoring(options.main)
  const { always, lazy, ours: edge } = contest
  try {
    const version = newestVersion()
    console.log(`acknowledged publishes/s of ${payloadBytes} B, nats-server ${version}, medians`)
    console.log(
      row('in flight', 'sync always', 'its default', 'nats-edge', 'to always', 'to default', 'cpu'),
    )
    const behind: string[] = []
    // A server on a board runs for months: what it has compiled by then, it has compiled here.
    for (const { port } of [always, lazy, edge]) {
      for (const inFlight of [1, 16, Math.max(...options.depths)])
        await measureAcked(port, { payloadBytes, inFlight }, 2 * options.ms)
    }
    const rows = options.depths.map(inFlight => ({ payloadBytes, inFlight, hasOneReply: false }))
    const deepest = rows.at(-1)
    if (deepest && deepest.inFlight >= oneReplyFrom) rows.push({ ...deepest, hasOneReply: true })
    for (const shape of rows) {
      const rates: [number[], number[], number[]] = [[], [], []]
      const busy: Busy[] = []
      for (let round = 0; round < options.rounds; round++) {
        for (const [at, one] of [always, lazy, edge].entries()) {
          const before = busyOf(one.pid)
          rates[at]?.push(await measureAcked(one.port, shape, options.ms))
          if (one === edge) busy.push(since(before, busyOf(one.pid)))
        }
      }
      const medians = rates.map(median) as [number, number, number]
      behind.push(...judge(shape, medians, busy))
    }
    return behind
  } finally {
    await contest.stop()
  }
}

/** Prints a row; returns what is behind. */
function judge(
  { inFlight, hasOneReply }: AckedShape,
  [theirs, unsynced, ours]: readonly [number, number, number],
  busy: readonly Busy[],
): string[] {
  const goal = goals.find(({ from }) => inFlight >= from)
  const behind: string[] = []
  const ratios = [
    ['always', ours / theirs, goal?.always ?? 0],
    ['default', ours / unsynced, goal?.lazy ?? 0],
  ] as const
  const cells = ratios.map(([name, ratio, least]) => {
    if (ratio >= least) return ratio.toFixed(2)
    behind.push(`${inFlight} in flight: ${ratio.toFixed(2)} of ${name}, not ${least}`)
    return `${ratio.toFixed(2)} <`
  })
  const label = hasOneReply ? 'one reply' : String(inFlight)
  const shares = [median(busy.map(one => one.serverMs)), median(busy.map(one => one.loadMs))]
  const cpu = shares.map(share => `${Math.round(share * 100)} %`).join(', ')
  console.log(row(label, ...[theirs, unsynced, ours].map(count), ...cells, cpu))
  return behind
}

/** CPU time of our server and of the load; of a stretch: the share of a core each took. */
interface Busy {
  readonly atMs: number
  readonly serverMs: number
  readonly loadMs: number
}

function busyOf(pid: number): Busy {
  const loadMs = cpuMs(process.pid)
  return { atMs: performance.now(), serverMs: cpuMs(pid), loadMs }
}

function since(before: Busy, after: Busy): Busy {
  const ms = after.atMs - before.atMs
  return {
    atMs: ms,
    serverMs: (after.serverMs - before.serverMs) / ms,
    loadMs: (after.loadMs - before.loadMs) / ms,
  }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function row(...cells: readonly string[]): string {
  return cells.map(cell => cell.padStart(12)).join('  ')
}
