// An hour's worth of an edge node's life, bounded by count: connections that come, subscribe,
// publish and go, and reloads in between. Afterwards the memory is what it was.

import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { type Edge, startEdge } from '../support/edge.ts'
import { rssAnonKib } from './process.ts'

/** Ten a second for an hour. */
const connectionCount = 36_000
const subscriptionsEach = 10
const publishesEach = 100
/** One a minute. */
const reloadCount = 60
const atOnce = 50
/** Once it is quiet, memory is given back within ten seconds or two (src/server/trim.ts). */
const restMs = 25_000
/** The first of these rounds warms up: what it leaves behind is the start. */
const roundCount = 10
const growthMax = 1.1
/** Few closed connections are remembered, so that the warm-up fills their list. */
const conf = `
max_closed_clients: 1000
authorization { users: [ { user: a, password: a }, { user: b, password: b } ] }
`

/** Returns what did not come back. */
export async function soak(main: string): Promise<string[]> {
  const edge = await startEdge({ main, jetstream: 'edge', monitor: true, conf })
  try {
    const { pid } = edge.process
    await live(edge, 0)
    await rest()
    const firstKib = rssAnonKib(pid)
    for (let round = 1; round <= roundCount; round++) await live(edge, round)
    const busyKib = rssAnonKib(pid)
    await rest()
    const lastKib = rssAnonKib(pid)
    const mib = (kib: number) => `${(kib / 1024).toFixed(1)} MiB`
    const did = [
      `${connectionCount} connections`,
      `${connectionCount * subscriptionsEach} subscriptions`,
      `${connectionCount * publishesEach} publishes`,
      `${reloadCount} reloads`,
    ]
    console.log(
      `soak, ${did.join(', ')}: ${mib(firstKib)} before, ${mib(busyKib)} busy, ${mib(lastKib)} after`,
    )
    return lastKib > firstKib * growthMax ? [`soak: ${mib(lastKib)} after ${mib(firstKib)}`] : []
  } finally {
    await edge.stop()
  }
}

function rest(): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, restMs)
  })
}

async function live(edge: Edge, round: number): Promise<void> {
  const count = connectionCount / roundCount
  for (let at = 0; at < count; at += atOnce) {
    const ids = Array.from({ length: Math.min(atOnce, count - at) }, (_, n) => at + n)
    await Promise.all(ids.map(id => visit(edge.port, `${round}.${id}`)))
  }
  for (let at = 0; at < reloadCount / roundCount; at++) {
    const from = edge.process.output().length
    // Another limit each time, so that there is something to take over.
    writeFileSync(edge.conf, `${configOf(edge)}\nmax_control_line: ${4096 + round * 10 + at}\n`)
    edge.process.child.kill('SIGHUP')
    await edge.process.waitFor('Reloaded server configuration', 10_000, from)
  }
}

const configs = new WeakMap<Edge, string>()

function configOf(edge: Edge): string {
  let text = configs.get(edge)
  if (text === undefined) {
    text = readFileSync(edge.conf, 'utf8')
    configs.set(edge, text)
  }
  return text
}

/** Comes, subscribes, publishes to itself and others, and goes, not always politely. */
function visit(port: number, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const lines = [`CONNECT {"verbose":false,"user":"a","pass":"a","name":"${name}"}`]
    for (let at = 0; at < subscriptionsEach; at++) lines.push(`SUB soak.${name}.${at}.> ${at}`)
    for (let at = 0; at < publishesEach; at++) {
      lines.push(`PUB soak.${name}.${at % 20}.x 16`, 'x'.repeat(16))
    }
    lines.push('PING', '')
    let received = ''
    socket.on('error', reject)
    socket.on('data', chunk => {
      received = (received + chunk.toString('latin1')).slice(-64)
      if (!received.includes('PONG\r\n')) return
      socket.removeListener('error', reject)
      socket.on('error', () => undefined)
      if (name.endsWith('7')) socket.resetAndDestroy()
      else socket.destroy()
      resolve()
    })
    socket.write(lines.join('\r\n'))
  })
}
