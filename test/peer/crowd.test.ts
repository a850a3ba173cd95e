// Too many of everything at the whole program: connections, subscriptions, long subjects, file
// descriptors. A good client is there all the time and must not notice.

import { connect as connectSocket, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { type Edge, type EdgeOptions, startEdge } from '../support/edge.ts'
import { program } from '../support/peers.ts'
import { spec } from '../support/spec.ts'
import { dialClient, type Talk } from '../support/talk.ts'

const connectionCount = 10_000
const subscriptionCount = 50_000
const descriptorsMax = 100

async function withEdge(
  options: EdgeOptions,
  act: (edge: Edge, good: Talk) => Promise<void>,
): Promise<void> {
  const edge = await startEdge({ monitor: true, ...options })
  try {
    const good = await dialClient(edge.port)
    good.send('SUB good 1\r\n')
    await act(edge, good)
    await serves(good)
    good.close()
  } finally {
    await edge.stop()
  }
}

/** It publishes and hears itself. */
async function serves(good: Talk): Promise<void> {
  good.send('PUB good 2\r\nok\r\n')
  // The server asks after two seconds whether we are there.
  await good.expect(/^(PING\r\n)?MSG good 1 2\r\nok\r\n/)
}

/** Resolves once the server has greeted, or with null when it hung up or says nothing. */
function visitor(port: number, quietMsMax = 20_000): Promise<Socket | null> {
  return new Promise(resolve => {
    const socket = connectSocket(port, '127.0.0.1')
    const timer = setTimeout(() => end(null), quietMsMax)
    const end = (result: Socket | null) => {
      clearTimeout(timer)
      if (result === null) socket.destroy()
      resolve(result)
    }
    let received = ''
    socket.on('error', () => end(null))
    socket.on('close', () => end(null))
    socket.on('data', chunk => {
      received = (received + chunk.toString('latin1')).slice(-64)
      if (received.includes('PONG\r\n')) end(socket)
    })
    socket.write('CONNECT {"verbose":false}\r\nSUB visitor.> 1\r\nPING\r\n')
  })
}

async function figures(edge: Edge): Promise<{ connections: number; subscriptions: number }> {
  const response = await fetch(`http://127.0.0.1:${edge.monitorPort}/varz`)
  return (await response.json()) as { connections: number; subscriptions: number }
}

async function until(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await isTrue()) return
    await new Promise(resolve => setTimeout(resolve, 25))
  }
  throw new Error(`never: ${what}`)
}

spec('too many', it => {
  it('connections come and go, ten thousand of them', () =>
    withEdge({}, async (edge, good) => {
      const before = await figures(edge)
      const sockets: Socket[] = []
      while (sockets.length < connectionCount) {
        const next = await Promise.all(Array.from({ length: 250 }, () => visitor(edge.port)))
        for (const socket of next) if (socket !== null) sockets.push(socket)
        assert.is(sockets.length % 250, 0, 'every one is greeted')
        await serves(good)
      }
      assert.is((await figures(edge)).connections, before.connections + connectionCount)
      for (const [at, socket] of sockets.entries()) {
        if (at % 2 === 0) socket.destroy()
        else socket.resetAndDestroy()
      }
      await until(async () => {
        const { connections, subscriptions } = await figures(edge)
        return connections === before.connections && subscriptions === before.subscriptions
      }, 'all of them gone')
    }))

  it('subscriptions of one connection, fifty thousand of them', () =>
    withEdge({}, async (edge, good) => {
      const before = await figures(edge)
      const greedy = await dialClient(edge.port)
      for (let at = 0; at < subscriptionCount; at += 1000) {
        const lines = Array.from({ length: 1000 }, (_, n) => `SUB many.${at + n}.* ${at + n}\r\n`)
        greedy.send(lines.join(''))
      }
      await greedy.sync()
      const { subscriptions } = await figures(edge)
      assert.is(subscriptions, before.subscriptions + subscriptionCount)
      good.send('PUB many.49999.x 1\r\n!\r\n')
      await greedy.expect(/^(PING\r\n)?MSG many\.49999\.x 49999 1\r\n!\r\n/)
      greedy.close()
      await until(
        async () => (await figures(edge)).subscriptions === before.subscriptions,
        'the subscriptions gone',
      )
    }))

  it('letters in a subject: at the line limit it is an error, below it is delivered', () =>
    withEdge({ conf: 'max_control_line: 8KB' }, async (edge, good) => {
      const subject = `${'long.'.repeat(819)}x`
      assert.is(subject.length, 4096)
      const other = await dialClient(edge.port)
      other.send(`SUB ${subject} 1\r\n`)
      await other.sync()
      good.send(`PUB ${subject} 1\r\n!\r\n`)
      await other.expect(`MSG ${subject} 1 1\r\n!\r\n`)
      other.send(`SUB ${subject}.${subject} 2\r\n`)
      await other.expect("-ERR 'maximum control line exceeded'\r\n")
      await other.expectEnd()
    }))

  it('connections for the file descriptors there are', () =>
    withEdge(
      { wrap: [program('prlimit'), `--nofile=${descriptorsMax}:${descriptorsMax}`] },
      async (edge, good) => {
        const many = Array.from({ length: descriptorsMax }, () => visitor(edge.port, 1500))
        const greeted = (await Promise.all(many)).filter(socket => socket !== null)
        assert.ok(
          greeted.length > 10 && greeted.length < descriptorsMax,
          `${greeted.length} came in`,
        )
        await serves(good)
        for (const socket of greeted) socket.destroy()
        await until(async () => {
          const socket = await visitor(edge.port, 1500)
          socket?.destroy()
          return socket !== null
        }, 'room for a new one')
      },
    ))

  it('patience: a client that sends a byte now and then holds up nobody', () =>
    withEdge({}, async (edge, good) => {
      const slow = await dialClient(edge.port)
      const line = 'PUB good 5\r\nslow!\r\n'
      for (const byte of line) {
        await slow.sendSlowly(byte)
        if (byte !== '\n') await serves(good)
      }
      await good.expect(/^(PING\r\n)?MSG good 1 5\r\nslow!\r\n/)
      slow.close()
    }))
})
