// What mirrors and sources keep in the store: sequences and times of the origin, gaps, positions;
// after a restart, a rollback and a delete. Every case ends with verify().

import * as assert from 'uvu/assert'
import { Intake } from '../../edge/store/intake.ts'
import { LeftOut } from '../../edge/store/source/left-out.ts'
import { insufficientStorage } from '../../edge/store/errors.ts'
import { type ConsumerRoom, isApiError } from '../../edge/store/api/request.ts'
import type { ApiError, StreamConfig, StreamSourceConfig } from '../../edge/store/shapes.ts'
import { checkSources, type Neighbours } from '../../edge/store/source/config.ts'
import { Mirror } from '../../edge/store/source/mirror.ts'
import type { Delivery } from '../../edge/store/source/request.ts'
import { Source } from '../../edge/store/source/source.ts'
import type { StoreStream } from '../../edge/store/stream.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { spec } from '../support/spec.ts'
import { put, streamConfig, TestStore } from './support.ts'

const consumers = { wants: () => false } as unknown as ConsumerRoom
const timeUs = 1_700_000_000_000_123

function delivery(streamSeq: number, more: Partial<Delivery> = {}): Delivery {
  const numbers = { deliveries: 1, streamSeq, consumerSeq: 1, timeUs: timeUs + streamSeq }
  return { consumer: 'C', ...numbers, pending: 100, ...more }
}

function message(text: string, headers = '', subject = 'o.a') {
  return { subject, headers: Buffer.from(headers), payload: Buffer.from(text) }
}

function partsOf(test: TestStore, stream: StoreStream, source: StreamSourceConfig) {
  const intake = new Intake(new Account('$G'), test.store.durable, stream, consumers)
  return { stream, source, intake, leftOut: new LeftOut(silentLog, new FakeClock(), 'test') }
}

function mirrorOf(test: TestStore, source: StreamSourceConfig = { name: 'O' }, config = {}) {
  const stream = test.stream({ name: 'M', subjects: [], mirror: source, ...config })
  let near = 0
  const mirror = new Mirror(partsOf(test, stream, source), () => near++)
  return { stream, mirror, near: () => near }
}

function sourceOf(test: TestStore, stream: StoreStream, source: StreamSourceConfig) {
  const positions = test.store.positions(stream)
  positions.load()
  return { positions, source: new Source(partsOf(test, stream, source), positions) }
}

function refusal(config: StreamConfig, neighbours: Neighbours): ApiError | null {
  const checked = checkSources(config, { neighbours, pedantic: false })
  return isApiError(checked) ? checked : null
}

const sourced = 'NATS/1.0\r\nNats-Stream-Source: O 1 > >\r\n\r\n'

