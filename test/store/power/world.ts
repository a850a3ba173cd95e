// JetStream and MQTT sessions in this process, on one directory, with a clock that stands still:
// the same for the writer whose power is cut and for the check of what it left. What is told here
// is what a client is told, by the very messages it would get.

import * as path from 'node:path'
import { JetStream } from '../../../edge/store/jetstream.ts'
import { jetstreamDefaults } from '../../../edge/store/options.ts'
import { SessionStore } from '../../../edge/store/session.ts'
import { sessionTables } from '../../../edge/store/session-schema.ts'
import type { Stream } from '../../../edge/store/shapes.ts'
import type { Store } from '../../../edge/store/store.ts'
import { Account } from '../../../src/account/account.ts'
import { FakeClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Turn } from '../../../src/base/turn.ts'
import { newSubscription, payloadOf, post } from '../../../src/broker/post.ts'
import type { Message, Origin } from '../../../src/message.ts'

const client: Origin = { kind: 'client', sink: null, echo: true, permissions: null }

/** Small, so that a checkpoint comes every few rounds. */
const walBytesMax = 96 * 1024
/** Turns of the loop after which nothing more happens by itself. */
const quietTurns = 12

/** The directory that holds the database. */
export const storeDir = (base: string): string => path.join(base, 'jetstream')

type Answered = (text: string) => void

/** A message that a consumer got. */
export interface Delivery {
  /** `stream.consumer` */
  readonly of: string
  readonly seq: number
  /** Where it is acknowledged. */
  readonly reply: string
  readonly payload: string
}

export class World {
  readonly account = new Account('$G')
  readonly clock: FakeClock
  readonly jetstream: JetStream
  readonly deliveries: Delivery[] = []
  readonly #turn = new Turn()
  readonly #waiting = new Map<string, Answered>()
  #sessions: SessionStore | null = null
  #inboxes = 0

  constructor(base: string, clock = new FakeClock()) {
    this.clock = clock
    this.jetstream = new JetStream({
      options: { ...jetstreamDefaults(), store_dir: base, max_file_store: 2 ** 30 },
      accounts: [this.account],
      serverId: 'power',
      serverName: 'power',
      log: silentLog,
      clock,
      turn: this.#turn,
      tables: sessionTables,
      bounds: { walBytesMax, reserveBytes: 0 },
    })
  }

  async start(): Promise<void> {
    const { account } = this
    await this.jetstream.start()
    this.#sessions = new SessionStore(this.store.db, this.store.commit)
    const answer = (m: Message): void => {
      const answered = this.#waiting.get(m.target)
      this.#waiting.delete(m.target)
      answered?.(payloadOf(m).toString())
    }
    const deliver = (m: Message): void => {
      const [, , stream = '', consumer = '', , seq = ''] = m.reply.split('.')
      if (seq === '') return
      this.deliveries.push({
        of: `${stream}.${consumer}`,
        seq: Number(seq),
        reply: m.reply,
        payload: payloadOf(m).toString(),
      })
    }
    account.subscribe(newSubscription('in.*', { remote: false, deliver: answer }))
    account.subscribe(newSubscription('pull.*', { remote: false, deliver }))
  }

  async close(): Promise<void> {
    await this.jetstream.close()
  }

  get store(): Store {
    return this.jetstream.store
  }

  get sessions(): SessionStore {
    if (!this.#sessions) throw new Error('not started')
    return this.#sessions
  }

  stream(name: string): Stream | undefined {
    return this.store.stream('$G', name)
  }

  /** Publishes with a reply subject of its own; calls back with the answer. */
  ask(subject: string, body: Buffer | string, headers: Buffer | null, answered: Answered): void {
    const reply = `in.${++this.#inboxes}`
    this.#waiting.set(reply, answered)
    const payload = typeof body === 'string' ? Buffer.from(body) : body
    post(this.account, client, { subject, reply, payload, ...(headers && { headers }) })
  }

  /** Publishes without a reply subject. */
  say(subject: string, payload: Buffer, headers: Buffer): void {
    post(this.account, client, { subject, payload, headers })
  }

  /** A request of the JetStream API; calls back without an error, which throws. */
  api(verb: string, body: object | null, answered: Answered = () => {}): void {
    this.ask(`$JS.API.${verb}`, body ? JSON.stringify(body) : '', null, text => {
      if (text.includes('"error":')) throw new Error(`${verb}: ${text}`)
      answered(text)
    })
  }

  /** The same, and waits for the answer. */
  async request(verb: string, body: object | null = null): Promise<string> {
    let answer: string | null = null
    this.api(verb, body, text => {
      answer = text
    })
    while (answer === null) await turn()
    return answer
  }

  /** What comes goes to `deliveries`. */
  pull(of: string, count: number): void {
    const body = JSON.stringify({ batch: count, no_wait: true })
    post(this.account, client, {
      subject: `$JS.API.CONSUMER.MSG.NEXT.${of}`,
      reply: 'pull.x',
      payload: Buffer.from(body),
    })
  }

  onDisk(): Promise<Error | undefined> {
    return new Promise(resolve => this.store.durable.onDisk(resolve))
  }

  async quiet(): Promise<void> {
    for (let i = 0; i < quietTurns; i++) await turn()
    await this.onDisk()
  }
}

export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
