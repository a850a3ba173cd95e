import * as assert from 'uvu/assert'
import { newSubscription } from '../../src/broker/post.ts'
import type { Message } from '../../src/message.ts'
import { spec } from '../support/spec.ts'
import { Bench, settle } from './fake.ts'

const missing = { is: 'missing', error: '/dev/gps is not there' } as const
const denied = { is: 'denied', error: 'permission denied on /dev/gps' } as const

spec('serial port', it => {
  it('publishes readings and says that it is open', async () => {
    const bench = new Bench()
    await bench.gateway.start()
    await bench.device.bring('$GPGGA,1\r\n$GPG')
    bench.clock.advance(1500)
    await bench.device.bring('SA,2\r\n')
    assert.equal(bench.take('serial.gps'), [
      '{"time":"2026-11-23T00:00:00.000Z","port":"gps","data":"$GPGGA,1"}',
      '{"time":"2026-11-23T00:00:00.000Z","port":"gps","data":"$GPGSA,2"}',
    ])
    assert.equal(bench.take('$EDGE.serial.gps.status'), [
      '{"time":"2026-11-23T00:00:00.000Z","port":"gps","state":"open"}',
    ])
    assert.equal(bench.logged, ['Serial port gps is open: /dev/gps, 9600 baud 8N1'])
    const { state, frames, bytes, opened } = bench.view()
    assert.equal([state, frames, bytes, opened], ['open', 2, 20, 1])
    await bench.gateway.close()
    await bench.gateway.close()
    assert.equal(bench.states(), ['closed'])
    assert.ok(bench.device.closed)
  })

  it('waits for a missing port, says so once, and never gives up', async () => {
    const bench = new Bench()
    bench.failure = missing
    await bench.gateway.start()
    assert.is(bench.view().state, 'missing')
    // 1 s, 2 s, 4 s, then 5 s for ever.
    for (const [ms, tries] of [
      [999, 1],
      [1, 2],
      [1999, 2],
      [1, 3],
      [3999, 3],
      [1, 4],
      [4999, 4],
      [1, 5],
      [4999, 5],
      [1, 6],
    ] as const) {
      bench.clock.advance(ms)
      await settle()
      assert.is(bench.tries, tries)
    }
    assert.equal(bench.states(), ['missing'])
    assert.equal(bench.logged, ['Serial port gps: /dev/gps is not there'])
    bench.failure = denied
    bench.clock.advance(5000)
    await settle()
    bench.failure = null
    bench.clock.advance(5000)
    await settle()
    assert.equal(bench.states(), ['denied', 'open'])
    assert.equal([bench.view().errors, bench.view().last_error], [7, denied.error])
    await bench.gateway.close()
  })

  it('opens again after the port was pulled out', async () => {
    const bench = new Bench()
    await bench.gateway.start()
    await bench.device.bring('half')
    const first = bench.device
    bench.failure = missing
    bench.clock.advance(6000)
    await first.bring('')
    assert.ok(first.closed)
    for (let i = 0; i < 4; i++) {
      bench.clock.advance(5000)
      await settle()
    }
    // Missing is what a lost port is: said once.
    assert.equal(bench.states(), ['open', 'lost'])
    assert.is(bench.logged.length, 2)
    bench.failure = null
    bench.clock.advance(5000)
    await settle()
    await bench.device.bring('whole\n')
    assert.equal(bench.states(), ['open'])
    const readings = bench.take('serial.gps').map(text => JSON.parse(text).data)
    assert.equal(readings, ['whole'])
    assert.equal([bench.view().opened, bench.view().skipped_bytes], [2, 4])
    await bench.gateway.close()
  })

  it('slows down for a port that opens and fails at once', async () => {
    const bench = new Bench()
    await bench.gateway.start()
    for (const delayMs of [1000, 2000, 4000, 5000, 5000]) {
      const tries = bench.tries
      await bench.device.fail('EIO: i/o error, read')
      bench.clock.advance(delayMs - 1)
      await settle()
      assert.is(bench.tries, tries)
      bench.clock.advance(1)
      await settle()
      assert.is(bench.tries, tries + 1)
    }
    // Once it stays open long enough, the first delay counts again.
    bench.clock.advance(5000)
    await bench.device.fail('EIO: i/o error, read')
    const tries = bench.tries
    bench.clock.advance(1000)
    await settle()
    assert.is(bench.tries, tries + 1)
    await bench.gateway.close()
  })

  it('stops trying when it is closed', async () => {
    const bench = new Bench()
    bench.failure = missing
    await bench.gateway.start()
    await bench.gateway.close()
    bench.clock.advance(60_000)
    await settle()
    assert.is(bench.tries, 1)
  })

  it('closes a device that opens after close', async () => {
    const bench = new Bench()
    const started = bench.gateway.start()
    await bench.gateway.close()
    await started
    await settle()
    assert.ok(bench.device.closed)
  })

  it('drops a reading over its limit and goes on', async () => {
    const bench = new Bench({ frame_bytes_max: 4, output: 'raw' })
    await bench.gateway.start()
    await bench.device.bring('1234\n12345\n1\n')
    assert.equal(bench.take('serial.gps'), ['1234', '1'])
    assert.is(bench.view().oversize, 1)
    await bench.gateway.close()
  })

  it('counts what streams store and refuse, and logs the change only', async () => {
    const bench = new Bench()
    let refusal: Error | undefined
    const deliver = ({ receipt }: Message): void => {
      receipt?.hold()
      receipt?.release(refusal)
    }
    bench.account.subscribe(newSubscription('serial.gps', { remote: false, deliver }))
    await bench.gateway.start()
    await bench.device.bring('1\n')
    refusal = new Error('maximum bytes exceeded')
    await bench.device.bring('2\n3\n')
    refusal = undefined
    await bench.device.bring('4\n5\n')
    const { frames, stored, refused, last_refusal } = bench.view()
    assert.equal([frames, stored, refused, last_refusal], [5, 3, 2, 'maximum bytes exceeded'])
    assert.equal(bench.logged.slice(1), [
      'Serial port gps: readings are not stored: maximum bytes exceeded',
      'Serial port gps: readings are stored again',
    ])
    await bench.gateway.close()
  })

  it('ends a reading at a silence', async () => {
    const framing = { by: 'silence', silenceMs: 20 } as const
    const bench = new Bench({ framing, output: 'raw' })
    await bench.gateway.start()
    await bench.device.bring('ab')
    bench.clock.advance(15)
    await bench.device.bring('cd')
    bench.clock.advance(19)
    assert.equal(bench.take('serial.gps'), [])
    bench.clock.advance(1)
    assert.equal(bench.take('serial.gps'), ['abcd'])
    bench.clock.advance(1000)
    await bench.device.bring('ef')
    bench.clock.advance(20)
    assert.equal(bench.take('serial.gps'), ['ef'])
    await bench.gateway.close()
  })
})

