// Conversations: what a client sends, and what it and the others get.

import * as assert from 'uvu/assert'
import { spec } from '../support/spec.ts'
import { Talk } from './talk.ts'

const connected = 'connack 0 new'

spec('mqtt connect', it => {
  it('accepts, pings and disconnects', () => {
    const talk = new Talk()
    const peer = talk.connect('a')
    peer.expect(connected)
    peer.send({ cmd: 'pingreq' })
    peer.expect('pingresp')
    peer.send({ cmd: 'disconnect' })
    assert.ok(peer.isClosed)
    assert.is(talk.gateway.connections.size, 0)
    assert.is(talk.gateway.sessions.count, 0)
  })

  it('refuses other protocol levels with code 1', () => {
    const talk = new Talk()
    for (const level of [3, 5]) {
      const peer = talk.dial()
      peer.bytes(`100d00044d5154540${level}02003c0001610000`.slice(0, 30))
      peer.expect('connack 1 new')
      assert.ok(peer.isClosed)
    }
  })

  it('closes without an answer on another protocol name', () => {
    const peer = new Talk().dial()
    peer.bytes('101000064d514973647003020000 000161 00'.replaceAll(' ', ''))
    peer.expect()
    assert.ok(peer.isClosed)
  })

  it('gives an empty client id a name when the session is clean, else code 2', () => {
    const talk = new Talk()
    const clean = talk.connect('')
    clean.expect(connected)
    assert.ok([...talk.gateway.connections.values()][0]?.clientId)
    const kept = talk.dial()
    kept.bytes('100c00044d5154540400003c0000')
    kept.expect('connack 2 new')
    assert.ok(kept.isClosed)
  })

  it('closes a connection that does not say CONNECT in time', () => {
    const talk = new Talk()
    const peer = talk.dial()
    talk.clock.advance(1999)
    assert.not.ok(peer.isClosed)
    talk.clock.advance(1)
    assert.ok(peer.isClosed)
    assert.ok(talk.log.lines.some(line => line.includes('Authentication Timeout')))
  })

  it('closes after one and a half times the keep alive without a packet', () => {
    const talk = new Talk()
    const peer = talk.connect('a', { keepalive: 10 })
    talk.clock.advance(14_000)
    peer.send({ cmd: 'pingreq' })
    peer.expect(connected, 'pingresp')
    talk.clock.advance(14_999)
    assert.not.ok(peer.isClosed)
    talk.clock.advance(1)
    assert.ok(peer.isClosed)
  })

  it('leaves a client with keep alive 0 alone', () => {
    const talk = new Talk()
    const peer = talk.connect('a', { keepalive: 0 })
    talk.clock.advance(1_000_000)
    assert.not.ok(peer.isClosed)
  })

  it('lets a second connection take the client id over', () => {
    const talk = new Talk()
    const first = talk.connect('a')
    first.expect(connected)
    const second = talk.connect('a')
    second.expect(connected)
    assert.ok(first.isClosed)
    assert.not.ok(second.isClosed)
    first.cut()
    second.send({ cmd: 'pingreq' })
    second.expect('pingresp')
    assert.is(talk.gateway.connections.size, 1)
  })

  it('refuses more sessions than max_sessions with code 3, and accepts again', () => {
    const talk = new Talk({ options: { max_sessions: 2 } })
    const [one, two] = [talk.connect('1'), talk.connect('2')]
    one.expect(connected)
    two.expect(connected)
    const three = talk.connect('3')
    three.expect('connack 3 new')
    assert.ok(three.isClosed)
    one.cut()
    talk.connect('3').expect(connected)
  })
})

