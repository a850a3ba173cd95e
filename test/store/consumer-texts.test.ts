// What consumers read from texts, row by row: ack subjects and bodies, Go's durations, pull
// requests, status messages.

import * as assert from 'uvu/assert'
import {
  type AckedMessage,
  ackVerb,
  nakDelayMs,
  readAckNumbers,
  termReason,
} from '../../edge/store/consumer/ack.ts'
import { durationOf, durationText } from '../../edge/store/consumer/duration.ts'
import { readPull } from '../../edge/store/consumer/request.ts'
import * as status from '../../edge/store/consumer/status.ts'
import { spec } from '../support/spec.ts'

spec('consumer texts', it => {
  it('numbers of an ack subject', () => {
    const read = (text: string): string => {
      const into: AckedMessage = { deliveries: 0, streamSeq: 0, consumerSeq: 0 }
      const is = readAckNumbers(`$JS.ACK.S.c.${text}`, '$JS.ACK.S.c.'.length, into)
      return is ? `${into.deliveries} ${into.streamSeq} ${into.consumerSeq}` : 'no'
    }
    assert.is(read('1.2.3.1795320160177365748.4'), '1 2 3')
    assert.is(read('12.3456789012.3.9.0.more.tokens'), '12 3456789012 3')
    assert.is(read('1.2.3'), '1 2 3')
    assert.is(read('a.2.3.4'), '0 2 3')
    assert.is(read('-1.2.3.4'), '0 2 3')
    for (const bad of ['', '1.2', '1.2.', '1..3.4', '1.2.x.4', '1.2.3x']) {
      assert.is(read(bad), 'no', bad)
    }
    assert.is(read(`1.${'9'.repeat(15)}.3.4`), `1 ${'9'.repeat(15)} 3`)
    assert.is(read(`1.${'9'.repeat(16)}.3.4`), 'no')
  })

  it('bodies of acks', () => {
    const rows = [
      ['', 'ack'],
      ['+ACK', 'ack'],
      ['+OK', 'ack'],
      ['+ACKs', 'unknown'],
      ['-NAK', 'nak'],
      ['-NAK 10s', 'nak'],
      ['-NA', 'unknown'],
      ['+WPI', 'progress'],
      ['+WPI!', 'unknown'],
      ['+NXT', 'next'],
      ['+NXT 5', 'next'],
      ['+TERM', 'term'],
      ['+TERM because', 'term'],
      ['hello', 'unknown'],
    ] as const
    for (const [body, verb] of rows) assert.is(ackVerb(Buffer.from(body)), verb, body)
    assert.is(termReason(Buffer.from('+TERM  bad data ')), 'bad data')
  })

  it('delays of NAKs', () => {
    const rows = [
      ['-NAK', null],
      ['-NAK  ', null],
      ['-NAK {"delay":500000000}', 500],
      ['-NAK {"delay": -5}', 0],
      ['-NAK {}', 0],
      ['-NAK {"delay":"1s"}', null],
      ['-NAK {bad', null],
      ['-NAK 10s', 10_000],
      ['-NAK 1h30m', 5_400_000],
      ['-NAK soon', null],
      ['-NAK {"delay":1e30}', 365 * 24 * 3600 * 1000],
    ] as const
    for (const [body, ms] of rows) assert.is(nakDelayMs(Buffer.from(body)), ms, body)
  })

  it("Go's durations, both ways", () => {
    const both = [
      ['0s', 0],
      ['1ns', 1],
      ['1.5µs', 1500],
      ['250ms', 250e6],
      ['1.5s', 1.5e9],
      ['1m30s', 90e9],
      ['2m0s', 120e9],
      ['1h0m0.5s', 3600.5e9],
      ['-2s', -2e9],
    ] as const
    for (const [text, ns] of both) {
      assert.is(durationOf(text), ns, text)
      assert.is(durationText(ns), text)
    }
    for (const [text, ns] of [
      ['0', 0],
      ['+5s', 5e9],
      ['.5s', 5e8],
      ['1.s', 1e9],
      ['3us', 3000],
    ] as const) {
      assert.is(durationOf(text), ns, text)
    }
    for (const bad of ['', '5', 's', '1s2', '1 s', '1d', '--1s'])
      assert.is(durationOf(bad), null, bad)
  })

  it('pull requests', () => {
    const read = (text: string): string => {
      const got = readPull(Buffer.from(text))
      if (got.is === 'bad') return got.why
      const { batch, expires, noWait, maxBytes, heartbeat } = got.pull
      return [batch, expires, noWait, maxBytes, heartbeat].join(' ')
    }
    assert.is(read(''), '1 0 false 0 0')
    assert.is(read(' 25 '), '25 0 false 0 0')
    assert.is(read('five'), '1 0 false 0 0')
    assert.is(
      read('{"batch":5,"expires":9,"no_wait":true,"max_bytes":7,"idle_heartbeat":4,"group":"A"}'),
      '5 9 true 7 4',
    )
    assert.is(read('{"batch":5,"expires":7,"idle_heartbeat":4}'), 'heartbeat value too large')
    assert.is(read('{"expires":8,"idle_heartbeat":4}'), '0 8 false 0 4')
    assert.is(
      read('{"batch":"5"}').startsWith('json: cannot unmarshal string into Go struct'),
      true,
    )
    assert.is(read('{bad'), "invalid character 'b' looking for beginning of object key string")
    assert.is(read(`{"a":"${'x'.repeat(70_000)}"}`), 'request too large')
  })

  it('status messages and headers only', () => {
    assert.is(
      status.idleHeartbeat(3, 5, '').toString(),
      'NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 3\r\nNats-Last-Stream: 5\r\n\r\n',
    )
    assert.is(
      status.requestTimeout(5, 0).toString(),
      'NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 5\r\nNats-Pending-Bytes: 0\r\n\r\n',
    )
    assert.is(
      status.headersOnly(Buffer.alloc(0), 7).toString(),
      'NATS/1.0\r\nNats-Msg-Size: 7\r\n\r\n',
    )
    assert.is(
      status.headersOnly(Buffer.from('NATS/1.0\r\nA: b\r\n\r\n'), 7).toString(),
      'NATS/1.0\r\nA: b\r\nNats-Msg-Size: 7\r\n\r\n',
    )
  })
})
