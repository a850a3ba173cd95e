// What a publisher may demand of a stream before its message is stored, in nats-server's order
// (reference 6.5, the captures): sequence of the subject, of the stream, last id, rollup.

import { hasWildcard } from '../../src/subject/subject.ts'
import {
  insufficientStorage,
  rollupFailed,
  storeFailed,
  streamNotMatch,
  streamSealed,
  wrongLastMsgId,
  wrongLastSequence,
} from './errors.ts'
import { sourceHeaderNotAllowed, subjectSequenceMissing } from './publish-errors.ts'
import { seqsMax } from './schema.ts'
import type { ApiError, AppendOptions, NewMessage } from './shapes.ts'
import type { StoreStream } from './stream.ts'
import { scheduleFailure, ttlRefusal } from './timed/check.ts'

/** Why the stream takes nothing at all now, or nothing from this publisher. */
export function closedFor(stream: StoreStream, options: AppendOptions): ApiError | undefined {
  if (options.joined === true) return stream.commit.sick ? insufficientStorage : undefined
  if (stream.commit.sick || stream.commit.low) return insufficientStorage
  // nats-server has 10167 for it since 2.11; we speak as 2.10 does.
  if (stream.commit.full) return storeFailed('too many requests')
  if (stream.lastSeq + 1 >= seqsMax) return insufficientStorage
  const { expectedStream } = options
  return expectedStream === undefined || expectedStream === stream.config.name
    ? undefined
    : streamNotMatch
}

/** The error of the first expectation that does not hold. */
export function expectationFailure(
  stream: StoreStream,
  message: NewMessage,
  options: AppendOptions,
): ApiError | undefined {
  if (stream.config.sealed) return streamSealed
  const noTtl = ttlRefusal(stream.config, options)
  if (noTtl !== undefined) return noTtl
  if (options.expectedLastSubjectSeq !== undefined) {
    const asked = options.expectedLastSubjectSeqSubject ?? message.subject
    const last = lastSeqMatching(stream, asked)
    if (last !== options.expectedLastSubjectSeq) return wrongLastSequence(last)
  } else if (options.expectedLastSubjectSeqSubject !== undefined) return subjectSequenceMissing
  if (options.expectedLastSeq !== undefined && options.expectedLastSeq !== stream.lastSeq) {
    return wrongLastSequence(stream.lastSeq)
  }
  const wrong = scheduleFailure(stream, message.subject, options, stream.time.wallUs())
  if (wrong !== undefined) return wrong
  if (claimsSource(options)) return sourceHeaderNotAllowed
  const lastId = options.expectedLastMsgId
  if (lastId !== undefined && lastId !== '' && lastId !== stream.dedupe.lastId) {
    return wrongLastMsgId(stream.dedupe.lastId)
  }
  if (options.rollup === undefined) return undefined
  const { allow_rollup_hdrs, deny_purge } = stream.config
  const mayRollUp = options.sourced === true || (allow_rollup_hdrs && !deny_purge)
  return mayRollUp ? undefined : rollupFailed('rollup not permitted')
}

/** A publisher's message that says it came from a source. */
export function claimsSource({ hasSource, sourced, place }: AppendOptions): boolean {
  return hasSource === true && sourced !== true && place === undefined
}

/** The highest sequence on the subjects that match, readable or not; 0: there is none. */
export function lastSeqMatching(stream: StoreStream, subject: string): number {
  if (!hasWildcard(subject)) return stream.lastSeqOf(subject)
  const entries = stream.interned.matching(stream.reader.filter([subject]))
  return entries.reduce((last, entry) => Math.max(last, stream.lastSeqOf(entry.name)), 0)
}
