// What may cross to a real hub and what may not: permissions, denies, loops, JetStream domains.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import * as assert from 'uvu/assert'
import { EdgeLeaf, type EdgeLeafOptions, repeated, type Seen, until } from '../support/edge-leaf.ts'
import { type Hub, type HubOptions, startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import type { RemoteOptions } from '../../src/link/leaf/remote.ts'
import { spec } from '../support/spec.ts'

const versions: readonly NatsVersion[] = ['2.9', '2.10', '2.15']

interface Joined {
  readonly hub: Hub
  readonly edge: EdgeLeaf
  readonly nats: NatsConnection
}

async function joined(
  hubOptions: HubOptions,
  remote: Partial<RemoteOptions>,
  edgeOptions: EdgeLeafOptions,
  run: (all: Joined) => Promise<void>,
  user = '',
): Promise<void> {
  const hub = await startHub({ leaf: true, ...hubOptions })
  const edge = new EdgeLeaf(
    [{ urls: [`nats-leaf://${user}127.0.0.1:${hub.leafPort}`], ...remote }],
    edgeOptions,
  )
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

/** Subjects that reach a client at the hub, until `last` does. */
function hubHears(nats: NatsConnection, pattern: string): string[] {
  const subjects: string[] = []
  nats.subscribe(pattern, { callback: (_, message) => void subjects.push(message.subject) })
  return subjects
}

function isLinked(edge: EdgeLeaf, subject: string): Promise<void> {
  return until(() => edge.account().sublist.match(subject).plain.length > 0)
}

spec('leaf rules', it => {
  for (const version of versions) {
    it(`keeps to the permissions of its user at the hub, hub ${version}`, () => {
      const leaf = `no_advertise: false`
      const conf = `
        accounts { A { users: [
          { user: leaf, password: pw, permissions: {
            publish: { allow: ["up.>", "last"], deny: ["up.secret"] }
            subscribe: { allow: ["down.>"] } } }
          { user: all, password: pw }
        ] } }
        no_auth_user: all`
      return joined(
        { version, leaf, conf },
        {},
        {},
        async ({ edge, nats }) => {
          const atHub = hubHears(nats, '>')
          await isLinked(edge, 'up.a')
          for (const subject of ['up.a', 'up.secret', 'other', 'up.b', 'last'])
            edge.publish(subject)
          await until(() => atHub.includes('last'))
          assert.equal(atHub, ['up.a', 'up.b', 'last'])
          // The hub would cut a leaf that subscribes to what it may not.
          const seen: Seen[] = []
          edge.subscribe('else', m => seen.push(m))
          edge.subscribe('down.*', m => seen.push(m))
          edge.subscribe('*.wide', m => seen.push(m))
          await repeated(
            () => nats.publish('down.1'),
            () => seen.length > 0,
          )
          nats.publish('else')
          nats.publish('down.wide')
          await until(() => seen.some(m => m.subject === 'down.wide'))
          assert.not.ok(seen.some(m => m.subject === 'else'))
          assert.is(edge.nodes.leafs.size, 1)
          assert.not.match(edge.lines.join('\n'), /closed/)
        },
        'leaf:pw@',
      )
    })

    it(`lets denied subjects neither out nor in, hub ${version}`, () =>
      joined(
        { version },
        { deny_exports: ['private.>'], deny_imports: ['cmd.danger'] },
        {},
        async ({ edge, nats }) => {
          const atHub = hubHears(nats, '>')
          const atEdge: string[] = []
          edge.subscribe('cmd.*', m => atEdge.push(m.subject))
          edge.subscribe('cmd.danger', m => atEdge.push(`direct ${m.subject}`))
          await isLinked(edge, 'private.x')
          edge.publish('private.x')
          edge.publish('public.x')
          await until(() => atHub.length > 0)
          assert.equal(atHub, ['public.x'])
          await repeated(
            () => nats.publish('cmd.safe'),
            () => atEdge.length > 0,
          )
          nats.publish('cmd.danger')
          nats.publish('cmd.last')
          await until(() => atEdge.includes('cmd.last'))
          assert.not.ok(
            atEdge.some(subject => subject.includes('danger')),
            atEdge.join(),
          )
        },
      ))

    it(`keeps JetStream apart by domain, and undoes and redoes '@', hub ${version}`, () =>
      joined(
        { version, jetstream: 'hub' },
        {},
        { domain: 'edge', jetstream: true },
        async ({ edge, nats }) => {
          await edge.logged(/JetStream using domains: local "edge", remote "hub"$/)
          // A consumer at the hub delivers to a subscriber here: with the stored subject.
          const manager = await jetstreamManager(nats)
          await manager.streams.add({ name: 'H1', subjects: ['h1.>'] })
          await jetstream(nats).publish('h1.a', 'one')
          const seen: Seen[] = []
          edge.subscribe('deliver.here', m => seen.push(m))
          const config = {
            durable_name: 'c',
            deliver_subject: 'deliver.here',
            ack_policy: 'explicit',
          }
          const request = JSON.stringify({ stream_name: 'H1', config })
          const answers: Seen[] = []
          edge.subscribe('_INBOX.here', m => answers.push(m))
          const create = '$JS.hub.API.CONSUMER.DURABLE.CREATE.H1.c'
          await isLinked(edge, create)
          edge.publish(create, request, { reply: '_INBOX.here' })
          await until(() => seen.length > 0 && answers.length > 0)
          assert.match(answers[0]?.payload ?? '', /"name":"c"/)
          assert.is(seen[0]?.subject, 'h1.a')
          assert.is(seen[0]?.payload, 'one')
          assert.match(seen[0]?.reply ?? '', /^\$JS\.ACK\.H1\.c\.1\.1\.1\.\d+\.0$/)
          // And a delivery from here reaches a client there as its stored subject.
          const atHub: string[] = []
          const inbox = (subject: string) =>
            nats.subscribe(subject, {
              callback: (_, m) => void atHub.push(`${m.subject} ${m.reply}`),
            })
          inbox('deliver.there')
          await isLinked(edge, 'deliver.there')
          const reply = '$JS.ACK.S@1.c.1.7.7.1795320308654213751.0'
          edge.publish('s1.temp', 'x', { target: 'deliver.there', reply })
          await until(() => atHub.length > 0)
          assert.equal(atHub, [`s1.temp ${reply}`])
          // The plain API never crosses.
          const strays: Seen[] = []
          edge.subscribe('$JS.API.>', m => strays.push(m))
          edge.subscribe('$JS.edge.API.>', m => edge.publish(m.reply, 'from the edge'))
          const answer = await untilAnswered(nats, '$JS.edge.API.INFO')
          assert.is(answer, 'from the edge')
          assert.match(await untilAnswered(nats, '$JS.API.INFO'), /account_info_response/)
          assert.is(strays.length, 0)
          const leaked = hubHears(nats, '$KV.>')
          edge.publish('$KV.bucket.key', 'v')
          edge.publish('deliver.there')
          await until(() => atHub.length > 1)
          assert.equal(leaked, [])
        },
      ))

    it(`finds a loop, and waits, hubs ${version}`, async () => {
      const first = await startHub({ version, leaf: true, conf: 'cluster { name: one }' })
      const second = await startHub({
        version,
        leaf: `remotes: [ { url: "nats-leaf://127.0.0.1:${first.leafPort}" } ]`,
      })
      const edge = new EdgeLeaf([
        { urls: [`nats-leaf://127.0.0.1:${first.leafPort}`] },
        { urls: [`nats-leaf://127.0.0.1:${second.leafPort}`] },
      ])
      try {
        await second.process.waitFor('Leafnode connection created')
        edge.nodes.start()
        // Whoever hears its own subject first finds it: mostly us, as we close the loop.
        const text = 'Loop detected for leafnode account="$G"'
        await Promise.any([
          edge.logged(/Loop detected for leafnode account="\$G"\. Delaying attempt to reconnect/),
          first.process.waitFor(text),
          second.process.waitFor(text),
        ])
        // The two hubs may be the ones that part.
        const parted = 'Leafnode connection closed: Protocol Violation'
        await Promise.any([
          until(() => edge.nodes.leafs.size < 2),
          first.process.waitFor(parted),
          second.process.waitFor(parted),
        ])
      } finally {
        edge.close()
        await second.stop()
        await first.stop()
      }
    })
  }

  it('does not carry what one hub sends to another', async () => {
    const hubs = [await startHub({ leaf: true }), await startHub({ leaf: true })]
    const edge = new EdgeLeaf(
      hubs.map(hub => ({ urls: [`nats-leaf://127.0.0.1:${hub.leafPort}`] })),
    )
    const clients: NatsConnection[] = []
    try {
      await edge.start()
      for (const hub of hubs) clients.push(await connect({ servers: hub.url, reconnect: false }))
      const [a, b] = clients as [NatsConnection, NatsConnection]
      const atB = hubHears(b, 'news.>')
      const atEdge: string[] = []
      edge.subscribe('news.>', m => atEdge.push(m.subject))
      await isLinked(edge, 'news.a')
      await repeated(
        () => a.publish('news.a'),
        () => atEdge.length > 0,
      )
      edge.publish('news.edge')
      await until(() => atB.includes('news.edge'))
      assert.equal(atB, ['news.edge'])
    } finally {
      edge.close()
      for (const client of clients) await client.close()
      for (const hub of hubs) await hub.stop()
    }
  })

  it('drops what is larger than the hub takes, and stays linked', () =>
    joined({ conf: 'max_payload: 1000' }, {}, {}, async ({ edge, nats }) => {
      const atHub = hubHears(nats, 'size.>')
      await isLinked(edge, 'size.at')
      edge.publish('size.at', 'x'.repeat(1000))
      edge.publish('size.past', 'x'.repeat(1001))
      edge.publish('size.after', 'x')
      await until(() => atHub.includes('size.after'))
      assert.equal(atHub, ['size.at', 'size.after'])
      await edge.logged(/Message on "size.past" of 1001 bytes exceeds the hub's 1000: not sent/)
    }))
})

async function untilAnswered(nats: NatsConnection, subject: string): Promise<string> {
  for (;;) {
    try {
      return (await nats.request(subject, '', { timeout: 2000 })).string()
    } catch (error) {
      if (!/no responders/i.test(String(error))) throw error
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
}
