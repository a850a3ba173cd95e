// Message schedules in the store, on a clock that is held still: when they are due, what they
// send, how they end, restarts, groups that are rolled back, clocks that jump. Every case ends
// with verify(). What nats-server does is compared in test/peer/timed.test.ts.

import * as assert from 'uvu/assert'
import { timeOf } from '../../../edge/store/api/text.ts'
import type { StreamConfig } from '../../../edge/store/shapes.ts'
import type { StoreStream } from '../../../edge/store/stream.ts'
import type { ScheduleHeaders } from '../../../edge/store/timed/headers.ts'
import { isMarker, scheduledHeaders, withHeader } from '../../../edge/store/timed/produced.ts'
import { nextUs, scheduleOf } from '../../../edge/store/timed/schedule.ts'
import { FakeClock } from '../../../src/base/clock.ts'
import { spec } from '../../support/spec.ts'
import { TestStore } from '../support.ts'
import {
  codeOf,
  held,
  hourMs,
  in1970,
  open,
  pass,
  publish,
  reopened,
  rowsOf,
  secondMs,
  settled,
  yearMs,
} from './support.ts'

const startMs = Date.parse('2026-03-04T05:06:07.250Z')
const minuteMs = 60 * secondMs

function scheduling(more: Partial<StreamConfig> = {}): Partial<StreamConfig> & { name: string } {
  return { name: 'S', subjects: ['S.>'], allow_msg_schedules: true, ...more }
}

const schedule = (pattern: string, more: Readonly<Record<string, string>> = {}) => ({
  'Nats-Schedule': pattern,
  'Nats-Schedule-Target': 'S.out',
  ...more,
})

const at = (ms: number) => schedule(`@at ${new Date(ms).toISOString()}`)

function payloads(stream: StoreStream, subject: string): readonly string[] {
  return stream.batch([subject], 1, 1000).map(({ payload }) => payload.toString())
}

/** Sends of a subject so far, whatever has gone since. */
const sent = (stream: StoreStream): number => stream.timed?.fired ?? -1

spec('schedule pattern', it => {
  const rows: readonly (readonly [ScheduleHeaders, string | number | null])[] = [
    [{ pattern: '@at 2026-03-04T05:06:08Z' }, '2026-03-04T05:06:08Z'],
    [{ pattern: '@at 2026-03-04T06:06:08.5+01:00' }, '2026-03-04T05:06:08.5Z'],
    [{ pattern: '@at 1970-01-01T00:00:00Z' }, '1970-01-01T00:00:00Z'],
    [{ pattern: '@at 2026-03-04' }, 10189],
    [{ pattern: '@at 2026-02-30T00:00:00Z' }, 10189],
    [{ pattern: '@at' }, 10189],
    [{ pattern: '@at 2026-03-04T05:06:08Z', timeZone: 'UTC' }, 10189],
    [{ pattern: '@every 5s' }, '2026-03-04T05:06:12Z'],
    [{ pattern: '@every 1500ms' }, '2026-03-04T05:06:08.5Z'],
    [{ pattern: '@every 999ms' }, 10189],
    [{ pattern: '@every 1s' }, '2026-03-04T05:06:08Z'],
    [{ pattern: '@every -5s' }, 10189],
    [{ pattern: '@every 5' }, 10189],
    [{ pattern: '@every 9999999h' }, 10189],
    [{ pattern: '@every 5s', timeZone: 'UTC' }, 10189],
    [{ pattern: '@hourly' }, '2026-03-04T06:00:00Z'],
    [{ pattern: '@daily' }, '2026-03-05T00:00:00Z'],
    [{ pattern: '@midnight' }, '2026-03-05T00:00:00Z'],
    [{ pattern: '@weekly' }, '2026-03-08T00:00:00Z'],
    [{ pattern: '@monthly' }, '2026-04-01T00:00:00Z'],
    [{ pattern: '@yearly' }, '2027-01-01T00:00:00Z'],
    [{ pattern: '@annually' }, '2027-01-01T00:00:00Z'],
    [{ pattern: '@Hourly' }, 10189],
    [{ pattern: 'toString' }, 10189],
    [{ pattern: '@daily', timeZone: 'Asia/Tokyo' }, '2026-03-04T15:00:00Z'],
    [{ pattern: '0 30 5 * * *' }, '2026-03-04T05:30:00Z'],
    [{ pattern: '0 30 5 * *' }, 10189],
    [{ pattern: '@hourly', timeZone: 'Nowhere' }, 10223],
    [{ pattern: '@hourly', timeZone: '' }, 10223],
    [{ timeZone: '+01:00' }, 10223],
    [{ timeZone: 'UTC' }, null],
    [{}, null],
  ]

  it('says when it is due, or what is wrong with it', () => {
    const nowUs = startMs * 1000
    for (const [headers, expected] of rows) {
      const found = scheduleOf(headers)
      const text = JSON.stringify(headers)
      if (found === null) assert.is(null, expected, text)
      else if ('err_code' in found) assert.is(found.err_code, expected, text)
      else assert.is(nextUs(found, nowUs, nowUs), timeOf(String(expected)), text)
    }
  })

  it('counts from the last time, and leaves out what is past', () => {
    const every = scheduleOf({ pattern: '@every 10s' })
    const hourly = scheduleOf({ pattern: '@hourly' })
    if (!every || !hourly || 'err_code' in every || 'err_code' in hourly) throw new Error('refused')
    const nowUs = Number(timeOf('2026-03-04T05:06:07.6Z'))
    const lastUs = Number(timeOf('2026-03-04T05:06:01Z'))
    assert.is(nextUs(every, lastUs, nowUs), timeOf('2026-03-04T05:06:11Z'))
    assert.is(nextUs(every, 0, nowUs), timeOf('2026-03-04T05:06:18Z'))
    assert.is(nextUs(hourly, 0, nowUs), timeOf('2026-03-04T06:00:00Z'))
  })
})

