// A serial port and the official client, with the broker between them: a sensor on a
// pseudo-terminal is heard, kept in a stream, spoken to, pulled out and plugged in again.

import { type FileHandle, open } from 'node:fs/promises'
import { constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { type Edge, startEdge } from '../support/edge.ts'
import { program } from '../support/peers.ts'
import { type Running, start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

interface Reading {
  readonly time: string
  readonly port: string
  readonly data: string
}

interface PortView {
  readonly state: string
  readonly frames: number
  readonly oversize: number
  readonly stored: number
  readonly refused: number
}

class Sensor {
  readonly path: string
  readonly #far: string
  #socat: Running | null = null
  #file: FileHandle | null = null

  constructor() {
    const dir = scratch('sensor')
    this.path = join(dir, 'port')
    this.#far = join(dir, 'far')
  }

  async plug(): Promise<void> {
    const ends = [this.path, this.#far].map(link => `PTY,link=${link},raw,echo=0`)
    const ready = 'starting data transfer loop'
    this.#socat = await start(program('socat'), ['-d', '-d', ...ends], ready)
    this.#file = await open(this.#far, constants.O_RDWR | constants.O_NOCTTY)
  }

  async unplug(): Promise<void> {
    await this.#socat?.stop('SIGKILL')
    await this.#file?.close()
    this.#socat = null
    this.#file = null
  }

  async say(bytes: Buffer | string): Promise<void> {
    await this.#file?.write(Buffer.from(bytes))
  }

  async hear(): Promise<string> {
    const { bytesRead, buffer } = (await this.#file?.read()) ?? { bytesRead: 0, buffer: '' }
    return buffer.toString().slice(0, bytesRead)
  }
}

const conf = (path: string): string => `
  serial { ports: [ {
    name: gps, path: "${path}", subject: "sensors.{port}", write_subject: "sensors.{port}.write"
    frame_bytes_max: 256, reopen_delay: 50ms, reopen_delay_max: 100ms
  } ] }`

spec('serial through the broker', (it, hooks) => {
  const sensor = new Sensor()
  let edge: Edge
  let client: NatsConnection

  hooks.before(async () => {
    await sensor.plug()
    edge = await startEdge({ jetstream: true, monitor: true, conf: conf(sensor.path) })
    client = await connect({ servers: edge.url })
  })
  hooks.after(async () => {
    await client?.close()
    await edge?.stop()
    await sensor.unplug()
  })

  const view = async (): Promise<PortView> => {
    const response = await fetch(`http://127.0.0.1:${edge.monitorPort}/edgez`)
    const { serial } = (await response.json()) as { serial: { ports: PortView[] } }
    return serial.ports[0] as PortView
  }

  it('keeps every sentence of a GPS in a stream, in order', async () => {
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: 'READINGS', subjects: ['sensors.gps'] })
    const wire = readFileSync(new URL('../serial/data/gps-gr601-w.log', import.meta.url))
    const expected = wire.toString('latin1').split('\r\n').slice(0, -1)
    await sensor.say(wire)
    await manager.consumers.add('READINGS', { durable_name: 'check', ack_policy: 'explicit' })
    const consumer = await jetstream(client).consumers.get('READINGS', 'check')
    const found: string[] = []
    const messages = await consumer.consume({ max_messages: 100 })
    for await (const message of messages) {
      const reading = message.json<Reading>()
      assert.is(reading.port, 'gps')
      assert.ok(Math.abs(Date.parse(reading.time) - Date.now()) < 60_000)
      found.push(reading.data)
      message.ack()
      if (found.length === expected.length) break
    }
    assert.equal(found, expected)
    const { frames, stored, refused } = await view()
    assert.equal([frames, stored, refused], [expected.length, expected.length, 0])
  })

  it('says when a stream refuses readings', async () => {
    const manager = await jetstreamManager(client)
    const { state } = await manager.streams.info('READINGS')
    await manager.streams.update('READINGS', { max_msgs: state.messages, discard: 'new' })
    const readings = client.subscribe('sensors.gps')
    await client.flush()
    await sensor.say('one too many\n')
    for await (const _ of readings) break
    const { refused } = await view()
    assert.is(refused, 1)
    await edge.process.waitFor('readings are not stored: maximum messages exceeded')
    await manager.streams.update('READINGS', { max_msgs: -1 })
  })

  it('writes a request to the port and answers it', async () => {
    const [answer, heard] = await Promise.all([
      client.request('sensors.gps.write', '$PMTK314*2F\r\n', { timeout: 5000 }),
      sensor.hear(),
    ])
    assert.equal([answer.string(), heard], ['+OK', '$PMTK314*2F\r\n'])
  })

  it('stays up under garbage', async () => {
    const readings = client.subscribe('sensors.gps')
    await client.flush()
    const before = (await view()).oversize
    for (let i = 0; i < 20; i++) await sensor.say(Buffer.alloc(1500, 0x80 + i))
    await sensor.say('\n$after\r\n')
    for await (const message of readings) {
      if (message.json<Reading>().data === '$after') break
    }
    assert.is((await view()).oversize, before + 1)
    assert.is((await client.request('sensors.gps.write', '')).string(), '+OK')
  })

  it('tells of a port that is pulled out and comes back', async () => {
    const statuses = client.subscribe('$EDGE.serial.gps.status')
    const readings = client.subscribe('sensors.gps')
    await client.flush()
    await sensor.unplug()
    const seen: string[] = []
    for await (const message of statuses) {
      const { state } = message.json<{ state: string }>()
      seen.push(state)
      if (state === 'open') break
      assert.is((await view()).state, 'lost')
      const refusal = await client.request('sensors.gps.write', 'hello')
      assert.is(refusal.string(), "-ERR 'serial port is not open'")
      await sensor.plug()
    }
    assert.equal(seen, ['lost', 'open'])
    await sensor.say('back\n')
    for await (const message of readings) {
      if (message.json<Reading>().data === 'back') break
    }
    await edge.process.waitFor(/\[WRN\] Serial port gps: .* was lost/)
  })

  it('gets commands that a stream held while the port was away, each once', async () => {
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: 'COMMANDS', subjects: ['commands.gps'] })
    await manager.consumers.add('COMMANDS', {
      durable_name: 'port',
      deliver_subject: 'sensors.gps.write',
      ack_policy: 'explicit',
      ack_wait: 100_000_000,
      max_ack_pending: 1,
    })
    const statuses = client.subscribe('$EDGE.serial.gps.status')
    await client.flush()
    await sensor.unplug()
    for await (const message of statuses) {
      if (message.json<{ state: string }>().state === 'lost') break
    }
    for (const command of ['one', 'two']) await jetstream(client).publish('commands.gps', command)
    await sensor.plug()
    let heard = ''
    while (heard.length < 6) heard += await sensor.hear()
    assert.is(heard, 'onetwo')
    assert.is((await client.request('sensors.gps.write', '.')).string(), '+OK')
    assert.is(await sensor.hear(), '.')
  })
})
