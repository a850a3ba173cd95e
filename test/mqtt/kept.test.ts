// Kept sessions, redelivery, and what an acknowledgement waits for.

import * as assert from 'uvu/assert'
import { spec } from '../support/spec.ts'
import { MemoryKeeper } from './memory-keeper.ts'
import { Talk } from './talk.ts'

const fresh = 'connack 0 new'
const present = 'connack 0 present'
const kept = { clean: false }

const puback = (messageId: number) => ({ cmd: 'puback' as const, messageId })

spec('mqtt kept session', it => {
  it('queues QoS 1 messages while the client is away, and no QoS 0 ones', () => {
    const talk = new Talk()
    const away = talk.connect('s', kept)
    away.subscribe('one', 1)
    away.subscribe('zero', 0)
    away.expect(fresh, 'suback #1 1', 'suback #1 0')
    away.cut()
    assert.is(talk.account().sublist.count, 1)
    const pub = talk.connect('p')
    pub.publish('one', 'a', 1, 1)
    pub.publish('one', 'lost', 0)
    pub.publish('zero', 'lost', 1, 2)
    talk.post('one', 'nats')
    const back = talk.connect('s', kept)
    back.expect(present, 'one q1 #1 a', 'one q1 #2 nats')
    pub.publish('zero', 'live')
    back.expect('zero q0 live')
  })

  it('sends again what was not acknowledged, in order, with DUP and the same identifiers', () => {
    const talk = new Talk()
    const first = talk.connect('s', kept)
    first.subscribe('t', 1)
    for (const text of ['a', 'b', 'c']) talk.post('t', text)
    first.expect(fresh, 'suback #1 1', 't q1 #1 a', 't q1 #2 b', 't q1 #3 c')
    first.send(puback(2))
    first.cut()
    talk.post('t', 'd')
    const second = talk.connect('s', kept)
    second.expect(present, 't q1 #1 dup a', 't q1 #3 dup c', 't q1 #4 d')
    for (const id of [1, 3, 4]) second.send(puback(id))
    second.cut()
    const third = talk.connect('s', kept)
    third.expect(present)
  })

  it('is forgotten when the client comes back clean', () => {
    const talk = new Talk()
    const first = talk.connect('s', kept)
    first.subscribe('t', 1)
    first.cut()
    talk.post('t', 'a')
    const clean = talk.connect('s')
    clean.expect(fresh)
    clean.cut()
    assert.is(talk.keeper.sessions().length, 0)
    assert.is(talk.account().sublist.count, 0)
    talk.connect('s', kept).expect(fresh)
  })

  it('comes back after the process died, with its queue and its filters', () => {
    const talk = new Talk()
    const first = talk.connect('s', kept)
    first.subscribe('t/+', 1)
    first.cut()
    talk.connect('p').publish('t/1', 'a', 1, 1)
    const after = talk.restart()
    assert.is(after.account().sublist.count, 1)
    after.post('t.2', 'b')
    const back = after.connect('s', kept)
    // What was there before may have been sent before: DUP says so.
    back.expect(present, 't/1 q1 #1 dup a', 't/2 q1 #2 b')
  })

  it('remembers QoS 2 identifiers when the process died', () => {
    const talk = new Talk()
    const first = talk.connect('p', kept)
    first.publish('t', 'x', 2, 9)
    first.expect(fresh, 'pubrec #9')
    const after = talk.restart()
    const nats = after.listen('t')
    const again = after.connect('p', kept)
    again.publish('t', 'x', 2, 9)
    again.send({ cmd: 'pubrel', messageId: 9 })
    again.expect(present, 'pubrec #9', 'pubcomp #9')
    assert.equal(nats, [])
  })

  it('lets a QoS 2 identifier be used again only when it is forgotten on disk', () => {
    const talk = new Talk()
    const nats = talk.listen('t')
    const peer = talk.connect('p', kept)
    peer.publish('t', 'x', 2, 9)
    peer.expect(fresh, 'pubrec #9')
    talk.keeper.auto = false
    peer.send({ cmd: 'pubrel', messageId: 9 })
    peer.expect()
    talk.keeper.sync()
    peer.expect('pubcomp #9')
    talk.keeper.restart()
    assert.equal(talk.keeper.sessions()[0]?.received, [])
    assert.is(nats.length, 1)
  })

  it('brings retained messages back', () => {
    const talk = new Talk()
    talk.connect('p').publish('r/x', 'kept', 1, 1, true)
    const sub = talk.restart().connect('s')
    sub.subscribe('r/#', 1)
    sub.expect(fresh, 'suback #1 1', 'r/x q1 #1 retain kept')
  })

  it('drops the oldest past max_session_msgs and counts it', () => {
    const talk = new Talk({ options: { max_session_msgs: 3 } })
    const first = talk.connect('s', kept)
    first.subscribe('t', 1)
    first.cut()
    for (const text of ['a', 'b', 'c']) talk.post('t', text)
    assert.is(talk.gateway.counters.droppedMsgs, 0)
    talk.post('t', 'd')
    assert.is(talk.gateway.counters.droppedMsgs, 1)
    const back = talk.connect('s', kept)
    back.expect(present, 't q1 #1 b', 't q1 #2 c', 't q1 #3 d')
    for (const id of [1, 2, 3]) back.send(puback(id))
    back.cut()
    for (const text of ['e', 'f', 'g']) talk.post('t', text)
    assert.is(talk.gateway.counters.droppedMsgs, 1)
  })

  it('drops the oldest past max_session_bytes', () => {
    for (const clean of [true, false]) {
      const talk = new Talk({ options: { max_session_bytes: 10, max_ack_pending: 1 } })
      const peer = talk.connect('s', { clean })
      peer.subscribe('t', 1)
      for (const text of ['1234', '5678', '9']) talk.post('t', text)
      const [session] = [...talk.gateway.sessions]
      assert.equal([session?.backlog.messages, session?.backlog.bytes], [2, 7])
      // The first one is on its way already; its PUBACK finds it gone.
      peer.expect(fresh, 'suback #1 1', 't q1 #1 1234')
      peer.send(puback(1))
      peer.expect('t q1 #2 5678')
      peer.send(puback(2))
      peer.expect('t q1 #3 9')
      peer.send(puback(3))
      assert.equal([session?.backlog.messages, session?.backlog.bytes], [0, 0])
    }
  })
})

