// What every message passes on its way into a stream, published or sourced: the stream's subject
// transform and its counters in front, republishing and the interest of its consumers behind.

import type { Account } from '../../src/account/account.ts'
import type { SubjectTransform } from '../../src/subject/transform.ts'
import { type ConsumerRoom, isApiError } from './api/request.ts'
import { transformOf } from './api/shaping.ts'
import { count, incrementProblem, tallyOf } from './counter.ts'
import { Republisher } from './republish.ts'
import type {
  AppendOptions,
  Appended,
  Durable,
  NewMessage,
  Stream,
  SubjectTransformConfig,
} from './shapes.ts'

/** How a message gets its place: at the end, or where a mirror's origin has it. */
type Store = (message: NewMessage) => Appended

export class Intake {
  readonly #stream: Stream
  readonly #consumers: ConsumerRoom
  readonly #republisher: Republisher
  #config: SubjectTransformConfig | undefined
  #transform: SubjectTransform | null = null

  constructor(account: Account, durable: Durable, stream: Stream, consumers: ConsumerRoom) {
    this.#stream = stream
    this.#consumers = consumers
    this.#republisher = new Republisher(account, durable, stream)
  }

  append(message: NewMessage, options: AppendOptions): Appended {
    if (options.incr !== undefined) return this.#count(message, options)
    return this.take(message, transformed => this.#stream.append(transformed, options))
  }

  take(message: NewMessage, store: Store): Appended {
    const { config } = this.#stream
    if (config.subject_transform === undefined && config.republish === undefined) {
      return this.#stored(message, store(message))
    }
    return this.put(this.transformed(message), store)
  }

  /** With the subject that it is stored under. */
  transformed(message: NewMessage): NewMessage {
    const subject = this.#subjectOf(message.subject)
    return subject === message.subject
      ? message
      : { subject, headers: message.headers, payload: message.payload }
  }

  /** Takes what is transformed and counted already. */
  put(transformed: NewMessage, store: Store): Appended {
    const { subject } = transformed
    if (!this.#republisher.wants(subject)) return this.#stored(transformed, store(transformed))
    const lastSeq = this.#stream.lastSeqOf(subject)
    const appended = store(transformed)
    if (appended.is !== 'stored' || this.#unwanted(subject)) {
      return this.#stored(transformed, appended)
    }
    this.#republisher.stored(transformed, appended.seq, lastSeq)
    return appended
  }

  /** An increment becomes the sum; a stream without counters keeps a source's as it came. */
  #count(message: NewMessage, options: AppendOptions): Appended {
    const stream = this.#stream
    const error = incrementProblem(stream.config, options, message.payload.length)
    if (error) return { is: 'refused', error }
    const transformed = this.transformed(message)
    if (stream.config.allow_msg_counter !== true) {
      return this.put(transformed, one => stream.append(one, options))
    }
    const before = tallyOf(stream.newest(transformed.subject))
    const counted = isApiError(before) ? before : count(transformed, options, before)
    if (isApiError(counted)) return { is: 'refused', error: counted }
    const appended = this.put(counted.message, one => stream.append(one, options))
    return appended.is === 'stored' ? { ...appended, value: String(counted.tally.sum) } : appended
  }

  /** Nobody wants it: the sequence is spent, as in nats-server, and nothing is kept. */
  #stored(message: NewMessage, appended: Appended): Appended {
    if (appended.is === 'stored' && this.#unwanted(message.subject)) {
      this.#stream.remove(appended.seq)
    }
    return appended
  }

  #unwanted(subject: string): boolean {
    const stream = this.#stream
    return stream.config.retention === 'interest' && !this.#consumers.wants(stream, subject)
  }

  #subjectOf(subject: string): string {
    const { subject_transform } = this.#stream.config
    if (subject_transform !== this.#config) {
      this.#config = subject_transform
      this.#transform = transformOf(subject_transform)
    }
    return this.#transform?.apply(subject) ?? subject
  }
}
