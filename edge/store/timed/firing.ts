// Schedules that are due: each sends its message once, however often it was due meanwhile (ADR-51).
//
//   @at        the message goes out and takes its schedule away
//   the others go out and wait for their next time from now on
//
// The clock on the wall decides. When it jumps ahead, or the program was off, what became due is
// sent once; when it is set back, nothing is sent again: a schedule waits until the time it waited
// for has come, and when the clock stays back (timekeeper.ts) all look for their next time anew.

import { timeText } from '../api/text.ts'
import { publishOptions } from '../publish-headers.ts'
import type { StoredMessage, Stream } from '../shapes.ts'
import type { StoreTime } from '../time.ts'
import type { Agenda } from './agenda.ts'
import { purgeNext } from './headers.ts'
import { scheduledHeaders } from './produced.ts'
import { nextUs, type Schedule, scheduleOf } from './schedule.ts'
import type { Slice } from './slice.ts'
import { ttlOf } from './ttl.ts'

/** A message that was refused is tried again after this. */
const refusedUs = 10_000_000
const rowsAtOnce = 64
const never = Number.POSITIVE_INFINITY

export class Firing {
  fired = 0
  readonly #stream: Stream
  readonly #schedules: Agenda
  readonly #time: StoreTime
  /** Schedules up to here have looked for their next time anew; -1: none has to. */
  #rearmed = -1

  constructor(stream: Stream, schedules: Agenda, time: StoreTime) {
    this.#stream = stream
    this.#schedules = schedules
    this.#time = time
  }

  waitMs(): number {
    if (this.#rearmed >= 0) return 0
    const { earliest } = this.#schedules
    return earliest === never ? never : (earliest - this.#time.wallUs()) / 1000
  }

  rearm(): void {
    this.#rearmed = 0
  }

  /** False: not finished. */
  work(slice: Slice): boolean {
    return this.#rearm(slice) && this.#fireDue(slice)
  }

  #fireDue(slice: Slice): boolean {
    const nowUs = this.#time.wallUs()
    if (this.#schedules.earliest > nowUs) return true
    const stream = this.#stream
    for (const [seq, due] of this.#schedules.due(nowUs, slice.left)) {
      if (slice.take()) return false
      const message = stream.get(seq)
      if (message !== undefined) {
        if (!this.#fire(message, due, nowUs)) return false
      } else if (seq <= stream.readableSeq) this.#schedules.forget(seq)
    }
    this.#schedules.settle()
    return this.#schedules.earliest > nowUs
  }

  /** False: nobody is there who could send it. */
  #fire(message: StoredMessage, due: number, nowUs: number): boolean {
    const { outlet } = this.#stream
    if (outlet === null) return false
    const { seq, subject } = message
    const { headers, schedule } = read(message)
    if (schedule === null || headers.target === undefined) {
      this.#schedules.forget(seq)
      return true
    }
    const next = schedule.is === 'at' ? null : nextUs(schedule, due, nowUs)
    const nextText = next === null ? purgeNext : timeText(next)
    const { source, target, rollup, ttl } = headers
    const content = (source === undefined ? undefined : this.#stream.newest(source)) ?? message
    const sent = {
      subject: target,
      headers: scheduledHeaders(content.headers, subject, nextText, headers),
      payload: content.payload,
    }
    const appended = outlet.append(sent, {
      sourced: true,
      schedule: { scheduler: subject, next: nextText },
      ...(rollup === 'sub' && { rollup }),
      ...(ttl !== undefined && { ttl: ttlOf(ttl) }),
    })
    if (appended.is === 'stored') this.fired++
    if (next !== null) this.#schedules.move(seq, next)
    else if (appended.is === 'stored') this.#schedules.forget(seq)
    else this.#schedules.move(seq, nowUs + refusedUs)
    return true
  }

  #rearm(slice: Slice): boolean {
    const nowUs = this.#time.wallUs()
    while (this.#rearmed >= 0) {
      const rows = this.#schedules.from(this.#rearmed, rowsAtOnce)
      for (const [seq, due] of rows) {
        if (slice.take()) return false
        this.#rearmed = seq + 1
        const message = due > nowUs ? this.#stream.get(seq) : undefined
        const { schedule } = message ? read(message) : { schedule: null }
        if (schedule === null || schedule.is === 'at') continue
        const next = nextUs(schedule, nowUs, nowUs)
        if (next !== null && next < due) this.#schedules.move(seq, next)
      }
      if (rows.length < rowsAtOnce) this.#rearmed = -1
    }
    return true
  }
}

function read({ headers: block }: StoredMessage): {
  readonly headers: NonNullable<ReturnType<typeof publishOptions>['schedule']>
  readonly schedule: Schedule | null
} {
  const headers = publishOptions(block, 0, block.length).schedule ?? {}
  const found = scheduleOf(headers)
  return { headers, schedule: found === null || 'err_code' in found ? null : found }
}
