// The listener for leaf nodes: TCP, TLS after INFO or before it, and the addresses it tells.

import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { newNonce } from '../handshake.ts'
import { type Address, Listener } from '../listener.ts'
import { type ClientSocket, LinkSocket } from '../socket.ts'
import { secure } from '../securing.ts'
import type { SecureOptions } from '../tls-files.ts'

export interface LeafListenerParts {
  readonly host: string
  /** -1: a random one. */
  readonly port: number
  /** `host` or `host:port` that spokes are told instead. */
  readonly advertise: string | null
  readonly tls: () => LeafTls | null
  readonly log: Log
  readonly clock: Clock
  nextId(): number
  /** May one more come? */
  hasRoom(): boolean
  /** The first INFO. */
  greeting(id: number, nonce: string): string
  accept(socket: ClientSocket, id: number, nonce: string, isGreeted: boolean): void
}

/** TLS handshakes at once; more are turned away. */
const securingMax = 1024

export interface LeafTls {
  /** null: turned on by a reload with files that went bad since; never in clear. */
  readonly options: SecureOptions | null
  readonly timeoutMs: number
  /** null: INFO first; 0: TLS first; else so long it may take to begin. */
  readonly firstMs: number | null
}

export class LeafListener {
  readonly #parts: LeafListenerParts
  readonly #listener: Listener
  #address: Address | null = null
  /** TLS handshakes under way. */
  #securing = 0

  constructor(parts: LeafListenerParts) {
    this.#parts = parts
    this.#listener = new Listener(socket => this.#accept(socket))
  }

  /** Where it listens, once started. */
  get address(): Address | null {
    return this.#address
  }

  /** What spokes are told: `advertise`, or an address of this machine. */
  get told(): Address {
    const { host, port } = this.#address ?? this.#parts
    const { advertise } = this.#parts
    if (advertise === null) return { host: outerHost(host), port }
    const found = /^(.*?)(?::(\d+))?$/.exec(advertise)
    return { host: found?.[1] || outerHost(host), port: Number(found?.[2] ?? port) }
  }

  /** Rejects when the port is taken. */
  async start(): Promise<void> {
    const { host, port, log } = this.#parts
    this.#address = await this.#listener.start(host, port)
    const where = host.includes(':') ? `[${host}]` : host
    log.info(`Listening for leafnode connections on ${where}:${this.#address.port}`)
  }

  /** Stops accepting. Connections stay: they are their links'. */
  close(): void {
    this.#listener.close()
  }

  #accept(socket: Socket): void {
    const { tls: tlsOf, clock, log } = this.#parts
    if (!this.#parts.hasRoom()) return void socket.destroy()
    const tls = tlsOf()
    const id = this.#parts.nextId()
    const nonce = newNonce()
    if (tls === null) return this.#parts.accept(new LinkSocket(socket), id, nonce, false)
    if (tls.options === null || this.#securing >= securingMax) return void socket.destroy()
    const { remoteAddress, remotePort } = socket
    const { options, timeoutMs, firstMs } = tls
    let isGreeted = false
    this.#securing++
    secure(
      socket,
      { options, timeoutMs, firstMs, allowsClear: false },
      {
        clock,
        greet: () => {
          isGreeted = true
          socket.write(this.#parts.greeting(id, nonce))
        },
        done: result => {
          this.#securing--
          if (result.is === 'secured') {
            const link = new LinkSocket(result.socket, { isFirst: result.isFirst })
            this.#parts.accept(link, id, nonce, isGreeted)
          } else if (result.is === 'failed') {
            const where = `${remoteAddress}:${remotePort} - lid:${id}`
            log.error(`${where} - TLS handshake error: ${result.error}`)
          }
        },
      },
    )
  }
}

/** An address others can reach, where we listen on all of them. */
function outerHost(host: string): string {
  if (host !== '0.0.0.0' && host !== '::' && host !== '') return host
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, internal, family } of addresses ?? []) {
      if (!internal && (family === 'IPv4' || host === '::')) return address
    }
  }
  return host
}
