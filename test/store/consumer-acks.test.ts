// Acknowledgements, redelivery and what survives a stop, a crash and a lost ack.

import * as assert from 'uvu/assert'
import { ackPendingMax } from '../../edge/store/consumer/consumer.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { ConsumerBench, type Got, type Inbox, figures, withBench } from './consumer-bench.ts'

const msNs = 1e6

/** Stream S with `count` messages, consumer c, all of them pulled. */
async function delivered(
  bench: ConsumerBench,
  count: number,
  config: object = {},
): Promise<{ readonly got: readonly Got[]; readonly inbox: Inbox }> {
  const stream = bench.stream('S', { subjects: ['s.>'] })
  for (let i = 1; i <= count; i++) await bench.fill(stream, ['s.a', `${i}`])
  await bench.create('S', 'c', config)
  const inbox = bench.inbox('in')
  bench.pull('S', 'c', 'in', { batch: 1000 })
  return { got: await inbox.take(count), inbox }
}

const seqsOf = (got: readonly Got[]): string =>
  got.map(m => m.reply.split('.').slice(4, 7).join('/')).join(' ')

spec('acknowledgements', it => {
  it('move the floor up to the lowest message still waiting', () =>
    withBench(async bench => {
      const { got } = await delivered(bench, 5)
      const floor = async (): Promise<string> => {
        const { ack_floor, num_ack_pending } = await bench.info('S', 'c')
        return `${ack_floor.consumer_seq}/${ack_floor.stream_seq} ${num_ack_pending}`
      }
      bench.say(got[1]?.reply ?? '')
      assert.is(await floor(), '0/0 4')
      bench.say(got[0]?.reply ?? '', '+ACK')
      assert.is(await floor(), '2/2 3')
      bench.say(got[4]?.reply ?? '', '+OK')
      assert.is(await floor(), '2/2 2')
      bench.say(got[2]?.reply ?? '', '+TERM no use')
      bench.say(got[3]?.reply ?? '')
      assert.is(await floor(), '5/5 0')
      assert.ok(
        bench.advisories.includes(
          'CONSUMER.MSG_TERMINATED.S.c terminated ' +
            '{"stream":"S","consumer":"c","consumer_seq":3,"stream_seq":3,"deliveries":1,"reason":"no use"}',
        ),
      )
    }))

  it('are answered, empty, when an answer is asked for', () =>
    withBench(async bench => {
      const { got } = await delivered(bench, 3)
      const answers = bench.inbox('answer.*')
      for (const [i, body] of ['', '-NAK', '+WPI'].entries()) {
        bench.say(got[i]?.reply ?? '', body, `answer.${i}`)
      }
      assert.equal(await answers.expect(3), ['answer.0 |', 'answer.1 |', 'answer.2 |'])
      bench.say('$JS.ACK.S.c.1.99.99.1.0', '', 'answer.never')
      bench.say('$JS.ACK.S.c.x', '', 'answer.bad')
      await bench.settle()
      assert.is(answers.got.length, 0)
    }))

  it('come in the longer form as well', () =>
    withBench(async bench => {
      const { got } = await delivered(bench, 1)
      const long = (got[0]?.reply ?? '').replace('$JS.ACK.', '$JS.ACK._.szMpdrwD.')
      assert.is(bench.say(long.replace('_', 'hub')), 0)
      assert.is(bench.say(long), 1)
      assert.is(figures(await bench.info('S', 'c')), '1/1 1/1 0 0 1 0')
    }))

  it('under policy all cover everything before', () =>
    withBench(async bench => {
      const { got } = await delivered(bench, 5, { ack_policy: 'all' })
      bench.say(got[3]?.reply ?? '')
      assert.is(figures(await bench.info('S', 'c')), '5/5 4/4 1 0 1 0')
      bench.say(got[1]?.reply ?? '')
      assert.is(figures(await bench.info('S', 'c')), '5/5 4/4 1 0 1 0')
    }))

  it('missing for ack_wait bring the message again, until it is acknowledged', () =>
    withBench(async bench => {
      const { got, inbox } = await delivered(bench, 2, { ack_wait: 1000 * msNs })
      bench.say(got[0]?.reply ?? '')
      await bench.pass(999)
      assert.is(inbox.got.length, 0)
      await bench.pass(10)
      assert.is(seqsOf(await inbox.take(1)), '2/2/3')
      assert.is(figures(await bench.info('S', 'c')), '3/2 1/1 1 1 1 0')
      await bench.pass(1010)
      const again = await inbox.take(1)
      assert.is(seqsOf(again), '3/2/4')
      bench.say(again[0]?.reply ?? '')
      await bench.pass(5000)
      assert.is(inbox.got.length, 0)
      assert.is(figures(await bench.info('S', 'c')), '4/2 4/2 0 0 1 0')
    }))

  it('of kind NAK bring it at once or after the delay they ask for', () =>
    withBench(async bench => {
      const { got, inbox } = await delivered(bench, 4)
      bench.say(got[0]?.reply ?? '', '-NAK')
      assert.is(seqsOf(await inbox.take(1)), '2/1/5')
      bench.say(got[1]?.reply ?? '', '-NAK {"delay":500000000}')
      bench.say(got[2]?.reply ?? '', '-NAK 1m')
      bench.say(got[3]?.reply ?? '', '-NAK soon')
      assert.is(seqsOf(await inbox.take(1)), '2/4/6')
      await bench.pass(499)
      assert.is(inbox.got.length, 0)
      await bench.pass(10)
      assert.is(seqsOf(await inbox.take(1)), '2/2/7')
    }))

  it('of kind WPI give it another ack_wait', () =>
    withBench(async bench => {
      const { got, inbox } = await delivered(bench, 1, { ack_wait: 1000 * msNs })
      await bench.pass(900)
      bench.say(got[0]?.reply ?? '', '+WPI')
      await bench.pass(900)
      assert.is(inbox.got.length, 0)
      await bench.pass(120)
      assert.is(seqsOf(await inbox.take(1)), '2/1/2')
    }))

  it('of kind NXT acknowledge and pull', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'], ['s.a', '3'])
      await bench.create('S', 'c')
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      const [first] = await inbox.take(1)
      bench.say(first?.reply ?? '', '+NXT {"batch":2}', 'in')
      assert.is(seqsOf(await inbox.take(2)), '1/2/2 1/3/3')
      assert.is(figures(await bench.info('S', 'c')), '3/3 1/1 2 0 0 0')
    }))

  it('follow the backoff, its last step for good', () =>
    withBench(async bench => {
      const backoff = [100 * msNs, 300 * msNs]
      const { inbox } = await delivered(bench, 1, { backoff, max_deliver: 5 })
      await bench.pass(110)
      assert.is(seqsOf(await inbox.take(1)), '2/1/2')
      await bench.pass(290)
      assert.is(inbox.got.length, 0)
      await bench.pass(20)
      assert.is(seqsOf(await inbox.take(1)), '3/1/3')
      await bench.pass(310)
      assert.is(seqsOf(await inbox.take(1)), '4/1/4')
    }))

  it('never come: max_deliver ends it with an advisory, an ack still frees it', () =>
    withBench(async bench => {
      const { got, inbox } = await delivered(bench, 1, { ack_wait: 100 * msNs, max_deliver: 2 })
      await bench.pass(110)
      assert.is((await inbox.take(1)).length, 1)
      await bench.pass(110)
      await bench.pass(1000)
      assert.is(inbox.got.length, 0)
      assert.equal(
        bench.advisories.filter(text => text.startsWith('CONSUMER.MAX')),
        [
          'CONSUMER.MAX_DELIVERIES.S.c max_deliver {"stream":"S","consumer":"c","stream_seq":1,"deliveries":2}',
        ],
      )
      assert.is(figures(await bench.info('S', 'c')), '2/1 0/0 0 1 1 0')
      bench.say(got[0]?.reply ?? '')
      assert.is(figures(await bench.info('S', 'c')).split(' ')[3], '0')
    }))

  it('bound what is delivered: at max_ack_pending, one past, and after one is acknowledged', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      for (let i = 0; i < 4; i++) await bench.fill(stream, ['s.a', `${i}`])
      await bench.create('S', 'c', { max_ack_pending: 2 })
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', '10')
      const got = await inbox.take(2)
      assert.is(seqsOf(got), '1/1/1 1/2/2')
      await bench.settle()
      assert.is(inbox.got.length, 0)
      bench.say(got[1]?.reply ?? '')
      assert.is(seqsOf(await inbox.take(1)), '1/3/3')
      await bench.settle()
      assert.is(inbox.got.length, 0)
    }))

  it(
    'have a bound of their own where max_ack_pending says there is none',
    () =>
      withBench(async bench => {
        const stream = bench.stream('S', { subjects: ['s'], storage: 'memory' })
        const empty = Buffer.alloc(0)
        for (let i = 0; i <= ackPendingMax + 1; i++) {
          stream.append({ subject: 's', headers: empty, payload: empty }, {})
        }
        await bench.until(() => stream.readableSeq > ackPendingMax)
        await bench.create('S', 'c', { max_ack_pending: -1 })
        let count = 0
        let last = ''
        const sink = {
          remote: false as const,
          deliver: (m: { reply: string }) => {
            count++
            last = m.reply
          },
        }
        const { newSubscription } = await import('../../src/broker/post.ts')
        bench.account.subscribe(newSubscription('in', sink))
        bench.pull('S', 'c', 'in', { batch: 1_000_000 })
        await bench.until(() => count >= ackPendingMax)
        await bench.settle()
        assert.is(count, ackPendingMax)
        bench.say(last)
        await bench.until(() => count > ackPendingMax)
        await bench.settle()
        assert.is(count, ackPendingMax + 1)
      }),
    60_000,
  )

  it('of a message that was deleted meanwhile are not waited for', () =>
    withBench(async bench => {
      const { inbox } = await delivered(bench, 2, { ack_wait: 1000 * msNs })
      bench.store.stream('$G', 'S')?.remove(1)
      await bench.settle()
      assert.is(figures(await bench.info('S', 'c')), '2/2 1/1 1 0 1 0')
      bench.store.stream('$G', 'S')?.purge({})
      await bench.settle()
      assert.is(figures(await bench.info('S', 'c')), '2/2 2/2 0 0 1 0')
      await bench.pass(2000)
      assert.is(inbox.got.length, 0)
    }))
})

