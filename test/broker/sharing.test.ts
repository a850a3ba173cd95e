import * as assert from 'uvu/assert'
import { Account } from '../../src/account/account.ts'
import {
  type ExportRule,
  type ImportRule,
  newExport,
  newImport,
  noRules,
  type SharingRules,
} from '../../src/account/sharing.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import { Sharing } from '../../src/broker/sharing.ts'
import type { LocalSink, Message, Origin, Subscription } from '../../src/message.ts'
import { spec } from '../support/spec.ts'

const client: Origin = { kind: 'client', sink: null, echo: true, permissions: null }

class Local implements LocalSink {
  readonly remote = false
  readonly got: { subject: string; reply: string; text: string }[] = []
  deliver(message: Message): void {
    const { subject, reply } = message
    this.got.push({ subject, reply, text: payloadOf(message).toString() })
  }
  get texts(): string[] {
    return this.got.map(({ text }) => text)
  }
}

/** A, which imports, and B, which exports; at a standstill. */
class World {
  readonly clock = new FakeClock()
  readonly accounts = new Map<string, Account>()
  readonly sharing = new Sharing({
    clock: this.clock,
    account: name => this.account(name),
    cluster: () => '',
    describe: (_, acc) => ({ acc }),
    whereabouts: () => ({}),
  })

  account(name: string): Account {
    const account = this.accounts.get(name) ?? new Account(name)
    this.accounts.set(name, account)
    return account
  }

  share(rules: Record<string, Partial<SharingRules>>): void {
    const set = Object.entries(rules).map(
      ([name, some]) => [name, { ...noRules, ...some }] as const,
    )
    assert.equal(this.sharing.apply(new Map(set)), [])
  }

  service(terms: Partial<ExportRule> = {}, imports: readonly ImportRule[] = [help]): void {
    this.share({ A: { imports }, B: { exports: [{ ...newExport('service', 'help'), ...terms }] } })
  }

  hear(account: string, subject: string): { sink: Local; subscription: Subscription } {
    const sink = new Local()
    const subscription = newSubscription(subject, sink)
    this.account(account).subscribe(subscription)
    return { sink, subscription }
  }

  say(account: string, subject: string, text = '', reply = ''): number {
    const payload = Buffer.from(text)
    return post(this.account(account), client, { subject, reply, payload })
  }

  get owed(): number {
    return this.sharing.of('B')?.responses.open.size ?? 0
  }
}

const help = newImport('service', 'B', 'help')
const latency = { sampling: 100, subject: 'lat' }

