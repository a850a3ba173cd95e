// A mirror's side of its feed: messages keep the sequences and times of their origin, what the
// origin no longer has is skipped. The position is the stream's own last sequence, so whatever is
// on disk after a power cut is where it goes on.

import type { SubjectTransform } from '../../../src/subject/transform.ts'
import { transformOf } from '../api/shaping.ts'
import type { Intake } from '../intake.ts'
import { publishOptions } from '../publish-headers.ts'
import { seqsMax } from '../ids.ts'
import type { NewMessage, Stream, StreamSourceConfig } from '../shapes.ts'
import type { FeedTarget } from './feed.ts'
import { isForGood, type LeftOut } from './left-out.ts'
import type { Delivery, Start } from './request.ts'

export interface TargetParts {
  readonly stream: Stream
  readonly source: StreamSourceConfig
  readonly intake: Intake
  readonly leftOut: LeftOut
}

/** With fewer messages to come than these the mirror answers in its origin's place. */
const nearMessages = 10

export class Mirror implements FeedTarget {
  readonly identity = ''
  readonly #parts: TargetParts
  readonly #transforms: readonly SubjectTransform[]
  readonly #onNear: () => void
  #lastSeq = 0

  /** `onNear`: the mirror has nearly everything its origin has. */
  constructor(parts: TargetParts, onNear: () => void) {
    this.#parts = parts
    this.#onNear = onNear
    this.#transforms = transformsOf(parts.source)
  }

  get doneSeq(): number {
    return this.#lastSeq
  }

  start(isKept = false): Start {
    const { stream, source } = this.#parts
    const { lastSeq } = stream.state()
    this.#lastSeq = lastSeq
    const { opt_start_seq, opt_start_time } = source
    if (lastSeq > 0 && !isKept) {
      return { deliver_policy: 'by_start_sequence', opt_start_seq: lastSeq + 1 }
    }
    if (opt_start_seq) return { deliver_policy: 'by_start_sequence', opt_start_seq }
    if (opt_start_time) return { deliver_policy: 'by_start_time', opt_start_time }
    return { deliver_policy: 'all' }
  }

  begun(deliveredSeq: number): void {
    const { stream } = this.#parts
    if (deliveredSeq < seqsMax - 1) stream.skipTo(deliveredSeq)
    this.#lastSeq = stream.state().lastSeq
  }

  /** A mirror of another stream goes on where this one's sequences do. */
  recreated(): void {}

  isIntact(): boolean {
    return this.#parts.stream.state().lastSeq >= this.#lastSeq
  }

  take(message: NewMessage, { streamSeq, timeUs, pending }: Delivery): boolean {
    const { stream, intake } = this.#parts
    if (pending < nearMessages) this.#onNear()
    if (streamSeq <= stream.state().lastSeq) return true
    if (streamSeq >= seqsMax - 1) return false
    const subject = mapped(message.subject, this.#transforms)
    const options = { ...this.#rollup(message), place: { seq: streamSeq, timeUs } }
    const headers = mirrored(message.headers)
    const appended = intake.take({ subject, headers, payload: message.payload }, transformed =>
      stream.append(transformed, options),
    )
    if (appended.is === 'refused') {
      if (!isForGood(appended.error)) return false
      this.#parts.leftOut.note(streamSeq, appended.error)
      stream.skipTo(streamSeq)
    }
    this.#lastSeq = streamSeq
    return true
  }

  /** A roll-up happens here too if the mirror allows it; else the message is one like any other. */
  #rollup({ headers }: NewMessage): { rollup?: 'sub' | 'all' } {
    const { allow_rollup_hdrs, deny_purge } = this.#parts.stream.config
    if (headers.length === 0 || !allow_rollup_hdrs || deny_purge) return {}
    const { rollup } = publishOptions(headers, 0, headers.length)
    return rollup === 'sub' || rollup === 'all' ? { rollup } : {}
  }
}

export function transformsOf(source: StreamSourceConfig): readonly SubjectTransform[] {
  return (source.subject_transforms ?? [])
    .map(transformOf)
    .filter((transform): transform is SubjectTransform => transform !== null)
}

/** The first transform that knows the subject decides. */
export function mapped(subject: string, transforms: readonly SubjectTransform[]): string {
  for (const transform of transforms) {
    const made = transform.apply(subject)
    if (made !== null) return made
  }
  return subject
}

/** What an expectation or a batch meant was for the origin. */
const dropped = /^Nats-(?:Expected|Batch)-[^:\r\n]*:[^\r\n]*\r\n/gim

function mirrored(headers: Buffer): Buffer {
  if (headers.indexOf('Nats-Expected-') < 0 && headers.indexOf('Nats-Batch-') < 0) return headers
  const kept = headers.toString('latin1').replace(dropped, '')
  return Buffer.from(kept, 'latin1')
}