spec('serial write subject', it => {
  it('writes payloads and answers a request', async () => {
    const bench = new Bench({ write_subject: 'to.{port}' })
    await bench.gateway.start()
    bench.send('to.gps', 'hello')
    bench.send('to.gps', 'again', 'answer')
    await settle()
    assert.equal(bench.device.written, ['hello', 'again'])
    assert.equal(bench.take('answer'), ['+OK'])
    assert.equal([bench.view().writes, bench.view().written_bytes], [2, 10])
    await bench.gateway.close()
    bench.send('to.gps', 'late', 'answer')
    await settle()
    assert.equal(bench.take('answer'), [])
  })

  it('refuses while the port is missing', async () => {
    const bench = new Bench({ write_subject: 'to.{port}' })
    bench.failure = missing
    await bench.gateway.start()
    bench.send('to.gps', 'hello', 'answer')
    assert.equal(bench.take('answer'), ["-ERR 'serial port is not open'"])
    assert.is(bench.view().refused_writes, 1)
    await bench.gateway.close()
  })

  it('holds so many bytes and no more', async () => {
    const bench = new Bench({ write_subject: 'to.{port}', write_bytes_max: 8 })
    await bench.gateway.start()
    bench.device.holdWrites = true
    bench.send('to.gps', '1234', 'answer')
    bench.send('to.gps', '5678', 'answer')
    assert.is(bench.view().write_queue_bytes, 8)
    bench.send('to.gps', '9', 'answer')
    assert.equal(bench.take('answer'), ["-ERR 'serial write queue is full'"])
    bench.device.takeWrite?.()
    await settle()
    assert.equal(bench.take('answer'), ['+OK'])
    bench.send('to.gps', '9', 'answer')
    for (let i = 0; i < 2; i++) {
      bench.device.takeWrite?.()
      await settle()
    }
    assert.equal(bench.take('answer'), ['+OK', '+OK'])
    assert.equal(bench.device.written, ['1234', '5678', '9'])
    assert.is(bench.view().write_queue_bytes, 0)
    await bench.gateway.close()
  })

  it('holds so many messages and no more', async () => {
    const bench = new Bench({ write_subject: 'to.{port}' })
    await bench.gateway.start()
    bench.device.holdWrites = true
    for (let i = 0; i < 1024; i++) bench.send('to.gps', '', 'answer')
    assert.is(bench.view().refused_writes, 0)
    bench.send('to.gps', '', 'answer')
    assert.is(bench.view().refused_writes, 1)
    await bench.gateway.close()
    assert.is(bench.take('answer').length, 1025)
  })

  it('refuses what waits when the port is lost by a failing write', async () => {
    const bench = new Bench({ write_subject: 'to.{port}' })
    await bench.gateway.start()
    bench.device.holdWrites = true
    bench.send('to.gps', 'one', 'answer')
    bench.send('to.gps', 'two', 'answer')
    bench.device.takeWrite?.(new Error('EIO: i/o error, write'))
    await settle()
    const lost = "-ERR 'serial port gps was lost'"
    assert.equal(bench.take('answer'), [lost, lost])
    assert.equal(bench.states(), ['open', 'lost'])
    assert.is(bench.view().write_queue_bytes, 0)
    bench.clock.advance(1000)
    await settle()
    bench.send('to.gps', 'three', 'answer')
    await settle()
    assert.equal(bench.take('answer'), ['+OK'])
    await bench.gateway.close()
  })
})
