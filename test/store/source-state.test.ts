// What a source knows of its origin beside its position: which stream it is, and which messages
// can never be stored. Over restarts and rolled-back groups.

import * as assert from 'uvu/assert'
import type { ConsumerRoom } from '../../edge/store/api/request.ts'
import { Intake } from '../../edge/store/intake.ts'
import type { StreamSourceConfig } from '../../edge/store/shapes.ts'
import { LeftOut } from '../../edge/store/source/left-out.ts'
import type { Delivery } from '../../edge/store/source/request.ts'
import { Source } from '../../edge/store/source/source.ts'
import type { StoreStream } from '../../edge/store/stream.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { spec } from '../support/spec.ts'
import { TestStore } from './support.ts'

const consumers = { wants: () => false } as unknown as ConsumerRoom

function delivery(streamSeq: number): Delivery {
  return { consumer: 'C', deliveries: 1, streamSeq, consumerSeq: 1, timeUs: 1, pending: 0 }
}

function message(text: string, headers = '') {
  return { subject: 'o.a', headers: Buffer.from(headers), payload: Buffer.from(text) }
}

function sourceOf(
  test: TestStore,
  stream: StoreStream,
  source: StreamSourceConfig = { name: 'O' },
  log: Log = silentLog,
  clock = new FakeClock(),
) {
  const positions = test.store.positions(stream)
  positions.load()
  const intake = new Intake(new Account('$G'), test.store.durable, stream, consumers)
  const leftOut = new LeftOut(log, clock, 'test')
  return { positions, leftOut, source: new Source({ stream, source, intake, leftOut }, positions) }
}

const reopened = (test: TestStore): StoreStream =>
  test.store.stream('$G', 'S') as unknown as StoreStream

spec('state of a source', it => {
  it('knows its origin and where it begins over a restart', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source } = sourceOf(test, stream, { name: 'O', opt_start_seq: 100 })
    assert.equal(source.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 100 })
    source.begun(99, 'one')
    // Nothing came, but that far there is nothing to come.
    assert.is(source.doneSeq, 99)
    assert.is(source.isIntact(), true)
    source.take(message('1'), delivery(100))
    await test.onDisk()
    await test.reopen()
    const again = sourceOf(test, reopened(test), { name: 'O', opt_start_seq: 100 }).source
    assert.equal(again.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 101 })
    assert.is(again.identity, 'one')
    again.begun(50, 'one')
    assert.is(again.doneSeq, 100)
    await test.done()
  })

  it('begins where its config says after the origin was made anew', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source } = sourceOf(test, stream)
    source.start()
    source.begun(0, 'one')
    source.take(message('1'), delivery(5))
    source.recreated()
    assert.is(source.identity, '')
    assert.equal(source.start(), { deliver_policy: 'all' })
    source.begun(0, 'two')
    source.take(message('1'), delivery(1))
    await test.onDisk()
    const texts = stream.batch([], 1, 9).map(({ headers }) => headers.toString().split('\r\n')[1])
    assert.equal(texts, [
      'Nats-Stream-Source: O 5 > > o.a one',
      'Nats-Stream-Source: O 1 > > o.a two',
    ])
    await test.reopen()
    const again = sourceOf(test, reopened(test)).source
    assert.is(again.identity, 'two')
    assert.equal(again.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 2 })
    await test.done()
  })

  it('finds its origin in the messages where nothing else tells', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const first = sourceOf(test, stream)
    first.source.start()
    first.source.begun(0, 'one')
    first.source.take(message('1'), delivery(7))
    first.positions.forget('O > >')
    await test.onDisk()
    const { source } = sourceOf(test, stream)
    assert.is(source.identity, '')
    assert.equal(source.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 8 })
    assert.is(source.identity, 'one')
    await test.done()
  })

  it('forgets both with a group that is rolled back, and with the stream', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source, positions } = sourceOf(test, stream)
    source.start()
    source.begun(0, 'one')
    source.take(message('1'), delivery(1))
    await test.onDisk()
    const { db } = test.store
    db.exec(`PRAGMA max_page_count = ${Number(db.value('PRAGMA page_count')) + 2}`)
    source.recreated()
    source.take(message('2'.repeat(50_000)), delivery(1))
    assert.match((await test.onDisk())?.message ?? '', /full/)
    assert.is(source.identity, 'one')
    assert.is(source.isIntact(), true)
    db.exec('PRAGMA max_page_count = 1000000')
    test.clock.advance(1000)
    await test.onDisk()
    test.store.delete(stream)
    positions.close()
    await test.onDisk()
    assert.is(db.value('SELECT count(*) FROM source_identity'), 0)
    await test.done()
  })

  it('leaves out what can never be stored, and says so once a minute', async () => {
    const test = await TestStore.start()
    const config = { subjects: [], allow_msg_counter: true, max_msg_size: 200 }
    const stream = test.stream({ name: 'S', ...config })
    const lines: string[] = []
    const clock = new FakeClock()
    const log = { ...silentLog, warn: (line: string) => void lines.push(line) }
    const { source, leftOut } = sourceOf(test, stream, { name: 'O' }, log, clock)
    source.start()
    assert.is(source.take(message('no counter'), delivery(1)), true)
    assert.is(source.take(message('', 'NATS/1.0\r\nNats-Incr: x\r\n\r\n'), delivery(2)), true)
    const counted = 'NATS/1.0\r\nNats-Incr: 1\r\n\r\n'
    assert.is(source.take(message('broken', counted), delivery(3)), true)
    const good = '{"val":"4"}'
    assert.is(source.take(message(good, counted), delivery(4)), true)
    assert.is(leftOut.count, 3)
    assert.equal(lines, [
      'JetStream test left out message 1: message counter increment is missing (10169), 1 so far',
    ])
    clock.advance(60_000)
    const long = `NATS/1.0\r\nNats-Incr: 1\r\nA: ${'x'.repeat(200)}\r\n\r\n`
    assert.is(source.take(message(good, long), delivery(5)), true)
    assert.is(lines.length, 2)
    assert.match(lines[1] ?? '', /message 5: .* \(10054\), 4 so far/)
    await test.onDisk()
    assert.is(stream.state().messages, 1)
    assert.is(source.doneSeq, 5)
    await test.done()
  })

  it('takes no sequence that is no number any more', async () => {
    const test = await TestStore.start()
    const { source } = sourceOf(test, test.stream({ name: 'S', subjects: [] }))
    source.start()
    assert.is(source.take(message('x'), delivery(2 ** 53)), false)
    assert.is(source.doneSeq, 0)
    assert.is(source.take(message('x'), delivery(2 ** 53 - 1)), true)
    assert.is(source.doneSeq, 2 ** 53 - 1)
    await test.onDisk()
    await test.reopen()
    const again = sourceOf(test, reopened(test)).source
    assert.equal(again.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 2 ** 53 })
    await test.done()
  })

  it('drops what a batch or an expectation meant for the origin', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source } = sourceOf(test, stream)
    source.start()
    const lines = ['Nats-Batch-Id: b', 'Nats-Batch-Sequence: 1', 'Nats-Expected-Stream: O', 'A: b']
    const headers = `NATS/1.0\r\n${lines.join('\r\n')}\r\n\r\n`
    assert.is(source.take(message('x', headers), delivery(1)), true)
    await test.onDisk()
    assert.is(
      stream.get(1)?.headers.toString(),
      'NATS/1.0\r\nA: b\r\nNats-Stream-Source: O 1 > > o.a\r\n\r\n',
    )
    await test.done()
  })
})
