// Wire conversations: what is said on a raw socket and what must come back, byte for byte.
//
//   const talk = await dial(port)
//   await talk.expect(/^INFO {.*}\r\n/)
//   talk.send('CONNECT {"verbose":false}\r\nSUB foo 1\r\nPING\r\n')
//   await talk.expect('PONG\r\n')
//
// Bytes are latin1 in strings. What was expected is taken off the front; a conversation that
// must be silent ends with a PING whose PONG comes next: `await talk.sync()`.

import { type Socket, connect } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

const replyMsMax = 5000
const shownBytesMax = 600

const open = new Set<Talk>()
process.on('exit', () => {
  for (const talk of open) talk.close()
})

export interface DialOptions {
  readonly host?: string
  readonly tls?: ConnectionOptions
}

/** Connects; throws when nobody listens. */
export async function dial(port: number, options: DialOptions = {}): Promise<Talk> {
  const host = options.host ?? '127.0.0.1'
  const socket = options.tls ? connectTls({ port, host, ...options.tls }) : connect(port, host)
  socket.setNoDelay(true)
  await new Promise<void>((resolve, reject) => {
    socket.once(options.tls ? 'secureConnect' : 'connect', resolve)
    socket.once('error', reject)
  })
  return new Talk(socket)
}

/** Connects to a NATS port and gets past INFO and CONNECT. */
export async function dialClient(
  port: number,
  connectFields: Record<string, unknown> = {},
): Promise<Talk> {
  const talk = await dial(port)
  await talk.info()
  const fields = { verbose: false, pedantic: false, headers: true, no_responders: true }
  talk.send(`CONNECT ${JSON.stringify({ ...fields, ...connectFields })}\r\n`)
  await talk.sync()
  return talk
}

export class Talk {
  readonly #socket: Socket
  #received = ''
  #ended = false
  #watch: (() => void) | null = null
  /** What was taken so far: shown when something unexpected comes. */
  #before = ''

  constructor(socket: Socket) {
    this.#socket = socket
    open.add(this)
    socket.on('data', chunk => {
      this.#received += chunk.toString('latin1')
      this.#watch?.()
    })
    // A reset is an end like any other: `expectEnd` asks for it.
    socket.on('error', () => this.#end())
    socket.on('close', () => this.#end())
  }

  /** The port of our own side. */
  get localPort(): number {
    return this.#socket.localPort ?? 0
  }

  /** Received and not yet expected. */
  get pending(): string {
    return this.#received
  }

  get ended(): boolean {
    return this.#ended
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends one byte at a time, each in a write of its own. */
  async sendSlowly(bytes: string | Buffer): Promise<void> {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    for (let at = 0; at < all.length; at++) {
      await new Promise<void>(resolve => {
        this.#socket.write(all.subarray(at, at + 1), () => resolve())
      })
    }
  }

  /** The next bytes are exactly these, or match (anchor it with ^). Returns what was taken. */
  async expect(what: string | RegExp, msMax = replyMsMax): Promise<string> {
    if (typeof what === 'string') {
      await this.#until(
        received => received.length >= what.length || !what.startsWith(received),
        what,
        msMax,
      )
      if (!this.#received.startsWith(what)) this.#fail('something else came', what)
      return this.#take(what.length)
    }
    let taken = ''
    await this.#until(
      received => {
        const match = what.exec(received)
        if (match) taken = received.slice(0, match.index + match[0].length)
        return match !== null
      },
      what,
      msMax,
    )
    return this.#take(taken.length)
  }

  /** The next line, without its end. */
  async line(msMax = replyMsMax): Promise<string> {
    const line = await this.expect(/^[^\n]*\n/, msMax)
    return line.replace(/\r?\n$/, '')
  }

  /** The fields of the INFO line that comes next. */
  async info(): Promise<Record<string, unknown>> {
    const line = await this.expect(/^INFO [^\n]*\r\n/)
    return JSON.parse(line.slice('INFO '.length))
  }

  /** PING, and nothing but PONG comes back: everything sent before was processed. */
  async sync(): Promise<void> {
    this.send('PING\r\n')
    await this.expect('PONG\r\n')
  }

  /** The peer closes, after nothing more than `last`. */
  async expectEnd(last = '', msMax = replyMsMax): Promise<void> {
    if (last !== '') await this.expect(last, msMax)
    await this.#until(received => this.#ended || received !== '', 'the end', msMax)
    if (this.#received !== '') this.#fail('something came before the end', '')
  }

  /** Bytes go on being received by the kernel only: a consumer that is too slow. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Says that we send nothing more. */
  end(): void {
    this.#socket.end()
  }

  close(): void {
    open.delete(this)
    this.#socket.destroy()
  }

  #take(length: number): string {
    const taken = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    this.#before = (this.#before + taken).slice(-shownBytesMax)
    return taken
  }

  #end(): void {
    this.#ended = true
    open.delete(this)
    this.#watch?.()
  }

  #until(
    enough: (received: string) => boolean,
    what: string | RegExp,
    msMax: number,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#watch = null
      }
      const look = (): void => {
        if (enough(this.#received)) {
          done()
          resolve()
        } else if (this.#ended) {
          done()
          reject(this.#error('the connection was closed', what))
        }
      }
      const timer = setTimeout(() => {
        done()
        reject(this.#error(`not within ${msMax} ms`, what))
      }, msMax)
      this.#watch = look
      look()
    })
  }

  #fail(why: string, what: string | RegExp): never {
    throw this.#error(why, what)
  }

  #error(why: string, what: string | RegExp): Error {
    const got = this.#received
    const same = typeof what === 'string' ? commonLength(what, got) : 0
    const lines = [
      why,
      `  expected: ${typeof what === 'string' ? show(what) : what}`,
      `  received: ${show(got)}`,
    ]
    if (same > 0) lines.push(`  equal for ${same} bytes, then: ${show(got.slice(same))}`)
    if (this.#before !== '') lines.push(`  before:   ${show(this.#before)}`)
    return new Error(lines.join('\n'))
  }
}

function show(bytes: string): string {
  const shown = JSON.stringify(bytes.slice(0, shownBytesMax))
  return bytes.length > shownBytesMax ? `${shown}… (${bytes.length} bytes)` : shown
}

function commonLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}
