// How a connection comes to TLS, or to none (reference 2.10, 3.1):
//
//   first    TLS at once, INFO inside of it
//   auto     waits a little for TLS; when nothing comes INFO goes out in clear, and then
//   greeted  INFO in clear, TLS after it
//   either   INFO in clear; what comes next says whether it is TLS (a record begins with 0x16)

import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { upgrade } from './tls.ts'
import type { SecureOptions } from './tls-files.ts'

export interface TlsWay {
  readonly options: SecureOptions
  /** Of the handshake, and for a peer that may come in clear to say something. */
  readonly timeoutMs: number
  /** null: INFO comes first; 0: always TLS; else so long TLS may take to begin. */
  readonly firstMs: number | null
  readonly allowsClear: boolean
}

export type Secured =
  | { readonly is: 'secured'; readonly socket: Socket; readonly isFirst: boolean }
  /** It has been read from: see LinkSocket. */
  | { readonly is: 'clear'; readonly socket: Socket }
  | { readonly is: 'throttled'; readonly socket: Socket }
  | { readonly is: 'failed'; readonly error: string }

export interface Securing {
  readonly clock: Clock
  /** Sends INFO in clear. */
  greet(): void
  /** May one more handshake begin? */
  mayBegin?(): boolean
  /** Called once. */
  done(result: Secured): void
}

const handshakeRecord = 0x16

export function secure(socket: Socket, way: TlsWay, securing: Securing): void {
  const { firstMs } = way
  if (firstMs === 0) return begin(socket, way, true, securing)
  if (firstMs === null) return greeted(socket, way, securing)
  peek(socket, firstMs, securing.clock, (byte, isGone) => {
    if (isGone) securing.done({ is: 'failed', error: 'EOF' })
    else if (byte === null) greeted(socket, way, securing)
    else begin(socket, way, true, securing)
  })
}

function greeted(socket: Socket, way: TlsWay, securing: Securing): void {
  securing.greet()
  if (!way.allowsClear) return begin(socket, way, false, securing)
  peek(socket, way.timeoutMs, securing.clock, (byte, isGone) => {
    if (isGone) securing.done({ is: 'failed', error: 'EOF' })
    else if (byte === handshakeRecord) begin(socket, way, false, securing)
    else securing.done({ is: 'clear', socket })
  })
}

function begin(socket: Socket, way: TlsWay, isFirst: boolean, securing: Securing): void {
  if (securing.mayBegin?.() === false) return securing.done({ is: 'throttled', socket })
  upgrade(socket, way.options, way.timeoutMs, securing.clock, (secured, error) => {
    if (secured === null) securing.done({ is: 'failed', error })
    else securing.done({ is: 'secured', socket: secured, isFirst })
  })
}

/** The first byte, which stays to be read; null: none came in time. Then the socket is paused. */
function peek(
  socket: Socket,
  ms: number,
  clock: Clock,
  done: (byte: number | null, isGone: boolean) => void,
): void {
  const finish = (byte: number | null, isGone: boolean) => {
    timer.cancel()
    socket.off('data', heard)
    socket.off('close', gone)
    socket.pause()
    done(byte, isGone)
  }
  const heard = (chunk: Buffer) => {
    socket.pause()
    socket.unshift(chunk)
    finish(chunk[0] ?? null, false)
  }
  const gone = () => finish(null, true)
  const timer = clock.after(ms, () => finish(null, false))
  // 'close' follows.
  socket.on('error', () => undefined)
  socket.on('data', heard)
  socket.on('close', gone)
  socket.resume()
}

/** `connection_rate_limit`: so many handshakes a second, one line for those that were too many. */
export class HandshakeRate {
  readonly #clock: Clock
  readonly #warn: (text: string) => void
  #endsMs = 0
  #count = 0
  #rejected = 0

  constructor(clock: Clock, warn: (text: string) => void) {
    this.#clock = clock
    this.#warn = warn
  }

  /** `perSecondMax` 0: no limit. */
  allows(perSecondMax: number): boolean {
    if (perSecondMax <= 0) return true
    const nowMs = this.#clock.monotonicMs()
    if (nowMs >= this.#endsMs) {
      this.#endsMs = nowMs + 1000
      this.#count = 0
    }
    if (this.#count < perSecondMax) {
      this.#count++
      return true
    }
    if (this.#rejected === 0) this.#clock.after(1000, () => this.#tell())
    this.#rejected++
    return false
  }

  #tell(): void {
    this.#warn(`Rejected ${this.#rejected} connections due to TLS rate limiting`)
    this.#rejected = 0
  }
}
