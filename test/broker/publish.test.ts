import * as assert from 'uvu/assert'
import { Account } from '../../src/account/account.ts'
import { messageOf, newSubscription, post } from '../../src/broker/post.ts'
import { denied, publish } from '../../src/broker/publish.ts'
import type { LocalSink, Message, Origin, RemoteSink } from '../../src/message.ts'
import { spec } from '../support/spec.ts'

const inside: Origin = { kind: 'system', sink: null, echo: true, permissions: null }

class Local implements LocalSink {
  readonly remote = false
  readonly got: string[] = []
  deliver(message: Message): void {
    this.got.push(message.subject)
  }
}

class Peer implements RemoteSink {
  readonly remote = true
  readonly got: (readonly string[] | null)[] = []
  isOpen = true
  accepts(): boolean {
    return this.isOpen
  }
  deliver(_message: Message, _subscription: unknown, queues: readonly string[] | null): void {
    this.got.push(queues)
  }
}

function subscribed(account: Account, sink: LocalSink | RemoteSink, subject: string, queue = '') {
  const subscription = newSubscription(subject, sink, queue)
  account.subscribe(subscription)
  return subscription
}

spec('publish', it => {
  it('reaches every plain subscription and one member of each group', () => {
    const account = new Account('A')
    const sinks = Array.from({ length: 5 }, () => new Local())
    subscribed(account, sinks[0]!, 'a')
    subscribed(account, sinks[1]!, '*')
    subscribed(account, sinks[2]!, 'a', 'q')
    subscribed(account, sinks[3]!, '>', 'q')
    subscribed(account, sinks[4]!, 'a', 'r')
    assert.is(post(account, inside, { subject: 'a' }), 4)
    assert.is(sinks[2]!.got.length + sinks[3]!.got.length, 1)
    assert.equal([sinks[0]!.got, sinks[1]!.got, sinks[4]!.got], [['a'], ['a'], ['a']])
    assert.is(post(account, inside, { subject: 'nobody.here.x' }), 1)
  })

  it('spreads a group over its members', () => {
    const account = new Account('A')
    const sinks = [new Local(), new Local()]
    for (const sink of sinks) subscribed(account, sink, 'a', 'q')
    for (let i = 0; i < 200; i++) post(account, inside, { subject: 'a' })
    assert.ok(sinks[0]!.got.length > 40 && sinks[1]!.got.length > 40)
  })

  it('leaves out the publisher that wants no echo', () => {
    const account = new Account('A')
    const sink = new Local()
    subscribed(account, sink, 'a')
    subscribed(account, sink, 'a', 'q')
    const origin = { ...inside, sink, echo: false }
    assert.is(post(account, origin, { subject: 'a' }), 0)
    assert.is(post(account, { ...origin, echo: true }, { subject: 'a' }), 2)
  })

  it('does not publish what may not be published', () => {
    const account = new Account('A')
    const sink = new Local()
    subscribed(account, sink, 'a')
    const permissions = {
      mayPublish: () => false,
      maySubscribe: () => true,
      mayReceive: () => true,
    }
    assert.is(post(account, { ...inside, permissions }, { subject: 'a' }), denied)
    assert.equal(sink.got, [])
  })

  it('ends a subscription that reached its max, in the middle of a match too', () => {
    const account = new Account('A')
    const sink = new Local()
    const subscription = subscribed(account, sink, 'a')
    subscription.max = 2
    for (let i = 0; i < 3; i++) post(account, inside, { subject: 'a' })
    assert.is(sink.got.length, 2)
    assert.is(account.sublist.count, 0)
  })

  it('gives a peer one copy, with the groups it was chosen for', () => {
    const account = new Account('A')
    const peer = new Peer()
    subscribed(account, peer, 'a')
    subscribed(account, peer, 'a', 'q')
    subscribed(account, peer, 'a', 'r')
    assert.is(post(account, inside, { subject: 'a' }), 1)
    assert.equal(peer.got, [['q', 'r']])
    peer.isOpen = false
    assert.is(post(account, inside, { subject: 'a' }), 0)
  })

  it('prefers members of its own and weighs peers by theirs', () => {
    const account = new Account('A')
    const [near, far, farther] = [new Local(), new Peer(), new Peer()]
    const own = subscribed(account, near, 'a', 'q')
    subscribed(account, far, 'a', 'q').weight = 9
    subscribed(account, farther, 'a', 'q').weight = 1
    for (let i = 0; i < 50; i++) post(account, inside, { subject: 'a' })
    assert.is(near.got.length, 50)
    account.unsubscribe(own)
    for (let i = 0; i < 1000; i++) post(account, inside, { subject: 'a' })
    assert.is(far.got.length + farther.got.length, 1000)
    assert.ok(far.got.length > 800 && farther.got.length > 30)
  })

  it('delivers what a peer sent to plain subscriptions and the groups it named', () => {
    const account = new Account('A')
    const [plain, named, other] = [new Local(), new Local(), new Local()]
    subscribed(account, plain, 'a')
    subscribed(account, named, 'a', 'q')
    subscribed(account, other, 'a', 'r')
    const leaf: Origin = { kind: 'leaf', sink: new Peer(), echo: false, permissions: null }
    assert.is(post(account, leaf, { subject: 'a' }), 1)
    const message = messageOf({ subject: 'a' })
    message.queues = ['q']
    assert.is(publish(account, message, leaf), 2)
    assert.equal([plain.got.length, named.got.length, other.got.length], [2, 1, 0])
  })

  it('matches the target and shows the subject', () => {
    const account = new Account('A')
    const sink = new Local()
    subscribed(account, sink, 'inbox')
    assert.is(post(account, inside, { subject: 'shown', target: 'inbox' }), 1)
    assert.equal(sink.got, ['shown'])
  })

  it('uses a cached match only in its own generation', () => {
    const account = new Account('A')
    const message = messageOf({ subject: 'a' })
    assert.is(publish(account, message, inside), 0)
    subscribed(account, new Local(), 'a')
    assert.is(publish(account, message, inside), 1)
  })
})
