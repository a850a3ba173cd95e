// Messages with a time of their own beside nats-server 2.15: what is refused, what is stored, what
// expires and what is left, what schedules send. Everything is done to both; the answers, and what
// the streams hold in the end, must be the same.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Broker, startBroker } from '../store/broker.ts'
import { scratch } from '../support/directory.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'
import { ask } from './jetstream-talk.ts'
import { api, contents, make, publish, publishes, secondNs, state, until } from './timed-talk.ts'

type Scenario = (nc: NatsConnection) => Promise<unknown>

const at = (afterMs: number) => `@at ${new Date(Date.now() + afterMs).toISOString()}`
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const ttl = (value: string) => ({ 'Nats-TTL': value })

const scenarios: Readonly<Record<string, Scenario>> = {
  async 'refuses and stores the same'(nc) {
    await make(nc, 'NONE', {})
    await make(nc, 'TTL', { allow_msg_ttl: true })
    await make(nc, 'PLAIN', { allow_msg_schedules: true })
    await make(nc, 'ALL', { allow_msg_schedules: true, allow_msg_ttl: true })
    const answers: string[] = []
    for (const [subject, headers] of publishes) {
      const text = `${subject} ${JSON.stringify(headers)}`
      answers.push(`${text} ${await publish(nc, subject, headers)}`)
    }
    return [answers, await contents(nc, 'ALL'), await contents(nc, 'PLAIN')]
  },

  async 'expires in time'(nc) {
    await make(nc, 'E', { allow_msg_ttl: true })
    for (const value of ['1', 'never', '2s', '1h']) await publish(nc, 'E.a', ttl(value))
    await publish(nc, 'E.b')
    await until(nc, 'E', messages => messages === 4)
    const first = await contents(nc, 'E')
    await until(nc, 'E', messages => messages === 3)
    return [first, await contents(nc, 'E')]
  },

  async 'leaves markers for what expired, for nothing else'(nc) {
    await make(nc, 'M', { allow_msg_ttl: true, subject_delete_marker_ttl: 2 * secondNs })
    await publish(nc, 'M.expired', ttl('1'))
    await publish(nc, 'M.kept', ttl('2'))
    await publish(nc, 'M.kept')
    await publish(nc, 'M.purge', { ...ttl('2'), 'KV-Operation': 'PURGE' })
    await publish(nc, 'M.del', { ...ttl('2'), 'KV-Operation': 'DEL' })
    await publish(nc, 'M.deleted')
    await publish(nc, 'M.purged')
    await ask(nc, [`${api}STREAM.MSG.DELETE.M`, { seq: 6 }])
    await ask(nc, [`${api}STREAM.PURGE.M`, { filter: 'M.purged' }])
    const before = await contents(nc, 'M')
    await until(nc, 'M', (messages, lastSeq) => messages === 3 && lastSeq === 9)
    const marked = await contents(nc, 'M')
    await until(nc, 'M', messages => messages === 1)
    return [before, marked.map(text => text.replace(/^\d+ /, '')).sort(), await contents(nc, 'M')]
  },

  async 'leaves markers for what is too old'(nc) {
    const config = { max_age: 3 * secondNs, subject_delete_marker_ttl: 2 * secondNs }
    await make(nc, 'A', { allow_msg_ttl: true, ...config })
    await publish(nc, 'A.forever', ttl('never'))
    await publish(nc, 'A.old')
    await publish(nc, 'A.old', ttl('1h'))
    await until(nc, 'A', (messages, lastSeq) => messages === 2 && lastSeq === 4)
    const marked = await contents(nc, 'A')
    await until(nc, 'A', messages => messages === 1)
    return [marked, await contents(nc, 'A')]
  },

  async 'lets one message a subject live as briefly as it likes'(nc) {
    const config = { max_msgs_per_subject: 1, subject_delete_marker_ttl: 60 * secondNs }
    await make(nc, 'O', { allow_msg_ttl: true, discard: 'new', ...config })
    await publish(nc, 'O.a', ttl('1'))
    await until(nc, 'O', (messages, lastSeq) => messages === 1 && lastSeq === 2)
    return contents(nc, 'O')
  },

  async 'keeps the TTLs of sources and mirrors'(nc) {
    await make(nc, 'ORIGIN', { allow_msg_ttl: true })
    await make(nc, 'KEEPS', { subjects: [], sources: [{ name: 'ORIGIN' }] })
    await make(nc, 'ENDS', { subjects: [], sources: [{ name: 'ORIGIN' }], allow_msg_ttl: true })
    const mirror = { subjects: [], mirror: { name: 'ORIGIN' } }
    await make(nc, 'MKEEPS', mirror)
    await make(nc, 'MENDS', { ...mirror, allow_msg_ttl: true })
    await publish(nc, 'ORIGIN.a', ttl('2'))
    await publish(nc, 'ORIGIN.a', ttl('never'))
    for (const name of ['KEEPS', 'ENDS', 'MKEEPS', 'MENDS']) {
      await until(nc, name, (_, lastSeq) => lastSeq === 2)
    }
    for (const name of ['ORIGIN', 'ENDS', 'MENDS']) {
      await until(nc, name, messages => messages === 1)
    }
    const counts: unknown[] = []
    for (const name of ['ORIGIN', 'KEEPS', 'ENDS', 'MKEEPS', 'MENDS']) {
      const { messages, first_seq, last_seq } = await state(nc, name)
      counts.push([name, messages, first_seq, last_seq])
    }
    return counts
  },

  async 'sends once'(nc) {
    await make(nc, 'S1', { allow_msg_schedules: true, allow_msg_ttl: true })
    const target = { 'Nats-Schedule-Target': 'S1.out' }
    await publish(nc, 'S1.past', { 'Nats-Schedule': '@at 1970-01-01T00:00:00Z', ...target }, 'past')
    await until(nc, 'S1', (messages, lastSeq) => messages === 1 && lastSeq === 2)
    const more = {
      ...{ 'Nats-Schedule-TTL': '100', 'Nats-Schedule-Rollup': 'sub', 'Nats-TTL': '50', A: 'b' },
      ...{ 'Nats-Msg-Id': 'X', 'Nats-Expected-Stream': 'S1', 'Nats-Expected-Last-Sequence': '2' },
    }
    await publish(nc, 'S1.soon', { 'Nats-Schedule': at(1000), ...target, ...more }, 'soon')
    const waiting = (await contents(nc, 'S1')).at(-1)
    await until(nc, 'S1', (messages, lastSeq) => messages === 1 && lastSeq === 4)
    return [waiting, await contents(nc, 'S1')]
  },

  async 'sends again and again, what is last on a subject'(nc) {
    await make(nc, 'S2', { allow_msg_schedules: true })
    const schedule = {
      'Nats-Schedule': '@every 2s',
      'Nats-Schedule-Target': 'S2.out',
      'Nats-Schedule-Source': 'S2.data',
      'Nats-Schedule-Rollup': 'sub',
      B: 'c',
    }
    await publish(nc, 'S2.often', schedule, 'own')
    await until(nc, 'S2', messages => messages === 2)
    const first = await contents(nc, 'S2')
    await publish(nc, 'S2.data', { A: 'b' }, 'data')
    const { last_seq } = await state(nc, 'S2')
    await until(nc, 'S2', (_, lastSeq) => lastSeq > Number(last_seq))
    const next = await contents(nc, 'S2')
    return [first, next.map(text => text.replace(/^\d+ /, '')).sort()]
  },

  async 'ends schedules'(nc) {
    await make(nc, 'S3', { allow_msg_schedules: true })
    const target = { 'Nats-Schedule-Target': 'S3.out' }
    const soon = { 'Nats-Schedule': at(2000), ...target }
    for (const name of ['one', 'two', 'three', 'four', 'five', 'six']) {
      await publish(nc, `S3.${name}`, soon, name)
    }
    await publish(nc, 'S3.one', { 'Nats-Schedule': at(2500), ...target }, 'one anew')
    await publish(nc, 'S3.two', {}, 'no schedule')
    await ask(nc, [`${api}STREAM.MSG.DELETE.S3`, { seq: 3 }])
    await ask(nc, [`${api}STREAM.PURGE.S3`, { filter: 'S3.four' }])
    const end = { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'S3.five' }
    await publish(nc, 'S3.canceled', end, 'canceled')
    await until(nc, 'S3', (_, lastSeq) => lastSeq === 11)
    await sleep(500)
    return contents(nc, 'S3')
  },

  async 'sends onto the subject of another schedule'(nc) {
    await make(nc, 'S4', { allow_msg_schedules: true })
    const on = (target: string, afterMs: number) => ({
      'Nats-Schedule': at(afterMs),
      'Nats-Schedule-Target': target,
    })
    await publish(nc, 'S4.a', on('S4.b', 500), 'a')
    await publish(nc, 'S4.b', on('S4.c', 2000), 'b')
    await until(nc, 'S4', (_, lastSeq) => lastSeq === 4)
    return contents(nc, 'S4')
  },

  async 'republishes and transforms what it sends and the markers'(nc) {
    await make(nc, 'S5', {
      allow_msg_schedules: true,
      allow_msg_ttl: true,
      subject_delete_marker_ttl: 100 * secondNs,
      max_msgs_per_subject: 1,
      republish: { src: 'S5.>', dest: 're.S5.>' },
    })
    const heard: string[] = []
    const subscription = nc.subscribe('re.S5.>', {
      callback: (_, { subject, headers }) => {
        const reason = headers?.get('Nats-Marker-Reason') ?? ''
        heard.push(`${subject} ${reason} ${headers?.get('Nats-Sequence')}`)
      },
    })
    await publish(nc, 'S5.s', { 'Nats-Schedule': at(500), 'Nats-Schedule-Target': 'S5.out' })
    await publish(nc, 'S5.ttl', ttl('1'))
    await until(nc, 'S5', (_, lastSeq) => lastSeq === 4)
    await nc.flush()
    subscription.unsubscribe()
    return heard
  },

  async 'checks a batch before any of it is stored'(nc) {
    await make(nc, 'B', { allow_msg_schedules: true, allow_msg_ttl: true, allow_atomic: true })
    await make(nc, 'BNONE', { allow_atomic: true })
    const target = { 'Nats-Schedule-Target': 'B.out' }
    const far = { 'Nats-Schedule': '@at 2100-01-01T00:00:00Z', ...target }
    const end = { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'B.s' }
    const batches: readonly (readonly (readonly [string, Readonly<Record<string, string>>])[])[] = [
      [
        ['B.a', ttl('5')],
        ['B.b', ttl('x')],
      ],
      [['BNONE.a', ttl('5')]],
      [['BNONE.a', ttl('x')]],
      [['BNONE.a', { 'Nats-Schedule': 'bogus' }]],
      [
        ['B.a', {}],
        ['B.s', { ...far, 'Nats-Schedule': 'bogus' }],
      ],
      [
        ['B.s', {}],
        ['B.s', far],
      ],
      [
        ['B.s', far],
        ['B.s', {}],
      ],
      [
        ['B.t', far],
        ['B.u', { ...end, 'Nats-Scheduler': 'B.t' }],
      ],
      [
        ['B.v', {}],
        ['B.w', { ...end, 'Nats-Scheduler': 'B.v' }],
      ],
      [
        ['B.x', { ...ttl('1000'), ...far }],
        ['B.y', ttl('never')],
      ],
      [['B.z', { 'Nats-Scheduler': 'B.x' }]],
    ]
    const answers: string[] = []
    for (const [at, batch] of batches.entries()) {
      for (const [i, [subject, headers]] of batch.entries()) {
        const isLast = i === batch.length - 1
        const own = { 'Nats-Batch-Id': `b${at}`, 'Nats-Batch-Sequence': `${i + 1}` }
        const commit = isLast ? { 'Nats-Batch-Commit': '1' } : {}
        const answer = await publish(nc, subject, { ...own, ...commit, ...headers })
        answers.push(`${at} ${subject} ${answer}`)
      }
    }
    return [answers, await contents(nc, 'B'), await contents(nc, 'BNONE')]
  },

  async 'keeps work queues and limits as ever'(nc) {
    const config = { allow_msg_schedules: true, allow_msg_ttl: true }
    await make(nc, 'WQ', { ...config, retention: 'workqueue' })
    await make(nc, 'INT', { ...config, retention: 'interest' })
    await make(nc, 'FEW', { ...config, max_msgs: 2 })
    for (const name of ['WQ', 'INT', 'FEW']) {
      const target = { 'Nats-Schedule-Target': `${name}.out` }
      await publish(nc, `${name}.s`, { 'Nats-Schedule': at(700), ...target }, name)
      await publish(nc, `${name}.a`)
      await publish(nc, `${name}.b`)
    }
    await until(nc, 'WQ', (_, lastSeq) => lastSeq === 4)
    await sleep(500)
    const found: unknown[] = []
    for (const name of ['WQ', 'INT', 'FEW']) found.push(await contents(nc, name))
    return found
  },
}

