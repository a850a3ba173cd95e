// A WebSocket connection as links use it: the bytes of its messages in, blocks out, each block a
// binary message of its own. Where one ends means nothing to the protocols inside.
// Rule: reference section 7.2; RFC 6455 for what the close codes say.

import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Carried } from '../handshake.ts'
import { type Secured, securedOf } from '../secured.ts'
import { type ClientSocket, certificateOf, plainHost, type SocketOwner } from '../socket.ts'

export class WebSocketSocket implements ClientSocket {
  readonly host: string
  readonly port: number
  readonly isWebSocket = true
  readonly forwardedFor: string
  readonly secured: Secured | null
  readonly carried: Carried | null
  readonly #webSocket: WebSocket
  readonly #tcp: Socket
  #owner: SocketOwner | null = null
  #isEnded = false

  constructor(
    webSocket: WebSocket,
    tcp: Socket,
    forwardedFor: string,
    carried: Carried | null = null,
  ) {
    this.#webSocket = webSocket
    this.#tcp = tcp
    this.host = plainHost(tcp.remoteAddress ?? '')
    this.port = tcp.remotePort ?? 0
    this.forwardedFor = forwardedFor
    this.secured = securedOf(tcp)
    this.carried = carried
  }

  get certificate(): X509Certificate | null {
    return certificateOf(this.#tcp)
  }

  open(owner: SocketOwner): void {
    this.#owner = owner
    const webSocket = this.#webSocket
    // Fragments come as they are: putting a large message together would only copy it.
    webSocket.binaryType = 'fragments'
    webSocket.on('message', message => {
      if (Array.isArray(message)) for (const part of message) this.#received(part)
      else if (Buffer.isBuffer(message)) this.#received(message)
    })
    // A broken frame: the close code for it is on its way already.
    webSocket.on('error', error => this.#end(error))
    webSocket.on('close', () => this.#end(null))
    if (webSocket.readyState === webSocket.CLOSED) this.#end(null)
  }

  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  write(blocks: readonly Buffer[], done: () => void): void {
    const last = blocks.length - 1
    this.#tcp.cork()
    for (let i = 0; i < last; i++) this.#webSocket.send(blocks[i] as Buffer, binary)
    this.#webSocket.send(blocks[last] as Buffer, binary, () => done())
    this.#tcp.uncork()
  }

  end(reason = ''): void {
    this.#webSocket.close(closeCode(reason), reason)
  }

  destroy(): void {
    this.#webSocket.terminate()
  }

  #received(part: Buffer): void {
    if (!this.#isEnded && part.length > 0) this.#owner?.received(part, part.length)
  }

  #end(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#owner?.ended(error)
  }
}

const binary = { binary: true } as const

/** What a close frame says about why a link ended. */
function closeCode(reason: string): number {
  return closeCodes[reason] ?? 1011
}

/** nats-server's: 1000 normal, 1001 going away, 1002 protocol, 1008 policy, 1009 too big. */
const closeCodes: Readonly<Record<string, number>> = {
  '': 1000,
  'Client Closed': 1000,
  'Read Error': 1001,
  'Write Error': 1001,
  'Stale Connection': 1001,
  'Server Shutdown': 1001,
  'Parse Error': 1002,
  'Protocol Violation': 1002,
  'Bad Client Protocol Version': 1002,
  'Authentication Timeout': 1008,
  'Authentication Failure': 1008,
  'Slow Consumer (Pending Bytes)': 1008,
  'Slow Consumer (Write Deadline)': 1008,
  'Maximum Connections Exceeded': 1008,
  'Maximum Control Line Exceeded': 1008,
  'Maximum Subscriptions Exceeded': 1008,
  'Maximum Message Payload Exceeded': 1009,
}
