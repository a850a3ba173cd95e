// max_age in a stream whose messages may have a TTL: from the oldest on, one by one, because one
// with a TTL of `never` stays and the last of its subject leaves a marker (ADR-43).
//
// Those that stay are passed once and not looked at again until the next start.

import { publishOptions } from '../publish-headers.ts'
import type { StoredMessage, Stream } from '../shapes.ts'
import type { StoreTime } from '../time.ts'
import type { Slice } from './slice.ts'
import { neverExpires } from './ttl.ts'

const never = Number.POSITIVE_INFINITY
/** What is stored and not on disk yet is not seen: look again. */
const unseenUs = 1_000_000

export class Ages {
  readonly #stream: Stream
  readonly #time: StoreTime
  /** Everything before this is gone, or stays. */
  #from = 1
  /** Store time at which something is to do, if the clock does not jump. */
  #dueUs = 0

  constructor(stream: Stream, time: StoreTime) {
    this.#stream = stream
    this.#time = time
  }

  /** A message came; true: the first that will be due. */
  stored(): boolean {
    if (this.#dueUs !== never || this.#ageUs <= 0) return false
    this.#dueUs = this.#time.nowUs() + this.#ageUs
    return true
  }

  waitMs(): number {
    return this.#ageUs <= 0 ? never : (this.#dueUs - this.#time.nowUs()) / 1000
  }

  /** What was passed is to be looked at again. */
  restart(): void {
    this.#from = 1
    this.#dueUs = 0
  }

  /** `expire` takes a message away; false: not now. False: not finished. */
  work(slice: Slice, expire: (message: StoredMessage) => boolean): boolean {
    if (this.waitMs() > 0) return true
    const stream = this.#stream
    // What is just as old goes.
    const keptFrom = stream.seqAt(this.#time.cutoffUs(this.#ageUs) + 1)
    for (;;) {
      if (slice.take()) return false
      const message = stream.next([], this.#from)
      if (message === undefined || message.seq >= keptFrom) {
        this.#dueUs = this.#dueOf(message)
        return true
      }
      if (!isForever(message.headers) && !expire(message)) return false
      this.#from = message.seq + 1
    }
  }

  get #ageUs(): number {
    return this.#stream.config.max_age / 1000
  }

  #dueOf(oldest: StoredMessage | undefined): number {
    const { readableSeq } = this.#stream
    if (oldest) return this.#time.dueUs(oldest.timeUs, this.#ageUs)
    if (this.#stream.state().lastSeq <= readableSeq) return never
    return this.#time.nowUs() + Math.min(this.#ageUs, unseenUs)
  }
}

function isForever(headers: Buffer): boolean {
  return headers.length > 0 && publishOptions(headers, 0, headers.length).ttl === neverExpires
}