spec('mqtt publish and subscribe', it => {
  it('delivers at QoS 0 to MQTT and to NATS, each with its own names', () => {
    const talk = new Talk()
    const nats = talk.listen('a.>')
    const peer = talk.connect('a')
    peer.subscribe('a/#', 0, 7)
    peer.publish('a/b', 'hello')
    peer.publish('a', 'parent')
    peer.publish('b', 'other')
    peer.expect(connected, 'suback #7 0', 'a/b q0 hello', 'a q0 parent')
    assert.equal(nats, ['a.b Nmqtt-Pub:0|hello'])
  })

  it('acknowledges QoS 1 and delivers with the lower of both QoS', () => {
    const talk = new Talk()
    const nats = talk.listen('t')
    const [zero, one, pub] = [talk.connect('0'), talk.connect('1'), talk.connect('p')]
    zero.subscribe('t', 0)
    one.subscribe('t', 1)
    pub.publish('t', 'first', 1, 10)
    pub.publish('t', 'second', 0)
    zero.expect(connected, 'suback #1 0', 't q0 first', 't q0 second')
    one.expect(connected, 'suback #1 1', 't q1 #1 first', 't q0 second')
    pub.expect(connected, 'puback #10')
    assert.equal(nats, ['t Nmqtt-Pub:1|first', 't Nmqtt-Pub:0|second'])
  })

  it('takes QoS 2 once, however often it is sent, and grants 1 for 2', () => {
    const talk = new Talk()
    const nats = talk.listen('t')
    const peer = talk.connect('a')
    peer.subscribe('t', 2)
    peer.publish('t', 'x', 2, 5)
    peer.publish('t', 'x', 2, 5)
    peer.send({ cmd: 'pubrel', messageId: 5 })
    peer.publish('t', 'y', 2, 5)
    peer.expect(
      connected,
      'suback #1 1',
      't q1 #1 x',
      'pubrec #5',
      'pubrec #5',
      'pubcomp #5',
      't q1 #2 y',
      'pubrec #5',
    )
    assert.equal(nats, ['t Nmqtt-Pub:2|x', 't Nmqtt-Pub:2|y'])
  })

  it('closes on QoS 2 when the config rejects it', () => {
    const talk = new Talk({ options: { reject_qos2_publish: true } })
    const peer = talk.connect('a')
    peer.publish('t', 'x', 2, 5)
    assert.ok(peer.isClosed)
  })

  it('brings NATS messages to MQTT with the QoS of the subscription', () => {
    const talk = new Talk()
    const [zero, one] = [talk.connect('0'), talk.connect('1')]
    zero.subscribe('s/+', 0)
    one.subscribe('s/+', 1)
    talk.post('s.x', 'hi')
    talk.post('s.y//z', 'point', 'A: b')
    talk.post('s.z', 'from QoS 0', 'Nmqtt-Pub:0')
    zero.expect(connected, 'suback #1 0', 's/x q0 hi', 's/y.z q0 point', 's/z q0 from QoS 0')
    one.expect(connected, 'suback #1 1', 's/x q1 #1 hi', 's/y.z q1 #2 point', 's/z q0 from QoS 0')
  })

  it('drops what no PUBLISH can carry, and counts it', () => {
    const talk = new Talk()
    const peer = talk.connect('a')
    peer.subscribe('#', 1)
    talk.post('a.+', 'plus')
    talk.post('#', 'hash')
    talk.post('/', 'empty')
    talk.post('ok', 'fine')
    peer.expect(connected, 'suback #1 1', 'ok q1 #1 fine')
    assert.is(talk.gateway.counters.unmappedMsgs, 3)
  })

  it('leaves $ topics out of leading wildcards', () => {
    const talk = new Talk()
    const peer = talk.connect('a')
    peer.subscribe('#')
    peer.subscribe('+/x')
    peer.subscribe('$sys/+')
    talk.post('$sys.x', 'internal')
    peer.expect(connected, 'suback #1 0', 'suback #1 0', 'suback #1 0', '$sys/x q0 internal')
  })

  it('replaces a subscription with the same filter', () => {
    const talk = new Talk()
    const peer = talk.connect('a')
    peer.subscribe('t', 0)
    peer.subscribe('t', 1)
    talk.post('t', 'once')
    peer.expect(connected, 'suback #1 0', 'suback #1 1', 't q1 #1 once')
  })

  it('sends a copy for each overlapping filter, with the QoS of that filter', () => {
    // [MQTT-3.3.5-1] allows it, and nats-server does it.
    const talk = new Talk()
    const peer = talk.connect('a')
    peer.subscribe('t/#', 0)
    peer.subscribe('t/+', 1)
    talk.post('t.x', 'twice')
    const lines = peer.lines().slice(3).sort()
    assert.equal(lines, ['t/x q0 twice', 't/x q1 #1 twice'])
  })

  it('unsubscribes', () => {
    const talk = new Talk()
    const peer = talk.connect('a')
    peer.subscribe('t/#')
    peer.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['t/#', 'unknown'] })
    talk.post('t.x', 'late')
    talk.post('t', 'late')
    peer.expect(connected, 'suback #1 0', 'unsuback #3')
    assert.is(talk.account().sublist.count, 0)
  })

  it('refuses filters past max_subscriptions with 0x80, and takes them again', () => {
    const talk = new Talk({ options: { max_subscriptions: 1 } })
    const peer = talk.connect('a')
    const subscriptions = [
      { topic: 'a', qos: 0 as const },
      { topic: 'b', qos: 0 as const },
    ]
    peer.send({ cmd: 'subscribe', messageId: 1, subscriptions })
    peer.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] })
    peer.subscribe('b', 1, 3)
    peer.expect(connected, 'suback #1 0 128', 'unsuback #2', 'suback #3 1')
  })

  it('refuses filters a subject cannot hold with 0x80', () => {
    const peer = new Talk().connect('a')
    peer.subscribe('a b')
    peer.expect(connected, 'suback #1 128')
  })

  it('leaves deliveries of JetStream consumers to those who can acknowledge them', () => {
    const talk = new Talk()
    const peer = talk.connect('a')
    peer.subscribe('#')
    talk.post('x', 'consumer', undefined, '$JS.ACK.s.c.1.1.1.1.0')
    talk.post('x', 'request', undefined, '_INBOX.1')
    talk.post('x', 'plain')
    peer.expect(connected, 'suback #1 0', 'x q0 request', 'x q0 plain')
  })
})

