// Telemetry: measures and publishes at an interval.
//
//   {"time":"…","server":"edge-7","uptime_s":86400,"cpu":{…},"memory":{…},"temperature":{…},
//    "disk":{…},"network":[…]}
//
// One sample at a time: a turn that finds the last one still under way is skipped and counted. A
// sensor that fails, or takes longer than `sensorMsMax`, is null in the message; one that hangs is
// not asked again until it answers.

import type { Account } from '../../src/account/account.ts'
import type { Clock, Timer } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { post } from '../../src/broker/post.ts'
import type { Origin } from '../../src/message.ts'
import type { SensorName, TelemetryOptions } from './options.ts'
import { newSensors, type Sensors } from './sensors.ts'

/** A sensor that takes longer is left out of the message. */
export const sensorMsMax = 5000

export interface TelemetryInit {
  readonly options: TelemetryOptions
  /** Name of the server, `{server}` in the subject. */
  readonly server: string
  /** Finds or makes the account of that name. */
  readonly account: (name: string) => Account
  readonly log: Log
  readonly clock: Clock
  /** What is measured; the real thing unless given. */
  readonly sensors?: Sensors
}

const origin: Origin = { kind: 'telemetry', sink: null, echo: true, permissions: null }

export class Telemetry {
  samples = 0
  skipped = 0
  failures = 0
  readonly #init: TelemetryInit
  readonly #subject: string
  #sensors: Sensors | null = null
  #account: Account | null = null
  #timer: Timer | null = null
  #startedMs = 0
  #sampling = false
  #lastError: string | null = null
  #lastTime: string | null = null
  readonly #asked = new Set<SensorName>()

  constructor(init: TelemetryInit) {
    this.#init = init
    this.#subject = subjectOf(init.options.subject, init.server)
  }

  async start(): Promise<void> {
    if (this.#timer) return
    const { options, clock, account } = this.#init
    this.#sensors = this.#init.sensors ?? newSensors(options.disk_path)
    this.#account = account(options.account)
    this.#startedMs = clock.monotonicMs()
    this.#timer = clock.every(options.interval, () => void this.#sample())
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** What monitoring shows. */
  view(): object {
    return {
      subject: this.#subject,
      interval_ms: this.#init.options.interval,
      samples: this.samples,
      skipped: this.skipped,
      failures: this.failures,
      last_error: this.#lastError,
      last_time: this.#lastTime,
    }
  }

  async #sample(): Promise<void> {
    if (this.#sampling) {
      this.skipped++
      return
    }
    this.#sampling = true
    const { options, server, clock } = this.#init
    const time = new Date(clock.wallMs()).toISOString()
    const uptime_s = Math.floor((clock.monotonicMs() - this.#startedMs) / 1000)
    const values = await Promise.all(options.include.map(name => this.#measure(name)))
    this.#sampling = false
    if (!this.#timer || !this.#account) return
    this.samples++
    this.#lastTime = time
    const figures = Object.fromEntries(options.include.map((name, i) => [name, values[i] ?? null]))
    const payload = Buffer.from(JSON.stringify({ time, server, uptime_s, ...figures }))
    post(this.#account, origin, { subject: this.#subject, payload })
  }

  /** Resolves in any case, and in time. */
  #measure(name: SensorName): Promise<unknown> {
    if (this.#asked.has(name) || !this.#sensors) return Promise.resolve(null)
    const sensor = this.#sensors[name]
    this.#asked.add(name)
    return new Promise(resolve => {
      const late = this.#init.clock.after(sensorMsMax, () => {
        this.#failed(name, `no answer after ${sensorMsMax} ms`)
        resolve(null)
      })
      const done = (value: unknown): void => {
        this.#asked.delete(name)
        late.cancel()
        resolve(value)
      }
      sensor().then(done, (error: unknown) => {
        this.#failed(name, error instanceof Error ? error.message : String(error))
        done(null)
      })
    })
  }

  /** Logged when it is news: a missing sensor stays missing. */
  #failed(name: SensorName, why: string): void {
    this.failures++
    const text = `${name}: ${why}`
    if (text !== this.#lastError) this.#init.log.warn(`Telemetry ${text}`)
    this.#lastError = text
  }
}

/** A server name may hold what would cut a subject in two. */
function subjectOf(pattern: string, server: string): string {
  return pattern.replaceAll('{server}', server.replace(/[^A-Za-z0-9_-]/g, '_'))
}
