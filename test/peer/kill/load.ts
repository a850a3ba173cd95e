// Clients at work until their server is gone: a publisher and an ordered consumer of a log, a
// publisher and a worker of a work queue, a key-value bucket, MQTT devices with QoS 1.

import { type JetStreamClient, jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { type MqttClient, connectAsync } from 'mqtt'
import type { Edge } from '../../support/edge.ts'
import type { Ledger } from './ledger.ts'

/** Of each publisher. */
const inFlight = 32
const keyCount = 20
const topicCount = 5
export const subscriber = { clientId: 'subscriber', clean: false, reconnectPeriod: 0 } as const

export class Load {
  readonly #edge: Edge
  readonly #ledger: Ledger
  readonly #open: NatsConnection[] = []
  readonly #devices: MqttClient[] = []
  readonly #work: Promise<void>[] = []
  #isOver = false

  constructor(edge: Edge, ledger: Ledger) {
    this.#edge = edge
    this.#ledger = ledger
  }

  async start(): Promise<void> {
    const [publisher, reader, worker, bucket] = await Promise.all(
      Array.from({ length: 4 }, () => connect({ servers: this.#edge.url, reconnect: false })),
    )
    if (!publisher || !reader || !worker || !bucket) throw new Error('not connected')
    this.#open.push(publisher, reader, worker, bucket)
    const device = await this.#dial({ reconnectPeriod: 0 })
    await this.#dial(subscriber)
    const js = jetstream(publisher)
    for (let i = 0; i < inFlight; i++) {
      this.#run(() => this.#log(js))
      this.#run(() => this.#job(js))
      this.#run(() => this.#send(device))
    }
    for (let i = 0; i < keyCount / 2; i++) this.#run(await this.#putter(bucket))
    void this.#read(jetstream(reader)).catch(() => {})
    void this.#workOff(jetstream(worker)).catch(() => {})
  }

  /** The server is gone: waits for the clients to have noticed. */
  async end(): Promise<void> {
    this.#isOver = true
    for (const device of this.#devices) device.end(true)
    await Promise.all(this.#open.map(one => one.close().catch(() => {})))
    await Promise.all(this.#work)
  }

  /** Again and again, until it fails: then the server is gone. */
  #run(once: () => Promise<void>): void {
    const loop = async (): Promise<void> => {
      while (!this.#isOver) await once()
    }
    this.#work.push(loop().catch(() => {}))
  }

  async #log(js: JetStreamClient): Promise<void> {
    const payload = this.#ledger.id('log')
    const { seq } = await js.publish('log.x', payload, { timeout: 5000 })
    this.#ledger.logged(seq, payload)
  }

  async #job(js: JetStreamClient): Promise<void> {
    const payload = this.#ledger.id('job')
    await js.publish('job.x', payload, { timeout: 5000 })
    this.#ledger.jobs.add(payload)
  }

  async #read(js: JetStreamClient): Promise<void> {
    const consumer = await js.consumers.get('LOG')
    for await (const m of await consumer.consume()) this.#ledger.logged(m.seq, m.string())
  }

  async #workOff(js: JetStreamClient): Promise<void> {
    const consumer = await js.consumers.get('JOBS', 'worker')
    const messages = await consumer.consume({ max_messages: 50 })
    let count = 0
    for await (const m of messages) {
      const payload = m.string()
      this.#ledger.finished(payload)
      // Every fifth is left alone: it must come again.
      if (++count % 5 === 0) continue
      this.#ledger.acking.add(payload)
      const answered = (isAnswered: boolean): void => {
        if (isAnswered) this.#ledger.done.add(payload)
      }
      void m.ackAck({ timeout: 5000 }).then(answered, () => {})
    }
  }

  async #putter(nats: NatsConnection): Promise<() => Promise<void>> {
    const kv = await new Kvm(nats).open('bucket')
    return async () => {
      const key = `key.${Math.floor(Math.random() * keyCount)}`
      const cell = this.#ledger.cell(key)
      const value = this.#ledger.id('value')
      const at = cell.begin(value)
      await kv.put(key, value)
      cell.acknowledge(at)
    }
  }

  async #send(device: MqttClient): Promise<void> {
    const payload = this.#ledger.id('mqtt')
    const topic = `m/${Math.floor(Math.random() * topicCount)}`
    const isRetained = Math.random() < 0.2
    const at = isRetained ? this.#ledger.cell(topic).begin(payload) : -1
    await device.publishAsync(topic, payload, { qos: 1, retain: isRetained })
    this.#ledger.sent.add(payload)
    if (isRetained) this.#ledger.cell(topic).acknowledge(at)
  }

  async #dial(options: object): Promise<MqttClient> {
    const url = `mqtt://127.0.0.1:${this.#edge.mqttPort}`
    const device = await connectAsync(url, { ...options })
    device.on('error', () => {})
    device.on('message', (_, payload) => this.#ledger.arrived.add(payload.toString()))
    this.#devices.push(device)
    return device
  }
}
