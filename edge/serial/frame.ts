// Frames: how a stream of bytes is cut into readings.
//
// A framer knows bytes only: no port, no clock, no subject. It takes chunks of any size and hands
// out the same frames wherever the chunks are cut. It holds one unfinished frame, never more than
// `frameBytesMax` and a delimiter. A frame over the limit is dropped and counted in `oversize`,
// and the framer finds its feet again: at the next delimiter, start marker or silence.
//
//   line       … \n     LF ends it, a CR before it goes too; an empty line is no frame
//   delimiter  … D      any byte string; an empty frame is none
//   markers    S … E t  start and end stay in the frame; bytes outside are skipped and counted
//   length     n bytes  a silence, when one is given, begins a new frame
//   silence    … pause  what came between two pauses

import { Held } from './held.ts'
import { Matcher } from './matcher.ts'

export type Framing =
  | { readonly by: 'line' }
  | { readonly by: 'delimiter'; readonly delimiter: Buffer }
  | {
      readonly by: 'markers'
      readonly start: Buffer
      readonly end: Buffer
      /** What belongs to the frame behind the end marker: so many bytes, or the line's rest. */
      readonly tail: number | 'line'
      /** A start marker inside a frame begins it anew: bytes of the first one were lost. */
      readonly restart: boolean
    }
  | { readonly by: 'length'; readonly lengthBytes: number; readonly silenceMs: number }
  | { readonly by: 'silence'; readonly silenceMs: number }

/** A whole frame, a view that is valid until it returns, and the time of its first byte. */
export type OnFrame = (frame: Buffer, firstMs: number) => void

export interface Framer {
  /** Frames dropped because they were over the limit. */
  readonly oversize: number
  /** Bytes that belonged to no frame: outside the markers, or of a frame cut off. */
  readonly skippedBytes: number
  /** After so long without a byte, call `quiet`; 0: this framing does not care. */
  readonly silenceMs: number
  /** Takes bytes that were read at `atMs`. */
  push(chunk: Buffer, atMs: number): void
  /** The line was silent for `silenceMs`. */
  quiet(): void
  /** The port is gone: forgets the unfinished frame. */
  reset(): void
}

export function newFramer(framing: Framing, frameBytesMax: number, onFrame: OnFrame): Framer {
  switch (framing.by) {
    case 'line':
      return new DelimiterFramer(Buffer.from('\n'), true, frameBytesMax, onFrame)
    case 'delimiter':
      return new DelimiterFramer(framing.delimiter, false, frameBytesMax, onFrame)
    case 'markers':
      return new MarkerFramer(framing, frameBytesMax, onFrame)
    case 'length':
      return new LengthFramer(framing.lengthBytes, framing.silenceMs, onFrame)
    case 'silence':
      return new SilenceFramer(framing.silenceMs, frameBytesMax, onFrame)
    default:
      return framing satisfies never
  }
}

const carriageReturn = 0x0d
const lineFeed = 0x0a

class DelimiterFramer implements Framer {
  oversize = 0
  skippedBytes = 0
  readonly silenceMs = 0
  #skipping = false
  #firstMs = 0
  readonly #delimiter: Matcher
  readonly #stripCr: boolean
  readonly #frameBytesMax: number
  /** With these many bytes and no delimiter yet the frame is too long whatever comes. */
  readonly #heldBytesMax: number
  readonly #held: Held
  readonly #onFrame: OnFrame

  constructor(delimiter: Buffer, stripCr: boolean, frameBytesMax: number, onFrame: OnFrame) {
    this.#delimiter = new Matcher(delimiter)
    this.#stripCr = stripCr
    this.#frameBytesMax = frameBytesMax
    this.#heldBytesMax = frameBytesMax + delimiter.length + (stripCr ? 1 : 0)
    // take() adds the rest of the delimiter behind what was held.
    this.#held = new Held(this.#heldBytesMax + delimiter.length)
    this.#onFrame = onFrame
  }

