// Request and reply, one at a time: how long a requester waits, p50 and p99. Three connections'
// worth of work for the server per round trip: nothing is batched, nothing can be amortised.

import { connect, type Socket } from 'node:net'
import { natsServer, natsServerVersion } from '../support/peers.ts'
import { inTurn, startContest } from './contest.ts'
import { median } from './process.ts'

export interface LatencyOptions {
  readonly rounds: number
  readonly main: string
}

interface Waits {
  readonly p50Us: number
  readonly p99Us: number
}

const requestCount = 20_000
/** Medians of rounds on a shared machine still wobble by so much. */
const noise = 1.05

/** Returns the figures in which we are slower. */
export async function latency({ rounds, main }: LatencyOptions): Promise<string[]> {
  const contest = await startContest(main)
  try {
    const [theirs, ours] = await inTurn(contest, rounds, ({ port }, isWarmUp) =>
      measure(port, isWarmUp ? requestCount / 4 : requestCount),
    )
    const version = natsServerVersion(natsServer('newest'))
    console.log(`request and reply, 128 B, one at a time   nats-server ${version}     nats-edge`)
    const behind: string[] = []
    for (const name of ['p50Us', 'p99Us'] as const) {
      const [their, our] = [theirs, ours].map(all => median(all.map(one => one[name])))
      const label = name.slice(0, 3)
      const shown = [their, our].map(us => `${(us ?? 0).toFixed(0)} µs`.padStart(14)).join('')
      console.log(`${label.padEnd(38)}${shown}`)
      if ((our ?? 0) > (their ?? 0) * noise)
        behind.push(`latency ${label}: ${our} over ${their} µs`)
    }
    return behind
  } finally {
    await contest.stop()
  }
}

async function measure(port: number, count: number): Promise<Waits> {
  const responder = await open(port, 'SUB service 1\r\n')
  const requester = await open(port, 'SUB inbox 1\r\n')
  const payload = 'x'.repeat(128)
  const request = Buffer.from(`PUB service inbox 128\r\n${payload}\r\n`)
  const reply = Buffer.from(`PUB inbox 128\r\n${payload}\r\n`)
  whenever(responder, `MSG service 1 inbox 128\r\n${payload}\r\n`.length, () =>
    responder.write(reply),
  )
  const waitsUs: number[] = []
  await new Promise<void>(resolve => {
    let sentMs = 0
    const send = () => {
      sentMs = performance.now()
      requester.write(request)
    }
    whenever(requester, `MSG inbox 1 128\r\n${payload}\r\n`.length, () => {
      waitsUs.push((performance.now() - sentMs) * 1000)
      if (waitsUs.length < count) send()
      else resolve()
    })
    send()
  })
  responder.destroy()
  requester.destroy()
  waitsUs.sort((a, b) => a - b)
  const at = (share: number) => waitsUs[Math.floor(waitsUs.length * share)] ?? Number.NaN
  return { p50Us: at(0.5), p99Us: at(0.99) }
}

function whenever(socket: Socket, bytes: number, act: () => void): void {
  let received = 0
  socket.on('data', chunk => {
    // A PING of the server's own counts for nothing.
    if (chunk.length < 16) return
    received += chunk.length
    if (received < bytes) return
    received -= bytes
    act()
  })
}

function open(port: number, first: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.once('error', reject)
    let greeting = ''
    const greeted = (chunk: Buffer) => {
      greeting += chunk.toString('latin1')
      if (!greeting.endsWith('PONG\r\n')) return
      socket.off('data', greeted)
      resolve(socket)
    }
    socket.on('data', greeted)
    socket.write(`CONNECT {"verbose":false,"pedantic":false}\r\n${first}PING\r\n`)
  })
}