spec('mirror', it => {
  it('keeps sequences and times, skips gaps of any length', async () => {
    const test = await TestStore.start()
    const { stream, mirror } = mirrorOf(test)
    assert.equal(mirror.start(), { deliver_policy: 'all' })
    mirror.begun(4)
    assert.is(stream.state().firstSeq, 5)
    for (const seq of [5, 6, 9, 1_000_000_000]) {
      assert.is(mirror.take(message(`${seq}`), delivery(seq)), true)
    }
    await test.onDisk()
    const held = stream.batch([], 1, 9)
    assert.equal(
      held.map(m => [m.seq, m.timeUs - timeUs, m.payload.toString()]),
      [5, 6, 9, 1_000_000_000].map(seq => [seq, seq, `${seq}`]),
    )
    assert.is(stream.state().deleted, 1_000_000_000 - 4 - 4)
    assert.equal(stream.deleted(3), [7, 8, 10])
    await test.done()
  })

  it('removes from among those that wait for the disk, beside their gaps', async () => {
    const test = await TestStore.start()
    const { stream, mirror } = mirrorOf(test, { name: 'O' }, { max_msgs_per_subject: 3 })
    for (const seq of [2, 3, 7, 8, 100, 105]) {
      mirror.take(message(`${seq}`, '', seq % 2 ? 'o.odd' : 'o.even'), delivery(seq))
    }
    assert.is(stream.state().firstSeq, 2)
    assert.equal(
      [99, 101, 4, 1].map(seq => stream.remove(seq)),
      [false, false, false, false],
    )
    assert.equal(
      [2, 3, 100].map(seq => stream.remove(seq)),
      [true, true, true],
    )
    assert.is(stream.state().firstSeq, 7)
    assert.is(stream.lastSeqOf('o.even'), 8)
    await test.onDisk()
    assert.equal(
      stream.batch([], 1, 9).map(m => m.seq),
      [7, 8, 105],
    )
    await test.done()
  })

  it('goes on after a restart behind what is on disk, skipped sequences too', async () => {
    const test = await TestStore.start()
    const { mirror } = mirrorOf(test)
    mirror.take(message('3'), delivery(3))
    mirror.begun(8)
    await test.onDisk()
    await test.reopen()
    const stream = test.store.stream('$G', 'M') as StoreStream
    assert.is(stream.state().lastSeq, 8)
    const again = new Mirror(partsOf(test, stream, { name: 'O' }), () => {})
    assert.equal(again.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 9 })
    assert.is(again.take(message('8'), delivery(8)), true)
    assert.is(again.take(message('9'), delivery(9)), true)
    await test.onDisk()
    assert.equal(
      stream.batch([], 1, 9).map(m => m.seq),
      [3, 9],
    )
    await test.done()
  })

  it('of an origin with a clock ahead leaves our own time alone', async () => {
    const test = await TestStore.start()
    const { mirror } = mirrorOf(test)
    const aheadUs = timeUs + 10 ** 15
    mirror.take(message('1'), delivery(1, { timeUs: aheadUs }))
    mirror.take(message('2'), delivery(2, { timeUs }))
    await test.onDisk()
    await test.reopen()
    assert.ok(test.store.nowUs() < aheadUs)
    assert.equal(
      test.store
        .stream('$G', 'M')
        ?.batch([], 1, 9)
        .map(m => m.timeUs),
      [aheadUs, aheadUs],
    )
    await test.done()
  })

  it('starts where it is told to, once', async () => {
    const test = await TestStore.start()
    const seq = mirrorOf(test, { name: 'O', opt_start_seq: 7 })
    assert.equal(seq.mirror.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 7 })
    seq.mirror.take(message('9'), delivery(9))
    assert.equal(seq.mirror.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 10 })
    test.store.delete(seq.stream)
    const opt_start_time = '2026-01-01T00:00:00Z'
    const { mirror } = mirrorOf(test, { name: 'O', opt_start_time })
    assert.equal(mirror.start(), { deliver_policy: 'by_start_time', opt_start_time })
    await test.done()
  })

  it('keeps its limits, skips what is too long for it, and rolls up where that is allowed', async () => {
    const test = await TestStore.start()
    const config = { max_msgs: 3, max_msg_size: 60, allow_rollup_hdrs: true }
    const { stream, mirror } = mirrorOf(test, { name: 'O' }, config)
    for (let seq = 1; seq <= 5; seq++) mirror.take(message('x'), delivery(seq))
    assert.is(mirror.take(message('x'.repeat(60)), delivery(6)), true)
    assert.is(mirror.take(message('x'.repeat(61)), delivery(7)), true)
    assert.is(stream.state().messages, 3)
    assert.is(stream.state().lastSeq, 7)
    const rollup = 'NATS/1.0\r\nNats-Rollup: all\r\n\r\n'
    assert.is(mirror.take(message('r', rollup), delivery(8)), true)
    assert.is(stream.state().messages, 1)
    await test.done()
  })

  it('takes a message with an expectation meant for its origin', async () => {
    const test = await TestStore.start()
    const { stream, mirror, near } = mirrorOf(test)
    const headers =
      'NATS/1.0\r\nNats-Expected-Last-Sequence: 77\r\nNats-Expected-Stream: O\r\nNats-Rollup: all\r\n\r\n'
    assert.is(mirror.take(message('1', headers), delivery(1, { pending: 10 })), true)
    assert.is(near(), 0)
    mirror.take(message('2'), delivery(2, { pending: 9 }))
    assert.is(near(), 1)
    assert.is(stream.state().messages, 2)
    await test.done()
  })

  it('refuses sequences beyond what the store can hold', async () => {
    const test = await TestStore.start()
    const { stream, mirror } = mirrorOf(test)
    mirror.begun(2 ** 53)
    assert.is(mirror.take(message('x'), delivery(2 ** 40)), false)
    assert.is(mirror.take(message('x'), delivery(2 ** 40 - 1)), false)
    assert.is(stream.state().lastSeq, 0)
    assert.is(mirror.take(message('x'), delivery(2 ** 40 - 2)), true)
    await test.done()
  })
})

