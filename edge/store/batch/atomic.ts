// Atomic batches of one stream (ADR-50): all of a batch's messages are stored, or none.
//
//          seq 1             the next in order           commit 1, eob
//   (none) ─────▶ gathering ───────────────────▶ gathering ───────────▶ (none)
//                     │ too large, incomplete, of a newer level, idleMsMax without a message
//                     └──────────────────────────▶ (none), STREAM.BATCH_ABANDONED
//
// Messages wait in memory, copied, until the commit; then they are checked (check.ts) and appended
// in one go, so that they share a commit group: a power cut leaves all or nothing, and consumers,
// who read up to a group's end, see all or nothing. The PubAck leaves when that group is on disk
// (invariant 1); the empty answers before it promise nothing that a restart would not take away.

import { isApiError } from '../api/request.ts'
import { storeFailed } from '../errors.ts'
import { withHeader, withoutHeader } from '../header-block.ts'
import {
  atomicCommitInvalid,
  atomicDisabled,
  atomicIdInvalid,
  atomicIncomplete,
  atomicSequenceMissing,
  atomicTooLarge,
  atomicTooManyInflight,
} from '../publish-errors.ts'
import type { ApiError, AppendOptions, NewMessage } from '../shapes.ts'
import { BatchCheck } from './check.ts'
import { Idle } from './idle.ts'
import { atomicBatchBytesMax, stagedBytesMax } from './limits.ts'
import {
  type AbandonReason,
  type BatchParts,
  batchIdBytesMax,
  levelProblem,
  type Part,
  refusesPart,
} from './parts.ts'

interface AtomicBatch {
  readonly id: string
  readonly staged: Part[]
  stagedBytes: number
  lastSeq: number
  touchedMs: number
}

interface Checked {
  readonly message: NewMessage
  readonly options: AppendOptions
}

/** Memory a staged message takes beside its bytes, about. */
const stagedOverheadBytes = 300
const sequence = /^\d{1,15}$/
const commitName = 'Nats-Batch-Commit'

export class AtomicBatches {
  readonly #parts: BatchParts
  readonly #open = new Map<string, AtomicBatch>()
  readonly #idle: Idle<AtomicBatch>

