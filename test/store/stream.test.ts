// A stream's own behaviour: sequences, reads, removal, limits, expectations. Every case ends with
// verify(), and holds for streams in memory as well.

import * as assert from 'uvu/assert'
import type { Storage, StoredMessage } from '../../edge/store/shapes.ts'
import { spec } from '../support/spec.ts'
import { TestStore, none, put, streamConfig } from './support.ts'

const seqs = (messages: readonly StoredMessage[]): number[] => messages.map(one => one.seq)

for (const storage of ['file', 'memory'] as Storage[]) {
  spec(`stream ${storage}`, it => {
    it('shows a message once it is on disk', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      const told: number[] = []
      stream.watch({ readable: seq => told.push(seq), removed() {} })
      assert.is(put(stream, 's.a', 'hello', 'NATS/1.0\r\n\r\n'), 1)
      assert.is(stream.readableSeq, 0)
      assert.is(stream.get(1), undefined)
      assert.is(stream.next([], 1), undefined)
      assert.is(stream.state().messages, 1)
      await disk(test, storage)
      assert.equal(told, [1])
      const message = stream.get(1)
      assert.is(message?.subject, 's.a')
      assert.is(message?.payload.toString(), 'hello')
      assert.is(message?.headers.toString(), 'NATS/1.0\r\n\r\n')
      await test.done()
    })

    it('counts bytes as nats-server does', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      put(stream, 's.a', 'hello')
      assert.is(stream.state().bytes, storage === 'file' ? 22 + 3 + 5 + 8 : 16 + 3 + 5)
      put(stream, 's.a', 'hello', 'NATS/1.0\r\n\r\n')
      assert.is(stream.state().bytes, storage === 'file' ? 38 + 22 + 3 + 4 + 12 + 5 + 8 : 24 + 36)
      await disk(test, storage)
      await test.done()
    })

    it('reads by filter, in order, from anywhere', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      for (let i = 0; i < 30; i++) put(stream, `s.${'abc'[i % 3]}.${i % 2}`, `${i}`)
      await disk(test, storage)
      assert.equal(seqs(stream.batch([], 1, 4)), [1, 2, 3, 4])
      assert.equal(seqs(stream.batch(['s.a.*'], 1, 3)), [1, 4, 7])
      assert.equal(seqs(stream.batch(['s.b.1'], 3, 3)), [8, 14, 20])
      assert.equal(seqs(stream.batch(['s.b.1', 's.c.*'], 28, 9)), [30])
      assert.is(stream.next(['s.*.0'], 30), undefined)
      assert.is(stream.next(['s.none'], 1), undefined)
      assert.is(stream.count([], 1), 30)
      assert.is(stream.count([], 11), 20)
      assert.is(stream.count(['s.a.*'], 1), 10)
      assert.is(stream.count(['s.a.0'], 8), 3)
      assert.is(stream.last('s.b.*')?.seq, 29)
      assert.is(stream.last('s.b.0')?.seq, 29)
      assert.is(stream.last('>')?.seq, 30)
      assert.is(stream.last('s.zzz'), undefined)
      assert.equal(stream.lastPerSubject(['s.a.*'], 100), [25, 28])
      assert.equal(stream.lastPerSubject(['s.a.*'], 26), [22, 25])
      assert.equal(stream.subjects('s.a.*', 0, 10), [
        ['s.a.0', 5],
        ['s.a.1', 5],
      ])
      assert.equal(stream.subjects('>', 5, 10), [['s.c.1', 5]])
      await test.done()
    })

    it('a filter as wide as the subjects leaves out what is not among them', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage, subjects: ['a.*', 'b.*'] })
      put(stream, 'a.1')
      put(stream, 'b.1')
      await disk(test, storage)
      assert.equal(seqs(stream.batch(['a.*', 'b.*'], 1, 9)), [1, 2])
      const narrower = streamConfig({ name: 's', storage, subjects: ['a.*'] })
      assert.is(test.store.update(stream, narrower), null)
      assert.equal(seqs(stream.batch(['a.*'], 1, 9)), [1])
      assert.is(stream.count(['a.*'], 1), 1)
      assert.is(stream.last('a.*')?.seq, 1)
      stream.purge({ filter: 'b.*' })
      put(stream, 'a.2')
      put(stream, 'sourced.1')
      await disk(test, storage)
      assert.equal(seqs(stream.batch(['a.*'], 1, 9)), [1, 3])
      assert.equal(seqs(stream.batch(['>'], 1, 9)), [1, 3, 4])
      await test.done()
    })

    it('finds by time', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      const times: number[] = []
      for (let i = 0; i < 5; i++) {
        put(stream, 's.a')
        times.push(stream.state().lastTimeUs)
        test.clock.advance(1000)
      }
      await disk(test, storage)
      assert.is(stream.seqAt(0), 1)
      assert.is(stream.seqAt(times[2] as number), 3)
      assert.is(stream.seqAt((times[2] as number) + 1), 4)
      assert.is(stream.seqAt((times[4] as number) + 1), 6)
      await test.done()
    })

    it('removes first, middle and last', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      const gone: number[] = []
      stream.watch({ readable() {}, removed: seq => gone.push(seq) })
      for (let i = 1; i <= 6; i++) put(stream, `s.${i % 2}`)
      await disk(test, storage)
      for (const seq of [3, 6, 1, 2]) assert.is(stream.remove(seq), true)
      assert.is(stream.remove(3), false)
      assert.is(stream.remove(7), false)
      assert.equal(gone, [3, 6, 1, 2])
      assert.equal(seqs(stream.batch([], 1, 9)), [4, 5])
      const { firstSeq, lastSeq, messages, deleted } = stream.state()
      assert.equal(
        { firstSeq, lastSeq, messages, deleted },
        {
          firstSeq: 4,
          lastSeq: 6,
          messages: 2,
          deleted: 1,
        },
      )
      assert.is(stream.last('s.0')?.seq, 4)
      assert.is(stream.count([], 1), 2)
      await disk(test, storage)
      assert.equal(seqs(stream.batch([], 1, 9)), [4, 5])
      stream.remove(4)
      stream.remove(5)
      assert.is(stream.state().firstSeq, 7)
      assert.is(put(stream, 's.0'), 7)
      await disk(test, storage)
      await test.done()
    })

    it('removes what is not on disk yet', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      for (let i = 1; i <= 4; i++) put(stream, 's.a')
      assert.is(stream.remove(1), true)
      assert.is(stream.remove(3), true)
      assert.is(stream.lastSeqOf('s.a'), 4)
      await disk(test, storage)
      assert.equal(seqs(stream.batch([], 1, 9)), [2, 4])
      await test.done()
    })

    it('purges all, up to a sequence, all but some, by subject', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      for (let i = 1; i <= 20; i++) put(stream, `s.${i % 4}`)
      assert.is(stream.purge({ seq: 5 }), 4)
      assert.is(stream.state().firstSeq, 5)
      assert.is(stream.purge({ filter: 's.1' }), 4)
      assert.is(stream.state().firstSeq, 6)
      assert.is(stream.purge({ filter: 's.2', keep: 1 }), 3)
      assert.is(stream.purge({ filter: 's.none' }), 0)
      assert.is(stream.purge({ filter: 's.3', seq: 12 }), 2)
      assert.is(stream.purge({ keep: 3 }), 4)
      await disk(test, storage)
      assert.equal(seqs(stream.batch([], 1, 99)), [18, 19, 20])
      assert.is(stream.purge({}), 3)
      assert.is(stream.state().firstSeq, 21)
      assert.is(stream.state().subjects, 0)
      assert.is(put(stream, 's.1'), 21)
      await disk(test, storage)
      assert.is(stream.last('>')?.seq, 21)
      await test.done()
    })

    it('keeps at most max_msgs and max_bytes, oldest out', async () => {
      const test = await TestStore.start()
      const byCount = test.stream({ name: 'c', storage, max_msgs: 3 })
      for (let i = 0; i < 3; i++) put(byCount, 'c.a')
      assert.is(byCount.state().firstSeq, 1)
      put(byCount, 'c.a')
      assert.is(byCount.state().firstSeq, 2)
      assert.is(byCount.state().messages, 3)
      const one = byCount.state().bytes / 3
      const byBytes = test.stream({ name: 'b', storage, max_bytes: 2 * one })
      for (let i = 0; i < 2; i++) put(byBytes, 'b.a')
      assert.is(byBytes.state().messages, 2)
      put(byBytes, 'b.a')
      assert.is(byBytes.state().firstSeq, 2)
      await disk(test, storage)
      put(byCount, 'c.b')
      await disk(test, storage)
      assert.equal(seqs(byCount.batch([], 1, 9)), [3, 4, 5])
      await test.done()
    })

    for (const limit of [1, 2, 5]) {
      it(`keeps at most ${limit} of a subject`, async () => {
        const test = await TestStore.start()
        const stream = test.stream({ name: 's', storage, max_msgs_per_subject: limit })
        for (let i = 0; i < 7; i++) {
          put(stream, 's.a')
          if (i % 3 === 1) await disk(test, storage)
          put(stream, 's.b')
        }
        await disk(test, storage)
        const found = seqs(stream.batch(['s.a'], 1, 99))
        assert.equal(found, [1, 3, 5, 7, 9, 11, 13].slice(-limit))
        assert.is(stream.state().messages, 2 * limit)
        stream.remove(found[0] as number)
        put(stream, 's.a')
        put(stream, 's.a')
        await disk(test, storage)
        assert.is(stream.count(['s.a'], 1), Math.min(limit, limit - 1 + 2))
        await test.done()
      })
    }

    it('discards new messages at the limits when told to', async () => {
      const test = await TestStore.start()
      const discard = 'new'
      const stream = test.stream({ name: 's', storage, discard, max_msgs: 2, max_msg_size: 4 })
      const add = (text: string) =>
        stream.append({ subject: 's.a', headers: none, payload: Buffer.from(text) }, {})
      assert.equal(add('12345'), refused(400, 10054, 'message size exceeds maximum allowed'))
      assert.equal(add('1234'), { is: 'stored', seq: 1 })
      assert.equal(add('2'), { is: 'stored', seq: 2 })
      assert.equal(add('3'), refused(503, 10077, 'maximum messages exceeded'))
      stream.remove(1)
      assert.equal(add('3'), { is: 'stored', seq: 3 })
      await disk(test, storage)
      await test.done()
    })

    it('discards new bytes and new messages of a subject', async () => {
      const test = await TestStore.start()
      const one = storage === 'file' ? 34 : 20
      const bytes = test.stream({ name: 'b', storage, discard: 'new', max_bytes: 2 * one })
      const subject = test.stream({
        name: 's',
        storage,
        discard: 'new',
        max_msgs_per_subject: 1,
        discard_new_per_subject: true,
      })
      const message = (name: string) => ({
        subject: name,
        headers: none,
        payload: Buffer.from('x'),
      })
      put(bytes, 'b.a')
      put(bytes, 'b.a')
      assert.equal(bytes.append(message('b.a'), {}), refused(503, 10077, 'maximum bytes exceeded'))
      put(subject, 's.a')
      assert.equal(
        subject.append(message('s.a'), {}),
        refused(503, 10077, 'maximum messages per subject exceeded'),
      )
      assert.is(put(subject, 's.b'), 2)
      await disk(test, storage)
      await test.done()
    })

    it('checks what the publisher expects', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage })
      const message = { subject: 's.a', headers: none, payload: none }
      const stored = (seq: number) => ({ is: 'stored', seq })
      const wrongLast = (seq: number) => refused(400, 10071, `wrong last sequence: ${seq}`)
      assert.equal(
        stream.append(message, { expectedStream: 't' }),
        refused(400, 10060, 'expected stream does not match'),
      )
      assert.equal(stream.append(message, { expectedLastSeq: 1 }), wrongLast(0))
      assert.equal(stream.append(message, { expectedLastSubjectSeq: 1 }), wrongLast(0))
      assert.equal(stream.append(message, { expectedLastSubjectSeq: 0, msgId: 'one' }), stored(1))
      assert.equal(stream.append(message, { expectedLastSubjectSeq: 0 }), wrongLast(1))
      assert.equal(
        stream.append(message, { expectedLastMsgId: 'two' }),
        refused(400, 10070, 'wrong last msg ID: one'),
      )
      assert.equal(stream.append(message, { expectedLastMsgId: 'one' }), stored(2))
      await disk(test, storage)
      assert.equal(stream.append(message, { expectedLastSeq: 2 }), stored(3))
      assert.equal(
        stream.append(message, { expectedLastSubjectSeq: 3, expectedLastSubjectSeqSubject: 's.>' }),
        stored(4),
      )
      stream.remove(4)
      assert.equal(stream.append(message, { expectedLastSubjectSeq: 3 }), stored(5))
      assert.equal(
        stream.append(message, { rollup: 'all' }),
        refused(500, 10111, 'rollup not permitted'),
      )
      await disk(test, storage)
      await test.done()
    })

    it('rolls up a subject and everything', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage, allow_rollup_hdrs: true })
      const message = (subject: string) => ({ subject, headers: none, payload: none })
      for (let i = 0; i < 6; i++) put(stream, `s.${i % 2}`)
      stream.append(message('s.0'), { rollup: 'sub' })
      await disk(test, storage)
      assert.equal(seqs(stream.batch([], 1, 9)), [2, 4, 6, 7])
      stream.append(message('s.1'), { rollup: 'all' })
      await disk(test, storage)
      assert.equal(seqs(stream.batch([], 1, 9)), [8])
      await test.done()
    })

    it('starts at first_seq and skips sequences', async () => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', storage, first_seq: 1000 })
      assert.is(stream.state().firstSeq, 1000)
      assert.is(put(stream, 's.a'), 1000)
      stream.skipTo(1001)
      stream.skipTo(1000)
      assert.is(put(stream, 's.a'), 1002)
      await disk(test, storage)
      stream.skipTo(1003)
      await disk(test, storage)
      assert.equal(seqs(stream.batch([], 1, 9)), [1000, 1002])
      assert.is(stream.state().lastSeq, 1003)
      await test.done()
    })
  })
}

function refused(code: number, err_code: number, description: string): object {
  return { is: 'refused', error: { code, err_code, description } }
}

/** Until the turn's group is readable: on disk, or at the end of the turn in memory. */
async function disk(test: TestStore, storage: Storage): Promise<void> {
  if (storage === 'file') assert.is(await test.onDisk(), undefined)
  else await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
}
