// MQTT: CPU time of the broker for one message, beside mosquitto and nats-server.
//
//   node test/bench/mqtt.ts [qos] [bytes] [messages]
//
// One publisher, one subscriber, raw sockets, each broker in turn on the same core. The load
// keeps a window of messages on the way, so that no broker is measured by how long its queue is.

import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { generate } from 'mqtt-packet'
import { scratch } from '../support/directory.ts'
import { startEdge } from '../support/edge.ts'
import { natsServer, natsServerVersion, program } from '../support/peers.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { cpuMs, median, pinMyself, pinned } from './process.ts'

const [qos = 0, payloadBytes = 128, count = 400_000] = process.argv.slice(2).map(Number)
const rounds = 3
const topic = 'bench/sensor/temperature'
const windowMsgs = 512

interface Broker {
  readonly name: string
  readonly pid: number
  readonly port: number
  stop(): Promise<unknown>
}

async function startMosquitto(): Promise<Broker> {
  const port = await freePort()
  const conf = join(scratch('mosquitto'), 'mosquitto.conf')
  writeFileSync(conf, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`)
  const [command = '', ...args] = [...pinned(), program('mosquitto'), '-c', conf]
  const running = await start(command, args, 'running')
  return { name: 'mosquitto', pid: running.pid, port, stop: () => running.stop() }
}

async function startNats(): Promise<Broker> {
  const [port = 0, mqttPort = 0] = await freePorts(2)
  const dir = scratch('nats')
  const conf = join(dir, 'nats.conf')
  writeFileSync(
    conf,
    `listen: "127.0.0.1:${port}"\nserver_name: n\njetstream { store_dir: "${dir}" }
     mqtt { listen: "127.0.0.1:${mqttPort}" }`,
  )
  const path = natsServer('newest')
  const [command = '', ...args] = [...pinned(), path, '-c', conf]
  const running = await start(command, args, 'Server is ready')
  const name = `nats-server ${natsServerVersion(path)}`
  return { name, pid: running.pid, port: mqttPort, stop: () => running.stop() }
}

async function startOurs(): Promise<Broker> {
  const edge = await startEdge({ jetstream: true, mqtt: true, wrap: pinned() })
  const { pid } = edge.process
  return { name: 'nats-edge', pid, port: edge.mqttPort, stop: () => edge.stop() }
}

function open(port: number, clientId: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.write(generate({ cmd: 'connect', clientId, clean: true, keepalive: 0 }))
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', () => resolve(socket))
  })
}

/** Frames of one kind and size in what a socket reads; `seen` is told how many more came. */
function countFrames(socket: Socket, type: number, seen: (frames: number) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let at = 0
    let frames = 0
    // A header has five bytes at most; no packet of this load is shorter than four.
    while (at + 5 <= bytes.length || (at + 4 === bytes.length && bytes[at + 1] === 2)) {
      let length = 0
      let i = at + 1
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[i++] as number
        length += (byte & 0x7f) << shift
        if (byte < 0x80) break
      }
      if (i + length > bytes.length) break
      if ((bytes[at] as number) >> 4 === type) frames++
      at = i + length
    }
    rest = Buffer.from(bytes.subarray(at))
    if (frames > 0) seen(frames)
  })
}

/** Microseconds of CPU a message. */
async function measure(broker: Broker): Promise<{ us: number; perSecond: number }> {
  const [sub, pub] = [await open(broker.port, 'sub'), await open(broker.port, 'pub')]
  const level = qos === 0 ? 0 : 1
  const subscribe = { cmd: 'subscribe', messageId: 1 } as const
  sub.write(generate({ ...subscribe, subscriptions: [{ topic, qos: level }] }))
  await new Promise(resolve => sub.once('data', resolve))
  const payload = Buffer.alloc(payloadBytes, 0x78)
  const frame = generate({
    cmd: 'publish',
    topic,
    payload,
    qos: level,
    messageId: 1,
    dup: false,
    retain: false,
  })
  const idAt = frame.length - payloadBytes - 2
  let sent = 0
  let received = 0
  let acked = 0
  let nextId = 1
  const before = cpuMs(broker.pid)
  const startedMs = performance.now()
  await new Promise<void>(resolve => {
    const go = () => {
      const done = level === 0 ? received : Math.min(received, acked)
      if (received === count && (level === 0 || acked === count)) return resolve()
      const room = windowMsgs - (sent - done)
      if (room < windowMsgs / 4) return
      const free = Math.min(count - sent, room)
      const batch = Buffer.alloc(free * frame.length)
      for (let i = 0; i < free; i++) {
        if (level === 1) {
          frame.writeUInt16BE(nextId, idAt)
          nextId = nextId === 65_535 ? 1 : nextId + 1
        }
        frame.copy(batch, i * frame.length)
      }
      sent += free
      if (free > 0) pub.write(batch)
    }
    let ackId = 0
    countFrames(sub, 3, frames => {
      received += frames
      if (level === 1) {
        const acks = Buffer.alloc(4 * frames)
        for (let i = 0; i < frames; i++) {
          ackId = ackId === 65_535 ? 1 : ackId + 1
          acks.writeUInt32BE(0x40020000 + ackId, 4 * i)
        }
        sub.write(acks)
      }
      go()
    })
    countFrames(pub, 4, frames => {
      acked += frames
      go()
    })
    go()
  })
  const seconds = (performance.now() - startedMs) / 1000
  const us = ((cpuMs(broker.pid) - before) * 1000) / count
  sub.destroy()
  pub.destroy()
  return { us, perSecond: count / seconds }
}

pinMyself()
console.log(`QoS ${qos}, ${payloadBytes} B, ${count} messages, 1 publisher, 1 subscriber`)
for (const launch of [startMosquitto, startNats, startOurs]) {
  const broker = await launch()
  const results: { us: number; perSecond: number }[] = []
  for (let round = 0; round < rounds; round++) results.push(await measure(broker))
  const us = median(results.map(result => result.us)).toFixed(2)
  const perSecond = Math.round(median(results.map(result => result.perSecond)))
  console.log(`${broker.name.padEnd(20)} ${us.padStart(6)} µs CPU   ${perSecond} a second`)
  await broker.stop()
}
process.exit(0)
