// What happens to the two ends of a source or a mirror when their streams change: made anew,
// given another source, promoted, deleted. Between a hub of 2.15 and an edge, both ways.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { withPair } from '../support/drain.ts'
import { settled } from '../support/journey.ts'
import { spec } from '../support/spec.ts'

const caseMsMax = 200_000

interface Side {
  readonly nats: NatsConnection
  readonly domain: string
}

type Run = (origin: Side, target: Side) => Promise<void>

/** Once with the origin at the hub, once at the edge. */
async function bothWays(run: Run): Promise<void> {
  await withPair({ hub: '2.15', leaf: 'ours' }, [], async pair => {
    const hub = { nats: await connect({ servers: pair.hub.url }), domain: 'hub' }
    const edge = { nats: await connect({ servers: pair.leaf.url }), domain: 'leaf' }
    try {
      await Promise.all([run(hub, edge), run(edge, hub)])
    } finally {
      await hub.nats.close()
      await edge.nats.close()
    }
  })
}

type Fields = Record<string, unknown>

async function call({ nats }: Side, verb: string, body: Fields = {}): Promise<Fields> {
  const asked = Object.keys(body).length === 0 ? '' : JSON.stringify(body)
  const answer = await nats.request(`$JS.API.${verb}`, asked, { timeout: 10_000 })
  const fields = answer.json<Fields>()
  assert.is(fields.error, undefined, `${verb}: ${answer.string()}`)
  return fields
}

const create = (side: Side, name: string, config: Fields) =>
  call(side, `STREAM.CREATE.${name}`, { name, ...config })
const update = (side: Side, name: string, config: Fields) =>
  call(side, `STREAM.UPDATE.${name}`, { name, ...config })

interface Info {
  readonly state: { readonly messages: number; readonly last_seq: number }
  readonly mirror?: Fields
  readonly sources?: readonly Fields[]
}

const info = async (side: Side, name: string) =>
  (await call(side, `STREAM.INFO.${name}`)) as unknown as Info

async function consumers(side: Side, stream: string): Promise<string[]> {
  const { consumers: names } = await call(side, `CONSUMER.NAMES.${stream}`)
  return (names as string[] | null) ?? []
}

async function store(side: Side, subject: string, text: string): Promise<void> {
  await side.nats.request(subject, text, { timeout: 10_000 })
}

async function holds(side: Side, stream: string, messages: number): Promise<void> {
  await settled(async () => (await info(side, stream)).state.messages === messages)
}

const from = (origin: Side, name: string, more: Fields = {}) => ({
  name,
  external: { api: `$JS.${origin.domain}.API`, deliver: '' },
  ...more,
})