spec('answers owed to other accounts', it => {
  it('goes back once, and is owed no more', () => {
    const world = new World()
    world.service()
    const { sink: service } = world.hear('B', 'help')
    const { sink: inbox } = world.hear('A', 'in')
    world.say('A', 'help', 'q', 'in')
    assert.is(world.owed, 1)
    const [asked] = service.got
    assert.match(asked?.reply ?? '', /^_R_\.\w{6}\.\w{6}$/)
    world.say('B', asked?.reply ?? '', 'a')
    world.say('B', asked?.reply ?? '', 'again')
    assert.equal(inbox.texts, ['a'])
    assert.is(world.owed, 0)
  })

  it('is too late after the threshold, and not before', () => {
    const world = new World()
    world.service({ responseThresholdMs: 1000 })
    const { sink: service } = world.hear('B', 'help')
    const { sink: inbox } = world.hear('A', 'in')
    world.say('A', 'help', 'q', 'in')
    world.clock.advance(999)
    assert.is(world.owed, 1)
    world.clock.advance(251)
    assert.is(world.owed, 0, 'swept four times within the threshold')
    assert.is(world.say('B', service.got[0]?.reply ?? '', 'late'), 0)
    assert.equal(inbox.texts, [])
    world.say('A', 'help', 'q', 'in')
    world.say('B', service.got[1]?.reply ?? '', 'in time')
    assert.equal(inbox.texts, ['in time'])
  })

  it('each answer of a stream begins the threshold anew; an empty one is the last', () => {
    const world = new World()
    world.service({ responseType: 'Streamed', responseThresholdMs: 1000 })
    const { sink: service } = world.hear('B', 'help')
    const { sink: inbox } = world.hear('A', 'in')
    world.say('A', 'help', 'q', 'in')
    const reply = service.got[0]?.reply ?? ''
    for (const text of ['1', '2', '3']) {
      world.clock.advance(900)
      world.say('B', reply, text)
    }
    world.say('B', reply, '')
    world.say('B', reply, '4')
    assert.equal(inbox.texts, ['1', '2', '3', ''])
    assert.is(world.owed, 0)
  })

  it('is not owed to whoever has gone, or where nobody took the question', () => {
    const world = new World()
    world.service()
    assert.is(world.say('A', 'help', 'q', 'in'), 0)
    assert.is(world.owed, 0)
    world.hear('B', 'help')
    const { subscription } = world.hear('A', 'in')
    world.say('A', 'help', 'q', 'in')
    assert.is(world.owed, 1)
    world.account('A').unsubscribe(subscription)
    assert.is(world.owed, 0)
  })

  it('at most 65,536 are owed: the oldest is forgotten', () => {
    const world = new World()
    world.service()
    const { sink: service } = world.hear('B', 'help')
    const { sink: inbox } = world.hear('A', 'in')
    for (let n = 0; n < 65_536; n++) world.say('A', 'help', '', 'in')
    const forgotten = () => world.sharing.of('B')?.responses.forgotten
    assert.is(world.owed, 65_536)
    assert.is(forgotten(), 0)
    world.say('A', 'help', '', 'in')
    assert.is(world.owed, 65_536)
    assert.is(forgotten(), 1)
    world.say('B', service.got[0]?.reply ?? '', 'first')
    world.say('B', service.got[1]?.reply ?? '', 'second')
    assert.equal(inbox.texts, ['second'])
  })
})

spec('rules that change', it => {
  it('what an import that is gone owes is dropped, of that import alone', () => {
    const world = new World()
    const other = newImport('service', 'B', 'help', 'mine')
    world.service({}, [help, other])
    world.hear('B', 'help')
    world.hear('A', 'in')
    world.say('A', 'help', 'q', 'in')
    world.say('A', 'mine', 'q', 'in')
    assert.is(world.owed, 2)
    world.service({}, [other])
    assert.is(world.owed, 1)
    world.share({ A: {}, B: {} })
    assert.is(world.owed, 0)
    assert.is(world.say('A', 'mine', 'q', 'in'), 0)
  })

  it('what other accounts are owed stays', () => {
    const world = new World()
    const exports = [newExport('service', 'help')]
    world.share({ A: { imports: [help] }, C: { imports: [help] }, B: { exports } })
    const { sink: service } = world.hear('B', 'help')
    world.hear('A', 'in')
    const { sink: inbox } = world.hear('C', 'in')
    world.say('A', 'help', 'q', 'in')
    world.say('C', 'help', 'q', 'in')
    world.share({ A: {}, C: { imports: [help] }, B: { exports } })
    assert.is(world.owed, 1)
    for (const { reply } of service.got) world.say('B', reply, 'a')
    assert.equal(inbox.texts, ['a'])
  })

  it('other terms of the same service keep what is owed', () => {
    const world = new World()
    world.service()
    const { sink: service } = world.hear('B', 'help')
    const { sink: inbox } = world.hear('A', 'in')
    world.say('A', 'help', 'q', 'in')
    world.service({ latency })
    world.say('B', service.got[0]?.reply ?? '', 'a')
    assert.equal(inbox.texts, ['a'])
  })

  it('streams come and go under subscriptions that stay', () => {
    const world = new World()
    const exports = [newExport('stream', 's.*')]
    const { sink } = world.hear('A', '>')
    world.share({ A: {}, B: { exports } })
    assert.is(world.say('B', 's.1'), 0)
    world.share({ A: { imports: [newImport('stream', 'B', 's.*')] }, B: { exports } })
    world.say('B', 's.2')
    world.share({ A: { imports: [newImport('stream', 'B', 's.*', 't.*')] }, B: { exports } })
    world.say('B', 's.3')
    world.share({ A: {}, B: { exports } })
    world.say('B', 's.4')
    assert.equal(
      sink.got.map(({ subject }) => subject),
      ['s.2', 't.3'],
    )
  })
})