spec('mqtt window', it => {
  it('has at most max_ack_pending messages on the way', () => {
    for (const clean of [true, false]) {
      const talk = new Talk({ options: { max_ack_pending: 2 } })
      const peer = talk.connect('s', { clean })
      peer.subscribe('t', 1)
      for (const text of ['a', 'b', 'c', 'd']) talk.post('t', text)
      peer.expect(fresh, 'suback #1 1', 't q1 #1 a', 't q1 #2 b')
      peer.send(puback(1))
      peer.expect('t q1 #3 c')
      peer.send(puback(2), puback(3))
      peer.expect('t q1 #4 d')
      talk.post('t', 'e')
      peer.expect('t q1 #5 e')
      peer.send(puback(4), puback(5), puback(77))
      peer.expect()
    }
  })

  it('sends again after ack_wait, once each time', () => {
    const talk = new Talk()
    const peer = talk.connect('s')
    peer.subscribe('t', 1)
    talk.post('t', 'a')
    talk.clock.advance(10_000)
    talk.post('t', 'b')
    peer.expect(fresh, 'suback #1 1', 't q1 #1 a', 't q1 #2 b')
    talk.clock.advance(19_999)
    peer.expect()
    talk.clock.advance(1)
    peer.expect('t q1 #1 dup a')
    talk.clock.advance(10_000)
    peer.expect('t q1 #2 dup b')
    peer.send(puback(1), puback(2))
    talk.clock.advance(100_000)
    peer.expect()
    assert.is(talk.gateway.counters.redeliveredMsgs, 2)
  })

  it('goes on after ack_wait when all that was on the way has been dropped', () => {
    for (const clean of [true, false]) {
      const talk = new Talk({ options: { max_ack_pending: 2, max_session_msgs: 3 } })
      const peer = talk.connect('s', { clean })
      peer.subscribe('t', 1)
      for (const text of ['a', 'b', 'c', 'd', 'e']) talk.post('t', text)
      peer.expect(fresh, 'suback #1 1', 't q1 #1 a', 't q1 #2 b')
      talk.clock.advance(29_999)
      peer.expect()
      talk.clock.advance(1)
      peer.expect('t q1 #3 c', 't q1 #4 d')
      peer.send(puback(1), puback(2), puback(3))
      peer.expect('t q1 #5 e')
      peer.send(puback(4), puback(5))
      talk.post('t', 'f')
      peer.expect('t q1 #6 f')
    }
  })

  it('reuses packet identifiers only when they are free', () => {
    const talk = new Talk({ options: { max_ack_pending: 65_535, max_session_msgs: 100_000 } })
    const peer = talk.connect('s')
    peer.subscribe('t', 1)
    peer.lines()
    for (let i = 1; i <= 65_535; i++) talk.post('t', '')
    assert.is(peer.lines().length, 65_535)
    talk.post('t', 'waits')
    peer.expect()
    peer.send(puback(40_000))
    for (let i = 1; i < 64; i++) peer.send(puback(i))
    peer.expect('t q1 #1 waits')
  })

  it('does not pile QoS 1 messages up for a client that does not read', () => {
    const talk = new Talk({ pendingBytesMax: 1024 * 1024 })
    const peer = talk.connect('s')
    peer.subscribe('t', 1)
    peer.expect(fresh, 'suback #1 1')
    peer.reads = false
    const text = 'x'.repeat(100_000)
    for (let i = 0; i < 100; i++) talk.post('t', text)
    talk.turn.end()
    assert.not.ok(peer.isClosed)
    const [connection] = [...talk.gateway.connections.values()]
    assert.ok((connection?.pendingBytes ?? 0) <= 1024 * 1024)
    assert.is(connection?.session?.backlog.messages, 100)
    peer.unblock()
    let seen = 0
    for (let lines = peer.lines(); lines.length > 0; lines = peer.lines()) {
      seen += lines.length
      for (const line of lines) peer.send(puback(Number(/#(\d+)/.exec(line)?.[1])))
    }
    assert.is(seen, 100)
  })

  it('sends a large backlog again in portions that the connection can take', () => {
    const talk = new Talk({ pendingBytesMax: 1024 * 1024 })
    const first = talk.connect('s', kept)
    first.subscribe('t', 1)
    first.lines()
    for (let i = 0; i < 50; i++) talk.post('t', 'x'.repeat(100_000))
    while (first.lines().length > 0);
    assert.is([...talk.gateway.sessions][0]?.onTheWay, 50)
    first.cut()
    for (let i = 0; i < 30; i++) talk.post('t', 'y'.repeat(100_000))
    const second = talk.dial()
    second.reads = false
    second.send({ cmd: 'connect', clientId: 's', clean: false, keepalive: 0 })
    talk.turn.end()
    const [connection] = [...talk.gateway.connections.values()]
    assert.ok((connection?.pendingBytes ?? 0) <= 1024 * 1024)
    assert.not.ok(second.isClosed)
    second.unblock()
    const ids: string[] = []
    for (let lines = second.lines(); lines.length > 0; lines = second.lines()) {
      for (const line of lines) ids.push(/#\d+( dup)?/.exec(line)?.[0] ?? line)
    }
    const expected = [...Array(80).keys()].map(i => `#${i + 1}${i < 50 ? ' dup' : ''}`)
    assert.equal(ids, [present, ...expected])
  })

  it('cuts off a client that does not read its QoS 0 messages, and only that one', () => {
    const talk = new Talk({ pendingBytesMax: 1024 * 1024 })
    const will = { topic: 'gone', payload: Buffer.from('s'), qos: 0 as const, retain: false }
    const slow = talk.connect('s', { will })
    const fine = talk.connect('f')
    for (const peer of [slow, fine]) peer.subscribe('#')
    slow.lines()
    slow.reads = false
    const pub = talk.connect('p')
    for (let i = 0; i < 12; i++) pub.publish('t', 'x'.repeat(100_000))
    const lines = fine.lines()
    assert.ok(slow.isClosed)
    assert.is(lines.filter(line => line.startsWith('t q0 xxx')).length, 12)
    assert.is(fine.lines().concat(lines).includes('gone q0 s'), true)
    assert.is(talk.gateway.counters.slowConsumers, 1)
  })
})

spec('mqtt acknowledgement', it => {
  it('waits until the stream that captures the message has it on disk', () => {
    const talk = new Talk()
    const stream = talk.capture('t')
    const pub = talk.connect('p')
    pub.publish('t', 'a', 1, 1)
    pub.publish('other', 'b', 1, 2)
    pub.publish('t', 'c', 0)
    pub.expect(fresh)
    assert.is(stream.held, 1)
    stream.release()
    pub.expect('puback #1', 'puback #2')
  })

  it('waits until every kept session that queues the message has it on disk', () => {
    const talk = new Talk()
    for (const id of ['s1', 's2']) {
      const peer = talk.connect(id, kept)
      peer.subscribe('t', 1)
      peer.cut()
    }
    talk.keeper.auto = false
    const pub = talk.connect('p')
    pub.publish('t', 'a', 1, 1)
    pub.expect(fresh)
    talk.keeper.sync()
    pub.expect('puback #1')
    const after = talk.restart()
    for (const id of ['s1', 's2']) after.connect(id, kept).expect(present, 't q1 #1 dup a')
  })

  it('waits until a retained message is on disk', () => {
    const talk = new Talk()
    talk.keeper.auto = false
    const pub = talk.connect('p')
    pub.publish('t', 'a', 1, 1, true)
    pub.expect(fresh)
    talk.keeper.sync()
    pub.expect('puback #1')
  })

  it('promises the filters of a kept session only when they are on disk', () => {
    const talk = new Talk()
    talk.keeper.auto = false
    const peer = talk.connect('s', kept)
    peer.subscribe('t', 1)
    peer.expect(fresh)
    talk.keeper.sync()
    peer.expect('suback #1 1')
    peer.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['t'] })
    peer.expect()
    talk.keeper.sync()
    peer.expect('unsuback #2')
  })

  it('is not given, and the connection closed, when somebody could not keep the message', () => {
    const talk = new Talk()
    const stream = talk.capture('t')
    const [pub, other] = [talk.connect('p'), talk.connect('o')]
    pub.publish('t', 'a', 1, 1)
    pub.publish('t', 'b', 1, 2)
    stream.release(new Error('disk full'))
    pub.expect(fresh)
    assert.ok(pub.isClosed)
    stream.release()
    other.send({ cmd: 'pingreq' })
    other.expect(fresh, 'pingresp')
  })

  it('is not given when the keeper fails, and nothing lost is delivered later', () => {
    const keeper = new MemoryKeeper()
    const talk = new Talk({ keeper })
    const sub = talk.connect('s', kept)
    sub.subscribe('t', 1)
    sub.cut()
    keeper.error = new Error('EIO')
    const pub = talk.connect('p')
    pub.publish('t', 'a', 1, 1)
    pub.expect(fresh)
    assert.ok(pub.isClosed)
  })

  it('is not given to a message larger than max_payload, which nobody gets', () => {
    const headerBytes = 25
    const room = 'x'.repeat(100 - headerBytes)
    for (const [qos, answer] of [
      [1, 'puback #7'],
      [2, 'pubrec #7'],
    ] as const) {
      const talk = new Talk({ payloadBytesMax: 100 })
      const got = talk.listen('t')
      const pub = talk.connect('p', kept)
      pub.publish('t', room, qos, 7)
      pub.expect(fresh, answer)
      pub.publish('t', `${room}x`, qos, 8)
      pub.expect()
      assert.ok(pub.isClosed)
      assert.is(got.length, 1)
      assert.equal(talk.keeper.sessions()[0]?.received, qos === 2 ? [7] : [])
    }
  })

  it('holds back a client that has thousands of publishes waiting, then lets it go on', () => {
    const talk = new Talk()
    const stream = talk.capture('t')
    const pub = talk.connect('p')
    for (let i = 1; i <= 8192; i++) pub.publish('t', '', 1, i)
    assert.not.ok(pub.isPaused)
    pub.publish('t', '', 1, 8193)
    assert.ok(pub.isPaused)
    while (stream.held > 0) stream.release()
    assert.not.ok(pub.isPaused)
    assert.is(pub.lines().length, 1 + 8193)
  })

  it('that waits for a slow disk does not cut off a client held back as silent', () => {
    const talk = new Talk()
    const stream = talk.capture('t')
    const pub = talk.connect('p', { keepalive: 10 })
    for (let i = 1; i <= 8193; i++) pub.publish('t', '', 1, i)
    assert.ok(pub.isPaused)
    talk.clock.advance(100_000)
    assert.not.ok(pub.isClosed)
    while (stream.held > 0) stream.release()
    assert.not.ok(pub.isPaused)
    talk.clock.advance(14_999)
    assert.not.ok(pub.isClosed)
    talk.clock.advance(1)
    assert.ok(pub.isClosed)
  })
})