spec('lives of mirrors and sources', it => {
  it(
    'a stream that is made anew is followed from its beginning',
    () =>
      bothWays(async (origin, target) => {
        const { domain } = origin
        const subjects = [`anew.${domain}.>`]
        await create(origin, 'ANEW', { subjects })
        for (let i = 0; i < 5; i++) await store(origin, `anew.${domain}.a`, `first ${i}`)
        const into = `INANEW${domain}`
        await create(target, into, { sources: [from(origin, 'ANEW')] })
        await holds(target, into, 5)
        await call(origin, 'STREAM.DELETE.ANEW')
        await create(origin, 'ANEW', { subjects })
        for (let i = 0; i < 2; i++) await store(origin, `anew.${domain}.a`, `second ${i}`)
        await holds(target, into, 7)
        await store(origin, `anew.${domain}.a`, 'third')
        await holds(target, into, 8)
      }),
    caseMsMax,
  )

  it(
    'a second source of a queue gives both consumers a name, and leaves none behind',
    () =>
      bothWays(async (origin, target) => {
        const { domain } = origin
        await create(origin, 'TWO', { subjects: [`two.${domain}.*`], retention: 'workqueue' })
        const into = `INTWO${domain}`
        const one = from(origin, 'TWO', { filter_subject: `two.${domain}.a` })
        const two = from(origin, 'TWO', { filter_subject: `two.${domain}.b` })
        await create(target, into, { sources: [one] })
        await store(origin, `two.${domain}.a`, '1')
        await holds(target, into, 1)
        const [first] = await consumers(origin, 'TWO')
        assert.match(first ?? '', /^JS_SRC_\w{8}$/)
        await update(target, into, { sources: [one, two] })
        await store(origin, `two.${domain}.a`, '2')
        await store(origin, `two.${domain}.b`, '3')
        await holds(target, into, 3)
        // As the target nats-server may leave at its origin what the old consumer brought last and
        // did not acknowledge any more.
        await settled(async () => {
          const names = await consumers(origin, 'TWO')
          return names.length === 2 && !names.includes(first as string)
        })
        if (domain === 'hub') await holds(origin, 'TWO', 0)
        await call(target, `STREAM.DELETE.${into}`)
        await settled(async () => (await consumers(origin, 'TWO')).length === 0)
      }),
    caseMsMax,
  )

  it(
    'a mirror is promoted and keeps what it has',
    () =>
      bothWays(async (origin, target) => {
        const { domain } = origin
        await create(origin, 'OLD', { subjects: [`old.${domain}.*`], retention: 'interest' })
        const into = `NEW${domain}`
        await create(target, into, { mirror: from(origin, 'OLD') })
        await settled(async () => (await consumers(origin, 'OLD')).length === 1)
        const [name] = await consumers(origin, 'OLD')
        assert.match(name ?? '', /^JS_MIRROR_\w{8}$/)
        for (let i = 1; i <= 3; i++) await store(origin, `old.${domain}.a`, `${i}`)
        await holds(target, into, 3)
        await call(target, `CONSUMER.CREATE.${into}.C`, {
          stream_name: into,
          config: { durable_name: 'C', ack_policy: 'explicit' },
        })
        assert.is((await info(target, into)).mirror?.name, 'OLD')
        await update(origin, 'OLD', { subjects: [`gone.${domain}`], retention: 'interest' })
        await update(target, into, { subjects: [`old.${domain}.*`] })
        assert.is((await info(target, into)).mirror, undefined)
        await settled(async () => (await consumers(origin, 'OLD')).length === 0)
        await store(target, `old.${domain}.a`, '4')
        const { state } = await info(target, into)
        assert.is(state.messages, 4)
        assert.is(state.last_seq, 4)
        assert.equal(await consumers(target, into), ['C'])
        const { num_pending } = await call(target, `CONSUMER.INFO.${into}.C`)
        assert.is(num_pending, 4)
      }),
    caseMsMax,
  )

  it(
    'a consumer that is not there, or not acknowledged by flow control, is told of',
    () =>
      bothWays(async (origin, target) => {
        const { domain } = origin
        await create(origin, 'MADE', { subjects: [`made.${domain}`], retention: 'workqueue' })
        const into = `INMADE${domain}`
        const deliver = `made.for.${domain}`
        const consumer = { name: 'DRAIN', deliver_subject: deliver }
        await create(target, into, { sources: [from(origin, 'MADE', { consumer })] })
        const config = { durable_name: 'DRAIN', deliver_subject: deliver, ack_policy: 'explicit' }
        await call(origin, 'CONSUMER.CREATE.MADE.DRAIN', { stream_name: 'MADE', config })
        await settled(async () => {
          const { sources } = await info(target, into)
          return (sources?.[0]?.error as Fields | undefined)?.err_code === 10217
        })
        await store(origin, `made.${domain}`, '1')
        await call(origin, 'CONSUMER.DELETE.MADE.DRAIN')
        await call(origin, 'CONSUMER.CREATE.MADE.DRAIN', {
          stream_name: 'MADE',
          config: { ...config, ack_policy: 'flow_control' },
        })
        await holds(target, into, 1)
        await holds(origin, 'MADE', 0)
        assert.is((await info(target, into)).sources?.[0]?.error, undefined)
        // It is not ours to delete.
        await call(target, `STREAM.DELETE.${into}`)
        assert.equal(await consumers(origin, 'MADE'), ['DRAIN'])
      }),
    caseMsMax,
  )
})
