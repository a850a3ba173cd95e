// A serial device made of promises, and a gateway around it on a clock that stands still.

import type { OpenFailure, Opened, SerialDevice } from '../../edge/serial/device.ts'
import { SerialGateway } from '../../edge/serial/gateway.ts'
import { type SerialPortOptions, serialPortBlock } from '../../edge/serial/options.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { Message } from '../../src/message.ts'

export class FakeDevice implements SerialDevice {
  closed = false
  readonly written: string[] = []
  /** Resolves the write under way. */
  takeWrite: ((error?: Error) => void) | null = null
  holdWrites = false
  #give: ((count: number) => void) | null = null
  #fail: ((error: Error) => void) | null = null
  #into: Buffer | null = null

  read(into: Buffer): Promise<number> {
    this.#into = into
    return new Promise((resolve, reject) => {
      this.#give = resolve
      this.#fail = reject
    })
  }

  write(bytes: Buffer): Promise<void> {
    this.written.push(bytes.toString())
    if (!this.holdWrites) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.takeWrite = error => (error ? reject(error) : resolve())
    })
  }

  close(): Promise<void> {
    this.closed = true
    this.#give?.(0)
    return Promise.resolve()
  }

  /** The wire brings bytes; '' is a hang-up. */
  async bring(text: string): Promise<void> {
    const count = this.#into?.write(text, 'latin1') ?? 0
    this.#give?.(count)
    await settle()
  }

  async fail(text: string): Promise<void> {
    this.#fail?.(new Error(text))
    await settle()
  }
}

/** Lets everything that does not wait for time happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
}

export interface Heard {
  readonly subject: string
  readonly text: string
}

/** A subscriber of `pattern` that keeps what it hears. */
export function listen(account: Account, pattern: string): Heard[] {
  const heard: Heard[] = []
  const deliver = (message: Message): void => {
    heard.push({ subject: message.subject, text: payloadOf(message).toString() })
  }
  account.subscribe(newSubscription(pattern, { remote: false, deliver }))
  return heard
}

export function portOptions(more: Partial<SerialPortOptions>): SerialPortOptions {
  const defaults = Object.entries(serialPortBlock).map(([name, row]) => [name, row.default])
  return { ...Object.fromEntries(defaults), name: 'gps', path: '/dev/gps', ...more }
}

export class Bench {
  readonly account = new Account('$G')
  readonly clock = new FakeClock(Date.UTC(2026, 10, 23))
  readonly logged: string[] = []
  readonly heard = listen(this.account, '>')
  device = new FakeDevice()
  /** What the next tries to open meet; null: the device opens. */
  failure: OpenFailure | null = null
  tries = 0
  readonly gateway: SerialGateway

  constructor(more: Partial<SerialPortOptions> = {}) {
    const say = (text: string): void => void this.logged.push(text)
    const log: Log = { ...silentLog, info: say, warn: say, error: say }
    this.gateway = new SerialGateway({
      options: { ports: [portOptions(more)] },
      account: () => this.account,
      log,
      clock: this.clock,
      open: async (): Promise<Opened> => {
        this.tries++
        if (this.failure) return this.failure
        this.device = new FakeDevice()
        return { is: 'open', device: this.device }
      },
    })
  }

  /** Everything heard since the last call on subjects that begin so. */
  take(prefix: string): string[] {
    const taken = this.heard.filter(({ subject }) => subject.startsWith(prefix))
    for (const one of taken) this.heard.splice(this.heard.indexOf(one), 1)
    return taken.map(({ text }) => text)
  }

  states(): string[] {
    return this.take('$EDGE.').map(text => JSON.parse(text).state)
  }

  send(subject: string, text: string, reply = ''): void {
    post(
      this.account,
      { kind: 'client', sink: null, echo: true, permissions: null },
      { subject, reply, payload: Buffer.from(text) },
    )
    this.take(subject)
  }

  view(): Record<string, unknown> {
    return (this.gateway.view() as { ports: Record<string, unknown>[] }).ports[0] ?? {}
  }
}
