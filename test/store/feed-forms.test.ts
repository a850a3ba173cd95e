// The forms in which a feed asks its origin: of nats-server 2.14 and later, of older ones, and with
// a consumer that was made beforehand. And what it does about an origin that is another one now.

import * as assert from 'uvu/assert'
import { consumerName } from '../../edge/store/source/request.ts'
import { spec } from '../support/spec.ts'
import { Bench } from './feed-bench.ts'

const sourcing = { sourcing: true }
const consumer = { name: 'DRAIN', deliver_subject: 'drain.here' }
const flow = { durable_name: 'DRAIN', ack_policy: 'flow_control' }

spec('feed forms', it => {
  it('names consumers as nats-server does, another for each source of one stream', () => {
    const hub = { account: '$G', domain: 'hub', stream: 'AGG' }
    const edge = { account: '$G', domain: 'edge', stream: 'MIR' }
    const source = { name: 'S1', external: { api: '$JS.edge.API', deliver: '' } }
    // Seen on the wire: test reference 4.9.
    assert.is(consumerName('S', hub, source, [source]), 'JS_SRC_q9rlDw6k')
    assert.is(consumerName('M', edge, { name: 'H1' }, []), 'JS_MIRROR_nq6RXGvX')
    const one = { ...source, filter_subject: 'a' }
    const two = { ...source, filter_subject: 'b' }
    const names = [one, two].map(each => consumerName('S', hub, each, [one, two]))
    assert.is(new Set([...names, 'JS_SRC_q9rlDw6k']).size, 3)
  })

  it('requires level 4, and tells a source which stream it knew', () => {
    const bench = new Bench()
    const level = 'NATS/1.0\r\nNats-Required-Api-Level: 4\r\n'
    assert.is(bench.asked[0]?.headers, `${level}Nats-Stream-Identity: \r\n\r\n`)
    bench.follow('C', 0, sourcing, 'aBcD1234')
    assert.is(bench.target.identity, 'aBcD1234')
    bench.message(2, 2)
    bench.clock.advance(2000)
    assert.is(bench.asked[1]?.headers, `${level}Nats-Stream-Identity: aBcD1234\r\n\r\n`)
    const mirror = new Bench({ name: 'S' }, true, 'M')
    assert.is(mirror.asked[0]?.headers, `${level}\r\n`)
  })

  it('asks in the old form where the new one is refused, at once', () => {
    for (const code of [10025, 10185]) {
      const bench = new Bench()
      bench.refuse(code)
      assert.is(bench.asked.length, 2)
      assert.is(bench.asked[1]?.headers, '')
      assert.is(bench.wanted.sourcing, undefined)
      assert.match(String(bench.wanted.name), /^JS_SRC_x_\w{8}$/)
      assert.is(bench.feed.error, null)
      bench.follow('C')
      bench.message(1, 1)
      assert.equal(bench.target.seqs, [1])
      // It may be a newer server by then.
      bench.message(3, 3)
      bench.clock.advance(2000)
      assert.is(bench.wanted.sourcing, true)
      bench.refuse(code)
      bench.refuse(code)
      assert.is(bench.feed.error?.err_code, code)
      bench.clock.advance(3999)
      assert.is(bench.asked.length, 4)
    }
  })

  it('takes another name where an old origin still has the last one', () => {
    const bench = new Bench()
    bench.follow('C')
    bench.message(3, 3)
    bench.clock.advance(2000)
    assert.is(bench.wanted.name, 'JS_SRC_x')
    bench.refuse(10012)
    bench.clock.advance(4000)
    assert.match(String(bench.wanted.name), /^JS_SRC_x_\w{8}$/)
    assert.is(bench.wanted.sourcing, true)
    // One that knows what it is asked for is never asked under another.
    const knowing = new Bench()
    knowing.follow('C', 0, sourcing)
    knowing.message(3, 3)
    knowing.clock.advance(2000)
    knowing.refuse(10012)
    knowing.clock.advance(4000)
    assert.is(knowing.wanted.name, 'JS_SRC_x')
  })

  it('begins at the beginning of a stream that was made anew', () => {
    const bench = new Bench()
    bench.follow('C', 0, sourcing, 'one')
    bench.message(1, 1)
    bench.message(3, 3)
    bench.clock.advance(2000)
    assert.is(bench.wanted.opt_start_seq, 2)
    bench.refuse(10225)
    assert.is(bench.asked.length, 3)
    assert.match(bench.asked[2]?.headers ?? '', /Nats-Stream-Identity: \r\n/)
    assert.is(bench.wanted.deliver_policy, 'all')
    bench.follow('D', 0, sourcing, 'two')
    bench.message(1, 1, { name: 'D' })
    assert.equal(bench.target.seqs, [1])
    assert.is(bench.target.identity, 'two')
    // An origin that says so although nothing was claimed is only refusing.
    bench.message(3, 3, { name: 'D' })
    bench.clock.advance(2000)
    bench.target.identity = ''
    bench.refuse(10225)
    assert.is(bench.asked.length, 4)
    assert.is(bench.feed.error?.err_code, 10225)
  })

  it('resets a consumer that was made beforehand', () => {
    const bench = new Bench({ name: 'S', consumer })
    const { subject, body, headers } = bench.asked[0] as { [name: string]: string }
    assert.is(subject, '$JS.API.CONSUMER.RESET.S.DRAIN')
    assert.is(body, '')
    assert.match(headers ?? '', /Nats-Required-Api-Level: 4\r\nNats-Stream-Identity: \r\n/)
    bench.follow('DRAIN', 7, flow, 'one')
    assert.is(bench.target.begunAt, 7)
    bench.deliver('drain.here', 8, 1, 'DRAIN')
    assert.equal(bench.target.seqs, [8])
    // Another stream: its consumer is reset all the same, and says so.
    bench.deliver('drain.here', 10, 3, 'DRAIN')
    bench.clock.advance(2000)
    bench.follow('DRAIN', 0, flow, 'two')
    bench.deliver('drain.here', 1, 1, 'DRAIN')
    assert.equal(bench.target.seqs, [1])
    const mirror = new Bench({ name: 'S', consumer }, true, 'M')
    assert.is(mirror.asked[0]?.headers, '')
  })

  it('follows no consumer that is acknowledged in another way', () => {
    for (const [kind, code] of [
      ['S', 10217],
      ['M', 10214],
    ] as const) {
      const bench = new Bench({ name: 'S', consumer }, true, kind)
      bench.follow('DRAIN', 0, { ...flow, ack_policy: 'none' })
      bench.deliver('drain.here', 1, 1, 'DRAIN')
      assert.equal(bench.target.seqs, [])
      assert.is(bench.feed.error?.err_code, code)
      bench.clock.advance(2000)
      bench.follow('DRAIN', 0, flow)
      assert.is(bench.feed.error, null)
    }
  })

  it('hears a consumer that was made after it was asked for', () => {
    const bench = new Bench({ name: 'S', consumer })
    // 5 s for an answer, 2 s until it asks again; then 4, 8 …
    bench.clock.advance(5000 + 2000 + 5000)
    assert.is(bench.asked.length, 2)
    bench.clock.advance(100)
    bench.deliver('drain.here', 1, 1, 'DRAIN')
    bench.clock.advance(1)
    assert.is(bench.asked.length, 3)
    // Nobody has it: asked again, but not for every message.
    bench.answer('', 'NATS/1.0 503\r\n\r\n')
    for (let i = 2; i < 10; i++) bench.deliver('drain.here', i, i, 'DRAIN')
    bench.clock.advance(1999)
    assert.is(bench.asked.length, 3)
    bench.clock.advance(1)
    bench.deliver('drain.here', 1, 1, 'DRAIN')
    bench.clock.advance(1)
    assert.is(bench.asked.length, 4)
    bench.follow('DRAIN', 0, flow)
    bench.deliver('drain.here', 1, 1, 'DRAIN')
    assert.equal(bench.target.seqs, [1])
  })

  it('gives an old name up once the new one is answered', () => {
    const bench = new Bench()
    bench.feed.rename('JS_SRC_y')
    assert.is(bench.asked.length, 1)
    bench.follow('JS_SRC_x', 0, { ...sourcing, durable_name: 'JS_SRC_x' })
    bench.message(1, 1, { name: 'JS_SRC_x' })
    bench.feed.rename('JS_SRC_z')
    bench.feed.rename('JS_SRC_z')
    bench.clock.advance(1)
    assert.is(bench.wanted.name, 'JS_SRC_z')
    // What came and was not acknowledged to the old one comes again.
    assert.is(bench.wanted.deliver_policy, 'all')
    assert.equal(bench.deleted, [])
    bench.follow('JS_SRC_z', 0, { ...sourcing, durable_name: 'JS_SRC_z' })
    assert.equal(bench.deleted, ['$JS.API.CONSUMER.DELETE.S.JS_SRC_y'])
  })

  it('lets the origin forget what is not wanted any more', () => {
    const bench = new Bench()
    bench.follow('JS_SRC_x-1', 0, sourcing)
    bench.feed.forsake()
    assert.equal(bench.deleted, ['$JS.API.CONSUMER.DELETE.S.JS_SRC_x'])
    const theirs = new Bench({ name: 'S', consumer })
    theirs.feed.forsake()
    assert.equal(theirs.deleted, [])
  })
})
