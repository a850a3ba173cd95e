// A feed against an origin that says exactly what it is told to, on a clock that moves only when
// told.

import * as assert from 'uvu/assert'
import { Feed, type FeedTarget } from '../../edge/store/source/feed.ts'
import type { Delivery, FeedKind, Start } from '../../edge/store/source/request.ts'
import type { Durable, NewMessage, StreamSourceConfig } from '../../edge/store/shapes.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { headersOf, newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { LocalSink, Message, Origin } from '../../src/message.ts'

const origin: Origin = { kind: 'leaf', sink: null, echo: true, permissions: null }

export class FakeTarget implements FeedTarget {
  seqs: number[] = []
  identity = ''
  intact = true
  full = false
  begunAt = -1

  start(isKept: boolean): Start {
    const last = this.seqs.at(-1) ?? 0
    if (last === 0 || isKept) return { deliver_policy: 'all' }
    return { deliver_policy: 'by_start_sequence', opt_start_seq: last + 1 }
  }

  get doneSeq(): number {
    return this.seqs.at(-1) ?? Math.max(this.begunAt, 0)
  }

  begun(deliveredSeq: number, identity: string): void {
    this.begunAt = deliveredSeq
    if (identity !== '') this.identity = identity
  }

  recreated(): void {
    this.seqs = []
    this.identity = ''
  }

  take(message: NewMessage, { streamSeq, timeUs }: Delivery): boolean {
    if (this.full) return false
    assert.is(message.subject, 's.a')
    assert.is(timeUs, 1_795_320_308_654_213)
    this.seqs.push(streamSeq)
    return true
  }

  isIntact(): boolean {
    return this.intact
  }
}

/** A feed, its origin's API and everything the feed sends. */
export class Bench {
  readonly account = new Account('$G')
  readonly clock = new FakeClock()
  readonly target = new FakeTarget()
  readonly feed: Feed
  asked: { subject: string; reply: string; headers: string; body: string }[] = []
  /** Subject and header lines. */
  confirmed: string[] = []
  deleted: string[] = []
  readonly durable: Durable & { sick: Error | null }
  #waiting: ((error?: Error) => void)[] = []

  constructor(source: StreamSourceConfig = { name: 'S' }, listening = true, kind: FeedKind = 'S') {
    this.durable = { groups: 0, sick: null, onDisk: done => this.#waiting.push(done) }
    const { account, clock, durable, target } = this
    this.feed = new Feed({
      account,
      clock,
      durable,
      target,
      source,
      label: 'test',
      kind,
      log: silentLog,
      asker: { account: '$G', domain: 'edge', stream: 'AGG' },
      consumer: 'JS_SRC_x',
    })
    if (listening) this.listen()
    this.#on('$JS.FC.>', message => {
      const lines = headersOf(message).toString().split('\r\n').slice(1, -2)
      this.confirmed.push([message.subject, ...lines].join(' '))
    })
    this.feed.start()
    clock.advance(100)
  }

  listen(): void {
    this.#on('$JS.*.API.>', message => this.#ask(message))
    this.#on('$JS.API.>', message => this.#ask(message))
  }

  settle(error?: Error): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done(error)
  }

  /** Answers the last request. */
  answer(text: string, headers = ''): void {
    const { reply } = this.asked.at(-1) ?? { reply: '' }
    post(this.account, origin, {
      subject: reply,
      headers: Buffer.from(headers),
      payload: Buffer.from(text),
    })
  }

  refuse(err_code: number, code = 400): void {
    this.answer(JSON.stringify({ error: { code, err_code, description: 'no' } }))
  }

  follow(name = 'C', delivered = 0, config: object = {}, identity = ''): void {
    const info = { name, config, delivered: { consumer_seq: 0, stream_seq: delivered } }
    const headers = identity === '' ? '' : `NATS/1.0\r\nNats-Stream-Identity: ${identity}\r\n\r\n`
    this.answer(JSON.stringify(info), headers)
  }

  /** What was asked for last. */
  get wanted(): Record<string, unknown> {
    return JSON.parse(this.asked.at(-1)?.body ?? '{}').config
  }

  get deliverSubject(): string {
    return JSON.parse(this.asked.at(-1)?.body ?? '{}').config.deliver_subject
  }

  message(seq: number, consumerSeq: number, { name = 'C', count = 1, pending = 0 } = {}): void {
    this.deliver(this.deliverSubject, seq, consumerSeq, name, `${count}`, `${pending}`)
  }

  deliver(
    target: string,
    seq: number,
    consumerSeq: number,
    name: string,
    count = '1',
    pending = '0',
  ): void {
    const tail = `${count}.${seq}.${consumerSeq}.1795320308654213751.${pending}`
    const reply = `$JS.ACK.S.${name}.${tail}`
    post(this.account, origin, { subject: 's.a', target, reply, payload: Buffer.from('x') })
  }

  status(lines: string, reply = ''): void {
    const headers = Buffer.from(`NATS/1.0 100 ${lines}\r\n\r\n`)
    post(this.account, origin, { subject: this.deliverSubject, reply, headers })
  }

  #ask(message: Message): void {
    const body = payloadOf(message).toString()
    const headers = headersOf(message).toString()
    const { subject, reply } = message
    if (subject.includes('.DELETE.')) this.deleted.push(subject)
    else this.asked.push({ subject, reply, headers, body })
  }

  #on(subject: string, seen: (message: Message) => void): void {
    const sink: LocalSink = { remote: false, deliver: seen }
    this.account.subscribe(newSubscription(subject, sink))
  }
}
