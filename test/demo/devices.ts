// The two devices of the demo: a GPS receiver that repeats a recording on a pseudo-terminal, and
// an MQTT thermometer. Both count what they said; the thermometer counts what was acknowledged.

import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt, { type MqttClient } from 'mqtt'
import { scratch } from '../support/directory.ts'
import { program } from '../support/peers.ts'
import { type Running, start } from '../support/process.ts'

const recording = fileURLToPath(new URL('../serial/data/gps-gr601-w.log', import.meta.url))

/** Lines a recorded GPS says, each once more with every round. */
export class Gps {
  /** The end that the gateway opens. */
  readonly path: string
  /** Lines said so far. */
  readonly said: string[] = []
  readonly #far: string
  readonly #lines: readonly string[]
  #socat: Running | null = null
  #terminal = -1
  #unsent = Buffer.alloc(0)

  constructor() {
    const dir = scratch('demo')
    this.path = join(dir, 'gps')
    this.#far = join(dir, 'antenna')
    this.#lines = readFileSync(recording, 'latin1')
      .split(/\r?\n/)
      .filter(line => line.startsWith('$'))
  }

  async plug(): Promise<void> {
    const ends = [this.path, this.#far].map(link => `pty,link=${link},raw,echo=0`)
    this.#socat = await start(
      program('socat'),
      ['-d', '-d', ...ends],
      'starting data transfer loop',
    )
    this.#terminal = openSync(
      this.#far,
      constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK,
    )
  }

  /** Says the next line. */
  speak(): void {
    const line = this.#lines[this.said.length % this.#lines.length] ?? ''
    this.said.push(line)
    this.#unsent = Buffer.concat([this.#unsent, Buffer.from(`${line}\r\n`, 'latin1')])
    this.flush()
  }

  /** True once every byte is in the terminal. */
  flush(): boolean {
    try {
      while (this.#unsent.length > 0) {
        this.#unsent = this.#unsent.subarray(writeSync(this.#terminal, this.#unsent))
      }
      return true
    } catch (error) {
      // A full terminal: the rest goes next time.
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
      throw error
    }
  }

  async unplug(): Promise<void> {
    if (this.#terminal >= 0) closeSync(this.#terminal)
    this.#terminal = -1
    await this.#socat?.stop()
    this.#socat = null
  }
}

export class Thermometer {
  /** Readings the broker has acknowledged, QoS 1. */
  readonly acknowledged: string[] = []
  #client: MqttClient | null = null
  #count = 0
  #waiting = 0

  async connect(port: number): Promise<void> {
    this.#client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: 'thermometer' })
  }

  /** Measures once more. */
  speak(): void {
    const celsius = 20 + Math.round(10 * Math.sin(this.#count / 30)) / 10
    const reading = JSON.stringify({ n: ++this.#count, celsius })
    this.#waiting++
    this.#client?.publish('sensors/kitchen', reading, { qos: 1 }, error => {
      this.#waiting--
      if (!error) this.acknowledged.push(reading)
    })
  }

  /** Nothing waits for its acknowledgement. */
  get isIdle(): boolean {
    return this.#waiting === 0
  }

  async disconnect(): Promise<void> {
    await this.#client?.endAsync(true)
    this.#client = null
  }
}