  constructor(parts: BatchParts) {
    this.#parts = parts
    const { clock, inflight } = parts
    this.#idle = new Idle(clock, inflight.limits.idleMsMax, this.#open, batch => {
      this.#abandon(batch, 'timeout')
    })
  }

  get size(): number {
    return this.#open.size
  }

  take(part: Part): void {
    const refused = this.#taken(part)
    if (refused === null) return
    const { acks, stream } = this.#parts
    acks.refuse(part.reply, part.receipt, stream.config.name, refused)
  }

  /** All of them are given up. Idempotent. */
  close(): void {
    for (const batch of [...this.#open.values()]) this.#end(batch)
    this.#idle.close()
  }

  #taken(part: Part): ApiError | null {
    const { stream, inflight } = this.#parts
    const { batchId = '', batchSeq = '', batchCommit } = part.options
    const refused = refusesPart(stream, part)
    if (refused) return refused
    if (stream.config.allow_atomic !== true) return atomicDisabled
    if (Buffer.byteLength(batchId) > batchIdBytesMax) return atomicIdInvalid
    if (!sequence.test(batchSeq)) return atomicSequenceMissing
    const seq = Number(batchSeq)
    const isEnd = batchCommit === 'eob'
    const messages = isEnd ? seq - 1 : seq
    const { messagesMax } = inflight.limits
    const tooLarge = messages > messagesMax ? atomicTooLarge(String(messagesMax)) : null
    const known = this.#open.get(batchId)
    if (!known && seq !== 1) return tooLarge ?? atomicIncomplete
    const batch = known ?? this.#begin(batchId)
    if (batch === null) return atomicTooManyInflight
    if (batchCommit !== undefined && !isEnd && batchCommit !== '1') {
      this.#end(batch)
      return atomicCommitInvalid
    }
    const tooNew = levelProblem(part.options)
    if (tooNew) return this.#abandon(batch, 'unsupported', tooNew)
    this.#idle.touch(batch)
    batch.lastSeq++
    if (batch.lastSeq !== seq || (seq === 1 && isEnd)) {
      return this.#abandon(batch, 'incomplete', atomicIncomplete)
    }
    if (tooLarge) return this.#abandon(batch, 'large', tooLarge)
    const full = isEnd ? null : this.#stage(batch, part)
    if (full) return this.#abandon(batch, 'large', full)
    if (batchCommit !== undefined) return this.#commit(batch, part, isEnd)
    this.#parts.acks.now(part.reply, '')
    return null
  }

  #begin(id: string): AtomicBatch | null {
    const { inflight } = this.#parts
    const { atomicPerStreamMax, atomicTotalMax } = inflight.limits
    if (this.#open.size >= atomicPerStreamMax || inflight.atomic >= atomicTotalMax) return null
    const batch: AtomicBatch = { id, staged: [], stagedBytes: 0, lastSeq: 0, touchedMs: 0 }
    this.#open.set(id, batch)
    inflight.atomic++
    return batch
  }

  /** Keeps a copy; the error when there is no room for it. */
  #stage(batch: AtomicBatch, part: Part): ApiError | null {
    const { inflight } = this.#parts
    const { message } = part
    const bytes = stagedOverheadBytes + message.headers.length + message.payload.length
    if (batch.stagedBytes + bytes > atomicBatchBytesMax) {
      return atomicTooLarge(`${atomicBatchBytesMax} bytes`)
    }
    if (inflight.stagedBytes + bytes > stagedBytesMax) return atomicTooManyInflight
    inflight.stagedBytes += bytes
    batch.stagedBytes += bytes
    const { subject, headers, payload } = message
    const copy = { subject, headers: Buffer.from(headers), payload: Buffer.from(payload) }
    batch.staged.push({ ...part, message: copy })
    part.receipt?.hold()
    return null
  }

  #commit(batch: AtomicBatch, last: Part, isEnd: boolean): ApiError | null {
    const checked = this.#checked(batch, isEnd)
    const stored = isApiError(checked) ? checked : this.#store(checked)
    if (isApiError(stored)) {
      this.#end(batch)
      return stored
    }
    const { acks, stream, ackPrefix } = this.#parts
    const { storage, name } = stream.config
    const count = stored.length
    const seq = stored.at(-1)
    const text = `${ackPrefix}${seq},"batch":${JSON.stringify(batch.id)},"count":${count}}`
    for (const { receipt } of batch.staged) {
      if (receipt === null) continue
      acks.whenOnDisk('', receipt, name, text)
      // Held since it was staged.
      receipt.release()
    }
    if (storage === 'memory') acks.now(last.reply, text)
    else if (last.reply !== '') acks.whenOnDisk(last.reply, null, name, text)
    batch.staged.length = 0
    this.#end(batch)
    return null
  }

  #checked({ staged }: AtomicBatch, isEnd: boolean): readonly Checked[] | ApiError {
    const { stream, intake, clock } = this.#parts
    const check = new BatchCheck(stream, clock.wallMs() * 1000)
    const checked: Checked[] = []
    for (const { message, options } of staged) {
      const plain = withoutLevel(message, options)
      const next = check.next(intake.transformed(plain), options)
      if (isApiError(next)) return next
      // Ended without a message of its own: the last one carries the commit.
      const isLast = isEnd && checked.length === staged.length - 1
      checked.push({ message: isLast ? committed(next) : next, options })
    }
    return check.roomFailure() ?? checked
  }

  /** Their sequences, or why none of them is stored. */
  #store(checked: readonly Checked[]): readonly number[] | ApiError {
    const { stream, intake } = this.#parts
    const stored: number[] = []
    for (const { message, options } of checked) {
      const { msgId, rollup, incr, ttl, schedule } = options
      const kept: AppendOptions = {
        ...(msgId && { msgId }),
        ...(rollup && { rollup }),
        ...(incr !== undefined && { incr }),
        ...(ttl !== undefined && { ttl }),
        ...(schedule && { schedule }),
        ...(stored.length > 0 && { joined: true }),
      }
      const appended = intake.put(message, one => stream.append(one, kept))
      if (appended.is === 'stored') {
        stored.push(appended.seq)
        continue
      }
      // Only a disk that failed comes here: the group, and what was stored of the batch, is gone
      // already. Whatever else it may be, no part of a batch stays.
      for (const seq of stored) stream.remove(seq)
      return appended.is === 'refused' ? appended.error : storeFailed('duplicate in batch')
    }
    return stored
  }

  /** For the reason, with the error for who caused it. */
  #abandon(batch: AtomicBatch, reason: AbandonReason, error?: ApiError): ApiError | null {
    this.#end(batch)
    this.#parts.abandoned(batch.id, reason)
    return error ?? null
  }

  #end(batch: AtomicBatch): void {
    if (!this.#open.delete(batch.id)) return
    const { inflight } = this.#parts
    inflight.atomic--
    inflight.stagedBytes -= batch.stagedBytes
    batch.stagedBytes = 0
    for (const { receipt } of batch.staged) receipt?.release(new Error('batch abandoned'))
    batch.staged.length = 0
  }
}

function withoutLevel(message: NewMessage, options: AppendOptions): NewMessage {
  if (options.requiredApiLevel === undefined) return message
  return { ...message, headers: withoutHeader(message.headers, 'Nats-Required-Api-Level') }
}

function committed(message: NewMessage): NewMessage {
  return { ...message, headers: withHeader(message.headers, commitName, '1') }
}
