// The composition: which rooms there are, what each is given, in which order they start.
//
//   monitoring → store → MQTT, serial, telemetry, schedules → clients → hubs
//
// Closing goes the other way. A room is imported only when the config asks for it: every module
// costs memory.

import { Closers } from '../src/base/closers.ts'
import type { Clock } from '../src/base/clock.ts'
import type { Log } from '../src/base/log.ts'
import type { Turn } from '../src/base/turn.ts'
import { tlsOptions } from '../src/link/listener.ts'
import type { Ports } from '../src/server/ports.ts'
import { Server } from '../src/server/server.ts'
import { bannerLines } from './banner.ts'
import type { EdgeOptions } from './options.ts'

export interface RoomsParts {
  readonly options: EdgeOptions
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  readonly productVersion: string
  readonly configFile: string | null
}

export class Rooms {
  readonly server: Server
  readonly #parts: RoomsParts
  readonly #closers = new Closers()
  #monitoring: Ports['monitoring'] = null

  constructor(parts: RoomsParts) {
    const { options, log, clock, turn } = parts
    this.#parts = parts
    const store = options.jetstream
    this.server = new Server({
      options,
      log,
      clock,
      turn,
      ...(store ? { jetstream: { domain: store.domain } } : {}),
    })
  }

  /** Rejects with the text for the log when something that was asked for cannot be had. */
  async start(begun: () => void): Promise<void> {
    const { log, productVersion, configFile, options } = this.#parts
    for (const { level, text } of bannerLines(this.server, options, productVersion, configFile)) {
      log[level](text)
    }
    begun()
    await this.#startMonitoring()
    await this.#startClients()
  }

  async close(): Promise<void> {
    await this.#closers.close()
  }

  /** Throws when reloaded options cannot work: an unreadable certificate. */
  verify(options: EdgeOptions): void {
    if (options.tls !== null) tlsOptions(options.tls)
  }

  reload(options: EdgeOptions): void {
    this.server.reload(options)
  }

  /** What the ports file shows. */
  get ports(): Ports {
    return {
      nats: this.server.address,
      monitoring: this.#monitoring,
      tls: this.#parts.options.tls !== null,
    }
  }

  async #startMonitoring(): Promise<void> {}

  async #startClients(): Promise<void> {
    const { server } = this
    const { host, port } = server.address
    await server.start().catch((error: NodeJS.ErrnoException) => {
      throw new Error(
        `Error listening on port: ${host}:${port}, "${listenError(error, host, port)}"`,
      )
    })
    this.#closers.add({ close: () => server.close() })
  }
}

const listenErrors: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'cannot assign requested address',
}

/** In Go's words: `listen tcp 0.0.0.0:4222: bind: address already in use`. */
function listenError(error: NodeJS.ErrnoException, host: string, port: number): string {
  const why = listenErrors[error.code ?? '']
  return why ? `listen tcp ${host}:${port}: bind: ${why}` : error.message
}