spec('mappings by weight', it => {
  const hits = (to: readonly (readonly [string, number])[], tries: number) => {
    const world = new World()
    const mapped = to.map(([subject, weight]) => ({ subject, weight, cluster: '' }))
    world.share({ A: { mappings: [{ from: 'src', to: mapped }] } })
    const { sink } = world.hear('A', '>')
    const real = Math.random
    Math.random = seeded(7)
    try {
      for (let n = 0; n < tries; n++) world.say('A', 'src')
    } finally {
      Math.random = real
    }
    const counts = new Map<string, number>()
    for (const { subject } of sink.got) counts.set(subject, (counts.get(subject) ?? 0) + 1)
    return (subject: string) => (counts.get(subject) ?? 0) / tries
  }
  const near = (share: number, percent: number) =>
    assert.ok(Math.abs(share * 100 - percent) < 2, `${share * 100} % instead of ${percent} %`)

  it('each destination has its share, and the rest stays', () => {
    const share = hits(
      [
        ['a', 20],
        ['b', 50],
      ],
      10_000,
    )
    near(share('a'), 20)
    near(share('b'), 50)
    near(share('src'), 30)
  })

  it('the rest is lost when the source is named', () => {
    const share = hits(
      [
        ['src', 60],
        ['a', 10],
      ],
      10_000,
    )
    near(share('src'), 60)
    near(share('a'), 10)
  })

  it('nought is never, a hundred always', () => {
    assert.is(hits([['a', 0]], 1000)('src'), 1)
    assert.is(hits([['a', 100]], 1000)('a'), 1)
  })
})

spec('service latency', it => {
  const measured = (act: (world: World, service: Local) => void) => {
    const world = new World()
    world.service({ latency, responseThresholdMs: 1000 })
    const { sink: service } = world.hear('B', 'help')
    const { sink } = world.hear('B', 'lat')
    act(world, service)
    return sink.texts.map(text => JSON.parse(text))
  }

  it('says how long the service took', () => {
    const [metric] = measured((world, service) => {
      world.hear('A', 'in')
      world.say('A', 'help', 'q', 'in')
      world.clock.advance(30)
      world.say('B', service.got[0]?.reply ?? '', 'a')
    })
    assert.is(metric.type, 'io.nats.server.metric.v1.service_latency')
    assert.equal([metric.status, metric.service, metric.total], [200, 30_000_000, 30_000_000])
    assert.equal(metric.requestor, { acc: 'A' })
  })

  it('says what went wrong', () => {
    const statuses = [
      measured(world => world.say('A', 'help', 'q')),
      measured(world => {
        const { subscription } = world.hear('A', 'in')
        world.say('A', 'help', 'q', 'in')
        world.account('A').unsubscribe(subscription)
      }),
      measured((world, service) => {
        world.say('A', 'help', 'q', 'in')
        world.say('B', service.got[0]?.reply ?? '', 'a')
      }),
      measured(world => {
        world.hear('A', 'in')
        world.say('A', 'help', 'q', 'in')
        world.clock.advance(1250)
      }),
    ].map(metrics => metrics.map(({ status, description }) => `${status} ${description}`))
    assert.equal(statuses[0], ['400 Bad Request'])
    assert.equal(statuses[1], ['408 Request Timeout'])
    assert.equal(statuses[3], ['504 Service Timeout'])
    assert.is(statuses[2]?.[0], '200 undefined', 'the service did its part')
  })

  it('says nothing of what a reload took back', () => {
    const metrics = measured(world => {
      world.hear('A', 'in')
      world.say('A', 'help', 'q', 'in')
      world.share({ A: {}, B: {} })
      world.clock.advance(5000)
    })
    assert.equal(metrics, [])
  })
})

/** xorshift32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
