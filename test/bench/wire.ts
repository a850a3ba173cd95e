// A NATS connection for load: what comes is cut into messages with little work, what goes is
// written as it is. The server under test is to be what limits a bench, not this.

import { connect, type Socket } from 'node:net'

/** A message as it came; valid only until the callback returns. */
export interface Incoming {
  /** `MSG subject sid [reply] size` */
  readonly line: string
  readonly chunk: Buffer
  /** Of the headers where there are any, else of the payload. */
  readonly bodyStart: number
  readonly end: number
}

const lineFeed = 10
const readBytes = 512 * 1024
const replyMsMax = 60_000
const inbox = '_INBOX.wire'

export class Wire {
  /** Whatever is no answer to a request. */
  onMessage: (message: Incoming) => void = () => {}
  onEnd: (error: Error) => void = () => {}
  readonly #socket: Socket
  readonly #answers = new Map<string, (body: string) => void>()
  #pong: () => void = () => {}
  #rest: Buffer | null = null
  #requests = 0
  #isClosed = false

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async open(port: number): Promise<Wire> {
    let receive = (_bytes: number, _chunk: Uint8Array): boolean => true
    const buffer = Buffer.allocUnsafe(readBytes)
    const onread = {
      buffer,
      callback: (bytes: number, chunk: Uint8Array) => receive(bytes, chunk),
    }
    const socket = connect({ port, host: '127.0.0.1', onread })
    socket.setNoDelay(true)
    const wire = new Wire(socket)
    receive = bytes => {
      wire.#received(buffer.subarray(0, bytes))
      return true
    }
    socket.on('error', error => wire.#ended(error))
    socket.on('close', () => wire.#ended(new Error('the connection was closed')))
    const fields = '{"verbose":false,"pedantic":false,"headers":true,"no_responders":true}'
    wire.write(`CONNECT ${fields}\r\nSUB ${inbox}.* w\r\n`)
    await wire.sync()
    return wire
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(bytes)
  }

  /** Everything written so far was processed. */
  sync(): Promise<void> {
    return this.#bounded('PONG', resolve => {
      this.#pong = () => resolve()
      this.write('PING\r\n')
    })
  }

  /** One request, one reply: headers and payload of it. */
  request(subject: string, payload = ''): Promise<string> {
    const reply = `${inbox}.${++this.#requests}`
    return this.#bounded(`answer to ${subject}`, resolve => {
      this.#answers.set(reply, resolve)
      this.write(`PUB ${subject} ${reply} ${payload.length}\r\n${payload}\r\n`)
    })
  }

  /** A request of the JetStream API; throws its error. */
  async api(verb: string, body: object | null = null): Promise<Record<string, unknown>> {
    const answer = await this.request(`$JS.API.${verb}`, body ? JSON.stringify(body) : '')
    if (answer.includes('"error":')) throw new Error(`${verb}: ${answer}`)
    return JSON.parse(answer) as Record<string, unknown>
  }

  get receivedBytes(): number {
    return this.#socket.bytesRead
  }

  close(): void {
    this.#isClosed = true
    this.#socket.destroy()
  }

  #bounded<T>(what: string, begin: (resolve: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what}`)), replyMsMax)
      const { onEnd } = this
      const done = (): void => {
        clearTimeout(timer)
        this.onEnd = onEnd
      }
      this.onEnd = error => {
        done()
        reject(error)
        onEnd(error)
      }
      begin(value => {
        done()
        resolve(value)
      })
    })
  }

  #ended(error: Error): void {
    if (!this.#isClosed) this.onEnd(error)
  }

  #received(fresh: Buffer): void {
    const chunk = this.#rest ? Buffer.concat([this.#rest, fresh]) : fresh
    let at = 0
    for (;;) {
      const end = chunk.indexOf(lineFeed, at)
      if (end < 0) break
      const next = this.#line(chunk, at, end)
      if (next < 0) break
      at = next
    }
    this.#rest = at < chunk.length ? Buffer.from(chunk.subarray(at)) : null
  }

  /** Returns where the next one starts; -1 when there is not all of this one. */
  #line(chunk: Buffer, start: number, end: number): number {
    const line = chunk.latin1Slice(start, end - 1)
    const first = chunk[start]
    // M of MSG, H of HMSG.
    if (first !== 0x4d && first !== 0x48) {
      if (line === 'PING') this.write('PONG\r\n')
      else if (line === 'PONG') this.#pong()
      else if (line.startsWith('-ERR')) this.#ended(new Error(line))
      return end + 1
    }
    const bytes = Number(line.slice(line.lastIndexOf(' ') + 1))
    const bodyStart = end + 1
    const bodyEnd = bodyStart + bytes
    if (bodyEnd + 2 > chunk.length) return -1
    this.#message({ line, chunk, bodyStart, end: bodyEnd })
    return bodyEnd + 2
  }

  #message(message: Incoming): void {
    const { line, chunk, bodyStart, end } = message
    if (this.#answers.size > 0) {
      const subject = line.slice(line.indexOf(' ') + 1).split(' ', 1)[0] ?? ''
      const answered = this.#answers.get(subject)
      if (answered) {
        this.#answers.delete(subject)
        return answered(chunk.latin1Slice(bodyStart, end))
      }
    }
    this.onMessage(message)
  }
}

/** The reply subject of `MSG subject sid reply size`, with HMSG's two sizes; '' without one. */
export function replyOf(line: string): string {
  const isWithHeaders = line.startsWith('H')
  let end = line.lastIndexOf(' ')
  if (isWithHeaders) end = line.lastIndexOf(' ', end - 1)
  const start = line.lastIndexOf(' ', end - 1)
  const word = line.slice(start + 1, end)
  return word.includes('.') ? word : ''
}

/** Prebuilt messages, one behind the other, all of one size. */
export interface Batches {
  readonly bytes: Buffer
  readonly each: number
  readonly count: number
}

/** `count` publishes with payloads of `x`, each with a subject and a reply of its own. */
export function publishes(
  count: number,
  payloadBytes: number,
  subjectOf: (at: number) => string,
  replyOfOne: (at: number) => string,
): Batches {
  const payload = 'x'.repeat(payloadBytes)
  const list = Array.from({ length: count }, (_, at) =>
    Buffer.from(`PUB ${subjectOf(at)} ${replyOfOne(at)} ${payloadBytes}\r\n${payload}\r\n`),
  )
  const each = list[0]?.length ?? 0
  if (list.some(one => one.length !== each)) throw new Error('publishes of different sizes')
  return { bytes: Buffer.concat(list), each, count }
}

export const digits = (value: number, count: number): string => String(value).padStart(count, '0')
