// Schedules: publishes messages by cron expressions, once a second of the wall clock at most.
//
// The wall clock of a board without a real-time clock jumps: no jump causes a burst. Each tick
// looks at the seconds since the last one. When the wall clock and the monotonic clock agree, the
// loop was only late: the seconds in between are looked at too, and a schedule that was due in
// several of them runs once. When they do not agree, the clock was set: only the present second
// counts. Runs that a jump left out are not made up for.

import type { Account } from '../../src/account/account.ts'
import type { Clock, Timer } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { post } from '../../src/broker/post.ts'
import type { Origin } from '../../src/message.ts'
import { type Cron, newCron } from './cron.ts'
import type { ScheduleOptions } from './options.ts'

export interface SchedulesInit {
  readonly options: readonly ScheduleOptions[]
  /** Finds or makes the account of that name. */
  readonly account: (name: string) => Account
  readonly log: Log
  readonly clock: Clock
}

interface Schedule {
  readonly options: ScheduleOptions
  readonly cron: Cron
  readonly account: Account
  readonly headers: Buffer
  readonly payload: Buffer
  runs: number
  lastMs: number
}

const secondMs = 1000
/** The longest time a late loop is made up for. */
const lateMsMax = 60_000
/** Clocks that differ by no more than this over a tick agree. */
const driftMsMax = 1500

const origin: Origin = { kind: 'schedule', sink: null, echo: true, permissions: null }

export class Schedules {
  readonly #init: SchedulesInit
  #schedules: Schedule[] = []
  #timer: Timer | null = null
  /** The last second that was looked at, and when that was by the monotonic clock. */
  #seenMs = 0
  #seenMonotonicMs = 0

  constructor(init: SchedulesInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    if (this.#timer) return
    const { options, account, clock } = this.#init
    this.#schedules = options.map(one => ({
      options: one,
      cron: newCron(one.cron, one.timezone),
      account: account(one.account),
      headers: headerBlock(one.headers),
      payload: Buffer.from(one.payload),
      runs: 0,
      lastMs: 0,
    }))
    this.#seenMs = secondOf(clock.wallMs())
    this.#seenMonotonicMs = clock.monotonicMs()
    this.#arm()
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    for (const schedule of this.#schedules) schedule.cron.close()
    this.#schedules = []
  }

  /** What monitoring shows. */
  view(): object {
    return {
      schedules: this.#schedules.map(({ options, cron, runs, lastMs }) => ({
        name: options.name,
        cron: options.cron,
        timezone: options.timezone,
        subject: options.subject,
        runs,
        last_run: timeOrNull(lastMs === 0 ? null : lastMs),
        next_run: timeOrNull(cron.nextMs()),
      })),
    }
  }

  /** At the beginning of the next second; a timer that is early does no harm. */
  #arm(): void {
    const { clock } = this.#init
    const leftMs = secondMs - (((clock.wallMs() % secondMs) + secondMs) % secondMs)
    this.#timer = clock.after(leftMs, () => this.#tick())
  }

  #tick(): void {
    const { clock } = this.#init
    const nowMs = secondOf(clock.wallMs())
    const monotonicMs = clock.monotonicMs()
    const wallPassedMs = nowMs - this.#seenMs
    const passedMs = monotonicMs - this.#seenMonotonicMs
    const agree = Math.abs(wallPassedMs - passedMs) <= driftMsMax && passedMs <= lateMsMax
    // The same second twice: a timer was early, or the clock was set back a little.
    if (wallPassedMs !== 0 && !(agree && wallPassedMs < 0)) {
      const firstMs = agree ? this.#seenMs + secondMs : nowMs
      for (const schedule of this.#schedules) this.#runIfDue(schedule, firstMs, nowMs)
      this.#seenMs = nowMs
      this.#seenMonotonicMs = monotonicMs
    }
    this.#arm()
  }

  #runIfDue(schedule: Schedule, firstMs: number, lastMs: number): void {
    for (let ms = firstMs; ms <= lastMs; ms += secondMs) {
      if (!schedule.cron.isDue(ms)) continue
      const { options, account, headers, payload } = schedule
      schedule.runs++
      schedule.lastMs = this.#init.clock.wallMs()
      post(account, origin, { subject: options.subject, headers, payload })
      if (this.#init.log.debugOn) this.#init.log.debug(`Schedule ${options.name} has run`)
      return
    }
  }
}

function secondOf(ms: number): number {
  return Math.floor(ms / secondMs) * secondMs
}

function headerBlock(headers: ScheduleOptions['headers']): Buffer {
  if (headers.length === 0) return Buffer.alloc(0)
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`NATS/1.0\r\n${lines.join('')}\r\n`)
}

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
