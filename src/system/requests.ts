// Requests wait here to be answered, a few milliseconds of work in a turn of the loop: whoever
// pipelines ten thousand of them holds up nobody but himself.

import { headersOf, payloadOf } from '../broker/post.ts'
import type { Message, Origin, Sink } from '../message.ts'
import type { SystemHost } from './host.ts'

export interface Request {
  readonly subject: string
  /** '' = nobody waits for an answer. */
  readonly reply: string
  readonly headers: Buffer
  readonly body: string
  /** Longer than anything that can be asked: `body` is empty. */
  readonly isTooLarge: boolean
  /** The client that asks; null: somebody else. */
  readonly asker: Sink | null
}

export type Answer = (request: Request) => void

interface Job {
  readonly request: Request
  readonly bytes: number
  readonly answer: Answer
}

export const requestBytesMax = 65_536
const jobsMax = 1024
const waitingBytesMax = 4 * 1024 * 1024
/** Of one asker. */
const jobsEachMax = 256
const turnMsMax = 5

export class Requests {
  readonly #host: SystemHost
  readonly #waiting = new Map<Sink | null, number>()
  #jobs: Job[] = []
  #next: NodeJS.Immediate | null = null
  #isFull = false
  #waitingBytes = 0
  /** Taken. */
  taken = 0
  /** Not taken, because too many waited. */
  dropped = 0

  constructor(host: SystemHost) {
    this.#host = host
  }

  /** Answered just now. */
  inProgress = 0

  get pending(): number {
    return this.#jobs.length
  }

  add(message: Message, origin: Origin, answer: Answer): void {
    const asker = origin.kind === 'client' ? origin.sink : null
    const waiting = this.#waiting.get(asker) ?? 0
    const payload = payloadOf(message)
    const headers = headersOf(message)
    const isTooLarge = payload.length + headers.length > requestBytesMax
    const bytes = isTooLarge ? 0 : payload.length + headers.length
    const isFull = this.#jobs.length >= jobsMax || this.#waitingBytes + bytes > waitingBytesMax
    if (isFull || waiting >= jobsEachMax) return this.#drop(message.subject)
    this.taken++
    this.#waiting.set(asker, waiting + 1)
    this.#waitingBytes += bytes
    const request: Request = {
      subject: message.subject,
      reply: message.reply,
      headers: Buffer.from(isTooLarge ? '' : headers),
      body: isTooLarge ? '' : payload.toString(),
      isTooLarge,
      asker,
    }
    this.#jobs.push({ request, bytes, answer })
    this.#next ??= setImmediate(() => this.#serve())
  }

  close(): void {
    if (this.#next !== null) clearImmediate(this.#next)
    this.#next = null
    this.#jobs = []
    this.#waiting.clear()
    this.#waitingBytes = 0
  }

  #serve(): void {
    this.#next = null
    const { clock } = this.#host
    const untilMs = clock.monotonicMs() + turnMsMax
    let done = 0
    for (const { request, bytes, answer } of this.#jobs) {
      done++
      this.#left(request.asker)
      this.#waitingBytes -= bytes
      this.inProgress = 1
      answer(request)
      this.inProgress = 0
      if (clock.monotonicMs() >= untilMs) break
    }
    this.#jobs = this.#jobs.slice(done)
    if (this.#jobs.length > 0) this.#next ??= setImmediate(() => this.#serve())
    else this.#isFull = false
  }

  #left(asker: Sink | null): void {
    const waiting = (this.#waiting.get(asker) ?? 1) - 1
    if (waiting === 0) this.#waiting.delete(asker)
    else this.#waiting.set(asker, waiting)
  }

  #drop(subject: string): void {
    this.dropped++
    if (this.#isFull) return
    this.#isFull = true
    this.#host.log.warn(`System requests come faster than they are answered: "${subject}" dropped`)
  }
}