  push(chunk: Buffer, atMs: number): void {
    let from = 0
    for (let i = 0; i < chunk.length; i++) {
      if (!this.#delimiter.step(chunk[i] as number)) continue
      this.#end(chunk, from, i + 1, atMs)
      from = i + 1
    }
    this.#keep(chunk, from, atMs)
  }

  quiet(): void {}

  reset(): void {
    this.skippedBytes += this.#held.drop()
    this.#delimiter.reset()
    this.#skipping = false
  }

  #end(chunk: Buffer, from: number, to: number, atMs: number): void {
    if (this.#skipping) {
      this.#skipping = false
      return
    }
    const firstMs = this.#held.length > 0 ? this.#firstMs : atMs
    const bytes = this.#held.length + to - from
    if (bytes > this.#heldBytesMax + this.#delimiter.pattern.length) {
      this.#held.drop()
      this.oversize++
      return
    }
    const whole = this.#held.take(chunk, from, to)
    let length = whole.length - this.#delimiter.pattern.length
    if (this.#stripCr && whole[length - 1] === carriageReturn) length--
    if (length > this.#frameBytesMax) this.oversize++
    else if (length > 0) this.#onFrame(whole.subarray(0, length), firstMs)
  }

  #keep(chunk: Buffer, from: number, atMs: number): void {
    if (this.#skipping || from === chunk.length) return
    if (this.#held.length + chunk.length - from > this.#heldBytesMax) {
      this.#held.drop()
      this.#skipping = true
      this.oversize++
      return
    }
    if (this.#held.length === 0) this.#firstMs = atMs
    this.#held.add(chunk, from, chunk.length)
  }
}

type Markers = Extract<Framing, { by: 'markers' }>

/**
 *   hunting --start--> inside --end--> tail --last byte--> hunting
 *      ^                 |  ^-start-|     |
 *      +--- too long ----+----------------+
 */
class MarkerFramer implements Framer {
  oversize = 0
  skippedBytes = 0
  readonly silenceMs = 0
  #is: 'hunting' | 'inside' | 'tail' = 'hunting'
  /** Where this frame's bytes begin in the chunk at hand. */
  #from = 0
  #tailBytesLeft = 0
  #firstMs = 0
  readonly #start: Matcher
  readonly #end: Matcher
  readonly #tail: number | 'line'
  readonly #restart: boolean
  readonly #frameBytesMax: number
  readonly #heldBytesMax: number
  readonly #held: Held
  readonly #onFrame: OnFrame

  constructor(framing: Markers, frameBytesMax: number, onFrame: OnFrame) {
    this.#start = new Matcher(framing.start)
    this.#end = new Matcher(framing.end)
    this.#tail = framing.tail
    this.#restart = framing.restart && !framing.start.equals(framing.end)
    this.#frameBytesMax = frameBytesMax
    // The CR LF of a line tail goes away again.
    this.#heldBytesMax = frameBytesMax + (framing.tail === 'line' ? 2 : 0)
    this.#held = new Held(Math.max(this.#heldBytesMax, framing.start.length))
    this.#onFrame = onFrame
  }

  push(chunk: Buffer, atMs: number): void {
    this.#from = 0
    for (let i = 0; i < chunk.length; i++) this.#byte(chunk, i, atMs)
    if (this.#is !== 'hunting') this.#held.add(chunk, this.#from, chunk.length)
  }

  quiet(): void {}

  reset(): void {
    this.skippedBytes += this.#held.drop()
    this.#hunt()
  }

  #byte(chunk: Buffer, at: number, atMs: number): void {
    const byte = chunk[at] as number
    if (this.#is === 'hunting') {
      this.skippedBytes++
      if (this.#start.step(byte)) {
        this.skippedBytes -= this.#start.pattern.length
        this.#begin(at, atMs)
      } else if (this.#start.matched === 1) this.#firstMs = atMs
      return
    }
    const bytes = this.#held.length + at + 1 - this.#from
    if (bytes > this.#heldBytesMax) {
      this.oversize++
      this.#held.drop()
      this.#hunt()
      this.#byte(chunk, at, atMs)
      return
    }
    if (this.#is === 'tail') this.#tailByte(chunk, at, byte)
    else if (this.#restart && this.#start.step(byte)) {
      this.skippedBytes += bytes - this.#start.pattern.length
      this.#begin(at, atMs)
    } else if (this.#end.step(byte)) this.#ended(chunk, at)
  }

  /** The start marker is complete at `at`. */
  #begin(at: number, atMs: number): void {
    const marker = this.#start.pattern
    this.#held.drop()
    this.#held.add(marker, 0, marker.length)
    this.#from = at + 1
    if (this.#is !== 'hunting' || marker.length === 1) this.#firstMs = atMs
    this.#is = 'inside'
    this.#end.reset()
  }

  #ended(chunk: Buffer, at: number): void {
    if (this.#tail === 0) {
      this.#finish(chunk, at + 1)
      return
    }
    this.#is = 'tail'
    if (this.#tail !== 'line') this.#tailBytesLeft = this.#tail
  }

  #tailByte(chunk: Buffer, at: number, byte: number): void {
    if (this.#tail === 'line') {
      if (byte === lineFeed) this.#finish(chunk, at)
    } else if (--this.#tailBytesLeft === 0) this.#finish(chunk, at + 1)
  }

  #finish(chunk: Buffer, to: number): void {
    const frame = this.#held.take(chunk, this.#from, to)
    let length = frame.length
    if (this.#tail === 'line' && frame[length - 1] === carriageReturn) length--
    this.#hunt()
    if (length > this.#frameBytesMax) this.oversize++
    else this.#onFrame(frame.subarray(0, length), this.#firstMs)
  }

  #hunt(): void {
    this.#is = 'hunting'
    this.#start.reset()
    this.#end.reset()
  }
}

class LengthFramer implements Framer {
  readonly oversize = 0
  skippedBytes = 0
  readonly silenceMs: number
  #firstMs = 0
  readonly #lengthBytes: number
  readonly #held: Held
  readonly #onFrame: OnFrame

  constructor(lengthBytes: number, silenceMs: number, onFrame: OnFrame) {
    this.#lengthBytes = lengthBytes
    this.silenceMs = silenceMs
    this.#held = new Held(lengthBytes)
    this.#onFrame = onFrame
  }

  push(chunk: Buffer, atMs: number): void {
    let from = 0
    for (;;) {
      const to = from + this.#lengthBytes - this.#held.length
      if (to > chunk.length) break
      const firstMs = this.#held.length > 0 ? this.#firstMs : atMs
      this.#onFrame(this.#held.take(chunk, from, to), firstMs)
      from = to
    }
    if (from === chunk.length) return
    if (this.#held.length === 0) this.#firstMs = atMs
    this.#held.add(chunk, from, chunk.length)
  }

  quiet(): void {
    this.reset()
  }

  reset(): void {
    this.skippedBytes += this.#held.drop()
  }
}

class SilenceFramer implements Framer {
  oversize = 0
  skippedBytes = 0
  readonly silenceMs: number
  #skipping = false
  #firstMs = 0
  readonly #frameBytesMax: number
  readonly #held: Held
  readonly #onFrame: OnFrame

  constructor(silenceMs: number, frameBytesMax: number, onFrame: OnFrame) {
    this.silenceMs = silenceMs
    this.#frameBytesMax = frameBytesMax
    this.#held = new Held(frameBytesMax)
    this.#onFrame = onFrame
  }

  push(chunk: Buffer, atMs: number): void {
    if (this.#skipping || chunk.length === 0) return
    if (this.#held.length + chunk.length > this.#frameBytesMax) {
      this.#held.drop()
      this.#skipping = true
      this.oversize++
      return
    }
    if (this.#held.length === 0) this.#firstMs = atMs
    this.#held.add(chunk, 0, chunk.length)
  }

  quiet(): void {
    this.#skipping = false
    if (this.#held.length > 0) this.#onFrame(this.#held.take(empty, 0, 0), this.#firstMs)
  }

  reset(): void {
    this.skippedBytes += this.#held.drop()
    this.#skipping = false
  }
}

const empty = Buffer.alloc(0)
