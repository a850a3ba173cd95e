// The messages of one stream that have a time of their own: those with a TTL, those that max_age
// takes one by one (a TTL of `never` is to be spared, a delete marker to be left), and schedules.
//
// It hears of every message that is stored and of every one that goes; when something is due, the
// timekeeper lets it work for a slice of a few milliseconds, and again once that is on disk. What
// expires, what is produced and what is noted of it share one transaction: nothing is expired or
// sent twice.

import type { Commit } from '../commit.ts'
import type { Db } from '../db.ts'
import { publishOptions } from '../publish-headers.ts'
import type {
  AppendOptions,
  NewMessage,
  StoredMessage,
  StreamConfig,
  StreamListener,
} from '../shapes.ts'
import type { StoreStream } from '../stream.ts'
import type { StoreTime } from '../time.ts'
import { Agenda } from './agenda.ts'
import { Ages } from './ages.ts'
import { Firing } from './firing.ts'
import type { ScheduleHeaders } from './headers.ts'
import { isMarker, markerHeaders } from './produced.ts'
import { nextUs, scheduleOf } from './schedule.ts'
import { type Kind, kinds } from './schema.ts'
import type { Slice } from './slice.ts'
import { Sweep } from './sweep.ts'
import { keptSeconds, markerSeconds } from './ttl.ts'

export interface TimedParts {
  readonly stream: StoreStream
  readonly db: Db
  readonly commit: Commit
  readonly time: StoreTime
  /** Something is due in so many ms; may be called for nothing. */
  readonly wake: (inMs: number) => void
  readonly closed: (timed: Timed) => void
}

const retryMs = 1000
const usPerSecond = 1_000_000
const empty = Buffer.alloc(0)

export class Timed implements StreamListener {
  expired = 0
  readonly #parts: TimedParts
  #ttls: Agenda | null = null
  #schedules: Agenda | null = null
  #ages: Ages | null = null
  #firing: Firing | null = null
  readonly #search: Agenda
  readonly #sweeps = new Map<Agenda, Sweep>()
  /** The last message that the search must see. */
  #searchedTo = 0
  /** A slice waits for the disk. */
  #busy = false
  /** Something could not be done: not before this. */
  #restUntilMs = 0
  #closed = false

  /** `isWhole`: whatever the stream holds is in the agendas. */
  constructor(parts: TimedParts, isWhole: boolean) {
    this.#parts = parts
    this.#search = this.#agenda(kinds.search)
    this.configure(parts.stream.config, isWhole)
    parts.stream.watch(this)
  }

  get ttls(): number {
    return this.#ttls?.rows ?? 0
  }

  get schedules(): number {
    return this.#schedules?.rows ?? 0
  }

  get fired(): number {
    return this.#firing?.fired ?? 0
  }

