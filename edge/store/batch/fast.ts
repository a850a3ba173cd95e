// Fast batches of one stream (ADR-50): messages are stored as they come, and answered every so many
// of them, at a pace the stream sets. Behaviour is nats-server 2.15's, seen from a single server.
//
//          seq 1             a message in order          commit, end
//   (none) ─────▶ open ───────────────────────▶ open ─────────────────▶ (none), PubAck
//                  │ gap, error: `fail`  ─────────────▶ (none), PubAck of what is stored
//                  │ gap, error: `ok`    ─────────────▶ open
//                  │ idleMsMax without a message, the group failed ───▶ (none)
//
// An answer that says what is stored leaves when it is on disk (keeps invariant 1): acks of the
// flow and PubAcks. What only tells of gaps and errors leaves at once. When a group cannot be
// written, those who wait for its answers get the error, and every batch with a message in it
// ends: nothing after a hole is taken for a batch that must have none.

import { isApiError } from '../api/request.ts'
import { noOptions } from '../publish-headers.ts'
import type { ApiError, AppendOptions, Appended, NewMessage } from '../shapes.ts'
import { withoutHeader } from '../header-block.ts'
import {
  atomicDuplicateId,
  batchDisabled,
  batchIdInvalid,
  batchIdUnknown,
  batchPatternInvalid,
  batchTooManyInflight,
} from '../publish-errors.ts'
import { BatchCheck } from './check.ts'
import { type FastReply, readFastReply } from './fast-reply.ts'
import { Idle } from './idle.ts'
import { type BatchParts, batchIdBytesMax, levelProblem, type Part, refusesPart } from './parts.ts'

interface FastBatch {
  readonly id: string
  readonly gapOk: boolean
  /** The publisher's own bound of `flow`. */
  readonly flowMax: number
  /** An answer every so many messages. */
  flow: number
  /** Sequence in the batch of the last message. */
  lastSeq: number
  /** Of the last one that an ack of the flow was for. */
  ackedSeq: number
  /** Sequence in the stream of the last one stored; 0: there is none. */
  streamSeq: number
  /** Mean size of its messages, about. */
  messageBytes: number
  touchedMs: number
}

/** Acks of the flow come at least this often, whoever publishes. */
const flowMessagesMax = 500
/** So many bytes may come between two of them, over all batches of a stream. */
const flowBytesMax = 8 * 1024 * 1024

export class FastBatches {
  readonly #parts: BatchParts
  readonly #open = new Map<string, FastBatch>()
  readonly #idle: Idle<FastBatch>
  /** With messages in the group that is gathering. */
  #inGroup = new Set<FastBatch>()
  #group = -1

  constructor(parts: BatchParts) {
    this.#parts = parts
    const { clock, inflight } = parts
    this.#idle = new Idle(clock, inflight.limits.idleMsMax, this.#open, batch => this.#end(batch))
  }

  get size(): number {
    return this.#open.size
  }

  take(part: Part, replyTo: string): void {
    const { stream } = this.#parts
    const refused = refusesPart(stream, part)
    if (refused) return this.#refuse(part, refused)
    if (stream.config.allow_batched !== true) return this.#refuse(part, batchDisabled)
    const reply = readFastReply(replyTo)
    if (reply === null) return this.#refuse(part, batchPatternInvalid)
    if (Buffer.byteLength(reply.id) > batchIdBytesMax) return this.#refuse(part, batchIdInvalid)
    const batch = this.#open.get(reply.id) ?? this.#begin(part, reply)
    if (batch === null) return
    const tooNew = levelProblem(part.options)
    if (tooNew) {
      this.#end(batch)
      return this.#refuse(part, tooNew)
    }
    this.#idle.touch(batch)
    if (reply.operation === 'ping') this.#ping(batch, reply, replyTo)
    else this.#next(batch, reply, part, replyTo)
  }

