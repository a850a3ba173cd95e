// A feed against an origin that says exactly what it is told to: what is asked for, what is noticed
// and when, on a clock that moves only when told.

import * as assert from 'uvu/assert'
import { Feed, type FeedTarget } from '../../edge/store/source/feed.ts'
import type { Delivery, Start } from '../../edge/store/source/request.ts'
import type { Durable, NewMessage, StreamSourceConfig } from '../../edge/store/shapes.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { LocalSink, Message, Origin } from '../../src/message.ts'
import { spec } from '../support/spec.ts'

const origin: Origin = { kind: 'leaf', sink: null, echo: true, permissions: null }

class FakeTarget implements FeedTarget {
  seqs: number[] = []
  intact = true
  full = false
  begunAt = -1

  start(): Start {
    const last = this.seqs.at(-1) ?? 0
    if (last === 0) return { deliver_policy: 'all' }
    return { deliver_policy: 'by_start_sequence', opt_start_seq: last + 1 }
  }

  begun(deliveredSeq: number): void {
    this.begunAt = deliveredSeq
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
class Bench {
  readonly account = new Account('$G')
  readonly clock = new FakeClock()
  readonly target = new FakeTarget()
  readonly feed: Feed
  asked: { subject: string; reply: string; body: string }[] = []
  confirmed: string[] = []
  readonly durable: Durable & { sick: Error | null }
  #waiting: ((error?: Error) => void)[] = []

  constructor(source: StreamSourceConfig = { name: 'S' }, listening = true) {
    this.durable = { groups: 0, sick: null, onDisk: done => this.#waiting.push(done) }
    const { account, clock, durable, target } = this
    const label = 'test'
    this.feed = new Feed({
      account,
      clock,
      durable,
      target,
      source,
      label,
      kind: 'S',
      log: silentLog,
    })
    if (listening) this.listen()
    this.#on('$JS.FC.>', message => this.confirmed.push(message.subject))
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
  answer(text: string): void {
    const { reply } = this.asked.at(-1) ?? { reply: '' }
    post(this.account, origin, { subject: reply, payload: Buffer.from(text) })
  }

  follow(name = 'C', delivered = 0): void {
    this.answer(JSON.stringify({ name, delivered: { consumer_seq: 0, stream_seq: delivered } }))
  }

  get deliverSubject(): string {
    return JSON.parse(this.asked.at(-1)?.body ?? '{}').config.deliver_subject
  }

  message(seq: number, consumerSeq: number, { name = 'C', count = 1, pending = 0 } = {}): void {
    const tail = `${count}.${seq}.${consumerSeq}.1795320308654213751.${pending}`
    post(this.account, origin, {
      subject: 's.a',
      target: this.deliverSubject,
      reply: `$JS.ACK.S.${name}.${tail}`,
      payload: Buffer.from('x'),
    })
  }

  status(lines: string, reply = ''): void {
    const headers = Buffer.from(`NATS/1.0 100 ${lines}\r\n\r\n`)
    post(this.account, origin, { subject: this.deliverSubject, reply, headers })
  }

  #ask(message: Message): void {
    const body = payloadOf(message).toString()
    this.asked.push({ subject: message.subject, reply: message.reply, body })
  }

  #on(subject: string, seen: (message: Message) => void): void {
    const sink: LocalSink = { remote: false, deliver: seen }
    this.account.subscribe(newSubscription(subject, sink))
  }
}

const external = { api: '$JS.hub.API', deliver: '' }

spec('feed', it => {
  it('asks for a consumer as nats-server 2.10 does', () => {
    const bench = new Bench({ name: 'S', external })
    const { subject, reply, body } = bench.asked[0] as { [name: string]: string }
    assert.is(subject, '$JS.hub.API.CONSUMER.CREATE.S')
    assert.match(reply ?? '', /^\$JSC\.R\.\w{8}$/)
    assert.is(
      (body ?? '').replace(/\$JS\.S\.\w{8}"/, '$JS.S.x"'),
      '{"stream_name":"S","config":{"deliver_policy":"all","ack_policy":"none","ack_wait":79200000000000,"max_deliver":1,"replay_policy":"instant","idle_heartbeat":1000000000,"flow_control":true,"deliver_subject":"$JS.S.x","inactive_threshold":10000000000,"num_replicas":0,"direct":true},"action":""}',
    )
  })

  it('names the consumer where there is one filter, and delivers where it is told to', () => {
    const deliver = { api: 'hub.api', deliver: 'from.hub' }
    const one = new Bench({ name: 'S', filter_subject: 's.*', external: deliver })
    one.listen()
    const asked: string[] = []
    const sink: LocalSink = { remote: false, deliver: m => asked.push(m.subject) }
    one.account.subscribe(newSubscription('hub.api.>', sink))
    one.clock.advance(1000)
    assert.match(asked[0] ?? '', /^hub\.api\.CONSUMER\.CREATE\.S\.src-\w{8}\.s\.\*$/)
    const subject_transforms = ['a', 'b'].map(src => ({ src, dest: '' }))
    const two = new Bench({ name: 'S', subject_transforms })
    assert.is(two.asked[0]?.subject, '$JS.API.CONSUMER.CREATE.S')
    assert.match(two.asked[0]?.body ?? '', /"filter_subjects":\["a","b"\]/)
  })

  it('asks again a second later while nobody listens', () => {
    const bench = new Bench({ name: 'S' }, false)
    bench.clock.advance(500)
    bench.listen()
    bench.clock.advance(499)
    assert.is(bench.asked.length, 0)
    bench.clock.advance(1)
    assert.is(bench.asked.length, 1)
  })

  it('waits 10 s for an answer, then longer each time', () => {
    const bench = new Bench()
    bench.clock.advance(10_000 + 1999)
    assert.is(bench.asked.length, 1)
    bench.clock.advance(1)
    assert.is(bench.asked.length, 2)
    bench.clock.advance(10_000 + 3999)
    assert.is(bench.asked.length, 2)
    bench.clock.advance(1)
    assert.is(bench.asked.length, 3)
    // Never longer than a minute.
    bench.clock.advance(3_600_000)
    const before = bench.asked.length
    bench.clock.advance(70_000)
    assert.is(bench.asked.length, before + 1)
  })

  it('shows why it was refused until it is not', () => {
    const bench = new Bench()
    const error = { code: 404, err_code: 10059, description: 'stream not found' }
    bench.answer(JSON.stringify({ error }))
    assert.equal(bench.feed.error, error)
    assert.is(bench.feed.activeMs(), -1)
    bench.clock.advance(2000)
    bench.follow()
    assert.is(bench.feed.error, null)
  })

  it('does not trip over an answer that is none', () => {
    for (const text of ['', '{', '[]', '{"name":1}', '{"name":"C"}', '{"error":5}']) {
      const bench = new Bench()
      bench.answer(text)
      bench.clock.advance(2000)
      assert.is(bench.asked.length, 2, text)
    }
  })

  it('takes messages in order and tells its lag', () => {
    const bench = new Bench()
    bench.follow('C', 4)
    assert.is(bench.target.begunAt, 4)
    bench.message(5, 1, { pending: 7 })
    assert.is(bench.feed.lag, 6)
    bench.message(9, 2)
    assert.equal(bench.target.seqs, [5, 9])
    assert.is(bench.feed.lag, 0)
  })

  it('ignores repeats, other consumers and subjects of before', () => {
    const bench = new Bench()
    bench.follow()
    bench.message(1, 1)
    bench.message(1, 1)
    bench.message(2, 2, { count: 2 })
    bench.message(2, 2, { name: 'D' })
    bench.message(2, 2)
    assert.equal(bench.target.seqs, [1, 2])
    assert.is(bench.asked.length, 1)
  })

  it('asks from the last one stored when messages are missing', () => {
    const bench = new Bench()
    bench.follow()
    bench.message(1, 1)
    const before = bench.deliverSubject
    bench.message(3, 3)
    assert.equal(bench.target.seqs, [1])
    bench.clock.advance(2000)
    assert.is(bench.asked.length, 2)
    assert.match(bench.asked[1]?.body ?? '', /"by_start_sequence","opt_start_seq":2,/)
    assert.is.not(bench.deliverSubject, before)
    bench.follow('D')
    bench.message(2, 1, { name: 'D' })
    assert.equal(bench.target.seqs, [1, 2])
  })

  it('hears from a heartbeat that messages are missing', () => {
    const bench = new Bench()
    bench.follow()
    bench.message(1, 1)
    bench.status('Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1')
    bench.clock.advance(3000)
    assert.is(bench.asked.length, 1)
    bench.status('Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 2')
    bench.clock.advance(2000)
    assert.is(bench.asked.length, 2)
  })

  it('gives up after 10 s of silence, and not before', () => {
    const bench = new Bench()
    bench.follow()
    bench.clock.advance(9999)
    bench.status('Idle Heartbeat\r\nNats-Last-Consumer: 0')
    bench.clock.advance(9999)
    assert.is(bench.feed.activeMs(), 9999)
    bench.message(1, 1)
    assert.equal(bench.target.seqs, [1])
    bench.clock.advance(9999)
    bench.message(2, 2)
    assert.equal(bench.target.seqs, [1, 2])
    bench.clock.advance(10_000)
    bench.message(3, 3)
    assert.equal(bench.target.seqs, [1, 2])
    bench.clock.advance(2000)
    assert.is(bench.asked.length, 2)
  })

  it('confirms flow control once everything before it is on disk', () => {
    const bench = new Bench()
    bench.follow()
    bench.message(1, 1)
    bench.status('FlowControl Request', '$JS.FC.S.C.1')
    assert.equal(bench.confirmed, [])
    bench.settle()
    assert.equal(bench.confirmed, ['$JS.FC.S.C.1'])
    bench.status('Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Consumer-Stalled: $JS.FC.S.C.2')
    bench.settle()
    assert.equal(bench.confirmed, ['$JS.FC.S.C.1', '$JS.FC.S.C.2'])
    bench.status('FlowControl Request', '$JS.FC.S.C.3')
    bench.settle(new Error('no space'))
    assert.is(bench.confirmed.length, 2)
  })

  it('begins anew after what it took was rolled back, told by a heartbeat or a message', () => {
    for (const next of ['heartbeat', 'message']) {
      const bench = new Bench()
      bench.follow()
      bench.message(1, 1)
      bench.target.intact = false
      bench.target.seqs = []
      if (next === 'message') bench.message(2, 2)
      else bench.status('Idle Heartbeat\r\nNats-Last-Consumer: 1')
      assert.equal(bench.target.seqs, [])
      bench.target.intact = true
      bench.clock.advance(2000)
      assert.match(bench.asked[1]?.body ?? '', /"deliver_policy":"all"/)
    }
  })

  it('tries what could not be stored again, and asks for nothing while the disk is sick', () => {
    const bench = new Bench()
    bench.follow()
    bench.target.full = true
    bench.message(1, 1)
    bench.durable.sick = new Error('no space')
    bench.clock.advance(10_000)
    assert.is(bench.asked.length, 1)
    bench.durable.sick = null
    bench.target.full = false
    bench.clock.advance(1000)
    bench.follow('D')
    bench.message(1, 1, { name: 'D' })
    assert.equal(bench.target.seqs, [1])
  })

  it('leaves nothing behind when it is closed', () => {
    for (const step of ['waiting', 'asking', 'following']) {
      const bench = new Bench({ name: 'S' }, step !== 'waiting')
      if (step === 'following') bench.follow()
      const before = bench.account.sublist.count
      bench.feed.close()
      bench.feed.close()
      assert.is(bench.account.sublist.count, step === 'waiting' ? before : before - 1)
      bench.listen()
      bench.clock.advance(100_000)
      assert.is(bench.asked.length, step === 'waiting' ? 0 : 1)
    }
  })
})