spec('what consumers keep', it => {
  const restart = async (bench: ConsumerBench, dir: string): Promise<ConsumerBench> => {
    await bench.close()
    return new ConsumerBench(dir, new FakeClock()).start()
  }

  it('config, place, acks and counts survive a stop; the rest comes again after ack_wait', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    const { got } = await delivered(bench, 5, { ack_wait: 1000 * msNs, metadata: { a: 'b' } })
    bench.say(got[0]?.reply ?? '')
    bench.say(got[2]?.reply ?? '')
    bench.say(got[4]?.reply ?? '', '-NAK')
    await bench.settle()
    const before = await bench.api('CONSUMER.INFO.S.c')
    bench = await restart(bench, dir)
    const after = await bench.api('CONSUMER.INFO.S.c')
    for (const field of ['config', 'created', 'delivered', 'ack_floor', 'num_ack_pending']) {
      assert.equal(after[field], before[field], field)
    }
    assert.is((await bench.info('S', 'c')).num_redelivered, 1)
    const inbox = bench.inbox('in')
    bench.pull('S', 'c', 'in', '10')
    await bench.pass(990)
    assert.is(inbox.got.length, 0)
    await bench.pass(20)
    assert.is(seqsOf(await inbox.take(3)), '2/2/7 2/4/8 3/5/9')
    await bench.close()
  })

  it('an answered ack is on disk before the answer leaves; a plain one soon after', async () => {
    const dir = scratch('consumers')
    const bench = await new ConsumerBench(dir).start()
    const { got } = await delivered(bench, 3)
    const stored = (): string => {
      const { db } = bench.store
      const row = db.prepare('SELECT delivered_stream, floor_stream FROM consumer').get()
      const chunks = db.prepare('SELECT entries FROM consumer_pending').all()
      return `${row?.join('/')} ${chunks.join()}`
    }
    let groupsAtAnswer = -1
    const answer = bench.inbox('answer')
    bench.say(got[0]?.reply ?? '')
    await bench.settle()
    assert.is(stored(), '0/0 ')
    bench.say(got[1]?.reply ?? '', '', 'answer')
    await bench.until(() => {
      if (answer.got.length > 0) groupsAtAnswer = bench.store.commit.groups
      return answer.got.length > 0
    })
    assert.ok(groupsAtAnswer > 0)
    assert.is(stored(), '3/2 [3,3,1]')
    bench.say(got[2]?.reply ?? '')
    await bench.pass(249)
    assert.is(stored(), '3/2 [3,3,1]')
    await bench.pass(1)
    await bench.until(() => stored() === '3/3 ')
    await bench.close()
  })

  it('an ack that cannot be written is not answered', async () => {
    const bench = await new ConsumerBench().start()
    const { got } = await delivered(bench, 1)
    const answer = bench.inbox('answer')
    const { commit } = bench.store
    const onDisk = commit.onDisk.bind(commit)
    commit.onDisk = done => onDisk(() => done(new Error('disk full')))
    bench.say(got[0]?.reply ?? '', '', 'answer')
    await bench.pass(10)
    await bench.settle()
    assert.is(answer.got.length, 0)
    await bench.close()
  })

  it('a consumer of a deleted stream does not come back with a new one of its name', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    const stream = bench.stream('S', { subjects: ['s.>'] })
    await bench.create('S', 'c')
    const inbox = bench.inbox('in')
    bench.pull('S', 'c', 'in')
    await bench.settle()
    bench.store.delete(stream)
    bench.consumers.detach(stream)
    assert.equal(await inbox.expect(1), ['in NATS/1.0 409 Consumer Deleted|'])
    bench.clock.advance(1000)
    bench.stream('S', { subjects: ['s.>'] })
    assert.is((await bench.api('CONSUMER.NAMES.S')).total, 0)
    bench = await restart(bench, dir)
    assert.is((await bench.api('CONSUMER.NAMES.S')).total, 0)
    await bench.close()
  })

  it('ones in memory, of sources and of memory streams are not kept', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    bench.stream('S', { subjects: ['s.>'] })
    await bench.create('S', 'kept')
    await bench.create('S', 'memory', { mem_storage: true })
    const direct = { durable_name: '', direct: true, deliver_subject: 'd', ack_policy: 'none' }
    await bench.create('S', 'direct', direct)
    assert.equal((await bench.api('CONSUMER.NAMES.S')).consumers, ['kept', 'memory'])
    bench = await restart(bench, dir)
    assert.equal((await bench.api('CONSUMER.NAMES.S')).consumers, ['kept'])
    await bench.close()
  })

  it('what a damaged store lost is not waited for', async () => {
    const dir = scratch('consumers')
    const bench = await new ConsumerBench(dir).start()
    await delivered(bench, 3)
    await bench.pass(250)
    await bench.until(
      () => bench.store.db.value('SELECT max(delivered_stream) FROM consumer') === 3,
    )
    const { db } = bench.store
    db.exec(`DELETE FROM block WHERE id % ${2 ** 40} > 1`)
    db.exec('UPDATE stream_state SET last = 1, count = 1')
    db.exec(`UPDATE subject SET count = 1, last = 1`)
    const source = bench.store.stream('$G', 'S')
    assert.ok(source)
    source.lastSeq = 1
    source.messages = 1
    source.readableSeq = 1
    const group = bench.consumers.group(source)
    group?.close()
    group?.load()
    assert.is(figures(await bench.info('S', 'c')), '3/1 0/0 1 0 0 0')
    await bench.close()
  })

  it('starting reads no message', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    const stream = bench.stream('S', { subjects: ['s.>'] })
    for (let i = 0; i < 20; i++) await bench.fill(stream, ['s.a', 'x'])
    await bench.create('S', 'c', { filter_subject: 's.a' })
    await bench.close()
    bench = new ConsumerBench(dir)
    await bench.store.start()
    bench.consumers.start()
    const found = bench.store.stream('$G', 'S')
    assert.ok(found)
    const asked: string[] = []
    for (const name of ['get', 'next', 'batch', 'count', 'last', 'lastPerSubject'] as const) {
      Object.defineProperty(found, name, { value: () => asked.push(name) })
    }
    bench.consumers.attach(bench.jetstream, found)
    await bench.settle()
    assert.equal(asked, [])
    await bench.close()
  })
})
