// Anonymous memory: idle with every room loaded, and what a thousand idle connections add.

import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { scratch } from '../support/directory.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { program } from '../support/peers.ts'
import { start } from '../support/process.ts'
import { rssAnonKib } from './process.ts'

const connectionCount = 1000
/** Time for garbage to be collected and pages to be given back. */
const restMs = 3000
const idleMibGoal = 30
const connectionKibGoal = 12

/** Returns what is over what we promise. */
export async function memory(main: string): Promise<string[]> {
  const hub = await startHub({ jetstream: 'hub', leaf: true, monitor: true })
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
    const theirs = await weigh(hub.port, hub.process.pid)
    const ours = await weigh(edge.port, edge.process.pid)
    console.log('anonymous memory (RssAnon)      nats-server     nats-edge')
    const mib = (kib: number) => `${(kib / 1024).toFixed(1)} MiB`.padStart(14)
    const each = (kib: number) => `${kib.toFixed(1)} KiB`.padStart(14)
    console.log(`idle, every room loaded        ${mib(theirs.idleKib)}${mib(ours.idleKib)}`)
    console.log(
      `each of ${connectionCount} idle connections${each(theirs.eachKib)}${each(ours.eachKib)}`,
    )
    const over: string[] = []
    if (ours.idleKib > idleMibGoal * 1024) over.push(`idle: more than ${idleMibGoal} MiB`)
    if (ours.eachKib > connectionKibGoal)
      over.push(`a connection: more than ${connectionKibGoal} KiB`)
    return over
  } finally {
    await edge.stop()
    await socat.stop()
    await hub.stop()
  }
}

async function weigh(port: number, pid: number): Promise<{ idleKib: number; eachKib: number }> {
  await rest()
  const idleKib = rssAnonKib(pid)
  const sockets: Socket[] = []
  for (let at = 0; at < connectionCount; at++) sockets.push(await idleConnection(port))
  await rest()
  const eachKib = (rssAnonKib(pid) - idleKib) / connectionCount
  for (const socket of sockets) socket.destroy()
  return { idleKib, eachKib }
}

function idleConnection(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    socket.on('error', reject)
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
      if (received.endsWith('PONG\r\n')) resolve(socket)
      // Answers later pings; what came before is done with.
      if (received.endsWith('PING\r\n')) socket.write('PONG\r\n')
      if (received.endsWith('\r\n')) received = ''
    })
    socket.write('CONNECT {"verbose":false,"lang":"bench","version":"1","name":"idle"}\r\nPING\r\n')
  })
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
