// `Nats-Request-Info` is the server's word: whatever else a client puts into its headers, a service
// finds who asks as the server says it, once.

import * as assert from 'uvu/assert'
import { headersOf } from '../../src/broker/post.ts'
import { withRequestInfo } from '../../src/broker/request-info.ts'
import type { Message } from '../../src/message.ts'
import { spec } from '../support/spec.ts'

const info = 'Nats-Request-Info: {"acc":"A"}'

function headersAfter(block: string): string {
  const chunk = Buffer.from(`${block}hello`)
  const message: Message = {
    subject: 's',
    target: 's',
    reply: '',
    chunk,
    lineStart: -1,
    bodyStart: 0,
    payloadStart: block.length,
    payloadEnd: chunk.length,
    match: null,
    queues: null,
    receipt: null,
  }
  const told = withRequestInfo(message, { acc: 'A' })
  assert.is(told.chunk.subarray(told.payloadStart, told.payloadEnd).toString(), 'hello')
  return headersOf(told).toString('latin1')
}

const rows: readonly (readonly [name: string, block: string, after: string])[] = [
  ['none', '', `NATS/1.0\r\n${info}\r\n\r\n`],
  ['others', 'NATS/1.0\r\nA: b\r\n\r\n', `NATS/1.0\r\nA: b\r\n${info}\r\n\r\n`],
  ['a status', 'NATS/1.0 503\r\n\r\n', `NATS/1.0 503\r\n${info}\r\n\r\n`],
  ['a forged one', `NATS/1.0\r\n${info}x\r\nA: b\r\n\r\n`, `NATS/1.0\r\nA: b\r\n${info}\r\n\r\n`],
  ['in small letters', 'NATS/1.0\r\nnats-request-info: x\r\n\r\n', `NATS/1.0\r\n${info}\r\n\r\n`],
  [
    'behind a line feed',
    `NATS/1.0\r\nA: b\n${info}x\r\n\r\n`,
    `NATS/1.0\r\nA: b\r\n${info}\r\n\r\n`,
  ],
  ['behind the end', `NATS/1.0\r\n\r\n${info}x\r\n\r\n`, `NATS/1.0\r\n${info}\r\n\r\n`],
  [
    'an end of line feeds',
    'NATS/1.0\nA: b\n\nC: d\r\n\r\n',
    `NATS/1.0\r\nA: b\r\nC: d\r\n${info}\r\n\r\n`,
  ],
  ['no end', 'NATS/1.0\r\nA: bcd', `NATS/1.0\r\nA: bcd\r\n${info}\r\n\r\n`],
  ['half an end', 'NATS/1.0\r\nA: bcd\r\n', `NATS/1.0\r\nA: bcd\r\n${info}\r\n\r\n`],
]

spec('who asks, in a header that nobody else writes', it => {
  for (const [name, block, after] of rows) {
    it(`before it: ${name}`, () => {
      assert.is(headersAfter(block), after)
    })
  }
})
