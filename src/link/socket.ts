// A TCP or TLS socket as links use it: chunks in, blocks out.

import type { X509Certificate } from 'node:crypto'
import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Carried } from './handshake.ts'
import type { ByteSink } from './outbox.ts'
import { type Secured, securedOf } from './secured.ts'
import { peerCertificate } from './tls.ts'

export interface SocketOwner {
  /** Bytes `chunk[0..bytes)`; the memory is reused after the call returns. */
  received(chunk: Buffer, bytes: number): void
  /** The socket is gone. Called once; `error` says why when it was no plain end. */
  ended(error: Error | null): void
}

/** What a client's link needs of its connection, whatever carries it. */
export interface ClientSocket extends ByteSink {
  readonly host: string
  readonly port: number
  /** Bytes travel in WebSocket frames. */
  readonly isWebSocket: boolean
  /** What the peer proved to be in TLS; null = nothing. */
  readonly certificate: X509Certificate | null
  /** The TLS it came by; null = none. */
  readonly secured: Secured | null
  /** The address a proxy says it forwards for, for the log; '' = none. */
  readonly forwardedFor: string
  /** Credentials from the request that made it; absent or null = none. */
  readonly carried?: Carried | null
  /** Starts reading. */
  open(owner: SocketOwner): void
  pause(): void
  resume(): void
  /** Flushes what was written, then ends the connection; a WebSocket peer is told why. */
  end(reason?: string): void
  destroy(): void
}

/**
 * One buffer for the reads of all plain TCP sockets: what comes is consumed before the next read,
 * so an idle connection owns nothing, nothing is allocated per read, and the bytes stay in the
 * cache. bench: core 16 KiB 1:1, where fresh buffers cost half the throughput.
 */
const readBuffer = Buffer.allocUnsafeSlow(512 * 1024)

/**
 * The same connection as a socket that reads into `readBuffer`. Node offers that (`onread`) only
 * for sockets one makes oneself, so the accepted one's handle moves into a new one; where that is
 * not possible the socket stays as it is and reads by 'data' events.
 */
function reading(socket: Socket, received: (bytes: number) => void): Socket {
  const handle = (socket as { _handle?: object })._handle
  if (!handle || socket.constructor !== Socket || socket.readableLength > 0) return socket
  const callback = (bytes: number): boolean => {
    received(bytes)
    return true
  }
  const options = { handle, onread: { buffer: readBuffer, callback } }
  return new Socket(options as object)
}

/** What happened to a socket before a link had it. */
export interface SocketPast {
  /** TLS came before INFO. */
  readonly isFirst?: boolean
  /** Somebody began to read: its handle must stay where it is. */
  readonly hasRead?: boolean
}

export class LinkSocket implements ClientSocket {
  readonly host: string
  readonly port: number
  readonly secured: Secured | null
  #socket: Socket
  #owner: SocketOwner | null = null
  #isEnding = false
  #isEnded = false
  readonly #hasRead: boolean

  constructor(socket: Socket, { isFirst = false, hasRead = false }: SocketPast = {}) {
    this.#socket = socket
    this.#hasRead = hasRead
    this.host = plainHost(socket.remoteAddress ?? '')
    this.port = socket.remotePort ?? 0
    this.secured = securedOf(socket, isFirst)
  }

  get isWebSocket(): boolean {
    return false
  }

  get certificate(): X509Certificate | null {
    return certificateOf(this.#socket)
  }

  get forwardedFor(): string {
    return ''
  }

  /** Starts reading. */
  open(owner: SocketOwner): void {
    this.#owner = owner
    const accepted = this.#socket
    const socket = this.#hasRead
      ? accepted
      : reading(accepted, bytes => owner.received(readBuffer, bytes))
    this.#socket = socket
    socket.setNoDelay(true)
    if (socket === accepted) {
      socket.on('data', (chunk: Buffer) => owner.received(chunk, chunk.length))
    }
    if (socket !== accepted || this.#hasRead) socket.resume()
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(null))
    socket.on('end', () => this.#end(null))
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#isEnding) this.#socket.resume()
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
    if (socket.destroyed || this.#isEnding) return
    this.#isEnding = true
    socket.pause()
    // Not the socket's own timeout: that one begins anew with whatever the peer sends or takes.
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
    socket.once('close', () => clearTimeout(timer))
    socket.end(() => socket.destroy())
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

/** What a TLS peer proved to be; null for one that showed nothing, or nothing that holds. */
export function certificateOf(socket: Socket): X509Certificate | null {
  const { authorized, getPeerX509Certificate } = socket as TLSSocket
  if (authorized !== true || getPeerX509Certificate === undefined) return null
  return peerCertificate(socket as TLSSocket)
}

/** IPv4 seen through a dual-stack socket is shown as IPv4. */
export function plainHost(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