spec('headers of what is sent', it => {
  it('are those of the content, without what the schedule itself needed', () => {
    const content =
      'NATS/1.0\r\nA: 1\r\nNats-Schedule: @hourly\r\nNats-Schedule-Target: x\r\nNats-Msg-Id: 5\r\n' +
      'Nats-Expected-Stream: S\r\nNats-TTL: 5\r\nNats-Rollup: sub\r\nNats-Scheduler: q\r\nB: é\r\n\r\n'
    assert.is(
      scheduledHeaders(Buffer.from(content), 's.ü', 'purge', {
        ttl: '5m',
        rollup: 'sub',
      }).toString(),
      'NATS/1.0\r\nA: 1\r\nB: é\r\nNats-Scheduler: s.ü\r\nNats-Schedule-Next: purge\r\n' +
        'Nats-TTL: 5m\r\nNats-Rollup: sub\r\n\r\n',
    )
    assert.is(
      scheduledHeaders(Buffer.alloc(0), 's', 'purge', {}).toString(),
      'NATS/1.0\r\nNats-Scheduler: s\r\nNats-Schedule-Next: purge\r\n\r\n',
    )
  })

  it('know a marker, and change one value', () => {
    assert.is(isMarker(Buffer.from('NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n\r\n')), true)
    assert.is(isMarker(Buffer.from('NATS/1.0\r\nKV-Operation: PURGE\r\n\r\n')), true)
    assert.is(isMarker(Buffer.from('NATS/1.0\r\nKV-Operation: DEL\r\n\r\n')), false)
    assert.is(isMarker(Buffer.from('NATS/1.0\r\nA: Nats-Marker-Reason: x\r\n\r\n')), false)
    assert.is(
      withHeader(Buffer.alloc(0), 'Nats-TTL', '5').toString(),
      'NATS/1.0\r\nNats-TTL: 5\r\n\r\n',
    )
  })
})

