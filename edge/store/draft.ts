// A block that is still being filled, and those that are kept for the next groups: allocating them
// anew for each group costs a third of the time in collections of garbage (npm run bench -- store).

import {
  backAt,
  backUnknown,
  Block,
  bodyBytesMax,
  endAt,
  entriesMax,
  headNumbers,
  shapeAt,
  spanMax,
  timeAt,
  timeSpanMax,
} from './block.ts'

/** A block that is still being filled. */
export class Draft {
  firstSeq = 0
  lastSeq = 0
  count = 0
  live = 0
  bodyBytes = 0
  #timeUs = 0
  readonly #subjects = new Uint32Array(entriesMax)
  readonly #heads = new Uint32Array(entriesMax * headNumbers)
  readonly #room = Buffer.allocUnsafeSlow(bodyBytesMax)
  /** `#room`, or a longer one for a single long message. */
  #bodies: Buffer = this.#room

  /** Does this message still belong in here? */
  takes(seq: number, timeUs: number, bytes: number): boolean {
    if (this.count === 0) return true
    return (
      this.count < entriesMax &&
      this.bodyBytes + bytes <= bodyBytesMax &&
      seq - this.firstSeq <= spanMax &&
      timeUs >= this.#timeUs &&
      timeUs - this.#timeUs <= timeSpanMax
    )
  }

  /** `previous`: sequence of the one before it on its subject; 0: none, -1: unknown. */
  add(
    seq: number,
    subject: number,
    timeUs: number,
    headers: Uint8Array,
    payload: Uint8Array,
    previous: number,
  ): void {
    const i = this.count
    if (i === 0) {
      this.firstSeq = seq
      this.#timeUs = timeUs
    }
    const bytes = headers.length + payload.length
    if (bytes > this.#bodies.length) this.#bodies = Buffer.allocUnsafeSlow(bytes)
    if (headers.length > 0) this.#bodies.set(headers, this.bodyBytes)
    this.#bodies.set(payload, this.bodyBytes + headers.length)
    this.bodyBytes += bytes
    this.#subjects[i] = subject
    const at = i * headNumbers
    const back = previous < 0 || seq - previous > backUnknown ? backUnknown : seq - previous
    this.#heads[at + shapeAt] = headers.length * 65536 + (seq - this.firstSeq)
    this.#heads[at + timeAt] = timeUs - this.#timeUs
    this.#heads[at + endAt] = this.bodyBytes
    this.#heads[at + backAt] = previous === 0 ? 0 : back
    this.lastSeq = seq
    this.count = i + 1
    this.live++
  }

  /** The message goes before it was ever written. */
  drop(seq: number): void {
    const block = this.block(0)
    const i = block.indexOf(seq)
    if (i < 0) return
    block.markGone(i)
    this.live = block.live
  }

  /** As a block; its bytes move when the draft grows. `base`: id of sequence 0 of its stream. */
  block(base: number): Block {
    return new Block({
      id: base + this.firstSeq,
      firstSeq: this.firstSeq,
      lastSeq: this.lastSeq,
      live: this.live,
      timeUs: this.#timeUs,
      subjects: this.#subjects.subarray(0, this.count),
      heads: this.#heads.subarray(0, this.count * headNumbers),
      bodies: this.#bodies.subarray(0, this.bodyBytes),
    })
  }

  /** Empty again: whoever had a block of it must be done with it. */
  clear(): void {
    this.count = 0
    this.live = 0
    this.bodyBytes = 0
    this.#bodies = this.#room
  }
}

/** Some of 42 KiB each: as many as a group of 4,096 small messages fills. */
const keptMax = 16

export class Drafts {
  readonly #free: Draft[] = []

  take(): Draft {
    return this.#free.pop() ?? new Draft()
  }

  give(draft: Draft): void {
    draft.clear()
    if (this.#free.length < keptMax) this.#free.push(draft)
  }
}

/** A block without what is gone: fewer bytes, another row. Something must be left. */
export function compacted(block: Block): Block {
  const draft = new Draft()
  for (let i = 0; i < block.count; i++) if (!block.isGone(i)) addFrom(draft, block, i)
  return draft.block(block.id - block.firstSeq)
}

function addFrom(draft: Draft, block: Block, i: number): void {
  const start = block.start(i)
  const payloadStart = start + block.headerBytes(i)
  draft.add(
    block.seq(i),
    block.subject(i),
    block.time(i),
    block.bodies.subarray(start, payloadStart),
    block.bodies.subarray(payloadStart, block.end(i)),
    block.previous(i),
  )
}
