// Bytes on their way to one socket.
//
//   append -> block -> block -> …     endTurn: one write of all full blocks
//
// Everything a turn of the loop brings is gathered in pooled blocks and written once. While a
// write is under way the next blocks gather behind it, so a socket has one write at a time, and
// an idle connection owns no block. What it may hold is bounded by `pendingBytesMax`: the owner
// is told once when that is passed (invariant 3).

import type { Turn, TurnJob } from '../base/turn.ts'

/** Where an outbox writes: a socket, as far as it is needed. */
export interface ByteSink {
  /** Writes all buffers in order; `done` when the kernel took them or the socket failed. */
  write(blocks: readonly Buffer[], done: () => void): void
}

const blockBytes = 64 * 1024
/** Below this a byte loop beats Buffer.copy. bench: core 16 B. */
const loopBytesMax = 48
/** Text up to this length is written character by character, without a Buffer of its own. */
const loopCharsMax = 512
const eagerBytesMax = 8 * blockBytes

/** Blocks shared by all outboxes of a process. */
export class BlockPool {
  readonly #free: Buffer[] = []
  readonly #blocksMax: number

  constructor(blocksMax = 64) {
    this.#blocksMax = blocksMax
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
  }

  /** Keeps none for reuse. */
  clear(): void {
    this.#free.length = 0
  }

  give(block: Buffer): void {
    if (this.#free.length < this.#blocksMax) this.#free.push(block)
  }
}

export interface OutboxOwner {
  /** More than `pendingBytesMax` waits: the socket does not keep up. Called once. */
  overflowed(): void
  /** The backlog fell below the mark again after `congested` was true. */
  drained(): void
  /** A write did not finish at once: the peer has to take something first. */
  writeStalled(): void
}

export class Outbox implements TurnJob {
  queued = false
  /** Bytes not yet taken by the kernel. */
  pendingBytes = 0
  /** Past `congestedBytes`: whoever produces for it should pause. */
  congested = false
  /** Writes the kernel has taken: progress, as the write deadline sees it. */
  writesDone = 0
  readonly #owner: OutboxOwner
  readonly #socket: ByteSink
  readonly #turn: Turn
  readonly #pool: BlockPool
  readonly #pendingBytesMax: number
  readonly #congestedBytes: number
  /** A turn that gathers this much writes at once, while the bytes are still in the cache. */
  readonly #eagerBytes: number
  #block: Buffer | null = null
  #used = 0
  #full: Buffer[] = []
  #fullBytes = 0
  /** Blocks the kernel is reading from. */
  #writing: Buffer[] = []
  #writingBytes = 0
  #closed = false

  constructor(
    owner: OutboxOwner,
    socket: ByteSink,
    turn: Turn,
    pool: BlockPool,
    pendingBytesMax: number,
  ) {
    this.#owner = owner
    this.#socket = socket
    this.#turn = turn
    this.#pool = pool
    this.#pendingBytesMax = pendingBytesMax
    this.#congestedBytes = Math.min(congestedBytesDefault, pendingBytesMax * 0.75)
    // Well below the bound: who can be written to is written to before it is judged slow.
    this.#eagerBytes = Math.min(eagerBytesMax, pendingBytesMax / 4)
  }

  /** True while a write is under way: bytes wait for the peer, not for us. */
  get isWriting(): boolean {
    return this.#writingBytes > 0
  }

  /** Appends a copy of `from[start..end)`. */
  append(from: Buffer, start: number, end: number): void {
    const bytes = end - start
    const block = this.#block
    if (block === null || blockBytes - this.#used < bytes) {
      this.#appendAcross(from, start, end)
      return
    }
    const used = this.#used
    if (bytes <= loopBytesMax) {
      for (let i = start, to = used; i < end; i++, to++) block[to] = from[i] as number
    } else {
      from.copy(block, used, start, end)
    }
    this.#used = used + bytes
    this.#added(bytes)
  }

  /** Appends text: control lines and replies, mostly short and ASCII. */
  appendText(text: string): void {
    const bytes = text.length
    const block = this.#block
    const used = this.#used
    if (block === null || bytes > loopCharsMax || blockBytes - used < bytes) {
      return this.#appendEncoded(text)
    }
    for (let i = 0; i < bytes; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) return this.#appendEncoded(text)
      block[used + i] = code
    }
    this.#used = used + bytes
    this.#added(bytes)
  }

  /** Writes what was gathered, unless a write is under way: its end will come back here. */
  endTurn(): void {
    if (this.#writingBytes > 0 || this.#closed || this.pendingBytes === 0) return
    this.#sealBlock()
    const blocks = this.#full
    this.#full = this.#writing
    this.#full.length = 0
    this.#writing = blocks
    this.#writingBytes = this.#fullBytes
    this.#fullBytes = 0
    this.#socket.write(blocks, this.#written)
    if (this.#writingBytes > 0) this.#owner.writeStalled()
  }

  /** Frees everything; later appends go nowhere. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#block) this.#pool.give(this.#block)
    this.#block = null
    this.#used = 0
    this.#full = []
    this.#fullBytes = 0
    this.pendingBytes = 0
    if (this.congested) this.#uncongest()
  }

  readonly #written = (): void => {
    for (const block of this.#writing) {
      if (block.buffer.byteLength === blockBytes) this.#pool.give(wholeBlock(block))
    }
    this.#writing.length = 0
    const bytes = this.#writingBytes
    this.#writingBytes = 0
    this.writesDone++
    if (this.#closed) return
    this.pendingBytes -= bytes
    if (this.congested && this.pendingBytes < this.#congestedBytes / 2) this.#uncongest()
    if (this.pendingBytes > 0) this.#turn.add(this)
  }

  #appendEncoded(text: string): void {
    const bytes = Buffer.from(text)
    this.append(bytes, 0, bytes.length)
  }

  #uncongest(): void {
    this.congested = false
    this.#owner.drained()
  }

  #appendAcross(from: Buffer, start: number, end: number): void {
    if (this.#closed) return
    let at = start
    while (at < end) {
      if (this.#block === null) {
        this.#block = this.#pool.take()
        this.#used = 0
      }
      const take = Math.min(end - at, blockBytes - this.#used)
      from.copy(this.#block, this.#used, at, at + take)
      this.#used += take
      at += take
      if (this.#used === blockBytes) this.#sealBlock()
    }
    this.#added(end - start)
  }

  #sealBlock(): void {
    if (this.#block === null) return
    if (this.#used > 0) {
      this.#full.push(this.#used === blockBytes ? this.#block : this.#block.subarray(0, this.#used))
      this.#fullBytes += this.#used
    } else {
      this.#pool.give(this.#block)
    }
    this.#block = null
    this.#used = 0
  }

  #added(bytes: number): void {
    const before = this.pendingBytes
    const pending = before + bytes
    this.pendingBytes = pending
    if (!this.queued) this.#turn.add(this)
    if (pending < this.#eagerBytes) return
    if (this.#writingBytes === 0) this.endTurn()
    if (pending > this.#congestedBytes) this.congested = this.pendingBytes > this.#congestedBytes
    if (pending > this.#pendingBytesMax && before <= this.#pendingBytesMax) this.#owner.overflowed()
  }
}

/** Backlog at which producers are asked to pause, unless 75 % of max_pending is less. */
const congestedBytesDefault = 2 * 1024 * 1024

function wholeBlock(block: Buffer): Buffer {
  return block.length === blockBytes ? block : Buffer.from(block.buffer)
}
