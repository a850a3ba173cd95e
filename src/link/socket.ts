// A TCP or TLS socket as links use it: chunks in, blocks out.

import type { Socket } from 'node:net'
import type { ByteSink } from './outbox.ts'

export interface SocketOwner {
  /** Bytes `chunk[0..bytes)`; the memory is reused after the call returns. */
  received(chunk: Buffer, bytes: number): void
  /** The socket is gone. Called once; `error` says why when it was no plain end. */
  ended(error: Error | null): void
}

export class LinkSocket implements ByteSink {
  readonly host: string
  readonly port: number
  readonly #socket: Socket
  #owner: SocketOwner | null = null
  #isEnded = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.host = plainHost(socket.remoteAddress ?? '')
    this.port = socket.remotePort ?? 0
  }

  /** Starts reading. */
  open(owner: SocketOwner): void {
    this.#owner = owner
    const socket = this.#socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => owner.received(chunk, chunk.length))
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(null))
    socket.on('end', () => this.#end(null))
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  write(blocks: readonly Buffer[], done: () => void): void {
    const socket = this.#socket
    if (blocks.length === 1) {
      socket.write(blocks[0] as Buffer, done)
      return
    }
    socket.cork()
    const last = blocks.length - 1
    for (let i = 0; i < last; i++) socket.write(blocks[i] as Buffer)
    socket.write(blocks[last] as Buffer, done)
    socket.uncork()
  }

  /** Flushes what was written, ends the connection and does not wait for the peer for long. */
  end(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    socket.end(() => socket.destroy())
    socket.setTimeout(lingerMs, () => socket.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #end(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#socket.destroy()
    this.#owner?.ended(error)
  }
}

/** How long the last bytes (an -ERR) may take to leave. */
const lingerMs = 2000

/** IPv4 seen through a dual-stack socket is shown as IPv4. */
function plainHost(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
