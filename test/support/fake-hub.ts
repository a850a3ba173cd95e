// A hub of the test's own: a socket that says what it is told to and shows what it gets.

import { createServer, type Server, type Socket } from 'node:net'
import { until } from './edge-leaf.ts'

export class FakeHub {
  /** Connections so far, the newest last. */
  readonly sockets: Socket[] = []
  port = 0
  /** Said to everybody who connects; '' = nothing. */
  greeting: string
  #received = ''
  #server: Server | null = null

  constructor(greeting = '') {
    this.greeting = greeting
  }

  async start(port = 0): Promise<void> {
    const server = createServer(socket => {
      this.sockets.push(socket)
      socket.on('error', () => undefined)
      socket.on('data', chunk => {
        this.#received += chunk.toString('latin1')
      })
      if (this.greeting !== '') socket.write(this.greeting)
    })
    this.#server = server
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    const address = server.address()
    if (address !== null && typeof address !== 'string') this.port = address.port
  }

  get url(): string {
    return `nats-leaf://127.0.0.1:${this.port}`
  }

  /** To the newest connection. */
  send(text: string): void {
    this.sockets.at(-1)?.write(text)
  }

  /** Waits for the text, returns everything up to its end and forgets it. */
  async expect(text: string | RegExp): Promise<string> {
    let end = -1
    const find = () => {
      if (typeof text === 'string') {
        const at = this.#received.indexOf(text)
        end = at < 0 ? -1 : at + text.length
      } else {
        const match = text.exec(this.#received)
        end = match ? match.index + match[0].length : -1
      }
      return end >= 0
    }
    try {
      await until(find)
    } catch {
      throw new Error(`never came: ${text}; instead: ${JSON.stringify(this.#received)}`)
    }
    const taken = this.#received.slice(0, end)
    this.#received = this.#received.slice(end)
    return taken
  }

  /** What came and was not expected yet. */
  get rest(): string {
    return this.#received
  }

  /** Drops every connection. */
  hangUp(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.hangUp()
    const server = this.#server
    if (server) await new Promise<void>(resolve => server.close(() => resolve()))
  }
}

/** An INFO line of a hub; fields as nats-server has them. */
export function hubInfo(more: object = {}): string {
  const info = {
    server_id: 'NHUB',
    server_name: 'hub',
    version: '2.10.27',
    proto: 1,
    host: '127.0.0.1',
    port: 7422,
    headers: true,
    max_payload: 1024,
    client_id: 5,
    nonce: 'nonce',
    info_on_connect: true,
    leafnode_urls: [],
    ...more,
  }
  return `INFO ${JSON.stringify(info)} \r\n`
}

/** The second INFO, which opens the link. */
export function hubConnectInfo(more: object = {}): string {
  return hubInfo({ connect_info: true, remote_account: '$G', ...more })
}
