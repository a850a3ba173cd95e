// Garbage on every listener of the whole program, with good clients on all of them meanwhile:
// the offender gets the documented error or is cut off, nobody else notices.

import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import mqtt, { type MqttClient } from 'mqtt'
import * as assert from 'uvu/assert'
import { Closers } from '../../src/base/closers.ts'
import { scratch } from '../support/directory.ts'
import { type Edge, edgeMain, startEdge } from '../support/edge.ts'
import { Random } from '../support/fuzz.ts'
import { program } from '../support/peers.ts'
import { start } from '../support/process.ts'
import { spec } from '../support/spec.ts'
import { dial, dialClient } from '../support/talk.ts'

/** Sends the pieces and waits for the end, which must come once our side is closed. */
function throwAt(port: number, pieces: readonly Buffer[]): Promise<string> {
  return new Promise(resolve => {
    let answer = ''
    const socket = connectSocket(port, '127.0.0.1', () => {
      for (const piece of pieces) socket.write(piece)
      socket.end()
    })
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    // A reset is a fine answer to garbage.
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
  })
}

interface Whole {
  readonly edge: Edge
  readonly nats: NatsConnection
  readonly device: MqttClient
  /** The far end of the serial cable. */
  readonly terminal: number
}

/** The program with every listener, and a good client on each; all gone afterwards. */
async function whole(run: (all: Whole) => Promise<void>): Promise<void> {
  const dir = scratch('garbage')
  const ends = [join(dir, 'near'), join(dir, 'far')]
  const ptys = ends.map(link => `pty,link=${link},raw,echo=0`)
  const closers = new Closers()
  try {
    const socat = await start(
      program('socat'),
      ['-d', '-d', ...ptys],
      'starting data transfer loop',
    )
    closers.add({ close: () => socat.stop().then(() => {}) })
    const edge = await startEdge({
      jetstream: true,
      mqtt: true,
      monitor: true,
      conf: `serial { ports: [ { name: s, path: "${ends[0]}", frame_bytes_max: 100, output: raw } ] }`,
    })
    closers.add({ close: () => edge.stop().then(() => {}) })
    const terminal = openSync(ends[1] ?? '', constants.O_RDWR | constants.O_NOCTTY)
    closers.add({ close: () => closeSync(terminal) })
    await edge.process.waitFor('Serial port s is open')
    const nats = await connect({ servers: edge.url, reconnect: false })
    closers.add(nats)
    const address = `mqtt://127.0.0.1:${edge.mqttPort}`
    const device = await mqtt.connectAsync(address, { reconnectPeriod: 0 })
    closers.add({ close: () => device.endAsync(true) })
    const all = { edge, nats, device, terminal }
    await run(all)
    await stillServes(all)
    assert.not.match(edge.process.output(), /\[FTL\]/)
  } finally {
    await closers.close()
  }
}

/** Client to device, device to client, device to monitoring: each over the old connections. */
async function stillServes({ edge, nats, device, terminal }: Whole): Promise<void> {
  const heard = new Promise<string>(resolve => {
    device.once('message', (_, payload) => resolve(payload.toString()))
  })
  await device.subscribeAsync('to/device', { qos: 1 })
  nats.publish('to.device', 'down')
  assert.is(await heard, 'down')
  const subscription = nats.subscribe('to.client', { max: 1 })
  const serial = nats.subscribe('serial.s')
  await nats.flush()
  await device.publishAsync('to/client', 'up', { qos: 1 })
  for await (const message of subscription) assert.is(message.string(), 'up')
  // Garbage holds line ends as well; after it comes a line of ours.
  writeSync(terminal, '\r\nhello\r\n')
  for await (const message of serial) if (message.string() === 'hello') break
  const health = await fetch(`http://127.0.0.1:${edge.monitorPort}/healthz`)
  assert.is(await health.text(), '{"status":"ok"}')
}

const rounds = 40

spec('garbage', it => {
  it('in random bytes on every port', () =>
    whole(async ({ edge }) => {
      const random = new Random(1)
      for (const port of [edge.port, edge.mqttPort, edge.monitorPort]) {
        for (let round = 0; round < rounds; round++) {
          const pieces = Array.from({ length: 1 + (random.byte() % 4) }, () =>
            random.bytes(1 + random.byte() * (round + 1)),
          )
          await throwAt(port, pieces)
        }
      }
    }))

  it('in conversations that begin well', () =>
    whole(async ({ edge }) => {
      const random = new Random(2)
      const greeting = Buffer.from('CONNECT {}\r\nPING\r\nSUB a 1\r\n')
      const packet = Buffer.from('101000044d5154540402003c000461626364', 'hex')
      const request = Buffer.from('GET /varz HTTP/1.1\r\n')
      for (let round = 0; round < rounds; round++) {
        const rest = random.bytes(1 + random.byte() * 8)
        await throwAt(edge.port, [greeting, rest])
        await throwAt(edge.mqttPort, [packet, rest])
        assert.match(await throwAt(edge.monitorPort, [request, rest]), /^(HTTP\/1.1 400 |$)/)
      }
    }))

  it('in frames that stop in the middle', () =>
    whole(async ({ edge }) => {
      const good = Buffer.from(
        'CONNECT {"verbose":false}\r\nSUB a 1\r\nHPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n',
      )
      for (let length = 0; length < good.length; length++) {
        await throwAt(edge.port, [good.subarray(0, length)])
      }
      const packet = Buffer.from('101000044d5154540402003c00046162636432070001610161', 'hex')
      for (let length = 0; length < packet.length; length++) {
        await throwAt(edge.mqttPort, [packet.subarray(0, length)])
      }
    }))

  it('in lines that are too long, with the documented errors', () =>
    whole(async ({ edge }) => {
      const long = 'x'.repeat(5000)
      const line = await dialClient(edge.port)
      line.send(`PUB ${long} 0\r\n\r\n`)
      await line.expectEnd("-ERR 'maximum control line exceeded'\r\n")
      const payload = await dialClient(edge.port)
      payload.send('PUB a 1048577\r\n')
      await payload.expectEnd("-ERR 'Maximum Payload Violation'\r\n")
      const verb = await dialClient(edge.port)
      verb.send('HELLO\r\n')
      await verb.expectEnd("-ERR 'Unknown Protocol Operation'\r\n")
      // 4 bytes of remaining length, 268,435,455: past every limit.
      const device = await dial(edge.mqttPort)
      device.send(Buffer.from('10ffffff7f', 'hex'))
      await device.expectEnd()
      const http = await throwAt(edge.monitorPort, [
        Buffer.from(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`),
      ])
      assert.match(http, /^HTTP\/1.1 431 /)
    }))

  it('from a serial device', () =>
    whole(async ({ terminal }) => {
      const random = new Random(3)
      for (let round = 0; round < rounds; round++) writeSync(terminal, random.bytes(200))
      writeSync(terminal, 'y'.repeat(1000))
    }))

  it('in the config: every typo with its place, and no start', () => {
    const file = join(scratch('garbage'), 'typo.conf')
    writeFileSync(file, 'prot: 4222\nmax_payload: lots\nmqtt { prot: 1 }\njetstream {\n')
    const { status, stderr } = spawnSync(process.execPath, [edgeMain, '-c', file], {
      encoding: 'utf8',
    })
    assert.is(status, 1)
    assert.match(stderr, /^nats-server: /)
    assert.match(stderr, /typo\.conf:\d+:\d+: /)
  })
})
