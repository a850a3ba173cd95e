// JetStream load: publishes that wait for their acknowledgement, so many at a time. The rate is
// that of acknowledgements; at the end the stream must hold exactly what was acknowledged.

import { connect, type Socket } from 'node:net'

export interface AckedShape {
  readonly payloadBytes: number
  readonly inFlight: number
}

const stream = 'BENCH'
const subject = 'bench.acked'
const inbox = '_INBOX.bench'
const lineFeed = 10
const replyMsMax = 30_000

/** Publishes for about `ms`; returns acknowledged messages a second. */
export async function measureAcked(port: number, shape: AckedShape, ms: number): Promise<number> {
  const session = new Session()
  await session.open(port)
  try {
    await session.request(`$JS.API.STREAM.DELETE.${stream}`, '')
    const config = { name: stream, subjects: [subject], storage: 'file' }
    const created = await session.request(`$JS.API.STREAM.CREATE.${stream}`, JSON.stringify(config))
    if (created.includes('"error"')) throw new Error(`stream not created: ${created}`)
    const { acked, elapsedMs } = await session.load(shape, ms)
    const info = await session.request(`$JS.API.STREAM.INFO.${stream}`, '')
    const stored = Number(/"messages":\s*(\d+)/.exec(info)?.[1])
    if (stored !== acked) throw new Error(`${acked} acknowledged, ${stored} stored: ${info}`)
    await session.request(`$JS.API.STREAM.DELETE.${stream}`, '')
    return (acked / elapsedMs) * 1000
  } finally {
    session.close()
  }
}

class Session {
  #socket: Socket | null = null
  #received = ''
  #onData: (chunk: Buffer) => void = () => {}
  #onEnd: (error: Error) => void = () => {}
  #requests = 0

  async open(port: number): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('error', error => this.#onEnd(error))
    socket.on('close', () => this.#onEnd(new Error('the connection was closed')))
    socket.on('data', chunk => this.#onData(chunk))
    socket.write(
      'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n',
    )
    socket.write(`SUB ${inbox}.> 1\r\nPING\r\n`)
    await this.#collect(/PONG\r\n$/)
  }

  /** One request, one reply; returns the reply's payload. */
  async request(to: string, payload: string): Promise<string> {
    const reply = `${inbox}.r${++this.#requests}`
    this.#socket?.write(`PUB ${to} ${reply} ${payload.length}\r\n${payload}\r\n`)
    const text = await this.#collect(/^H?MSG [^\n]*\r\n[\s\S]*\r\n$/)
    return text.slice(text.indexOf('\r\n') + 2)
  }

  /** Keeps `inFlight` publishes unacknowledged until the time is over and the last ack is here. */
  load(
    { payloadBytes, inFlight }: AckedShape,
    ms: number,
  ): Promise<{ acked: number; elapsedMs: number }> {
    const one = Buffer.from(
      `PUB ${subject} ${inbox}.a ${payloadBytes}\r\n${'x'.repeat(payloadBytes)}\r\n`,
    )
    const many = Buffer.concat(Array.from({ length: inFlight }, () => one))
    const startMs = performance.now()
    let sent = inFlight
    let lines = 0
    let acked = 0
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${acked} of ${sent} acknowledged`)),
        ms + replyMsMax,
      )
      this.#onEnd = reject
      this.#onData = chunk => {
        if (chunk.includes('"error"')) reject(new Error(chunk.toString('latin1', 0, 500)))
        // `MSG …\r\n{…}\r\n`: two line feeds an acknowledgement, none inside it.
        for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, at + 1))
          lines++
        const fresh = (lines >> 1) - acked
        acked += fresh
        const elapsedMs = performance.now() - startMs
        if (elapsedMs < ms) {
          sent += fresh
          if (fresh > 0) this.#socket?.write(many.subarray(0, fresh * one.length))
        } else if (acked === sent) {
          clearTimeout(timer)
          resolve({ acked, elapsedMs })
        }
      }
      this.#socket?.write(many)
    })
  }

  close(): void {
    this.#onEnd = () => {}
    this.#socket?.destroy()
  }

  #collect(end: RegExp): Promise<string> {
    this.#received = ''
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no reply: ${this.#received}`)), replyMsMax)
      this.#onEnd = reject
      this.#onData = chunk => {
        this.#received += chunk.toString('latin1')
        if (!end.test(this.#received)) return
        clearTimeout(timer)
        resolve(this.#received)
      }
    })
  }
}