  /** All of them are given up. Idempotent. */
  close(): void {
    for (const batch of [...this.#open.values()]) this.#end(batch)
    this.#idle.close()
  }

  #begin(part: Part, { id, seq, operation, gapOk, flow }: FastReply): FastBatch | null {
    if (seq !== 1 || operation === 'ping') {
      this.#refuse(part, batchIdUnknown)
      return null
    }
    const { inflight } = this.#parts
    const { fastPerStreamMax, fastTotalMax } = inflight.limits
    if (this.#open.size >= fastPerStreamMax || inflight.fast >= fastTotalMax) {
      this.#refuse(part, batchTooManyInflight)
      return null
    }
    const messageBytes = part.message.headers.length + part.message.payload.length
    const batch: FastBatch = {
      id,
      gapOk,
      flowMax: flow,
      flow: 1,
      lastSeq: 0,
      ackedSeq: 0,
      streamSeq: 0,
      messageBytes,
      touchedMs: 0,
    }
    this.#open.set(id, batch)
    inflight.fast++
    // The only one has the stream for itself; another one gathers speed.
    if (this.#open.size === 1) batch.flow = this.#paceFor(batch)
    return batch
  }

  #ping(batch: FastBatch, { seq }: FastReply, replyTo: string): void {
    if (seq > batch.lastSeq) {
      this.#tell(replyTo, `{"type":"gap","last_seq":${batch.lastSeq + 1},"seq":${seq + 1}}`)
      if (!batch.gapOk) return this.#commit(batch, replyTo)
      batch.lastSeq = seq
      if (this.#ackFlow(batch, replyTo)) return
    }
    this.#tellFlow(batch, replyTo)
  }

  #next(batch: FastBatch, { seq, operation }: FastReply, part: Part, replyTo: string): void {
    const expected = batch.lastSeq + 1
    if (seq !== expected) {
      this.#tell(replyTo, `{"type":"gap","last_seq":${expected},"seq":${seq}}`)
      if (!batch.gapOk || seq < expected) return this.#commit(batch, replyTo)
    }
    if (operation === 'end') {
      batch.lastSeq = seq - 1
      return this.#commit(batch, replyTo)
    }
    batch.lastSeq = seq
    const commits = operation === 'commit'
    if (seq === 1 && !commits && this.#parts.stream.config.no_ack !== true) {
      this.#tell(replyTo, `{"type":"ack","seq":0,"msgs":${batch.flow}}`)
    }
    this.#settle(batch, part, this.#store(batch, part), commits, replyTo)
  }

  #store(batch: FastBatch, { message, options }: Part): Appended {
    const { intake } = this.#parts
    const bytes = message.headers.length + message.payload.length
    batch.messageBytes += (bytes - batch.messageBytes) / 8
    const error = this.#failure(message, options)
    if (error) return { is: 'refused', error }
    if (options.requiredApiLevel === undefined) return intake.append(message, options)
    const headers = withoutHeader(message.headers, 'Nats-Required-Api-Level')
    return intake.append({ ...message, headers }, options)
  }

