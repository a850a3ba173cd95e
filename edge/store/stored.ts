// A stored message as a view: whoever sends it on copies its bytes once, from the block they stand
// in to the socket. The bytes of a block never change while somebody may hold such a view.

import type { NewMessage, StoredMessage } from './shapes.ts'

export class StoredAt implements StoredMessage {
  readonly seq: number
  readonly subject: string
  readonly timeUs: number
  readonly chunk: Buffer
  /** Header block from here on, */
  readonly start: number
  /** then the payload, */
  readonly payloadStart: number
  /** up to here. */
  readonly end: number

  constructor(
    seq: number,
    subject: string,
    timeUs: number,
    chunk: Buffer,
    start: number,
    payloadStart: number,
    end: number,
  ) {
    this.seq = seq
    this.subject = subject
    this.timeUs = timeUs
    this.chunk = chunk
    this.start = start
    this.payloadStart = payloadStart
    this.end = end
  }

  get headers(): Buffer {
    return this.chunk.subarray(this.start, this.payloadStart)
  }

  get payload(): Buffer {
    return this.chunk.subarray(this.payloadStart, this.end)
  }
}

/** The same of a message whose parts stand elsewhere. */
export function storedCopy(
  seq: number,
  timeUs: number,
  { subject, headers, payload }: NewMessage,
): StoredAt {
  const chunk = Buffer.concat([headers, payload])
  return new StoredAt(seq, subject, timeUs, chunk, 0, headers.length, chunk.length)
}
