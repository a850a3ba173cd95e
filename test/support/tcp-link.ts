// A TCP link that can be cut: connections pass through it until it is.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class TcpLink {
  readonly #targetPort: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isUp = true

  constructor(targetPort: number) {
    this.#targetPort = targetPort
    this.#server = createServer({ allowHalfOpen: false }, near => this.#accept(near))
  }

  /** Listens; returns its port. */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => {
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Resets every connection and every new one, as a modem without a signal does. */
  cut(): void {
    this.#isUp = false
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  restore(): void {
    this.#isUp = true
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #accept(near: Socket): void {
    if (!this.#isUp) {
      near.resetAndDestroy()
      return
    }
    const far = connect(this.#targetPort, '127.0.0.1')
    this.#join(near, far)
    this.#join(far, near)
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('error', () => {
      // A broken end is what this is for; 'close' takes the other one along.
    })
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
    from.pipe(to)
  }
}
