// What must hold for an atomic batch (ADR-50), message by message, before any of it is stored. As
// in nats-server expectations look at the stream as it was before the batch; a message may not
// expect anything of a subject that an earlier one of its batch has written to, nor roll it up.
//
// What is checked here is everything a stream could refuse a message for, so that once the first
// one is stored the others are too (apart from a disk that fails, which takes all of them back).

import { isApiError } from '../api/request.ts'
import { count, incrementProblem, type Tally, tallyOf } from '../counter.ts'
import {
  headersTooLarge,
  insufficientStorage,
  messageTooLarge,
  rollupFailed,
  storeFailed,
  streamNotMatch,
  ttlDisabled,
  ttlInvalid,
  wrongLastSequence,
} from '../errors.ts'
import { claimsSource } from '../expect.ts'
import {
  atomicDuplicateId,
  atomicUnsupportedHeader,
  sourceHeaderNotAllowed,
  subjectSequenceMissing,
  wrongLastSequenceInBatch,
} from '../publish-errors.ts'
import { sizeOf } from '../retention.ts'
import { seqsMax } from '../ids.ts'
import type {
  ApiError,
  AppendOptions,
  NewMessage,
  StoredMessage,
  Stream,
  StreamConfig,
} from '../shapes.ts'
import { rollupOf, scheduleFailure } from '../timed/check.ts'
import { storedCopy } from '../stored.ts'

const headerBytesMax = 65_535

export class BatchCheck {
  readonly #stream: Stream
  readonly #messages: number
  readonly #lastSeq: number
  readonly #ids = new Set<string>()
  readonly #tallies = new Map<string, Tally>()
  /** The batch's own messages by subject: how many there are, and the last one. */
  readonly #written = new Map<string, { count: number; last: NewMessage }>()
  /** What subjects and filters were found to end with. */
  readonly #lastSeqs = new Map<string, number>()
  #count = 0
  #bytes = 0

  readonly #nowUs: number

  /** `nowUs`: by the wall clock, for schedules. */
  constructor(stream: Stream, nowUs: number) {
    const { messages, lastSeq } = stream.state()
    this.#stream = stream
    this.#nowUs = nowUs
    this.#messages = messages
    this.#lastSeq = lastSeq
  }

  /** The next one, with the subject it is stored under: as it is stored, or why it cannot be. */
  next(message: NewMessage, options: AppendOptions): NewMessage | ApiError {
    const { config } = this.#stream
    if (options.expectedLastMsgId) return atomicUnsupportedHeader('Nats-Expected-Last-Msg-Id')
    if (message.headers.length > headerBytesMax) return headersTooLarge
    const wrong = incrementProblem(config, options, message.payload.length)
    if (wrong) return wrong
    const { expectedStream, msgId, ttl = 0 } = options
    if (expectedStream !== undefined && expectedStream !== config.name) return streamNotMatch
    if (ttl !== 0 && !config.allow_msg_ttl) return ttlDisabled
    if (Number.isNaN(ttl)) return ttlInvalid
    if (msgId) {
      if (this.#ids.has(msgId) || this.#stream.seqOfId(msgId) > 0) return atomicDuplicateId
      this.#ids.add(msgId)
    }
    if (claimsSource(options)) return sourceHeaderNotAllowed
    const counted = config.allow_msg_counter ? this.#counted(message, options) : message
    if (isApiError(counted)) return counted
    const { subject } = counted
    const failed =
      this.#expected(subject, options) ??
      scheduleFailure(this, subject, options, this.#nowUs) ??
      this.#rolledUp(counted, options)
    if (failed) return failed
    const before = this.#written.get(subject)?.count ?? 0
    this.#written.set(subject, { count: before + 1, last: counted })
    this.#count++
    return this.#discarded(counted, options) ?? counted
  }

  get config(): StreamConfig {
    return this.#stream.config
  }

  /** As it will be when the next message is stored. */
  newest(subject: string): StoredMessage | undefined {
    const own = this.#written.get(subject)
    return own ? storedCopy(0, 0, own.last) : this.#stream.newest(subject)
  }

  /** Whether there is room for all of them together. */
  roomFailure(): ApiError | null {
    const stream = this.#stream
    if (this.#lastSeq + this.#count >= seqsMax) return insufficientStorage
    return stream.gate?.refuses(stream.config, this.#bytes) ?? null
  }

  #counted(message: NewMessage, options: AppendOptions): NewMessage | ApiError {
    const { subject } = message
    const before = this.#tallies.get(subject) ?? tallyOf(this.#stream.newest(subject))
    const counted = isApiError(before) ? before : count(message, options, before)
    if (isApiError(counted)) return counted
    this.#tallies.set(subject, counted.tally)
    const { headers, payload } = counted.message
    const { max_msg_size } = this.#stream.config
    const isTooLarge = max_msg_size >= 0 && headers.length + payload.length > max_msg_size
    return isTooLarge ? messageTooLarge : counted.message
  }

  #expected(subject: string, options: AppendOptions): ApiError | null {
    const { expectedLastSeq, expectedLastSubjectSeq, expectedLastSubjectSeqSubject } = options
    if (expectedLastSeq !== undefined) {
      const last = this.#lastSeq + this.#count
      if (expectedLastSeq !== last) return wrongLastSequence(last)
      if (this.#count > 0) return wrongLastSequenceInBatch
    }
    if (expectedLastSubjectSeq === undefined) {
      return expectedLastSubjectSeqSubject === undefined ? null : subjectSequenceMissing
    }
    const filter = expectedLastSubjectSeqSubject ?? subject
    if (this.#written.has(filter)) return wrongLastSequenceInBatch
    const last = this.#lastSeqs.get(filter) ?? this.#stream.lastSeqMatching(filter)
    this.#lastSeqs.set(filter, last)
    return last === expectedLastSubjectSeq ? null : wrongLastSequence(last)
  }

  #rolledUp({ subject }: NewMessage, options: AppendOptions): ApiError | null {
    const rollup = rollupOf(options)
    if (rollup === undefined) return null
    const { allow_rollup_hdrs, deny_purge } = this.#stream.config
    if (!allow_rollup_hdrs || deny_purge) return rollupFailed('rollup not permitted')
    switch (rollup) {
      case 'sub':
        return this.#written.has(subject) ? rollupFailed('batch rollup sub invalid') : null
      case 'all':
        return this.#count > 0 ? rollupFailed('batch rollup all invalid') : null
      default:
        return rollupFailed(`rollup value invalid: "${String(rollup)}"`)
    }
  }

  #discarded({ subject, headers, payload }: NewMessage, options: AppendOptions): ApiError | null {
    const { config } = this.#stream
    const subjectBytes = Buffer.byteLength(subject)
    this.#bytes += sizeOf(config.storage, subjectBytes, headers.length, payload.length)
    if (config.discard !== 'new') return null
    const { max_msgs, max_bytes, max_msgs_per_subject, discard_new_per_subject } = config
    if (max_msgs > 0 && this.#messages + this.#count > max_msgs) {
      return storeFailed('maximum messages exceeded')
    }
    if (max_bytes > 0 && this.#stream.bytes + this.#bytes > max_bytes) {
      return storeFailed('maximum bytes exceeded')
    }
    if (!discard_new_per_subject || rollupOf(options) !== undefined) return null
    const there = this.#stream.subjects(subject, 0, 1)[0]?.[1] ?? 0
    return there + (this.#written.get(subject)?.count ?? 0) > max_msgs_per_subject
      ? storeFailed('maximum messages per subject exceeded')
      : null
  }
}