spec('source', it => {
  it('says where a message comes from, and drops what was meant for there', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const subject_transforms = [{ src: 'o.*', dest: 'n.$1' }]
    const { source } = sourceOf(test, stream, { name: 'O', subject_transforms })
    const headers =
      'NATS/1.0\r\nA: b\r\nNats-Stream-Source: X 9 > >\r\nNats-Expected-Last-Sequence: 9\r\n\r\n'
    assert.is(source.take(message('1', headers), delivery(7)), true)
    assert.is(source.take(message('2', '', 'p.b'), delivery(8)), true)
    await test.onDisk()
    const [first, second] = stream.batch([], 1, 9)
    assert.is(first?.subject, 'n.a')
    assert.is(
      first?.headers.toString(),
      'NATS/1.0\r\nA: b\r\nNats-Stream-Source: O 7 o.* n.$1 o.a\r\n\r\n',
    )
    assert.is(second?.subject, 'p.b')
    assert.is(
      second?.headers.toString(),
      'NATS/1.0\r\nNats-Stream-Source: O 8 o.* n.$1 p.b\r\n\r\n',
    )
    await test.done()
  })

  it('carries subjects and headers of any letters as they are', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source } = sourceOf(test, stream, { name: 'O', filter_subject: 'ö.>' })
    source.start()
    // The last bytes of these letters alone would end the line.
    const subject = 'ö.\u010d\u010a'
    const headers = Buffer.from('NATS/1.0\r\nA: \u010d\r\n\r\n')
    assert.is(source.take({ subject, headers, payload: Buffer.from('1') }, delivery(7)), true)
    await test.onDisk()
    assert.is(
      stream.get(1)?.headers.toString(),
      `NATS/1.0\r\nA: \u010d\r\nNats-Stream-Source: O 7 ö.> > ${subject}\r\n\r\n`,
    )
    await test.done()
  })

  it('remembers its position though its messages are gone', async () => {
    const test = await TestStore.start()
    const made = test.stream({ name: 'S', subjects: [] })
    const first = sourceOf(test, made, { name: 'O' })
    assert.equal(first.source.start(), { deliver_policy: 'all' })
    for (let seq = 1; seq <= 5; seq++) first.source.take(message('x'), delivery(seq))
    made.purge({})
    await test.onDisk()
    await test.reopen()
    const stream = test.store.stream('$G', 'S') as StoreStream
    const { source } = sourceOf(test, stream, { name: 'O' })
    assert.equal(source.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 6 })
    assert.is(source.take(message('5'), delivery(5)), true)
    assert.is(stream.state().messages, 0)
    await test.done()
  })

  it('finds a position in the messages where none is written', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S' })
    put(stream, 'S.a', 'x', sourced.replace('O 1', 'O 41'))
    put(stream, 'S.a', 'x', sourced.replace('O 1', 'OTHER 50'))
    put(stream, 'S.a')
    await test.onDisk()
    const { source } = sourceOf(test, stream, { name: 'O' })
    assert.equal(source.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 42 })
    assert.is(source.isIntact(), true)
    await test.done()
  })

  it('counts a duplicate as dealt with', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source, positions } = sourceOf(test, stream, { name: 'O' })
    const id = 'NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n'
    source.take(message('1', id), delivery(1))
    source.take(message('1', id), delivery(2))
    assert.is(stream.state().messages, 1)
    assert.is(positions.get(source.name), 2)
    await test.done()
  })

  it('stays where it is when the stream is full', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [], discard: 'new', max_msgs: 1 })
    const { source, positions } = sourceOf(test, stream, { name: 'O' })
    assert.is(source.take(message('1'), delivery(1)), true)
    assert.is(source.take(message('2'), delivery(2)), false)
    assert.is(positions.get(source.name), 1)
    stream.purge({})
    assert.is(source.take(message('2'), delivery(2)), true)
    await test.done()
  })

  it('and mirror know that a group was rolled back', async () => {
    const test = await TestStore.start()
    const { stream: mirrored, mirror } = mirrorOf(test)
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source } = sourceOf(test, stream, { name: 'O' })
    source.take(message('1'), delivery(1))
    mirror.take(message('1'), delivery(1))
    await test.onDisk()
    const { db } = test.store
    db.exec(`PRAGMA max_page_count = ${Number(db.value('PRAGMA page_count')) + 2}`)
    source.take(message('2'.repeat(50_000)), delivery(2))
    mirror.take(message('2'), delivery(2))
    assert.is(source.isIntact() && mirror.isIntact(), true)
    assert.match((await test.onDisk())?.message ?? '', /full/)
    assert.is(source.isIntact(), false)
    assert.is(mirror.isIntact(), false)
    assert.equal(stream.append(message('x'), {}), { is: 'refused', error: insufficientStorage })
    assert.is(mirror.take(message('2'), delivery(2)), false)
    assert.is(source.take(message('3'), delivery(3)), false)
    db.exec('PRAGMA max_page_count = 1000000')
    test.clock.advance(1000)
    assert.equal(source.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 2 })
    assert.equal(mirror.start(), { deliver_policy: 'by_start_sequence', opt_start_seq: 2 })
    assert.is(source.take(message('2'), delivery(2)), true)
    assert.is(mirror.take(message('2'), delivery(2)), true)
    await test.onDisk()
    assert.is(stream.state().messages, 2)
    assert.is(mirrored.state().messages, 2)
    await test.done()
  })

  it('of a deleted stream leaves no position behind', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: [] })
    const { source, positions } = sourceOf(test, stream, { name: 'O' })
    source.take(message('1'), delivery(1))
    test.store.delete(stream)
    positions.close()
    await test.onDisk()
    assert.is(test.store.db.value('SELECT count(*) FROM source_position'), 0)
    await test.done()
  })
})

