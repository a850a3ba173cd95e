// MQTT's framing: bytes in, one call a packet out (MQTT 3.1.1 section 2.2). It knows bytes only.
//
//   | type flags | remaining length 1..4 bytes | body … |
//
//          +------ whole packet ------+
//          v                          |
//   [ header ] -- body not whole --> [ body ] -- body whole --> [ header ]
//       \
//        +--- violation, or stop(): everything later is ignored
//
// A packet that is whole in the chunk is handed on where it stands. One that the chunk cuts in two
// is copied once, into a buffer of its own size. The owner sees type and length before any memory
// is given to it, so what a peer can make us hold is bounded by what the owner accepts.
// Between packets it can be held: then it keeps what comes, so many bytes, for resume().

import { type Violation, violations } from './rules.ts'

export interface FrameOwner {
  /** May a packet of this first byte and size come now? Asked before its body is read. */
  admit(first: number, bodyBytes: number): Violation | null
  /**
   * A whole packet: body `chunk[start..end)`. The memory is valid during the call; the owner may
   * write over everything before `end`, which is done with.
   */
  packet(first: number, chunk: Buffer, start: number, end: number): void
  /** Nothing more will be parsed. */
  violation(violation: Violation): void
}

/** Room before the body of a packet that was put together: a message header may go there. */
export const headroomBytes = 32
/** First byte and four bytes of remaining length [MQTT 2.2.3]. */
const headerBytesMax = 5
/** What may come while parsing is held: one read of a socket and a little more. */
const heldBytesMax = 1024 * 1024

export class Framer {
  readonly #owner: FrameOwner
  #isDead = false
  /** Header bytes of a packet whose header is not whole yet. */
  #header: Buffer | null = null
  #headerBytes = 0
  /** A packet whose body is not whole yet. */
  #body: Buffer | null = null
  #bodyBytes = 0
  #first = 0
  #isHeld = false
  #held: Buffer | null = null

  constructor(owner: FrameOwner) {
    this.#owner = owner
  }

  stop(): void {
    this.#isDead = true
    this.#body = null
    this.#held = null
  }

  /** From within a packet: what follows it waits for resume(). */
  hold(): void {
    this.#isHeld = true
  }

  /** Goes on with what came meanwhile. */
  resume(): void {
    const held = this.#held
    this.#isHeld = false
    this.#held = null
    if (held !== null) this.parse(held, held.length)
  }

  /** Parses `chunk[0..bytes)`; whatever is not whole yet is kept for the next call. */
  parse(chunk: Buffer, bytes: number): void {
    let at = 0
    while (at < bytes && !this.#isDead) {
      if (this.#isHeld) at = this.#keep(chunk, at, bytes)
      else if (this.#body !== null) at = this.#fill(this.#body, chunk, at, bytes)
      else if (this.#headerBytes > 0) at = this.#resumeHeader(chunk, at, bytes)
      else at = this.#packetAt(chunk, at, bytes)
    }
  }

  #keep(chunk: Buffer, start: number, end: number): number {
    const held = this.#held ?? Buffer.alloc(0)
    if (held.length + end - start > heldBytesMax) return this.#fail(violations.firstPacket, end)
    this.#held = Buffer.concat([held, chunk.subarray(start, end)])
    return end
  }

  /** Reads one packet; returns where the next one starts. */
  #packetAt(chunk: Buffer, start: number, end: number): number {
    let at = start + 1
    let bodyBytes = 0
    for (let shift = 0; ; shift += 7) {
      if (at === end) return this.#keepHeader(chunk, start, end)
      const byte = chunk[at++] as number
      bodyBytes += (byte & 0x7f) << shift
      if (byte < 0x80) break
      if (shift === 21) return this.#fail(violations.remainingLength, end)
    }
    const first = chunk[start] as number
    const refused = this.#owner.admit(first, bodyBytes)
    if (refused !== null) return this.#fail(refused, end)
    if (end - at >= bodyBytes) {
      this.#owner.packet(first, chunk, at, at + bodyBytes)
      return at + bodyBytes
    }
    this.#first = first
    this.#body = Buffer.allocUnsafe(headroomBytes + bodyBytes)
    this.#bodyBytes = headroomBytes
    return at
  }

  #fill(body: Buffer, chunk: Buffer, start: number, end: number): number {
    const take = Math.min(end - start, body.length - this.#bodyBytes)
    chunk.copy(body, this.#bodyBytes, start, start + take)
    this.#bodyBytes += take
    if (this.#bodyBytes === body.length) {
      this.#body = null
      this.#owner.packet(this.#first, body, headroomBytes, body.length)
    }
    return start + take
  }

  #keepHeader(chunk: Buffer, start: number, end: number): number {
    this.#header ??= Buffer.alloc(headerBytesMax)
    chunk.copy(this.#header, 0, start, end)
    this.#headerBytes = end - start
    return end
  }

  /** One more byte of a header that was cut in two; whole, it is read like any other. */
  #resumeHeader(chunk: Buffer, start: number, end: number): number {
    const header = this.#header as Buffer
    const byte = chunk[start] as number
    header[this.#headerBytes++] = byte
    if (byte >= 0x80 && this.#headerBytes < headerBytesMax) return start + 1
    const headerBytes = this.#headerBytes
    this.#headerBytes = 0
    if (byte >= 0x80) return this.#fail(violations.remainingLength, end)
    this.#packetAt(header, 0, headerBytes)
    return start + 1
  }

  #fail(violation: Violation, end: number): number {
    this.stop()
    this.#owner.violation(violation)
    return end
  }
}
