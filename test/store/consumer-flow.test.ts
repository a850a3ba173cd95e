// Acknowledging by flow control, and resets: what survives a stop, and what a peer may not do.

import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { post } from '../../src/broker/post.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { ConsumerBench, type Got, type Inbox, figures, withBench } from './consumer-bench.ts'

const flow = { ack_policy: 'flow_control', deliver_subject: 'd' }

const asked = (got: readonly Got[]): string =>
  got.find(({ reply }) => reply.startsWith('$JS.FC.'))?.reply ?? ''

/** The receiver's answer: everything up to there is stored. */
function answer(
  bench: ConsumerBench,
  subject: string,
  consumerSeq: string,
  streamSeq: string,
): void {
  const lines = `Nats-Last-Consumer: ${consumerSeq}\r\nNats-Last-Stream: ${streamSeq}`
  const headers = Buffer.from(`NATS/1.0\r\n${lines}\r\n\r\n`)
  const origin = { kind: 'client', sink: null, echo: true, permissions: null } as const
  post(bench.account, origin, { subject, headers })
}

/** Stream S with three messages, all of them delivered to `d`; the question that came with them. */
async function delivered(
  bench: ConsumerBench,
  config: object = {},
): Promise<{ readonly inbox: Inbox; readonly question: string }> {
  const stream = bench.stream('S', { subjects: ['s.>'] })
  await bench.fill(stream, ['s.a', '1'], ['s.a', '2'], ['s.a', '3'])
  const inbox = bench.inbox('d')
  await bench.create('S', 'c', { ...flow, ...config })
  await inbox.take(3)
  await bench.pass(1000)
  return { inbox, question: asked(await inbox.take(2)) }
}

spec('flow control that acknowledges', it => {
  it('asks with a heartbeat as long as something waits, and not twice', () =>
    withBench(async bench => {
      const { inbox, question } = await delivered(bench)
      assert.match(question, /^\$JS\.FC\.S\.c\.\w{4}$/)
      await bench.pass(1000)
      const stalled = `d NATS/1.0 100 Idle Heartbeat; Nats-Last-Consumer: 3; Nats-Last-Stream: 3; Nats-Consumer-Stalled: ${question}|`
      assert.equal(await inbox.expect(1), [stalled])
      answer(bench, question, '3', '3')
      assert.is(figures(await bench.info('S', 'c')), '3/3 3/3 0 0 0 0')
      await bench.pass(1000)
      const idle = 'd NATS/1.0 100 Idle Heartbeat; Nats-Last-Consumer: 3; Nats-Last-Stream: 3|'
      assert.equal(await inbox.expect(1), [idle])
    }))

  it('nothing comes again by itself, however long it takes', () =>
    withBench(async bench => {
      const { inbox } = await delivered(bench)
      for (let i = 0; i < 3; i++) await bench.pass(3_600_000)
      for (const { subject } of inbox.got) assert.is(subject, 'd')
      assert.is(figures(await bench.info('S', 'c')), '3/3 0/0 3 0 0 0')
    }))

  it('an answer that names what was never delivered acknowledges nothing', () =>
    withBench(async bench => {
      const { question } = await delivered(bench)
      answer(bench, question, '4', '4')
      assert.is(figures(await bench.info('S', 'c')), '3/3 0/0 3 0 0 0')
    }))

  it('nonsense in an answer acknowledges nothing, and it was the answer', () =>
    withBench(async bench => {
      const { inbox, question } = await delivered(bench)
      answer(bench, question, '3', '-3')
      answer(bench, question, '3', '3')
      assert.is(figures(await bench.info('S', 'c')), '3/3 0/0 3 0 0 0')
      await bench.pass(1000)
      const again = asked(await inbox.take(2))
      answer(bench, again, 'x', '99999999999999999999')
      await bench.pass(1000)
      answer(bench, asked(await inbox.take(2)), '1', '1')
      assert.is(figures(await bench.info('S', 'c')), '3/3 1/1 2 0 0 0')
    }))

  it('what was acknowledged stays so over a restart, and the rest waits for a reset', async () => {
    const dir = scratch('flow')
    let bench = await new ConsumerBench(dir).start()
    const { question } = await delivered(bench)
    answer(bench, question, '2', '2')
    await bench.close()
    bench = await new ConsumerBench(dir, new FakeClock()).start()
    assert.is(figures(await bench.info('S', 'c')), '3/3 2/2 1 0 0 0')
    const inbox = bench.inbox('d')
    await bench.pass(5000)
    assert.is(
      inbox.got
        .filter(({ subject }) => subject !== 'd')
        .map(({ payload }) => payload)
        .join(),
      '',
    )
    inbox.got.length = 0
    const answers = bench.inbox('answer')
    bench.say('$JS.API.CONSUMER.RESET.S.c', '', 'answer')
    const [reset] = await answers.take(1)
    assert.match(reset?.payload ?? '', /"reset_seq":3/)
    assert.equal(await inbox.expect(1), ['s.a S.c.1.3.1.T.0 |3'])
    await bench.close()
  })
})

