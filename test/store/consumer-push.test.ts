// Push consumers: interest, groups, heartbeats, flow control, pace; where consumers start; and
// what acknowledgements mean to streams that keep messages only for consumers.

import * as assert from 'uvu/assert'
import { newSubscription } from '../../src/broker/post.ts'
import { spec } from '../support/spec.ts'
import { figures, withBench } from './consumer-bench.ts'

const msNs = 1e6

const push = { deliver_subject: 'd', ack_policy: 'none' }
const beatOf = (consumer: number, stream: number, more = ''): string =>
  `d NATS/1.0 100 Idle Heartbeat; Nats-Last-Consumer: ${consumer}; Nats-Last-Stream: ${stream}${more}|`

spec('push consumers', it => {
  it('deliver while somebody listens, and go on where nobody did', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'])
      const { push_bound } = (await bench.create('S', 'c', push)) as { push_bound?: boolean }
      assert.is(push_bound, undefined)
      const first = bench.inbox('d', { max: 1 })
      assert.equal(await first.expect(1), ['s.a S.c.1.1.1.T.0 |1'])
      await bench.fill(stream, ['s.a', '2'], ['s.a', '3'])
      await bench.settle()
      assert.is(figures(await bench.info('S', 'c')), '1/1 1/1 0 0 0 2')
      const second = bench.inbox('*')
      assert.equal(await second.expect(2), ['s.a S.c.1.2.2.T.1 |2', 's.a S.c.1.3.3.T.0 |3'])
      assert.is((await bench.info('S', 'c')).push_bound, true)
      second.close()
      assert.is((await bench.info('S', 'c')).push_bound, undefined)
    }))

  it('a message that the last listener did not take is not delivered', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'], ['s.a', '3'])
      await bench.create('S', 'c', { ...push, ack_policy: 'explicit' })
      const inbox = bench.inbox('d', { max: 2 })
      assert.is((await inbox.take(2)).length, 2)
      assert.is(figures(await bench.info('S', 'c')), '2/2 0/0 2 0 0 1')
    }))

  it("a hub's source that starts over gets another consumer, under one name or not", () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'])
      const source = { ...push, name: 'JS_SRC_x', direct: true, sourcing: true }
      const create = (config: object) =>
        bench.api('CONSUMER.CREATE.S', { stream_name: 'S', config, action: '' })
      const first = await create(source)
      const start = { deliver_policy: 'by_start_sequence', opt_start_seq: 2, deliver_subject: 'e' }
      const second = await create({ ...source, ...start })
      assert.match(String(first.name), /^JS_SRC_x-\w{8}$/)
      assert.match(String(second.name), /^JS_SRC_x-\w{8}$/)
      assert.is.not(first.name, second.name)
      const inbox = bench.inbox('e')
      assert.match((await inbox.take(1))[0]?.reply ?? '', /JS_SRC_x-\w{8}\.1\.2\.1\./)
      const named = await create({ ...push, name: 'mine' })
      assert.is(named.name, 'mine')
    }))

  it('a deliver group is served by its members only', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'])
      await bench.create('S', 'c', { ...push, deliver_group: 'g' })
      const other = bench.inbox('d', { queue: 'other' })
      await bench.settle()
      assert.is(other.got.length, 0)
      const member = bench.inbox('d', { queue: 'g' })
      assert.is((await member.take(2)).length, 2)
    }))

  it('beat while idle, from the last message on', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      const inbox = bench.inbox('d')
      await bench.create('S', 'c', { ...push, idle_heartbeat: 200 * msNs })
      await bench.pass(200)
      assert.equal(await inbox.expect(1), [beatOf(0, 0)])
      await bench.pass(150)
      await bench.fill(stream, ['s.a', '1'])
      await inbox.take(1)
      await bench.pass(199)
      assert.is(inbox.got.length, 0)
      await bench.pass(1)
      assert.equal(await inbox.expect(1), [beatOf(1, 1)])
      inbox.close()
      await bench.pass(1000)
      assert.is(inbox.got.length, 0)
    }))

  it('ask for a reply when half the window is out, stall at the window, say so, go on', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      const body = 'x'.repeat(60_000)
      for (let i = 0; i < 40; i++) await bench.fill(stream, ['s.a', body])
      const inbox = bench.inbox('d')
      const flow = { flow_control: true, idle_heartbeat: 1000 * msNs }
      await bench.create('S', 'c', { ...push, ...flow })
      await bench.until(() => inbox.got.length >= 10)
      await bench.settle()
      const got = await inbox.take(1)
      const asked = got.filter(m => m.headers.startsWith('NATS/1.0 100 FlowControl Request'))
      assert.is(asked.length, 1)
      assert.match(asked[0]?.reply ?? '', /^\$JS\.FC\.S\.c\.\w{4}$/)
      const before = got.length - 1
      assert.ok(before < 40, `${before} messages without a reply`)
      await bench.pass(1000)
      const [beat] = await inbox.take(1)
      assert.is(
        beat?.headers,
        `NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: ${before}\r\nNats-Last-Stream: ${before}\r\n` +
          `Nats-Consumer-Stalled: ${asked[0]?.reply}\r\n\r\n`,
      )
      bench.say('$JS.FC.S.c.none')
      await bench.settle()
      assert.is(inbox.got.length, 0)
      let count = before
      let reply = asked[0]?.reply ?? ''
      while (count < 40) {
        bench.say(reply)
        for (const m of await inbox.take(1)) {
          if (m.reply.startsWith('$JS.FC.')) reply = m.reply
          else count++
        }
      }
      assert.is(count, 40)
    }))

  it('wait for a subscriber that has not sent what it has', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      for (let i = 0; i < 30; i++) await bench.fill(stream, ['s.a', 'x'.repeat(100_000)])
      const link = {
        remote: false as const,
        pendingBytes: 0,
        count: 0,
        deliver() {
          link.count++
          link.pendingBytes += 100_000
        },
      }
      bench.account.subscribe(newSubscription('d', link))
      await bench.create('S', 'c', push)
      await bench.settle()
      const before = link.count
      assert.ok(before >= 10 && before <= 24, `${before} messages at once`)
      await bench.pass(10)
      assert.is(link.count, before)
      link.pendingBytes = 0
      await bench.pass(10)
      assert.ok(link.count > before)
    }))

  it('one nobody listens to any more goes after its threshold', () =>
    withBench(async bench => {
      bench.stream('S', { subjects: ['s.>'] })
      const inbox = bench.inbox('d')
      await bench.create('S', 'c', {
        ...push,
        durable_name: '',
        inactive_threshold: 1000 * msNs,
      })
      await bench.pass(5000)
      assert.is((await bench.api('CONSUMER.NAMES.S')).total, 1)
      inbox.close()
      await bench.pass(999)
      const again = bench.inbox('d')
      await bench.pass(5000)
      assert.is((await bench.api('CONSUMER.NAMES.S')).total, 1)
      again.close()
      await bench.pass(1000)
      assert.is((await bench.api('CONSUMER.NAMES.S')).total, 0)
    }))

  it('refuse pulls', () =>
    withBench(async bench => {
      bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c', push)
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      assert.equal(await inbox.expect(1), ['in NATS/1.0 409 Consumer is push based|'])
    }))

  it('replay at the original pace when told to', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'])
      await bench.pass(300)
      await bench.fill(stream, ['s.a', '2'])
      const inbox = bench.inbox('d')
      await bench.create('S', 'c', { ...push, replay_policy: 'original' })
      assert.is((await inbox.take(1)).length, 1)
      await bench.pass(299)
      assert.is(inbox.got.length, 0)
      await bench.pass(2)
      assert.is((await inbox.take(1)).length, 1)
    }))

  it('keep to a rate', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      for (let i = 0; i < 3; i++) await bench.fill(stream, ['s.a', 'x'.repeat(1000)])
      const inbox = bench.inbox('d')
      await bench.create('S', 'c', { ...push, rate_limit_bps: 8000 })
      assert.is((await inbox.take(1)).length, 1)
      await bench.pass(900)
      assert.is(inbox.got.length, 0)
      await bench.pass(200)
      assert.is((await inbox.take(1)).length, 1)
    }))

  it('a new deliver subject gets what is pending again', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'])
      const inbox = bench.inbox('d')
      await bench.create('S', 'c', { ...push, ack_policy: 'explicit' })
      await inbox.take(1)
      inbox.close()
      const other = bench.inbox('e')
      await bench.create('S', 'c', { ...push, ack_policy: 'explicit', deliver_subject: 'e' })
      assert.equal(await other.expect(1), ['s.a S.c.2.1.2.T.0 |1'])
    }))
})

