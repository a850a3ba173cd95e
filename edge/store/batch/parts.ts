// What the batches of one stream are made of, and a message on its way into one of them.

import type { Clock } from '../../../src/base/clock.ts'
import type { Receipt } from '../../../src/message.ts'
import { apiLevel } from '../../../src/server/version.ts'
import type { Acks } from '../acks.ts'
import { messageTooLarge, streamSealed } from '../errors.ts'
import type { Intake } from '../intake.ts'
import { apiLevelRequired } from '../publish-errors.ts'
import { sizeOf } from '../retention.ts'
import type { ApiError, AppendOptions, Durable, NewMessage, Stream } from '../shapes.ts'
import type { Inflight } from './limits.ts'

/** Why a batch ended without a commit, in the words of the advisory. */
export type AbandonReason = 'timeout' | 'large' | 'incomplete' | 'unsupported'

export interface BatchParts {
  readonly stream: Stream
  readonly intake: Intake
  readonly acks: Acks
  readonly durable: Durable
  readonly clock: Clock
  readonly inflight: Inflight
  /** `{"stream":"S1","seq":` */
  readonly ackPrefix: string
  readonly abandoned: (batch: string, reason: AbandonReason) => void
}

/** One message of a batch; its buffers are views of the publisher's. */
export interface Part {
  readonly message: NewMessage
  readonly options: AppendOptions
  /** Where its answer goes; '' when nobody wants one. */
  readonly reply: string
  readonly receipt: Receipt | null
}

export const batchIdBytesMax = 64

/** What the stream refuses whatever batch it is for, before it looks at the batch. */
export function refusesPart(stream: Stream, { message }: Part): ApiError | null {
  const { config } = stream
  if (config.sealed) return streamSealed
  const { subject, headers, payload } = message
  const subjectBytes = Buffer.byteLength(subject)
  const size = sizeOf(config.storage, subjectBytes, headers.length, payload.length)
  const refused = stream.gate?.refuses(config, size) ?? null
  if (refused) return refused
  const bytes = headers.length + payload.length
  return config.max_msg_size >= 0 && bytes > config.max_msg_size ? messageTooLarge : null
}

/** Does a message ask for a newer server? */
export function levelProblem({ requiredApiLevel }: AppendOptions): ApiError | null {
  if (requiredApiLevel === undefined) return null
  const isMet = /^[+-]?\d{1,9}$/.test(requiredApiLevel) && Number(requiredApiLevel) <= apiLevel
  return isMet ? null : apiLevelRequired
}