  /**
   * nats-server looks at a message of either kind of batch in the same order, which is not that of
   * a message alone: so the checks of atomic batches stand before the stream's own.
   */
  #failure(message: NewMessage, options: AppendOptions): ApiError | null {
    const { stream, intake, clock } = this.#parts
    if (options === noOptions && stream.config.discard !== 'new') return null
    if (options.expectedLastMsgId) return null
    const check = new BatchCheck(stream, clock.wallMs() * 1000)
    const checked = check.next(intake.transformed(message), options)
    return isApiError(checked) && checked !== atomicDuplicateId ? checked : null
  }

  #settle(
    batch: FastBatch,
    part: Part,
    appended: Appended,
    commits: boolean,
    replyTo: string,
  ): void {
    if (appended.is === 'refused')
      return this.#refused(batch, part, appended.error, commits, replyTo)
    this.#awaitGroup(batch)
    if (part.receipt) this.#parts.acks.whenOnDisk('', part.receipt, '', '')
    if (appended.is === 'stored') {
      batch.streamSeq = appended.seq
      if (commits) this.#commit(batch, replyTo)
      else this.#ackFlow(batch, replyTo)
      return
    }
    // A duplicate counts as stored.
    this.#ackFlow(batch, replyTo)
    if (!commits) return
    if (batch.gapOk || batch.lastSeq > 1) return this.#commit(batch, replyTo)
    this.#end(batch)
    this.#confirm(replyTo, `${appended.seq},"duplicate": true`, batch)
  }

  #refused(batch: FastBatch, part: Part, error: ApiError, commits: boolean, replyTo: string): void {
    // The first one is answered as if there were no batch.
    if (!batch.gapOk && batch.lastSeq === 1) {
      this.#end(batch)
      return this.#refuse({ ...part, reply: replyTo }, error)
    }
    const seq = batch.lastSeq
    this.#tell(replyTo, `{"type":"err","seq":${seq},"error":${JSON.stringify(error)}}`)
    if (batch.gapOk && !commits) return
    batch.lastSeq--
    this.#commit(batch, replyTo)
  }

  /** Tells how far it came, whatever ends it, once that is on disk. */
  #commit(batch: FastBatch, replyTo: string): void {
    this.#end(batch)
    this.#confirm(replyTo, String(batch.streamSeq), batch)
  }

  #confirm(replyTo: string, seq: string, { id, lastSeq }: FastBatch): void {
    const { ackPrefix } = this.#parts
    this.#later(replyTo, `${ackPrefix}${seq},"batch":${JSON.stringify(id)},"count":${lastSeq}}`)
  }

  /** Answers and sets the pace anew when it is time for it. */
  #ackFlow(batch: FastBatch, replyTo: string): boolean {
    const { flow } = batch
    if (batch.lastSeq < batch.ackedSeq + flow) return false
    batch.ackedSeq += Math.floor((batch.lastSeq - batch.ackedSeq) / flow) * flow
    const pace = this.#paceFor(batch)
    if (flow < pace) batch.flow = Math.min(flow * 2, pace)
    else if (flow > pace) batch.flow = Math.max(Math.floor(flow / 2), pace)
    this.#tellFlow(batch, replyTo)
    return true
  }

  /** All of a stream share what may come between two answers, in messages and in bytes. */
  #paceFor({ flowMax, messageBytes }: FastBatch): number {
    const byCount = flowMessagesMax / this.#open.size
    const byBytes = flowBytesMax / this.#open.size / Math.max(messageBytes, 1)
    return Math.max(1, Math.min(flowMax, Math.floor(Math.min(byCount, byBytes))))
  }

  #tellFlow({ ackedSeq, flow }: FastBatch, replyTo: string): void {
    this.#later(replyTo, `{"type":"ack","seq":${ackedSeq},"msgs":${flow}}`)
  }

  /** Says nothing of what is stored. */
  #tell(replyTo: string, text: string): void {
    this.#parts.acks.now(replyTo, text)
  }

  #later(replyTo: string, text: string): void {
    const { acks, stream } = this.#parts
    const { storage, name } = stream.config
    if (storage === 'memory') acks.now(replyTo, text)
    else acks.whenOnDisk(replyTo, null, name, text)
  }

  #refuse({ reply, receipt }: Part, error: ApiError): void {
    const { acks, stream } = this.#parts
    acks.refuse(reply, receipt, stream.config.name, error)
  }

  #end(batch: FastBatch): void {
    if (!this.#open.delete(batch.id)) return
    this.#parts.inflight.fast--
  }

  #awaitGroup(batch: FastBatch): void {
    const { durable, stream } = this.#parts
    if (stream.config.storage === 'memory') return
    if (this.#group !== durable.groups) {
      const inGroup = new Set<FastBatch>()
      this.#inGroup = inGroup
      this.#group = durable.groups
      durable.onDisk(error => {
        // A group that failed has not been counted.
        if (this.#inGroup === inGroup) this.#group = -1
        if (error) for (const one of inGroup) this.#end(one)
      })
    }
    this.#inGroup.add(batch)
  }
}