spec('where consumers start', it => {
  it('with the last message of each subject, then with what comes', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      const all = ['s.a', 's.b', 's.a', 's.c', 's.b'] as const
      await bench.fill(stream, ...all.map(subject => [subject, ''] as const))
      const policy = { deliver_policy: 'last_per_subject', filter_subject: 's.*' }
      await bench.create('S', 'c', policy)
      assert.is((await bench.info('S', 'c')).num_pending, 3)
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      assert.equal(await inbox.expect(1), ['s.a S.c.1.3.1.T.2 |'])
      await bench.fill(stream, ['s.a', ''], ['s.x.y', ''])
      assert.is((await bench.info('S', 'c')).num_pending, 3)
      stream.remove(4)
      bench.pull('S', 'c', 'in', '5')
      assert.equal(await inbox.expect(2), ['s.b S.c.1.5.2.T.1 |', 's.a S.c.1.6.3.T.0 |'])
      assert.is(figures(await bench.info('S', 'c')), '3/7 0/2 3 0 1 0')
    }))

  it('a pull that is gone does not lose the last of a subject', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'], ['s.b', '3'])
      await bench.create('S', 'c', { deliver_policy: 'last_per_subject', filter_subject: 's.*' })
      bench.pull('S', 'c', 'nobody', '5')
      await bench.settle()
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', '5')
      assert.equal(await inbox.expect(2), ['s.a S.c.1.2.1.T.1 |2', 's.b S.c.1.3.2.T.0 |3'])
      await bench.fill(stream, ['s.a', '4'])
      assert.equal(await inbox.expect(1), ['s.a S.c.1.4.3.T.0 |4'])
    }))

  it('far behind, they count once and keep the count', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      for (let i = 1; i <= 30; i++) await bench.fill(stream, [`s.${i % 3}`, ''])
      await bench.create('S', 'c', { filter_subject: 's.1' })
      let counts = 0
      const count = stream.count.bind(stream)
      stream.count = (filters, from) => {
        counts++
        return count(filters, from)
      }
      const inbox = bench.inbox('in')
      const left: string[] = []
      for (let i = 0; i < 10; i++) {
        bench.pull('S', 'c', 'in')
        const [message] = await inbox.take(1)
        left.push(message?.reply.split('.').at(-1) ?? '')
      }
      assert.is(left.join(' '), '9 8 7 6 5 4 3 2 1 0')
      assert.ok(counts <= 1, `${counts} counts`)
    }))
})

