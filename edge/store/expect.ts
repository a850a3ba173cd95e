// What a publisher may demand of a stream before its message is stored, in nats-server 2.15's
// order (reference 6.5): size, the stream's name, sequence of the subject and of the stream; and,
// when it is no duplicate, the last id and roll-ups.

import {
  insufficientStorage,
  messageTooLarge,
  rollupFailed,
  streamNotMatch,
  streamSealed,
  tooManyRequests,
  wrongLastMsgId,
  wrongLastSequence,
} from './errors.ts'
import {
  incrementMissing,
  sourceHeaderNotAllowed,
  subjectSequenceMissing,
} from './publish-errors.ts'
import { seqsMax } from './ids.ts'
import type { ApiError, AppendOptions, NewMessage, StreamConfig } from './shapes.ts'
import type { StoreStream } from './stream.ts'
import { scheduleFailure, ttlRefusal } from './timed/check.ts'

/** Why the stream does not take it, be it a duplicate or not. */
export function closedFor(
  stream: StoreStream,
  message: NewMessage,
  options: AppendOptions,
): ApiError | undefined {
  const { config } = stream
  if (options.joined === true) {
    return stream.commit.sick ? insufficientStorage : sequenceFailure(stream, message, options)
  }
  if (config.sealed) return streamSealed
  const bytes = message.headers.length + message.payload.length
  if (config.max_msg_size >= 0 && bytes > config.max_msg_size) return messageTooLarge
  if (stream.commit.sick || stream.commit.low) return insufficientStorage
  if (stream.commit.full) return tooManyRequests
  if (stream.lastSeq + 1 >= seqsMax) return insufficientStorage
  const { expectedStream } = options
  if (expectedStream !== undefined && expectedStream !== config.name) return streamNotMatch
  return sequenceFailure(stream, message, options)
}

function sequenceFailure(
  stream: StoreStream,
  message: NewMessage,
  options: AppendOptions,
): ApiError | undefined {
  const noTtl = ttlRefusal(stream.config, options)
  if (noTtl !== undefined) return noTtl
  if (options.expectedLastSubjectSeq !== undefined) {
    const asked = options.expectedLastSubjectSeqSubject ?? message.subject
    const last = stream.lastSeqMatching(asked)
    if (last !== options.expectedLastSubjectSeq) return wrongLastSequence(last)
  } else if (options.expectedLastSubjectSeqSubject !== undefined) return subjectSequenceMissing
  if (options.expectedLastSeq !== undefined && options.expectedLastSeq !== stream.lastSeq) {
    return wrongLastSequence(stream.lastSeq)
  }
  const wrong = scheduleFailure(stream, message.subject, options, stream.time.wallUs())
  if (wrong !== undefined) return wrong
  return claimsSource(options) ? sourceHeaderNotAllowed : undefined
}

/** The error of the first expectation that a new message does not meet. */
export function expectationFailure(
  stream: StoreStream,
  options: AppendOptions,
): ApiError | undefined {
  const lastId = options.expectedLastMsgId
  if (lastId !== undefined && lastId !== '' && lastId !== stream.dedupe.lastId) {
    return wrongLastMsgId(stream.dedupe.lastId)
  }
  return rollupFailure(stream.config, options) ?? incrementFailure(stream.config, options)
}

function rollupFailure(config: StreamConfig, options: AppendOptions): ApiError | undefined {
  const { rollup } = options
  if (rollup === undefined) return undefined
  const { allow_rollup_hdrs, deny_purge } = config
  const mayRollUp = options.sourced === true || (allow_rollup_hdrs && !deny_purge)
  if (!mayRollUp) return rollupFailed('rollup not permitted')
  const isKnown = rollup === 'sub' || rollup === 'all'
  return isKnown ? undefined : rollupFailed(`rollup value invalid: "${String(rollup)}"`)
}

/** Where subjects are counters every message is an increment. */
function incrementFailure(config: StreamConfig, options: AppendOptions): ApiError | undefined {
  if (config.allow_msg_counter !== true || options.place !== undefined) return undefined
  return options.incr === undefined ? incrementMissing : undefined
}

/** A publisher's message that says it came from a source. */
export function claimsSource({ hasSource, sourced, place }: AppendOptions): boolean {
  return hasSource === true && sourced !== true && place === undefined
}
