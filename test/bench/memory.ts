// Anonymous memory: idle with every room loaded, and with 100, 1,000 and 5,000 connections that
// have one subscription each.

import { join } from 'node:path'
import { scratch } from '../support/directory.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { program } from '../support/peers.ts'
import { start } from '../support/process.ts'
import { openIdle } from './idle.ts'
import { rssAnonKib } from './process.ts'

const counts = [100, 1000, 5000]
/** From here on ours is below theirs. */
const belowFrom = 1000
/** Time for garbage to be collected and pages to be given back. */
const restMs = 3000
const idleMibGoal = 30

/** Returns what is over what we promise. */
export async function memory(main: string): Promise<string[]> {
  const hub = await startHub({ jetstream: 'hub', leaf: true, monitor: true })
  // A hub of its own: what its clients subscribe to is told to our edge.
  const other = await startHub({ jetstream: 'hub', leaf: true, monitor: true })
  const dir = scratch('bench-serial')
  const ends = [join(dir, 'a'), join(dir, 'b')]
  const socat = await start(
    program('socat'),
    ends.map(path => `pty,raw,echo=0,link=${path}`),
  )
  const edge = await startEdge({
    main,
    jetstream: 'edge',
    mqtt: true,
    remotes: [`nats-leaf://127.0.0.1:${hub.leafPort}`],
    monitor: true,
    conf: everyRoom(ends[0] ?? ''),
  })
  try {
    await edge.process.waitFor('Leafnode connection created')
    return compare(
      await weigh(other.port, other.process.pid),
      await weigh(edge.port, edge.process.pid),
    )
  } finally {
    await edge.stop()
    await socat.stop()
    await hub.stop()
    await other.stop()
  }
}

function compare(theirs: readonly number[], ours: readonly number[]): string[] {
  const over: string[] = []
  const mib = (kib: number) => `${(kib / 1024).toFixed(1)} MiB`.padStart(14)
  console.log('anonymous memory (RssAnon)        nats-server     nats-edge')
  for (const [at, count] of [0, ...counts].entries()) {
    const [their = 0, our = 0] = [theirs[at], ours[at]]
    const what = count === 0 ? 'idle, every room loaded' : `${count} connections`
    console.log(`${what.padEnd(30)}${mib(their)}${mib(our)}`)
    if (count >= belowFrom && our > their)
      over.push(`${what}: ${mib(our).trim()}, more than theirs`)
  }
  if ((ours[0] ?? 0) > idleMibGoal * 1024) over.push(`idle: more than ${idleMibGoal} MiB`)
  return over
}

/** KiB when idle, and with each count of connections. */
async function weigh(port: number, pid: number): Promise<number[]> {
  await rest()
  const weights = [rssAnonKib(pid)]
  const sockets = []
  for (const count of counts) {
    sockets.push(...(await openIdle(port, count - sockets.length)))
    await rest()
    weights.push(rssAnonKib(pid))
  }
  for (const socket of sockets) socket.destroy()
  return weights
}

function rest(): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, restMs)
  })
}

function everyRoom(port: string): string {
  return `
serial { ports: [ { name: gps, path: "${port}", baud: 9600 } ] }
telemetry { interval: 10s }
schedules [ { name: tick, cron: "0 0 * * *", subject: "tick", payload: "x" } ]
`
}