spec('resets', it => {
  it('are kept over a restart', async () => {
    const dir = scratch('reset')
    let bench = await new ConsumerBench(dir).start()
    const stream = bench.stream('S', { subjects: ['s.>'] })
    for (let i = 1; i <= 4; i++) await bench.fill(stream, ['s.a', `${i}`])
    await bench.create('S', 'c')
    const inbox = bench.inbox('in')
    bench.pull('S', 'c', 'in', { batch: 4 })
    for (const { reply } of await inbox.take(4)) bench.say(reply)
    assert.is(figures(await bench.info('S', 'c')), '4/4 4/4 0 0 0 0')
    const answers = bench.inbox('answer')
    bench.say('$JS.API.CONSUMER.RESET.S.c', { seq: 2 }, 'answer')
    await answers.take(1)
    await bench.close()
    bench = await new ConsumerBench(dir, new FakeClock()).start()
    assert.is(figures(await bench.info('S', 'c')), '0/1 0/1 0 0 0 3')
    await bench.close()
  })

  it('forget what was to be delivered again', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'])
      await bench.create('S', 'c', { max_deliver: 1, ack_wait: 1e9 })
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', { batch: 2 })
      const [first] = await inbox.take(2)
      await bench.pass(2000)
      bench.say('$JS.API.CONSUMER.RESET.S.c', '', 'answer')
      bench.say(first?.reply ?? '')
      await bench.settle()
      assert.is(figures(await bench.info('S', 'c')), '0/0 0/0 0 0 0 2')
      bench.pull('S', 'c', 'in', { batch: 2 })
      assert.equal(await inbox.expect(2), ['s.a S.c.1.1.1.T.1 |1', 's.a S.c.1.2.2.T.0 |2'])
    }))

  it('begin a last_per_subject phase again where the floor is', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.b', '2'], ['s.b', '3'], ['s.a', '4'], ['s.c', '5'])
      await bench.create('S', 'c', { deliver_policy: 'last_per_subject', filter_subject: 's.>' })
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in', { batch: 2 })
      const [first] = await inbox.take(2)
      bench.say(first?.reply ?? '')
      bench.say('$JS.API.CONSUMER.RESET.S.c', '', 'answer')
      bench.pull('S', 'c', 'in', { batch: 2 })
      assert.equal(await inbox.expect(2), ['s.a S.c.1.4.1.T.1 |4', 's.c S.c.1.5.2.T.0 |5'])
    }))

  it('that are not understood are refused', () =>
    withBench(async bench => {
      bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c')
      const answers = bench.inbox('answer')
      for (const body of ['{', '[]', { seq: -1 }, { seq: 'x' }, { seq: 2 ** 60 }]) {
        bench.say('$JS.API.CONSUMER.RESET.S.c', body, 'answer')
      }
      for (const { payload } of await answers.take(5)) assert.match(payload, /"err_code":10025/)
      bench.say('$JS.API.CONSUMER.RESET.S.c', { seq: 2 })
      assert.is(figures(await bench.info('S', 'c')), '0/0 0/0 0 0 0 0')
    }))
})
