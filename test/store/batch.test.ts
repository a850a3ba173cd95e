// Batches on a store: bounds in bytes and in time, what a failing disk takes back, and that nobody
// sees a part of an atomic one. What is said on the wire is test/peer/batch-*.test.ts's.

import * as assert from 'uvu/assert'
import {
  atomicBatchBytesMax,
  batchLimitsOf,
  stagedBytesMax,
} from '../../edge/store/batch/limits.ts'
import { jetstreamDefaults } from '../../edge/store/options.ts'
import type { Receipt } from '../../src/message.ts'
import { spec } from '../support/spec.ts'
import { type PublishBench, withPublishBench } from './publish-bench.ts'

const atomic = { allow_atomic: true }
const fast = { allow_batched: true }
const megabyte = 1024 * 1024
/** What a staged message counts beside its bytes. */
const overheadBytes = 300

/** Stages parts of a batch that count exactly so many bytes; returns the next sequence. */
function stage(bench: PublishBench, id: string, totalBytes: number): number {
  let [leftBytes, seq] = [totalBytes, 1]
  while (leftBytes > 0) {
    const headBytes = `NATS/1.0\r\nNats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${seq}\r\n\r\n`
      .length
    const bytes = Math.min(leftBytes, megabyte)
    bench.part('s.1', id, seq, { body: Buffer.alloc(bytes - overheadBytes - headBytes) })
    leftBytes -= bytes
    seq++
  }
  return seq
}

const fastReply = (id: string, seq: number, operation: number, gap = 'fail', flow = 2): string =>
  `_R.${id}.${flow}.${gap}.${seq}.${operation}.$FI`

class FakeReceipt implements Receipt {
  holds = 0
  outcomes: string[] = []

  hold(): void {
    this.holds++
  }

  release(error?: Error): void {
    this.holds--
    if (error) this.outcomes.push(error.message)
    else if (this.holds === 0) this.outcomes.push('kept')
  }
}