  /** What was allowed stays allowed; messages from before are searched for their times. */
  configure(config: StreamConfig, isWhole = false): void {
    const { stream, time } = this.#parts
    let isNew = false
    if (config.allow_msg_ttl && this.#ttls === null) {
      this.#ttls = this.#agenda(kinds.ttl)
      this.#sweeps.set(this.#ttls, new Sweep(this.#ttls, stream))
      isNew = true
    }
    if (config.allow_msg_schedules && this.#schedules === null) {
      this.#schedules = this.#agenda(kinds.schedule)
      this.#sweeps.set(this.#schedules, new Sweep(this.#schedules, stream))
      this.#firing = new Firing(stream, this.#schedules, time)
      isNew = true
    }
    if (isNew && !isWhole && stream.bytes > 0) {
      this.#search.add(0, 1)
      this.#searchedTo = stream.state().lastSeq
    }
    // Never null again: a stream that expired this way goes on to do so.
    this.#ages = config.allow_msg_ttl ? new Ages(stream, time) : null
    this.#parts.wake(0)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#parts.stream.unwatch(this)
    for (const agenda of [this.#ttls, this.#schedules, this.#search]) agenda?.close()
    this.#parts.closed(this)
  }

  /** A message was stored, of whatever kind. */
  stored(message: NewMessage, seq: number, options: AppendOptions): void {
    const { place } = options
    const isParsed = place === undefined || message.headers.length === 0
    const { ttl, schedule } = isParsed
      ? options
      : publishOptions(message.headers, 0, message.headers.length)
    if (ttl !== undefined && ttl > 0) this.#keep(seq, ttl, place?.timeUs)
    if (this.#ages?.stored() === true) this.#parts.wake(this.#ages.waitMs())
    const schedules = this.#schedules
    if (schedules === null || !this.#parts.stream.config.allow_msg_schedules) return
    if (schedule?.pattern !== undefined) {
      this.#arrange(message.subject, seq, schedule, place?.timeUs)
    } else if (schedule?.scheduler === undefined) {
      // The last message of a subject is its schedule: this is none.
      const ended = schedules.on(message.subject)
      if (ended > 0) schedules.forget(ended)
    }
  }

  readable(): void {}

  removed(seq: number): void {
    if (seq > 0) {
      this.#ttls?.forget(seq)
      this.#schedules?.forget(seq)
      return
    }
    for (const sweep of this.#sweeps.values()) {
      sweep.note()
      if (sweep.isPending) this.#parts.wake(0)
    }
  }

  /** Until there is something to do; 0 or less: now. */
  waitMs(nowMs: number): number {
    if (this.#busy) return Number.POSITIVE_INFINITY
    const waitMs = this.#dueMs()
    return waitMs === Number.POSITIVE_INFINITY
      ? waitMs
      : Math.max(waitMs, this.#restUntilMs - nowMs)
  }

  /** Does what is due until the slice is over. */
  work(slice: Slice): void {
    const { commit, stream } = this.#parts
    if (this.#closed || commit.sick) return this.#rest(slice)
    const isDone =
      (this.#firing?.work(slice) ?? true) &&
      this.#lookThrough(slice) &&
      this.#sweep(slice) &&
      this.#expireDue(slice) &&
      (this.#ages?.work(slice, message => this.#expire(message)) ?? true)
    if (!isDone && (stream.outlet === null || commit.sick)) this.#rest(slice)
    // Whatever was not on disk yet is so then.
    this.#busy = true
    commit.onDisk(error => {
      this.#busy = false
      if (this.#closed) return
      // What was taken away is there again.
      if (error) this.#ages?.restart()
      if (error) this.#rest(slice)
      this.#parts.wake(0)
    })
  }

  /** The clock was set back for good: what a schedule waits for may be years away. */
  rearm(): void {
    this.#firing?.rearm()
  }

  #agenda(kind: Kind): Agenda {
    const { stream, db, commit } = this.#parts
    return new Agenda({ stream: stream.id, kind, db, commit })
  }

  #rest(slice: Slice): void {
    this.#restUntilMs = slice.nowMs() + retryMs
  }

  #dueMs(): number {
    const { time } = this.#parts
    if (this.#search.earliest !== Number.POSITIVE_INFINITY) return 0
    for (const sweep of this.#sweeps.values()) if (sweep.isPending) return 0
    let waitMs = this.#ages?.waitMs() ?? Number.POSITIVE_INFINITY
    const ttl = this.#ttls?.earliest ?? Number.POSITIVE_INFINITY
    if (ttl !== Number.POSITIVE_INFINITY) {
      waitMs = Math.min(waitMs, (ttl - time.steadyNowUs()) / 1000)
    }
    return Math.min(waitMs, this.#firing?.waitMs() ?? Number.POSITIVE_INFINITY)
  }

  /** Counted from now, or from what a mirror's origin says. */
  #keep(seq: number, ttl: number, timeUs: number | undefined): void {
    const { stream, time, wake } = this.#parts
    // Of an update that was rolled back the agenda stays.
    if (this.#ttls === null || !stream.config.allow_msg_ttl) return
    const from = timeUs === undefined ? time.steadyNowUs() : time.steadyUs(timeUs)
    const dueUs = from + keptSeconds(stream.config, ttl) * usPerSecond
    this.#ttls.add(seq, Math.min(dueUs, Number.MAX_SAFE_INTEGER))
    wake((dueUs - time.steadyNowUs()) / 1000)
  }

  #arrange(subject: string, seq: number, headers: ScheduleHeaders, timeUs?: number): void {
    const { time, wake } = this.#parts
    const nowUs = time.wallUs()
    const found = scheduleOf(headers)
    if (found === null || 'err_code' in found) return
    const due = nextUs(found, timeUs ?? nowUs, nowUs)
    if (due === null) return
    this.#schedules?.add(seq, due, subject)
    wake((due - nowUs) / 1000)
  }

  /** Searches messages from before for what they say of their time. */
  #lookThrough(slice: Slice): boolean {
    const { stream } = this.#parts
    const search = this.#search
    while (search.earliest !== Number.POSITIVE_INFINITY) {
      if (slice.take()) return false
      const message = stream.next([], search.earliest)
      if (message === undefined) {
        if (stream.readableSeq < this.#searchedTo) return false
        // What comes from now on is noted when it is stored.
        search.forget(0)
      } else {
        search.add(0, message.seq + 1)
        this.#note(message)
      }
      search.settle()
    }
    return true
  }

  #note({ headers, subject, seq, timeUs }: StoredMessage): void {
    if (headers.length === 0) return
    const { stream } = this.#parts
    const { ttl, schedule } = publishOptions(headers, 0, headers.length)
    if (ttl !== undefined && ttl > 0) this.#keep(seq, ttl, timeUs)
    if (schedule?.pattern === undefined || this.#schedules?.has(seq) !== false) return
    if (stream.lastSeqOf(subject) === seq) this.#arrange(subject, seq, schedule, timeUs)
  }

  #sweep(slice: Slice): boolean {
    for (const sweep of this.#sweeps.values()) if (!sweep.work(slice)) return false
    return true
  }

  #expireDue(slice: Slice): boolean {
    const { stream, time } = this.#parts
    const ttls = this.#ttls
    if (ttls === null) return true
    const nowUs = time.steadyNowUs()
    const isMarking = markerSeconds(stream.config) > 0
    for (let due = ttls.due(nowUs, slice.left); due.length > 0; ) {
      for (const [seq] of due) {
        if (slice.take()) return false
        if (isMarking && !this.#expireMarked(ttls, seq)) return false
        if (!isMarking && stream.remove(seq)) this.expired++
        ttls.forget(seq)
      }
      due = ttls.due(nowUs, slice.left)
    }
    ttls.settle()
    return ttls.earliest > nowUs
  }

  /** False: not now. */
  #expireMarked(ttls: Agenda, seq: number): boolean {
    const { stream } = this.#parts
    const message = stream.get(seq)
    if (message !== undefined) return this.#expire(message)
    if (seq > stream.readableSeq) return false
    ttls.forget(seq)
    return true
  }

  /** Takes a message away, and leaves a marker where it was the last of its subject. */
  #expire(message: StoredMessage): boolean {
    const { stream, commit } = this.#parts
    if (commit.sick) return false
    const seconds = markerSeconds(stream.config)
    if (seconds > 0 && this.#leavesMarker(message)) {
      const { outlet } = stream
      if (outlet === null) return false
      const marker = { subject: message.subject, headers: markerHeaders(seconds), payload: empty }
      // Without room for it the message goes all the same: it makes room.
      // Where a message is refused for those that are there, it must replace one of them.
      const rollup = stream.config.discard === 'new' ? { rollup: 'sub' as const } : {}
      outlet.append(marker, { sourced: true, ttl: seconds, ...rollup })
    }
    stream.remove(message.seq)
    this.expired++
    return !commit.sick
  }

  #leavesMarker({ subject, seq, headers }: StoredMessage): boolean {
    const { stream } = this.#parts
    if (stream.lastSeqOf(subject) !== seq || isMarker(headers)) return false
    return stream.subjects(subject, 0, 1)[0]?.[1] === 1
  }
}
