// The one timer behind all messages with a time of their own: wakes the streams that have
// something to do, for a slice of a few milliseconds at a time.
//
// It also looks after the clock on the wall. A jump ahead is noted on disk at once, or a crash
// would let the time that never passed count. When the clock is behind for long, schedules that
// wait for a time it may reach in years look for their next time anew.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Commit } from '../commit.ts'
import type { Db } from '../db.ts'
import type { StoreStream } from '../stream.ts'
import type { StoreTime } from '../time.ts'
import * as sql from './schema.ts'
import { Slice } from './slice.ts'
import { Timed } from './timed.ts'

export interface TimekeeperParts {
  readonly clock: Clock
  readonly time: StoreTime
  /** Writes the store's time with the next group. */
  readonly saveTime: () => void
}

/** Never sooner: the groups of others come first. */
const waitMsMin = 1
/** The clock is looked at so often, at least: while schedules wait for it, and else. */
const waitMsMax = 60_000
const scheduleWaitMsMax = 10_000
/** A clock set back by less is let be. */
const backMsMin = 10_000
/** A board's clock that starts behind is mostly set right before this. */
const behindMsMax = 600_000

export class Timekeeper {
  readonly #parts: TimekeeperParts
  readonly #timed = new Set<Timed>()
  #timer: Timer | null = null
  #timerMs = Number.POSITIVE_INFINITY
  #wallMs = 0
  /** Monotonic time at which schedules look anew; Infinity: no need. */
  #rearmMs = Number.POSITIVE_INFINITY
  #closed = false

  constructor(parts: TimekeeperParts) {
    this.#parts = parts
  }

  /** The store's time has begun. */
  start(): void {
    const { time } = this.#parts
    // A clock that is behind what was stored was ahead of it before.
    this.#wallMs = time.nowUs() / 1000
    this.#watchClock()
  }

  /** What is noted already is still written with the last group. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = null
  }

  /** Brings what a stream has to do in line with its config. `isWhole`: nothing of it was lost. */
  attach(stream: StoreStream, db: Db, commit: Commit, isWhole: boolean): void {
    const { config } = stream
    if (stream.timed !== null) return stream.timed.configure(config)
    if (!config.allow_msg_ttl && !config.allow_msg_schedules) return
    const timed = new Timed(
      {
        stream,
        db,
        commit,
        time: this.#parts.time,
        wake: inMs => this.#wake(inMs),
        closed: one => this.#timed.delete(one),
      },
      isWhole,
    )
    this.#timed.add(timed)
    stream.timed = timed
    this.#wake(0)
  }

  /** Rows of a stream's number go: it is deleted, or new. Inside the open transaction. */
  erase(db: Db, stream: number): void {
    db.prepare(sql.deleteRows).run(stream)
  }

  view(): object {
    const sum = { ttl_messages: 0, expired_messages: 0, schedules: 0, scheduled_messages: 0 }
    for (const timed of this.#timed) {
      sum.ttl_messages += timed.ttls
      sum.expired_messages += timed.expired
      sum.schedules += timed.schedules
      sum.scheduled_messages += timed.fired
    }
    return sum
  }

  #wake(inMs: number): void {
    if (this.#closed) return
    const { clock } = this.#parts
    const waitMs = Math.min(Math.max(Math.ceil(inMs), waitMsMin), waitMsMax)
    const atMs = clock.monotonicMs() + waitMs
    if (atMs >= this.#timerMs) return
    this.#timer?.cancel()
    this.#timerMs = atMs
    this.#timer = clock.after(waitMs, () => this.#tick())
  }

  #tick(): void {
    const { clock } = this.#parts
    this.#timer = null
    this.#timerMs = Number.POSITIVE_INFINITY
    this.#watchClock()
    const slice = new Slice(clock)
    let waitMs = Number.POSITIVE_INFINITY
    for (const timed of this.#timed) {
      if (!slice.isOver && timed.waitMs(slice.nowMs()) <= 0) timed.work(slice)
      waitMs = Math.min(waitMs, timed.waitMs(slice.nowMs()))
      if (timed.schedules > 0) waitMs = Math.min(waitMs, scheduleWaitMsMax)
    }
    if (this.#timed.size > 0) this.#wake(waitMs)
  }

  #watchClock(): void {
    const { clock, time, saveTime } = this.#parts
    time.nowUs()
    if (time.changed) saveTime()
    const wallMs = clock.wallMs()
    const nowMs = clock.monotonicMs()
    if (wallMs < this.#wallMs - backMsMin) this.#rearmMs = nowMs + behindMsMax
    this.#wallMs = wallMs
    if (nowMs < this.#rearmMs) return
    this.#rearmMs = Number.POSITIVE_INFINITY
    for (const timed of this.#timed) timed.rearm()
  }
}