spec('cycle of sources', it => {
  const known = new Map(
    [
      streamConfig({ name: 'B', subjects: [], sources: [{ name: 'C' }, { name: 'D' }] }),
      streamConfig({ name: 'C', subjects: [], mirror: { name: 'D' } }),
      streamConfig({ name: 'D', subjects: ['d'], sources: [{ name: 'A', filter_subject: 'd' }] }),
      streamConfig({ name: 'E', subjects: ['e'], sources: [{ name: 'A', filter_subject: 'f' }] }),
    ].map(config => [config.name, config]),
  )
  const neighbours = { ownApi: '$JS.edge.API', config: (name: string) => known.get(name) }
  const check = (...sources: StreamSourceConfig[]) =>
    refusal(streamConfig({ name: 'A', subjects: ['a'], sources }), neighbours)

  it('is found over mirrors, sources and our own domain', () => {
    const external = { api: '$JS.edge.API', deliver: '' }
    for (const name of ['A', 'B', 'C', 'D']) {
      assert.is(check({ name })?.description, 'detected cycle', name)
      assert.is(check({ name, external })?.description, 'detected cycle', name)
    }
  })

  it('is none at another domain, beside the filters, or where two ways lead to one origin', () => {
    const external = { api: '$JS.hub.API', deliver: '' }
    assert.is(check({ name: 'A', external }), null)
    assert.is(check({ name: 'A', filter_subject: 'b' }), null)
    assert.is(check({ name: 'E' }), null)
    const config = streamConfig({ name: 'X', sources: [{ name: 'D' }, { name: 'B' }] })
    assert.is(refusal(config, neighbours), null)
  })

  it('is looked for in a time that does not grow with the number of ways', () => {
    const layers = 40
    const config = (name: string) => {
      const layer = Number(name.split('_')[0])
      const below = Array.from({ length: 64 }, (_, i) => ({ name: `${layer + 1}_${i}` }))
      return streamConfig({ name, sources: layer < layers ? below : [] })
    }
    assert.is(refusal(config('0_0'), { ownApi: '', config }), null)
  })
})
