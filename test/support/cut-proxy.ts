// A bad link: a TCP proxy that cuts connections where it is told to, refuses, or goes dead.

import { connect, createServer, type Server, type Socket } from 'node:net'

export class CutProxy {
  port = 0
  /** Connections cut so far. */
  cuts = 0
  /** Where connections go on to; may be set once it is known. */
  targetPort: number
  #server: Server | null = null
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #isDown = false
  /** Bytes that may still pass from the dialler before the next cut; each cut takes the next. */
  #cutAfterBytes: number[] = []
  #leftBytes = Number.POSITIVE_INFINITY

  constructor(targetPort = 0) {
    this.targetPort = targetPort
  }

  async start(): Promise<void> {
    const server = createServer(socket => this.#accept(socket))
    this.#server = server
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address !== null && typeof address !== 'string') this.port = address.port
  }

  /** Cuts what stands and refuses what comes. */
  down(): void {
    this.#isDown = true
    this.#cutAll()
  }

  up(): void {
    this.#isDown = false
  }

  /** Cuts after so many bytes from the dialler, then after so many more, and so on. */
  cutAfter(bytes: readonly number[]): void {
    this.#cutAfterBytes = [...bytes]
    this.#leftBytes = this.#cutAfterBytes.shift() ?? Number.POSITIVE_INFINITY
  }

  async close(): Promise<void> {
    this.#cutAll()
    const server = this.#server
    if (server) await new Promise<void>(resolve => server.close(() => resolve()))
  }

  #accept(near: Socket): void {
    if (this.#isDown) {
      near.destroy()
      return
    }
    const far = connect(this.targetPort, '127.0.0.1')
    const pair = [near, far] as const
    this.#pairs.add(pair)
    const end = () => {
      this.#pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of pair) socket.on('error', end).on('close', end)
    far.pipe(near)
    near.on('data', chunk => this.#forward(chunk, near, far))
  }

  /** Lets a part of the chunk through when the cut falls into it: half a message. */
  #forward(chunk: Buffer, near: Socket, far: Socket): void {
    if (chunk.length < this.#leftBytes) {
      this.#leftBytes -= chunk.length
      if (far.write(chunk)) return
      near.pause()
      far.once('drain', () => near.resume())
      return
    }
    const part = chunk.subarray(0, this.#leftBytes)
    this.#leftBytes = this.#cutAfterBytes.shift() ?? Number.POSITIVE_INFINITY
    this.cuts++
    near.destroy()
    far.end(part)
  }

  #cutAll(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy()
      far.destroy()
    }
    this.#pairs.clear()
  }
}