spec('atomic batches in the store', it => {
  it('one may hold 16 MiB and no byte more', () =>
    withPublishBench(async bench => {
      const stream = bench.stream('S', atomic)
      const next = stage(bench, 'full', atomicBatchBytesMax)
      assert.is(bench.inflight.stagedBytes, atomicBatchBytesMax)
      assert.ok(bench.take().every(line => line === '_R.1|'))
      bench.say('s.1', {
        head: {
          'Nats-Batch-Id': 'full',
          'Nats-Batch-Sequence': String(next),
          'Nats-Batch-Commit': 'eob',
        },
      })
      await bench.onDisk()
      const count = next - 1
      assert.equal(bench.take(), [
        `_R.1|{"stream":"S","seq":${count},"batch":"full","count":${count}}`,
      ])
      assert.is(bench.inflight.stagedBytes, 0)
      const over = stage(bench, 'over', atomicBatchBytesMax)
      bench.take()
      bench.part('s.1', 'over', over)
      const [refusal, advisory] = bench.take().reverse()
      assert.match(refusal ?? '', '"err_code":10199')
      assert.match(refusal ?? '', 'atomic publish batch is too large: 16777216 bytes')
      assert.match(advisory ?? '', '"batch":"over","reason":"large"')
      assert.equal([bench.inflight.stagedBytes, bench.inflight.atomic], [0, 0])
      assert.is(stream.state().messages, count)
    }))

  it('all may hold 32 MiB and no byte more', () =>
    withPublishBench(bench => {
      bench.stream('S', atomic)
      const [a, b] = ['a', 'b'].map(id => stage(bench, id, stagedBytesMax / 2))
      assert.is(bench.inflight.stagedBytes, stagedBytesMax)
      bench.take()
      bench.part('s.1', 'c', 1)
      assert.match(bench.take().at(-1) ?? '', '"err_code":10210')
      bench.part('s.1', 'a', (a ?? 0) + 1)
      assert.match(bench.take().at(-1) ?? '', '"err_code":10176')
      bench.part('s.1', 'c', 1)
      assert.equal(bench.take(), ['_R.1|'])
      bench.part('s.1', 'b', (b ?? 0) + 1)
      assert.is(bench.inflight.atomic, 1)
    }))

  it('is one group, however full the queue is', () =>
    withPublishBench(
      async bench => {
        const stream = bench.stream('S', atomic)
        await bench.onDisk()
        const body = Buffer.alloc(1000)
        const { durable } = bench.test.store
        for (let seq = 1; seq < 100; seq++) bench.part('s.1', 'b', seq, { body })
        const { groups } = durable
        bench.part('s.1', 'b', 100, { body, commit: true })
        bench.say('s.1')
        assert.match(bench.take().at(-1) ?? '', 'too many requests')
        const seen: number[] = []
        stream.watch({ readable: seq => seen.push(seq), removed() {} })
        await bench.onDisk()
        assert.is(durable.groups, groups + 1)
        assert.equal(seen, [100])
        assert.equal(bench.take(), ['_R.1|{"stream":"S","seq":100,"batch":"b","count":100}'])
        for (let seq = 1; seq < 3; seq++) bench.part('s.1', 'c', seq, { body })
        bench.say('s.1')
        for (let i = 0; i < 20; i++) bench.say('s.1', { body })
        bench.part('s.1', 'c', 3, { commit: true })
        assert.match(bench.take().at(-1) ?? '', 'too many requests')
        await bench.onDisk()
        const last = stream.get(stream.state().lastSeq)
        assert.is(last?.headers.length, 0)
      },
      { queueBytesMax: 20_000 },
    ))

  it('leaves nothing when its group cannot be committed, or synced', () =>
    withPublishBench(async bench => {
      const stream = bench.stream('S', { ...atomic, allow_rollup_hdrs: true })
      bench.say('s.1', { body: 'before' })
      await bench.onDisk()
      for (const fail of ['failCommit', 'failSync'] as const) {
        const id = { 'Nats-Msg-Id': fail }
        bench.take()
        bench[fail]()
        bench.part('s.1', fail, 1, { head: { ...id, 'Nats-Rollup': 'all' } })
        bench.part('s.2', fail, 2, { commit: true })
        assert.ok(await bench.onDisk())
        assert.match(bench.take().at(-1) ?? '', '"err_code":10077')
        bench.part('s.1', 'sick', 1, { commit: true })
        assert.match(bench.take().at(-1) ?? '', '"err_code":10047')
        bench.recover()
        await bench.onDisk()
        // A group whose sync failed was committed: it is brought to disk.
        const kept = fail === 'failSync' ? 2 : 1
        assert.is(stream.state().messages, kept)
        assert.is(stream.readableSeq, stream.state().lastSeq)
        if (fail === 'failSync') continue
        assert.is(stream.get(1)?.payload.toString(), 'before')
        bench.part('s.1', fail, 1, { head: id })
        bench.part('s.2', fail, 2, { commit: true })
        await bench.onDisk()
        assert.match(bench.take().at(-1) ?? '', '"count":2')
        stream.remove(2)
        stream.remove(3)
      }
    }))

  it('ends after 10 s without a message, and not before', () =>
    withPublishBench(bench => {
      const stream = bench.stream('S', atomic)
      const { clock } = bench.test
      bench.part('s.1', 'b', 1)
      clock.advance(9_999)
      bench.part('s.1', 'b', 2)
      clock.advance(9_999)
      assert.equal(bench.take(), ['_R.1|', '_R.1|'])
      clock.advance(1)
      assert.match(bench.take()[0] ?? '', '"batch":"b","reason":"timeout"')
      assert.equal([bench.inflight.stagedBytes, bench.inflight.atomic], [0, 0])
      bench.part('s.1', 'b', 3, { commit: true })
      assert.match(bench.take()[0] ?? '', '"err_code":10176')
      assert.is(stream.state().messages, 0)
    }))

  it('goes with its stream', () =>
    withPublishBench(bench => {
      const stream = bench.stream('S', { ...atomic, ...fast })
      bench.part('s.1', 'b', 1)
      bench.say('s.1', { reply: fastReply('f', 1, 0) })
      assert.equal([bench.inflight.atomic, bench.inflight.fast], [1, 1])
      bench.streams.delete(stream)
      const { atomic: batches, fast: ingests, stagedBytes } = bench.inflight
      assert.equal([batches, ingests, stagedBytes], [0, 0, 0])
    }))

  it('tells who waits for the disk of each of its messages', () =>
    withPublishBench(async bench => {
      bench.stream('S', atomic)
      const [first, last, lost] = [new FakeReceipt(), new FakeReceipt(), new FakeReceipt()]
      bench.part('s.1', 'b', 1, { receipt: first })
      assert.equal([first.holds, first.outcomes], [1, []])
      bench.part('s.1', 'b', 2, { receipt: last, commit: true })
      assert.equal(first.outcomes, [])
      await bench.onDisk()
      for (const { holds, outcomes } of [first, last]) {
        assert.is(holds, 0)
        assert.equal(outcomes, ['kept'])
      }
      bench.part('s.1', 'c', 1, { receipt: lost })
      bench.part('s.1', 'c', 3)
      assert.equal([lost.holds, lost.outcomes], [0, ['batch abandoned']])
    }))

  it('has the limits of nats-server where none are set', () => {
    const { limits } = jetstreamDefaults()
    assert.equal(batchLimitsOf(jetstreamDefaults()), {
      atomicPerStreamMax: 50,
      atomicTotalMax: 1000,
      messagesMax: 1000,
      fastPerStreamMax: 1000,
      fastTotalMax: 50_000,
      idleMsMax: 10_000,
    })
    const batch = { max_inflight_per_stream: 1, max_inflight_total: 2, max_msgs: 3, timeout: 4 }
    assert.equal(batchLimitsOf({ ...jetstreamDefaults(), limits: { ...limits, batch } }), {
      atomicPerStreamMax: 1,
      atomicTotalMax: 2,
      messagesMax: 3,
      fastPerStreamMax: 1,
      fastTotalMax: 2,
      idleMsMax: 4,
    })
  })
})