spec('mqtt will and retained', it => {
  const will = { topic: 'gone', payload: Buffer.from('a'), qos: 1 as const, retain: true }

  it('publishes the will when the line breaks, not after DISCONNECT', () => {
    const talk = new Talk()
    const watcher = talk.connect('w')
    watcher.subscribe('gone', 1)
    const broken = talk.connect('a', { will })
    broken.cut()
    watcher.expect(connected, 'suback #1 1', 'gone q1 #1 a')
    const polite = talk.connect('a', { will })
    polite.send({ cmd: 'disconnect' })
    watcher.expect()
    const late = talk.connect('late')
    late.subscribe('gone', 0)
    late.expect(connected, 'suback #1 0', 'gone q0 retain a')
  })

  it('publishes the will at a takeover, before the new session begins', () => {
    const talk = new Talk()
    const watcher = talk.connect('w')
    watcher.subscribe('gone')
    talk.connect('a', { will })
    talk.connect('a')
    watcher.expect(connected, 'suback #1 0', 'gone q0 a')
  })

  it('gives new subscriptions the retained messages, the parent of # too', () => {
    const talk = new Talk()
    const pub = talk.connect('p')
    pub.publish('r/1', 'one', 1, 1, true)
    pub.publish('r', 'root', 0, 0, true)
    pub.publish('$r', 'hidden', 0, 0, true)
    pub.publish('r/1', 'uno', 1, 2, true)
    const sub = talk.connect('s')
    sub.subscribe('r/#', 1)
    sub.expect(connected, 'suback #1 1', 'r/1 q1 #1 retain uno', 'r q0 retain root')
    sub.subscribe('#', 0, 2)
    sub.expect('suback #2 0', 'r/1 q0 retain uno', 'r q0 retain root')
    sub.subscribe('r/1', 0, 3)
    sub.expect('suback #3 0', 'r/1 q0 retain uno')
  })

  it('passes a retained publish on without the flag, and forgets it with an empty one', () => {
    const talk = new Talk()
    const sub = talk.connect('s')
    sub.subscribe('r')
    const pub = talk.connect('p')
    pub.publish('r', 'x', 0, 0, true)
    pub.publish('r', '', 0, 0, true)
    sub.expect(connected, 'suback #1 0', 'r q0 x', 'r q0 ')
    const late = talk.connect('late')
    late.subscribe('r')
    late.expect(connected, 'suback #1 0')
  })

  it('refuses to retain past its bounds, delivers all the same, and has room again', () => {
    const talk = new Talk({ options: { max_retained_msgs: 1 } })
    const sub = talk.connect('s')
    sub.subscribe('r/+')
    const pub = talk.connect('p')
    pub.publish('r/1', 'x', 1, 1, true)
    pub.publish('r/2', 'y', 1, 2, true)
    pub.expect(connected, 'puback #1', 'puback #2')
    sub.expect(connected, 'suback #1 0', 'r/1 q0 x', 'r/2 q0 y')
    assert.is(talk.gateway.counters.unretainedMsgs, 1)
    pub.publish('r/1', '', 0, 0, true)
    pub.publish('r/2', 'z', 0, 0, true)
    const late = talk.connect('late')
    late.subscribe('r/+')
    late.expect(connected, 'suback #1 0', 'r/2 q0 retain z')
  })

  it('bounds the bytes it retains', () => {
    const talk = new Talk({ options: { max_retained_bytes: 4 } })
    const pub = talk.connect('p')
    pub.publish('r', 'abc', 0, 0, true)
    pub.publish('r', 'abcd', 0, 0, true)
    assert.is(talk.gateway.counters.unretainedMsgs, 1)
    const late = talk.connect('late')
    late.subscribe('r')
    late.expect(connected, 'suback #1 0', 'r q0 retain abc')
  })
})