spec('messages with a time over a restart', (it, hooks) => {
  let hub: Hub
  let broker: Broker
  const dir = scratch('timed')
  hooks.before(async () => {
    hub = await startHub({ version: 'newest', jetstream: true })
    broker = await startBroker({}, dir)
  })
  hooks.after(async () => {
    await broker.close()
    await hub.stop()
  })

  const prepared = async (url: string) => {
    const nc = await connect({ servers: url })
    const config = { allow_msg_ttl: true, subject_delete_marker_ttl: 100 * secondNs }
    await make(nc, 'R', { allow_msg_schedules: true, max_msgs_per_subject: 1, ...config })
    await publish(nc, 'R.ttl', ttl('2'))
    await publish(nc, 'R.forever', ttl('never'))
    const target = { 'Nats-Schedule-Target': 'R.out' }
    await publish(nc, 'R.once', { 'Nats-Schedule': at(2000), ...target }, 'once')
    const often = { 'Nats-Schedule': '@hourly', ...target }
    await publish(nc, 'R.often', { ...often, 'Nats-Schedule-Target': 'R.often.out' }, 'often')
    await publish(nc, 'R.late', { 'Nats-Schedule': '@at 2100-01-01T00:00:00Z', ...target })
    await nc.close()
  }
  const found = async (url: string) => {
    const nc = await connect({ servers: url })
    // One marker, one message.
    await until(nc, 'R', (messages, lastSeq) => messages === 5 && lastSeq === 7)
    await sleep(500)
    const held = (await contents(nc, 'R')).map(text => text.replace(/^\d+ /, '')).sort()
    await nc.close()
    return held
  }

  it('what became due meanwhile is done once', async () => {
    await Promise.all([prepared(hub.url), prepared(broker.url)])
    await Promise.all([hub.stop(), broker.close()])
    await sleep(2500)
    await hub.restart()
    broker = await startBroker({}, dir)
    const [theirs, ours] = await Promise.all([found(hub.url), found(broker.url)])
    assert.equal(ours, theirs)
  })
})

spec('messages with a time beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks, 'newest')
  for (const [title, scenario] of Object.entries(scenarios)) {
    it(title, async () => {
      const [theirs, ours] = await Promise.all([scenario(pair.theirs), scenario(pair.ours)])
      const [left, right] = [theirs, ours].map(found => (found as unknown[]).flat(9).map(String))
      assert.is(differences(left ?? [], right ?? []), '')
    })
  }
})

function differences(theirs: readonly string[], ours: readonly string[]): string {
  const found: string[] = []
  for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
    if (theirs[i] !== ours[i]) found.push(`theirs ${theirs[i]}\nours   ${ours[i]}`)
  }
  return found.join('\n')
}
