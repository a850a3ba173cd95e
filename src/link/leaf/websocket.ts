// A leaf link that dials over WebSocket: the request for `<path>/leafnode`, the hub's INFO in the
// first frames, and the socket as links use it (reference 4.8; RFC 6455).

import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Clock } from '../../base/clock.ts'
import { type ClientSocket, certificateOf, plainHost, type SocketOwner } from '../socket.ts'
import { type Secured, securedOf } from '../secured.ts'
import { type HubInfo, infoBytesMax, infoOf } from './handshake.ts'
import type { ProxyOptions } from './proxy.ts'

export interface WebSocketTarget {
  /** In front of /leafnode; '' = nothing. */
  readonly path: string
  readonly compression: boolean
  /** Ask the hub to take frames as they are. */
  readonly noMasking: boolean
  readonly proxy: ProxyOptions | null
}

/** A hub sends blocks of its outbox; a message of it is never larger. */
const messageBytesMax = 64 * 1024 * 1024 + 64 * 1024
/** Below this compressing costs more than it saves; nats-server's bound too. */
const compressedBytesMin = 64
const noMaskingHeader = 'nats-no-masking'

/** Asks for the upgrade and waits for INFO; what went wrong as text. */
export function openWebSocket(
  socket: Socket,
  target: WebSocketTarget,
  where: string,
  msMax: number,
  clock: Clock,
): Promise<{ socket: ClientSocket; info: HubInfo } | string> {
  const path = target.path.replace(/^\/+|\/+$/g, '')
  const webSocket = new WebSocket(`ws://${where}${path === '' ? '' : `/${path}`}/leafnode`, {
    createConnection: () => socket,
    headers: target.noMasking ? { [noMaskingHeader]: 'true' } : {},
    maxPayload: messageBytesMax,
    skipUTF8Validation: true,
    perMessageDeflate: target.compression
      ? {
          clientNoContextTakeover: true,
          serverNoContextTakeover: true,
          threshold: compressedBytesMin,
          zlibDeflateOptions: { level: 1 },
        }
      : false,
  })
  const link = new DialledWebSocket(webSocket, socket)
  return new Promise(resolve => {
    const finish = (result: HubInfo | string): void => {
      timer.cancel()
      if (typeof result === 'string') webSocket.terminate()
      resolve(typeof result === 'string' ? result : { socket: link, info: result })
    }
    const timer = clock.after(msMax, () => finish('waiting for INFO: i/o timeout'))
    webSocket.on('upgrade', response => {
      link.isMasked = response.headers[noMaskingHeader] !== 'true'
    })
    link.waitForLine(finish)
  })
}

class DialledWebSocket implements ClientSocket {
  readonly host: string
  readonly port: number
  readonly isWebSocket = true
  readonly forwardedFor = ''
  readonly secured: Secured | null
  isMasked = true
  readonly #webSocket: WebSocket
  readonly #tcp: Socket
  #owner: SocketOwner | null = null
  #early: Buffer = Buffer.alloc(0)
  #waiting: ((result: HubInfo | string) => void) | null = null
  #isEnded = false

  constructor(webSocket: WebSocket, tcp: Socket) {
    this.#webSocket = webSocket
    this.#tcp = tcp
    this.host = plainHost(tcp.remoteAddress ?? '')
    this.port = tcp.remotePort ?? 0
    this.secured = securedOf(tcp)
    webSocket.binaryType = 'fragments'
    webSocket.on('message', message => {
      if (Array.isArray(message)) for (const part of message) this.#received(part)
      else if (Buffer.isBuffer(message)) this.#received(message)
    })
    webSocket.on('unexpected-response', (_, response) => {
      this.#end(new Error(`invalid websocket connection: ${response.statusCode}`))
    })
    webSocket.on('error', error => this.#end(error))
    webSocket.on('close', () => this.#end(null))
  }

  get certificate() {
    return certificateOf(this.#tcp)
  }

  /** Calls back once, with the first line. What follows it waits for `open`. */
  waitForLine(done: (result: HubInfo | string) => void): void {
    this.#waiting = done
  }

  open(owner: SocketOwner): void {
    this.#owner = owner
    if (this.#isEnded) return owner.ended(null)
    const early = this.#early
    this.#early = Buffer.alloc(0)
    if (early.length > 0) owner.received(early, early.length)
    this.#webSocket.resume()
  }

  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  write(blocks: readonly Buffer[], done: () => void): void {
    const options = { binary: true, mask: this.isMasked }
    const last = blocks.length - 1
    for (let i = 0; i < last; i++) this.#webSocket.send(blocks[i] as Buffer, options)
    this.#webSocket.send(blocks[last] as Buffer, options, () => done())
  }

  end(): void {
    this.#webSocket.close(1000)
  }

  destroy(): void {
    this.#webSocket.terminate()
  }

  #received(part: Buffer): void {
    if (this.#isEnded || part.length === 0) return
    if (this.#owner !== null) return this.#owner.received(part, part.length)
    this.#early = Buffer.concat([this.#early, part])
    const lineEnd = this.#early.indexOf(0x0a)
    if (lineEnd < 0) {
      if (this.#early.length > infoBytesMax) this.#tell('INFO line too long')
      return
    }
    if (this.#waiting === null) return
    const line = this.#early.subarray(0, lineEnd)
    this.#early = Buffer.from(this.#early.subarray(lineEnd + 1))
    this.#webSocket.pause()
    this.#tell(infoOf(line))
  }

  #tell(result: HubInfo | string): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.(result)
  }

  #end(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#tell(`Error soliciting websocket connection: ${error?.message ?? 'EOF'}`)
    this.#owner?.ended(error)
  }
}
