// The leaf-node uplink against real hubs of three generations.

import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { EdgeLeaf, repeated, type Seen } from '../support/edge-leaf.ts'
import { type Hub, startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const versions: readonly NatsVersion[] = ['2.9', '2.10', '2.15']

interface Joined {
  readonly hub: Hub
  readonly edge: EdgeLeaf
  readonly nats: NatsConnection
}

/** Hub, edge and a client at the hub; all gone afterwards, whatever happens. */
async function joined(version: NatsVersion, run: (all: Joined) => Promise<void>): Promise<void> {
  const hub = await startHub({ version, leaf: true })
  const edge = new EdgeLeaf([{ urls: [`nats-leaf://127.0.0.1:${hub.leafPort}`] }])
  let nats: NatsConnection | undefined
  try {
    nats = await connect({ servers: hub.url, reconnect: false })
    await edge.start()
    await run({ hub, edge, nats })
  } finally {
    edge.close()
    await nats?.close()
    await hub.stop()
  }
}

/** Collects what a client at the hub receives. */
function collect(nats: NatsConnection, subject: string, queue?: string): Msg[] {
  const seen: Msg[] = []
  const callback = (_: Error | null, message: Msg) => void seen.push(message)
  nats.subscribe(subject, queue === undefined ? { callback } : { queue, callback })
  return seen
}

/** Waits until the edge knows of the hub's interest in a subject. */
function interest(edge: EdgeLeaf, subject: string, plain: number, groups = 0): Promise<void> {
  return edge.until(() => {
    const match = edge.account().sublist.match(subject)
    return match.plain.length === plain && match.groups.length === groups
  })
}

spec('leaf', it => {
  for (const version of versions) {
    it(`carries messages both ways, hub ${version}`, () =>
      joined(version, async ({ edge, nats }) => {
        const atHub = collect(nats, 'edge.>')
        const atEdge: Seen[] = []
        edge.subscribe('hub.*', message => atEdge.push(message))
        await interest(edge, 'edge.a', 1)
        edge.publish('edge.a', 'hello')
        edge.publish('edge.b', 'hi', { reply: 'reply.to' })
        edge.publish('edge.h', 'abc', { headers: 'NATS/1.0\r\nA: 1\r\n\r\n' })
        edge.publish('other', 'nobody')
        edge.publish('edge.empty')
        await edge.until(() => atHub.length === 4)
        assert.equal(
          atHub.map(
            m => `${m.subject} <${m.reply ?? ''}> ${m.headers?.get('A') ?? ''} ${m.string()}`,
          ),
          ['edge.a <>  hello', 'edge.b <reply.to>  hi', 'edge.h <> 1 abc', 'edge.empty <>  '],
        )
        await nats.flush()
        const h = headers()
        h.set('B', '2')
        nats.publish('hub.a', 'down')
        nats.publish('hub.b', 'down2', { headers: h, reply: 'r.r' })
        nats.publish('hub.big', 'x'.repeat(300_000))
        await edge.until(() => atEdge.length === 3)
        assert.equal(atEdge[0], { subject: 'hub.a', reply: '', headers: '', payload: 'down' })
        assert.equal(atEdge[1], {
          subject: 'hub.b',
          reply: 'r.r',
          headers: 'NATS/1.0\r\nB: 2\r\n\r\n',
          payload: 'down2',
        })
        assert.is(atEdge[2]?.payload, 'x'.repeat(300_000))
      }))

    it(`answers requests both ways, hub ${version}`, () =>
      joined(version, async ({ edge, nats }) => {
        nats.subscribe('svc.hub', { callback: (_, m) => void m.respond(`hub ${m.string()}`) })
        edge.subscribe('svc.edge', m => void edge.publish(m.reply, `edge ${m.payload}`))
        await interest(edge, 'svc.hub', 1)
        const atHub = await retried(() => nats.request('svc.edge', 'one', { timeout: 5000 }))
        assert.is(atHub.string(), 'edge one')
        const answers: string[] = []
        edge.subscribe('_INBOX.edge.*', m => answers.push(m.payload))
        edge.publish('svc.hub', 'two', { reply: '_INBOX.edge.1' })
        await edge.until(() => answers.length === 1)
        assert.equal(answers, ['hub two'])
      }))

    it(`balances queue groups by weight, hub ${version}`, () =>
      joined(version, async ({ edge, nats }) => {
        // Members at the hub only: each message goes up once, to one of them.
        const a = collect(nats, 'work', 'workers')
        const b = collect(nats, 'work', 'workers')
        const plain = collect(nats, 'work')
        await interest(edge, 'work', 1, 1)
        await edge.until(() => edge.account().sublist.match('work').groups[0]?.[0]?.weight === 2)
        for (let i = 0; i < 200; i++) edge.publish('work', String(i))
        await edge.until(() => plain.length === 200)
        await nats.flush()
        assert.is(a.length + b.length, 200)
        assert.ok(a.length > 20 && b.length > 20, `${a.length} ${b.length}`)
        // Members at the edge: the hub is told of them, and its own go first.
        let atEdge = 0
        let last = false
        const count = (m: Seen) => {
          atEdge++
          last ||= m.payload === 'last'
        }
        const one = edge.subscribe('job', count, 'g')
        const two = edge.subscribe('job', count, 'g')
        await repeated(
          () => nats.publish('job'),
          () => atEdge > 0,
        )
        await nats.flush()
        nats.publish('job', 'last')
        await edge.until(() => last)
        atEdge = 0
        for (let i = 0; i < 50; i++) nats.publish('job')
        await edge.until(() => atEdge === 50)
        edge.account().unsubscribe(one)
        for (let i = 0; i < 50; i++) nats.publish('job')
        await edge.until(() => atEdge === 100)
        edge.account().unsubscribe(two)
        const rest = collect(nats, 'job', 'g')
        await interest(edge, 'job', 0, 1)
        for (let i = 0; i < 50; i++) nats.publish('job')
        await edge.until(() => rest.length === 50)
        assert.is(atEdge, 100)
      }))

    it(`tells and takes back interest, hub ${version}`, () =>
      joined(version, async ({ edge, nats }) => {
        const subscription = nats.subscribe('a.*')
        await interest(edge, 'a.b', 1)
        subscription.unsubscribe()
        await interest(edge, 'a.b', 0)
        assert.is(edge.publish('a.b', 'x'), 0)
        const seen: Seen[] = []
        const mine = edge.subscribe('b.*', m => seen.push(m))
        const again = edge.subscribe('b.*', m => seen.push(m))
        await repeated(
          () => nats.publish('b.1'),
          () => seen.length >= 2,
        )
        edge.account().unsubscribe(mine)
        edge.account().unsubscribe(again)
        await assertNoResponders(nats, 'b.1')
      }))

    it(`comes back after a restart of the hub, hub ${version}`, () =>
      joined(version, async ({ hub, edge }) => {
        const seen: Seen[] = []
        edge.subscribe('again', m => seen.push(m))
        await hub.restart()
        await edge.until(() => edge.nodes.leafs.size === 0)
        await edge.until(() => edge.nodes.leafs.size === 1)
        const nats = await connect({ servers: hub.url, reconnect: false })
        try {
          await repeated(
            () => nats.publish('again', 'x'),
            () => seen.length > 0,
          )
        } finally {
          await nats.close()
        }
        const text = edge.lines.join('\n')
        assert.match(text, /- lid:\d+ - Leafnode connection closed: .* - Remote: hub\n/)
        assert.is(text.match(/Leafnode connection created for account: \$G \n/g)?.length, 2)
      }))
  }
})

/** Interest travels without an answer: tries again until somebody listens. */
async function retried<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (!/no responders/i.test(String(error))) throw error
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
}

/** Resolves once a request is answered with "no responders". */
async function assertNoResponders(nats: NatsConnection, subject: string): Promise<void> {
  for (;;) {
    try {
      await nats.request(subject, '', { timeout: 200 })
    } catch (error) {
      if (/no responders/i.test(String(error))) return
    }
  }
}