for (const storage of ['file', 'memory'] as const) {
  spec(`schedules in ${storage}`, it => {
    it('send once at a time, and are gone', async () => {
      const test = await TestStore.start({}, new FakeClock(startMs))
      const stream = open(test, scheduling({ storage }))
      publish(stream, 'S.s', { ...at(startMs + 5000), 'Nats-Schedule-TTL': '60', A: 'b' }, 'hello')
      await pass(test, 4900)
      assert.equal(held(stream), ['1 S.s'])
      assert.match(String(stream.get(1)?.headers), /Nats-Rollup: sub\r\n\r\n$/)
      await pass(test, 100)
      assert.equal(held(stream), ['2 S.out'])
      assert.is(stream.get(2)?.payload.toString(), 'hello')
      assert.is(
        stream.get(2)?.headers.toString(),
        'NATS/1.0\r\nA: b\r\nNats-Scheduler: S.s\r\nNats-Schedule-Next: purge\r\nNats-TTL: 60\r\n\r\n',
      )
      await pass(test, minuteMs)
      assert.equal(held(stream), [])
      assert.is(stream.timed?.schedules, 0)
      await test.done()
    })

    it('send again and again', async () => {
      const test = await TestStore.start({}, new FakeClock(startMs))
      const stream = open(test, scheduling({ storage }))
      publish(stream, 'S.s', schedule('@every 10s', { 'Nats-Schedule-Rollup': 'sub' }))
      for (let i = 0; i < 60; i++) await pass(test, secondMs)
      assert.is(sent(stream), 6)
      assert.equal(held(stream), ['1 S.s', '7 S.out'])
      assert.match(
        String(stream.get(7)?.headers),
        /Nats-Schedule-Next: 2026-03-04T05:07:17Z\r\nNats-Rollup: sub\r\n\r\n$/,
      )
      await test.done()
    })

    it('send what another subject holds last, or their own', async () => {
      const test = await TestStore.start({}, new FakeClock(startMs))
      const stream = open(test, scheduling({ storage }))
      const from = schedule('@every 10s', { 'Nats-Schedule-Source': 'S.data' })
      publish(stream, 'S.s', from, 'own')
      await settled(test)
      await pass(test, 10 * secondMs)
      publish(stream, 'S.data', { C: 'd' }, 'one')
      publish(stream, 'S.data', { C: 'e' }, 'two')
      await pass(test, 10 * secondMs)
      assert.equal(payloads(stream, 'S.out'), ['own', 'two'])
      assert.match(String(stream.last('S.out')?.headers), /^NATS\/1.0\r\nC: e\r\nNats-Scheduler/)
      await test.done()
    })

    it('are replaced by the next one on their subject, or ended by anything else there', async () => {
      const test = await TestStore.start({}, new FakeClock(startMs))
      const stream = open(test, scheduling({ storage }))
      publish(stream, 'S.s', at(startMs + 5000), 'one')
      publish(stream, 'S.s', at(startMs + 9000), 'two')
      publish(stream, 'S.t', at(startMs + 5000), 'three')
      publish(stream, 'S.t', {}, 'no schedule')
      publish(stream, 'S.u', at(startMs + 5000), 'four')
      stream.remove(stream.lastSeqOf('S.u'))
      publish(stream, 'S.v', at(startMs + 5000), 'five')
      await settled(test)
      stream.purge({ filter: 'S.v' })
      await pass(test, 20 * secondMs)
      assert.equal(payloads(stream, 'S.out'), ['two'])
      assert.equal(payloads(stream, 'S.t'), ['three', 'no schedule'])
      assert.is(stream.timed?.schedules, 0)
      await test.done()
    })

    it('are ended by a message that says so', async () => {
      const test = await TestStore.start({}, new FakeClock(startMs))
      const stream = open(test, scheduling({ storage }))
      publish(stream, 'S.s', at(startMs + 5000))
      const end = { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'S.s' }
      assert.is(codeOf(publish(stream, 'S.s', end)), 10212)
      assert.is(codeOf(publish(stream, 'S.canceled', end)), 0)
      assert.is(stream.state().messages, 1)
      publish(stream, 'S.plain')
      const wrong = { ...end, 'Nats-Scheduler': 'S.plain' }
      assert.is(codeOf(publish(stream, 'S.canceled', wrong)), 10212)
      await pass(test, 10 * secondMs)
      assert.is(sent(stream), 0)
      await test.done()
    })

    it('send onto the subject of another schedule without ending it', async () => {
      const test = await TestStore.start({}, new FakeClock(startMs))
      const stream = open(test, scheduling({ storage }))
      const onto = { ...at(startMs + 2000), 'Nats-Schedule-Target': 'S.b' }
      publish(stream, 'S.a', onto, 'a')
      publish(stream, 'S.b', at(startMs + 5000), 'b')
      await pass(test, 3 * secondMs)
      assert.equal(payloads(stream, 'S.b'), ['b', 'a'])
      await pass(test, 3 * secondMs)
      assert.equal(payloads(stream, 'S.out'), ['b'])
      await test.done()
    })
  })
}

