// Pull consumers: requests and their ends, byte by byte as nats-server 2.10 sends them.

import * as assert from 'uvu/assert'
import { spec } from '../support/spec.ts'
import { figures, withBench } from './consumer-bench.ts'

const msNs = 1e6

spec('pull consumers', it => {
  it('deliver under the stored subject, with an ack reply that counts', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', 'one'], ['s.b', 'two', 'A: b'], ['s.a', 'three'])
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      assert.equal(await inbox.expect(1), ['s.a S.c.1.1.1.T.2 |one'])
      bench.pull('S', 'c', 'in', '2')
      assert.equal(await inbox.expect(2), [
        's.b S.c.1.2.2.T.1 NATS/1.0; A: b|two',
        's.a S.c.1.3.3.T.0 |three',
      ])
      assert.is(figures(await bench.info('S', 'c')), '3/3 0/0 3 0 0 0')
    }))

  it('ask for one message when they name no number', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'], ['s.a', '3'], ['s.a', '4'])
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      for (const request of ['', '{}', '{"batch":-1}', 'what?']) bench.pull('S', 'c', 'in', request)
      assert.is((await inbox.take(4)).length, 4)
      assert.is((await bench.info('S', 'c')).num_waiting, 0)
    }))

  it('end with a status when they find nothing, expire or ask for too little', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', { batch: 5, no_wait: true })
      assert.equal(await inbox.take(1), [
        { subject: 'in', reply: '', headers: 'NATS/1.0 404 No Messages\r\n\r\n', payload: '' },
      ])
      bench.pull('S', 'c', 'in', { batch: 5, expires: 1000 * msNs, max_bytes: 100 })
      await bench.pass(999)
      assert.is(inbox.got.length, 0)
      await bench.pass(1)
      assert.is(
        (await inbox.take(1))[0]?.headers,
        'NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 5\r\nNats-Pending-Bytes: 100\r\n\r\n',
      )
      await bench.fill(stream, ['s.a', 'x'])
      bench.pull('S', 'c', 'in', { batch: 1, expires: 1000 * msNs, max_bytes: 2 })
      assert.is(
        (await inbox.take(1))[0]?.headers,
        'NATS/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: 1\r\nNats-Pending-Bytes: 2\r\n\r\n',
      )
      bench.pull('S', 'c', 'in', { batch: 1, max_bytes: 1000 })
      const [message, status] = await inbox.take(2)
      const size = `s.a${message?.reply}x`.length
      assert.is(
        status?.headers,
        `NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: 0\r\nNats-Pending-Bytes: ${1000 - size}\r\n\r\n`,
      )
      assert.is(figures(await bench.info('S', 'c')), '1/1 0/0 1 0 0 0')
    }))

  it('a batch that does not wait takes what is there and ends', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'])
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', { batch: 5, no_wait: true })
      const got = await inbox.expect(3)
      assert.is(got.length, 3)
      assert.is(got[2], 'in NATS/1.0 404 No Messages|')
    }))

  it('two that do not wait for the one message left: the second is told', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'])
      await bench.create('S', 'c')
      const inbox = bench.inbox('in.*')
      bench.pull('S', 'c', 'in.a', { batch: 1, no_wait: true })
      bench.pull('S', 'c', 'in.b', { batch: 1, no_wait: true })
      const got = await inbox.expect(2)
      assert.equal(got, ['s.a S.c.1.1.1.T.0 |1', 'in.b NATS/1.0 404 No Messages|'])
    }))

  it('heartbeats while a request waits, then it expires', () =>
    withBench(async bench => {
      bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', {
        batch: 5,
        expires: 350 * msNs,
        idle_heartbeat: 100 * msNs,
      })
      for (let i = 0; i < 3; i++) {
        await bench.pass(100)
        assert.is(
          (await inbox.take(1))[0]?.headers,
          'NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 0\r\nNats-Last-Stream: 0\r\n\r\n',
        )
      }
      await bench.pass(50)
      assert.match((await inbox.take(1))[0]?.headers ?? '', /^NATS\/1.0 408 Request Timeout/)
      await bench.pass(1000)
      assert.is(inbox.got.length, 0)
    }))

  it('are bounded: one more than max_waiting is refused, and taken after one ended', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c', { max_waiting: 2 })
      const inbox = bench.inbox('in.*')
      for (const to of ['in.1', 'in.2', 'in.3']) bench.pull('S', 'c', to)
      assert.equal(await inbox.expect(1), ['in.3 NATS/1.0 409 Exceeded MaxWaiting|'])
      await bench.fill(stream, ['s.a', '1'])
      assert.is((await inbox.take(1)).length, 1)
      bench.pull('S', 'c', 'in.4')
      await bench.settle()
      assert.is(inbox.got.length, 0)
      assert.is((await bench.info('S', 'c')).num_waiting, 2)
    }))

  it('serve requests in turn', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c')
      const [a, b] = [bench.inbox('in.a'), bench.inbox('in.b')]
      bench.pull('S', 'c', 'in.a', '2')
      bench.pull('S', 'c', 'in.b', '2')
      await bench.fill(stream, ['s.1', ''], ['s.2', ''], ['s.3', ''], ['s.4', ''])
      assert.equal(
        (await a.take(2)).map(m => m.subject),
        ['s.1', 's.3'],
      )
      assert.equal(
        (await b.take(2)).map(m => m.subject),
        ['s.2', 's.4'],
      )
    }))

  it('a request whose inbox is gone takes no message with it', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c')
      const gone = bench.inbox('gone')
      bench.pull('S', 'c', 'gone', '5')
      await bench.settle()
      gone.close()
      await bench.fill(stream, ['s.a', '1'])
      await bench.settle()
      assert.is(figures(await bench.info('S', 'c')), '0/0 0/0 0 0 0 1')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      assert.equal(await inbox.expect(1), ['s.a S.c.1.1.1.T.0 |1'])
      assert.is(figures(await bench.info('S', 'c')), '1/1 0/0 1 0 0 0')
    }))

  it('nothing is delivered that is not on disk', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      await bench.settle()
      stream.append({ subject: 's.a', headers: Buffer.alloc(0), payload: Buffer.from('x') }, {})
      let readableBefore = stream.readableSeq
      await bench.until(() => {
        if (inbox.got.length === 0) readableBefore = stream.readableSeq
        return inbox.got.length > 0
      })
      assert.ok(readableBefore <= 1)
      assert.is(stream.readableSeq, 1)
    }))

  it('an unused ephemeral one goes after its threshold, one with a waiting pull stays', () =>
    withBench(async bench => {
      bench.stream('S', { subjects: ['s.>'] })
      const threshold = { durable_name: '', inactive_threshold: 1000 * msNs }
      await bench.create('S', 'idle', threshold)
      await bench.create('S', 'used', threshold)
      bench.inbox('in')
      bench.pull('S', 'used', 'in')
      await bench.pass(999)
      assert.is((await bench.api('CONSUMER.NAMES.S')).total, 2)
      await bench.pass(1)
      assert.equal((await bench.api('CONSUMER.NAMES.S')).consumers, ['used'])
      assert.equal(bench.advisories.at(-1)?.split(' ')[0], 'CONSUMER.DELETED.S.idle')
      await bench.pass(5000)
      assert.equal((await bench.api('CONSUMER.NAMES.S')).consumers, ['used'])
    }))

  it('a deleted one tells those who wait and forgets its subjects', () =>
    withBench(async bench => {
      bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      await bench.settle()
      assert.equal(await bench.api('CONSUMER.DELETE.S.c'), { success: true })
      assert.equal(await inbox.expect(1), ['in NATS/1.0 409 Consumer Deleted|'])
      assert.is(bench.say('$JS.API.CONSUMER.MSG.NEXT.S.c', '', 'in'), 0)
      assert.is(bench.say('$JS.ACK.S.c.1.1.1.1.1'), 0)
    }))

  it('large messages are read a few at a time', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      const big = 'x'.repeat(600_000)
      for (let i = 0; i < 5; i++) await bench.fill(stream, ['s.a', big])
      await bench.create('S', 'c')
      const asked: number[] = []
      const batch = stream.batch.bind(stream)
      stream.batch = (filters, from, count) => {
        asked.push(count)
        return batch(filters, from, count)
      }
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', '5')
      const got = await inbox.take(5)
      assert.equal(
        got.map(m => m.reply.split('.').at(-1)),
        ['4', '3', '2', '1', '0'],
      )
      assert.ok(
        asked.slice(1).every(count => count <= 2),
        `read ${asked}`,
      )
    }))
})
