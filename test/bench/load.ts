// Core NATS load, written so that the server under test is what limits it: publishers write
// prebuilt buffers of many PUBs, subscribers count bytes and look at none of them.
//
// Every message of a run has one size on the wire, so the byte count is the message count; a
// connection that ends or a byte too many fails the run.

import { connect, type Socket } from 'node:net'

/** A server pings its clients when it likes. */
const pingBytes = 'PING\r\n'.length

export interface Shape {
  readonly payloadBytes: number
  readonly publishers: number
  readonly subscribers: number
  /** Absent: one subject, and one subscription to it. */
  readonly routes?: Routes
}

/** Subjects in turn, each of which one wildcard subscription matches. */
export interface Routes {
  /** At most 1,000. */
  readonly subjects: number
  /** Of each subscriber, at most 100,000; those beyond the subjects match nothing. */
  readonly subscriptions: number
}

export interface Rate {
  /** Messages delivered, or with no subscriber published, a second. */
  readonly perSecond: number
  readonly messages: number
}

const oneSubject = 'bench'
const oneSid = '1'
/** One write of a publisher. */
const batchBytes = 512 * 1024
/** Published and not yet received by all: keeps the server busy, and its memory bounded. */
const windowBytes = 8 * 1024 * 1024
const readBytes = 512 * 1024
const endMsMax = 60_000

/** Runs for about `ms` and until the last message has arrived everywhere. */
export async function measure(port: number, shape: Shape, ms: number): Promise<Rate> {
  const run = new Run(shape)
  try {
    await run.open(port)
    return await run.publish(ms)
  } finally {
    run.close()
  }
}

class Run {
  readonly #shape: Shape
  readonly #subscribers: Receiver[] = []
  readonly #publishers: Publisher[] = []
  readonly #bytesEach: number
  #fail: (error: Error) => void = () => {}
  #wake: () => void = () => {}

  constructor(shape: Shape) {
    this.#shape = shape
    const { payloadBytes, routes } = shape
    const [subject, sid] = routes ? [routedSubject(0), routedSid(0)] : [oneSubject, oneSid]
    this.#bytesEach = `MSG ${subject} ${sid} ${payloadBytes}\r\n`.length + payloadBytes + 2
  }