spec('streams for consumers', it => {
  it('a work queue forgets what is acknowledged and nothing else', () =>
    withBench(async bench => {
      const stream = bench.stream('W', { subjects: ['w.>'], retention: 'workqueue' })
      await bench.fill(stream, ['w.a', '1'], ['w.b', '2'], ['w.a', '3'])
      await bench.create('W', 'a', { filter_subject: 'w.a' })
      const inbox = bench.inbox('in')
      bench.pull('W', 'a', 'in', '5')
      const got = await inbox.take(2)
      bench.say((got[1]?.reply ?? '').replace('.3.', '.2.'))
      assert.is(stream.state().messages, 3)
      bench.say(got[1]?.reply ?? '')
      bench.say(got[0]?.reply ?? '', '+TERM')
      await bench.settle()
      assert.equal(
        stream.batch([], 1, 9).map(m => m.seq),
        [2],
      )
    }))

  it('interest: the last one who wants it frees a message', () =>
    withBench(async bench => {
      const stream = bench.stream('I', { subjects: ['i.>'], retention: 'interest' })
      await bench.create('I', 'a', { filter_subject: 'i.a' })
      await bench.create('I', 'all')
      assert.is(bench.consumers.wants(stream, 'i.z'), true)
      await bench.fill(stream, ['i.a', '1'], ['i.b', '2'], ['i.a', '3'])
      const inbox = bench.inbox('in')
      bench.pull('I', 'all', 'in', '5')
      for (const { reply } of await inbox.take(3)) bench.say(reply)
      const seqs = (): number[] => stream.batch([], 1, 9).map(m => m.seq)
      assert.equal(seqs(), [1, 3])
      bench.pull('I', 'a', 'in')
      bench.say((await inbox.take(1))[0]?.reply ?? '')
      assert.equal(seqs(), [3])
      await bench.api('CONSUMER.DELETE.I.a')
      await bench.settle()
      assert.equal(seqs(), [])
      assert.is(bench.consumers.wants(stream, 'i.a'), true)
      await bench.api('CONSUMER.DELETE.I.all')
      assert.is(bench.consumers.wants(stream, 'i.a'), false)
    }))

  it('interest: without acks a message goes when it is delivered', () =>
    withBench(async bench => {
      const stream = bench.stream('I', { subjects: ['i.>'], retention: 'interest' })
      await bench.create('I', 'c', { ack_policy: 'none' })
      await bench.fill(stream, ['i.a', '1'], ['i.a', '2'])
      const inbox = bench.inbox('in')
      bench.pull('I', 'c', 'in')
      await inbox.take(1)
      assert.equal(
        stream.batch([], 1, 9).map(m => m.seq),
        [2],
      )
    }))
})