spec('fast batches in the store', it => {
  it('answer for what is on disk, and not before', () =>
    withPublishBench(async bench => {
      bench.stream('S', fast)
      await bench.onDisk()
      bench.say('s.1', { reply: fastReply('b', 1, 0) })
      bench.say('s.1', { reply: fastReply('b', 2, 1) })
      bench.say('s.1', { reply: fastReply('b', 2, 4) })
      bench.say('s.1', { reply: fastReply('b', 3, 2) })
      const start = '_R.b.2.fail.1.0.$FI|{"type":"ack","seq":0,"msgs":2}'
      assert.equal(bench.take(), [start])
      await bench.onDisk()
      assert.equal(bench.take(), [
        '_R.b.2.fail.2.1.$FI|{"type":"ack","seq":2,"msgs":2}',
        '_R.b.2.fail.2.4.$FI|{"type":"ack","seq":2,"msgs":2}',
        '_R.b.2.fail.3.2.$FI|{"stream":"S","seq":3,"batch":"b","count":3}',
      ])
    }))

  for (const fail of ['failCommit', 'failSync'] as const) {
    it(`end when their group is lost (${fail})`, () =>
      withPublishBench(async bench => {
        const stream = bench.stream('S', fast)
        await bench.onDisk()
        for (const id of ['a', 'b', 'c']) {
          bench.say('s.1', { reply: fastReply(id, 1, 0, 'ok', 3) })
        }
        await bench.onDisk()
        bench.take()
        bench[fail]()
        // One with an answer due, one without, one that has nothing in this group.
        bench.say('s.1', { reply: fastReply('a', 2, 1, 'ok', 3) })
        bench.say('s.1', { reply: fastReply('a', 3, 1, 'ok', 3) })
        bench.say('s.1', { reply: fastReply('b', 2, 1, 'ok', 3) })
        assert.ok(await bench.onDisk())
        assert.equal(
          bench.take().map(line => line.replace(/"description":"[^"]*"/, '')),
          ['_R.a.3.ok.3.1.$FI|{"error":{"code":503,"err_code":10077,},"stream":"S","seq":0}'],
        )
        bench.recover()
        await bench.onDisk()
        assert.is(bench.inflight.fast, 1)
        bench.say('s.1', { reply: fastReply('a', 4, 2, 'ok', 3) })
        bench.say('s.1', { reply: fastReply('b', 3, 2, 'ok', 3) })
        assert.equal(
          bench.take().map(line => /"err_code":\d+/.exec(line)?.[0]),
          ['"err_code":10208', '"err_code":10208'],
        )
        bench.say('s.1', { reply: fastReply('c', 2, 2, 'ok', 3) })
        await bench.onDisk()
        assert.match(bench.take()[0] ?? '', `"seq":${stream.state().lastSeq},"batch":"c","count":2`)
        // A batch of the same group after it: it counts anew.
        bench[fail]()
        bench.say('s.1', { reply: fastReply('d', 1, 0, 'ok', 3) })
        assert.ok(await bench.onDisk())
        assert.is(bench.inflight.fast, 0)
        bench.recover()
        await bench.onDisk()
      }))
  }

  it('are asked to wait sooner the larger their messages are', () =>
    withPublishBench(async bench => {
      bench.stream('S', { ...fast, storage: 'memory' })
      const flowOf = (): unknown => JSON.parse((bench.take()[0] ?? '').split('|')[1] ?? '').msgs
      for (const [bytes, flow] of [
        [1000, 500],
        [64 * 1024, 127],
        [megabyte, 7],
        [9 * megabyte, 1],
      ] as const) {
        const reply = fastReply('b', 1, 0, 'fail', 1000)
        bench.say('s.1', { reply, body: Buffer.alloc(bytes), head: { Some: 'x' } })
        assert.is(flowOf(), flow, `${bytes}`)
        bench.say('s.1', { reply: fastReply('b', 2, 3) })
        bench.take()
      }
    }))

  it('are forgotten after 10 s without a message, and not before', () =>
    withPublishBench(bench => {
      bench.stream('S', fast)
      const { clock } = bench.test
      bench.say('s.1', { reply: fastReply('b', 1, 0) })
      clock.advance(9_999)
      bench.say('s.1', { reply: fastReply('b', 1, 4) })
      clock.advance(9_999)
      assert.is(bench.inflight.fast, 1)
      clock.advance(1)
      assert.is(bench.inflight.fast, 0)
    }))

  it('tell who waits for the disk of a message', () =>
    withPublishBench(async bench => {
      bench.stream('S', fast)
      const [kept, refused] = [new FakeReceipt(), new FakeReceipt()]
      bench.say('s.1', { reply: fastReply('b', 1, 0), receipt: kept })
      assert.is(kept.holds, 1)
      await bench.onDisk()
      assert.equal(kept.outcomes, ['kept'])
      bench.say('s.1', { reply: fastReply('x', 2, 1), receipt: refused })
      assert.equal(refused.outcomes, ['batch publish ID unknown'])
    }))
})