  async open(port: number): Promise<void> {
    for (let i = 0; i < this.#shape.subscribers; i++) {
      const receiver = new Receiver(
        () => this.#wake(),
        error => this.#fail(error),
      )
      this.#subscribers.push(receiver)
      await receiver.open(port, subscriptions(this.#shape.routes))
    }
    const batch = newBatch(this.#shape)
    for (let i = 0; i < this.#shape.publishers; i++) {
      const publisher = new Publisher(batch, error => this.#fail(error))
      this.#publishers.push(publisher)
      await publisher.open(port)
    }
  }

  async publish(ms: number): Promise<Rate> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    const startMs = performance.now()
    const stopMs = startMs + ms
    const fill = (): void => {
      const nowMs = performance.now()
      if (nowMs >= stopMs) return
      for (const publisher of this.#publishers) {
        while (publisher.ready && this.#unreceivedBytes() < windowBytes) publisher.write(fill)
      }
    }
    this.#wake = fill
    fill()
    await Promise.race([failed, sleep(ms)])
    await Promise.race([failed, this.#settled()])
    const elapsedMs = performance.now() - startMs
    const published = this.#published()
    const messages = this.#shape.subscribers === 0 ? published : published * this.#shape.subscribers
    return { perSecond: (messages / elapsedMs) * 1000, messages }
  }

  close(): void {
    for (const one of [...this.#publishers, ...this.#subscribers]) one.close()
  }

  /** The server has processed every publish, and every subscriber has every byte. */
  async #settled(): Promise<void> {
    await Promise.all(this.#publishers.map(publisher => publisher.finish()))
    const expected = this.#published() * this.#bytesEach
    const isDone = () => this.#subscribers.every(one => one.bytes >= expected)
    if (!isDone()) {
      await bounded(
        new Promise<void>(resolve => {
          this.#wake = () => isDone() && resolve()
        }),
        () => `${this.#subscribers.map(one => one.bytes)} of ${expected} bytes came`,
      )
    }
    for (const { bytes } of this.#subscribers) {
      const isPings = (bytes - expected) % pingBytes === 0
      if (bytes < expected || !isPings) throw new Error(`${bytes} bytes came, not ${expected}`)
    }
  }

  #published(): number {
    return this.#publishers.reduce((sum, one) => sum + one.messages, 0)
  }

  #unreceivedBytes(): number {
    if (this.#subscribers.length === 0) return 0
    const sent = this.#published() * this.#bytesEach
    return sent - Math.min(...this.#subscribers.map(one => one.bytes))
  }
}

/** Counts what comes in. */
class Receiver {
  bytes = 0
  readonly #wake: () => void
  readonly #fail: (error: Error) => void
  #socket: Socket | null = null
  #greeting = ''
  #isCounting = false

  constructor(wake: () => void, fail: (error: Error) => void) {
    this.#wake = wake
    this.#fail = fail
  }

  open(port: number, first: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafe(readBytes)
      const callback = (bytes: number, chunk: Uint8Array): boolean => {
        if (this.#isCounting) {
          this.bytes += bytes
          this.#wake()
          return true
        }
        this.#greeting += Buffer.from(chunk.buffer, chunk.byteOffset, bytes).toString('latin1')
        if (this.#greeting.endsWith('PONG\r\n')) {
          this.#isCounting = true
          resolve()
        }
        return true
      }
      const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback } })
      this.#socket = socket
      socket.on('error', reject)
      socket.on('close', () => this.#fail(new Error('a subscriber was cut off')))
      socket.write(`CONNECT {"verbose":false,"pedantic":false}\r\n${first}PING\r\n`)
    })
  }

  close(): void {
    this.#socket?.removeAllListeners('close')
    this.#socket?.destroy()
  }
}

interface Batch {
  readonly bytes: Buffer
  readonly messages: number
}

class Publisher {
  messages = 0
  readonly #batch: Batch
  readonly #fail: (error: Error) => void
  #socket: Socket | null = null
  #received = ''
  #pong: () => void = () => {}
  #writing = 0

  constructor(batch: Batch, fail: (error: Error) => void) {
    this.#batch = batch
    this.#fail = fail
  }

  async open(port: number): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    this.#socket = socket
    socket.on('error', error => this.#fail(error))
    socket.on('close', () => this.#fail(new Error(`a publisher was cut off: ${this.#received}`)))
    socket.on('data', chunk => {
      this.#received = (this.#received + chunk.toString('latin1')).slice(-2000)
      if (this.#received.includes('PONG\r\n')) {
        this.#received = ''
        this.#pong()
      }
    })
    socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n')
    await this.finish()
  }

  /** One batch is with the kernel while the next one waits in front of it. */
  get ready(): boolean {
    return this.#writing < 2
  }

  write(written: () => void): void {
    this.#writing++
    this.messages += this.#batch.messages
    this.#socket?.write(this.#batch.bytes, () => {
      this.#writing--
      written()
    })
  }

  /** Everything written so far was processed. */
  finish(): Promise<void> {
    const pong = new Promise<void>(resolve => {
      this.#pong = resolve
    })
    this.#socket?.write('PING\r\n')
    return bounded(pong, () => `no PONG: ${this.#received}`)
  }

  close(): void {
    this.#socket?.removeAllListeners('close')
    this.#socket?.destroy()
  }
}

function newBatch({ payloadBytes, routes }: Shape): Batch {
  const payload = 'x'.repeat(payloadBytes)
  const publish = (subject: string) =>
    Buffer.from(`PUB ${subject} ${payloadBytes}\r\n${payload}\r\n`)
  const all = routes
    ? Array.from({ length: routes.subjects }, (_, at) => publish(routedSubject(at)))
    : [publish(oneSubject)]
  const oneBytes = all[0]?.length ?? 1
  const messages = Math.max(1, Math.round(batchBytes / oneBytes / all.length)) * all.length
  const list = Array.from({ length: messages }, (_, at) => all[at % all.length] as Buffer)
  return { bytes: Buffer.concat(list), messages }
}

function subscriptions(routes: Routes | undefined): string {
  if (!routes) return `SUB ${oneSubject} ${oneSid}\r\n`
  return Array.from(
    { length: routes.subscriptions },
    (_, at) => `SUB site.${digits(at, 5)}.*.value ${routedSid(at)}\r\n`,
  ).join('')
}

/** All have one length, so that every message has one size on the wire. */
function routedSubject(at: number): string {
  return `site.${digits(at, 5)}.${digits(at * 7, 4)}.value`
}

function routedSid(at: number): string {
  return digits(at, 6)
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0')
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms)
  })
}

async function bounded(work: Promise<void>, why: () => string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why())), endMsMax)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
