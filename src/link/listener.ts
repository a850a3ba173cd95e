// A TCP listener that hands on connections. Used for clients; other rooms listen the same way.

import type { Server as NetServer, Socket } from 'node:net'
import { createServer } from 'node:net'

export { renewedOptions, secureOptions } from './tls-files.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

const backlog = 1024

export class Listener {
  readonly #accept: (socket: Socket) => void
  readonly #server: NetServer

  constructor(accept: (socket: Socket) => void) {
    this.#accept = accept
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, socket =>
      this.#accept(socket),
    )
  }

  /** Listens; port -1 takes a free one. Returns where. Rejects when the port is taken. */
  async start(host: string, port: number): Promise<Address> {
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port: port < 0 ? 0 : port, backlog }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    // Accepting failed (no descriptors left): those already connected go on, and so do we.
    server.on('error', () => undefined)
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('not a TCP listener')
    return { host, port: address.port }
  }

  /** Stops accepting. Connections stay. */
  close(): void {
    this.#server.close()
  }
}