spec('schedules on disk', it => {
  it('go on after a restart: what became due is sent once', async () => {
    const test = await TestStore.start({}, new FakeClock(startMs))
    const stream = open(test, scheduling())
    publish(stream, 'S.once', at(startMs + hourMs), 'once')
    publish(stream, 'S.often', schedule('@every 10s'), 'often')
    await settled(test)
    await pass(test, 10 * secondMs)
    assert.is(sent(stream), 1)
    await test.store.close()
    test.clock.advance(2 * hourMs)
    await test.reopen()
    const again = reopened(test, 'S')
    await settled(test)
    await pass(test, secondMs)
    assert.equal(payloads(again, 'S.out'), ['often', 'often', 'once'])
    assert.is(rowsOf(test), 1)
    await pass(test, 10 * secondMs)
    assert.is(sent(again), 3)
    await test.done()
  })

  it('wait while nobody can send', async () => {
    const test = await TestStore.start({}, new FakeClock(startMs))
    const stream = open(test, scheduling())
    const { outlet } = stream
    publish(stream, 'S.s', at(startMs + secondMs))
    stream.outlet = null
    await pass(test, 10 * secondMs)
    assert.is(sent(stream), 0)
    stream.outlet = outlet
    await pass(test, 2 * secondMs)
    assert.is(sent(stream), 1)
    await test.done()
  })

  it('are tried again when they are refused', async () => {
    const test = await TestStore.start({}, new FakeClock(startMs))
    const stream = open(test, scheduling())
    publish(stream, 'S.s', at(startMs + secondMs), 'x'.repeat(100))
    publish(stream, 'S.r', schedule('@every 4s'), 'x'.repeat(100))
    await settled(test)
    test.store.update(stream, { ...stream.config, max_msg_size: 100 })
    await pass(test, 5 * secondMs)
    assert.is(sent(stream), 0)
    assert.equal(held(stream), ['1 S.s', '2 S.r'])
    test.store.update(stream, { ...stream.config, max_msg_size: -1 })
    await pass(test, 7 * secondMs)
    await pass(test, secondMs)
    assert.ok(sent(stream) >= 2)
    assert.is(stream.lastSeqOf('S.s'), 0)
    assert.is(rowsOf(test), 1)
    await test.done()
  })

  it('of a restored stream wait until it is there, and go on from its own time', async () => {
    const test = await TestStore.start({}, new FakeClock(startMs))
    const stream = open(test, scheduling())
    const { outlet } = stream
    stream.outlet = null
    const placed = (seq: number, agoMs: number) => ({
      place: { seq, timeUs: (startMs - agoMs) * 1000 },
    })
    publish(stream, 'S.past', at(startMs - minuteMs), 'past', placed(3, hourMs))
    publish(stream, 'S.often', schedule('@every 1m'), 'often', placed(5, 50 * secondMs))
    publish(stream, 'S.ended', at(startMs + secondMs), 'ended', placed(7, 40 * secondMs))
    publish(stream, 'S.ended', {}, 'plain', placed(9, 30 * secondMs))
    await pass(test, 5 * secondMs)
    assert.is(stream.state().lastSeq, 9)
    stream.outlet = outlet
    await pass(test, secondMs)
    await pass(test, 4 * secondMs)
    await pass(test, secondMs)
    assert.equal(payloads(stream, 'S.out'), ['past', 'often'])
    await test.done()
  })

  it('are found in messages from before they were allowed', async () => {
    const test = await TestStore.start({}, new FakeClock(startMs))
    const stream = open(test, scheduling({ allow_msg_schedules: false }))
    publish(stream, 'S.s', at(startMs + 5000), 'one', { sourced: true })
    publish(stream, 'S.t', at(startMs + 5000), 'two', { sourced: true })
    publish(stream, 'S.t', {}, 'plain')
    await settled(test)
    test.store.update(stream, { ...stream.config, allow_msg_schedules: true })
    await pass(test, 6 * secondMs)
    await pass(test, secondMs)
    assert.equal(payloads(stream, 'S.out'), ['one'])
    await test.done()
  })
})

spec('schedules and wrong clocks', it => {
  it('a jump ahead sends each once, a jump back nothing twice', async () => {
    const test = await TestStore.start({}, new FakeClock(startMs))
    const stream = open(test, scheduling())
    publish(stream, 'S.once', at(startMs + yearMs))
    publish(stream, 'S.often', schedule('@every 10s'))
    publish(stream, 'S.daily', schedule('@daily'))
    await settled(test)
    test.clock.jump(10 * yearMs)
    for (let i = 0; i < 12; i++) await pass(test, secondMs)
    const jumped = sent(stream)
    assert.ok(jumped === 3 || jumped === 4, `${jumped} were sent`)
    test.clock.jump(-10 * yearMs)
    for (let i = 0; i < 60; i++) await pass(test, 5 * secondMs)
    assert.is(sent(stream), jumped)
    // The clock stays back: they look for their next time from now.
    for (let i = 0; i < 75; i++) await pass(test, 5 * secondMs)
    assert.ok(sent(stream) > jumped)
    assert.ok(sent(stream) < jumped + 20)
    await test.done()
  })

  it('a board that starts in 1970 sends nothing early, and goes on when its clock is right', async () => {
    const test = await TestStore.start({}, new FakeClock(startMs))
    publish(open(test, scheduling()), 'S.daily', schedule('@daily'))
    await settled(test)
    await test.store.close()
    const clock = in1970()
    await test.reopen(clock)
    const stream = reopened(test, 'S')
    const next = async (ms: number) => {
      clock.advance(ms)
      await test.onDisk()
      clock.advance(1)
      await test.onDisk()
    }
    for (let i = 0; i < 60; i++) await next(5 * secondMs)
    assert.is(sent(stream), 0)
    clock.jump(startMs + hourMs - clock.wallMs())
    for (let i = 0; i < 20; i++) await next(5 * secondMs)
    assert.is(sent(stream), 0)
    clock.jump(20 * hourMs)
    for (let i = 0; i < 4; i++) await next(5 * secondMs)
    assert.is(sent(stream), 1)
    await test.done()
  })
})
