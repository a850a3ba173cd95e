// A feed against an origin that says exactly what it is told to: what is asked for, what is noticed
// and when, on a clock that moves only when told.

import * as assert from 'uvu/assert'
import { newSubscription } from '../../src/broker/post.ts'
import type { LocalSink } from '../../src/message.ts'
import { spec } from '../support/spec.ts'
import { Bench } from './feed-bench.ts'

const external = { api: '$JS.hub.API', deliver: '' }

spec('feed', it => {
  it('asks for a consumer as nats-server 2.15 does', () => {
    const bench = new Bench({ name: 'S', external })
    const { subject, reply, body } = bench.asked[0] as { [name: string]: string }
    assert.is(subject, '$JS.hub.API.CONSUMER.CREATE.S')
    assert.match(reply ?? '', /^\$JSC\.R\.\w{8}$/)
    assert.is(
      (body ?? '').replace(/\$JS\.S\.\w{8}"/, '$JS.S.x"'),
      '{"stream_name":"S","config":{"name":"JS_SRC_x","deliver_policy":"all","ack_policy":"none","ack_wait":79200000000000,"max_deliver":1,"replay_policy":"instant","flow_control":true,"deliver_subject":"$JS.S.x","idle_heartbeat":1000000000,"inactive_threshold":10000000000,"num_replicas":0,"direct":true,"sourcing":true,"metadata":{"_nats.src.acc":"$G","_nats.src.domain":"edge","_nats.src.stream":"AGG"}},"action":""}',
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
    assert.match(asked[0] ?? '', /^hub\.api\.CONSUMER\.CREATE\.S\.JS_SRC_x\.s\.\*$/)
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
    const done = 'Nats-Last-Consumer: 1 Nats-Last-Stream: 1'
    bench.status('FlowControl Request', '$JS.FC.S.C.1')
    // What comes after the question is not told with its answer.
    bench.message(2, 2)
    assert.equal(bench.confirmed, [])
    bench.settle()
    assert.equal(bench.confirmed, [`$JS.FC.S.C.1 ${done}`])
    bench.status('Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Consumer-Stalled: $JS.FC.S.C.2')
    bench.settle()
    const after = 'Nats-Last-Consumer: 2 Nats-Last-Stream: 2'
    assert.equal(bench.confirmed, [`$JS.FC.S.C.1 ${done}`, `$JS.FC.S.C.2 ${after}`])
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
