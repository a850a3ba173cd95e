// Every row runs whole, byte by byte, and cut in two at every place.

import * as assert from 'uvu/assert'
import { LeafParser } from '../../../src/link/leaf/parser.ts'
import type { Message } from '../../../src/message.ts'
import { spec } from '../../support/spec.ts'

const limits = { lineBytesMax: 64, payloadBytesMax: 32 }

function shown(message: Message): string {
  const { chunk, subject, reply, queues, lineStart, bodyStart, payloadStart, payloadEnd } = message
  const headers = chunk.toString('latin1', bodyStart, payloadStart)
  const payload = chunk.toString('latin1', payloadStart, payloadEnd)
  const line = lineStart < 0 ? '-' : chunk.toString('latin1', lineStart, payloadEnd + 2)
  assert.is(message.target, subject)
  // What a sink may copy in one go must be sizes, body and CRLF.
  if (lineStart >= 0) assert.match(line, /^(\d+ )?\d+\r\n[\s\S]*\r\n$/)
  return `${subject} <${reply}> ${queues ? `[${queues.join()}]` : '-'} ${headers}|${payload}`
}

function parsed(chunks: readonly Buffer[]): string[] {
  const seen: string[] = []
  const parser = new LeafParser(
    {
      message: message => seen.push(shown(message)),
      subscribe: (subject, queue, weight) => seen.push(`+ ${subject} (${queue}) ${weight}`),
      unsubscribe: (subject, queue) => seen.push(`- ${subject} (${queue})`),
      info: json => seen.push(`info ${json}`),
      connect: json => seen.push(`connect ${json}`),
      ping: () => seen.push('ping'),
      pong: () => seen.push('pong'),
      error: text => seen.push(`error ${text}`),
      violation: error => seen.push(`violation ${error.reason}`),
    },
    limits,
  )
  for (const chunk of chunks) parser.parse(Buffer.from(chunk))
  return seen
}

const rows: readonly [string, readonly string[]][] = [
  ['LMSG edge.a 5\r\nhello\r\n', ['edge.a <> - |hello']],
  ['LMSG edge.b reply.to 2\r\nhi\r\n', ['edge.b <reply.to> - |hi']],
  ['LMSG a 0\r\n\r\nLMSG a 1\r\nx\r\nLMSG b 1\r\ny\r\n', ['a <> - |', 'a <> - |x', 'b <> - |y']],
  [
    'HMSG edge.h 20 23\r\nNATS/1.0\r\nA: 1xx\r\n\r\nabc\r\n',
    ['edge.h <> - NATS/1.0\r\nA: 1xx\r\n\r\n|abc'],
  ],
  ['HMSG h r.r 12 15\r\nNATS/1.0\r\n\r\nabc\r\n', ['h <r.r> - NATS/1.0\r\n\r\n|abc']],
  ['LMSG q | workers 1\r\nQ\r\n', ['q <> [workers] |Q']],
  ['LMSG q | w1 w2 1\r\nQ\r\n', ['q <> [w1,w2] |Q']],
  ['LMSG q + rr workers 1\r\nR\r\n', ['q <rr> [workers] |R']],
  ['LMSG q + rr 1\r\nR\r\n', ['q <rr> [] |R']],
  ['HMSG q | w 12 12\r\nNATS/1.0\r\n\r\n\r\n', ['q <> [w] NATS/1.0\r\n\r\n|']],
  ['HMSG q + rr w 12 13\r\nNATS/1.0\r\n\r\nx\r\n', ['q <rr> [w] NATS/1.0\r\n\r\n|x']],
  ['LMSG\ta\t 2 \r\nhi\r\n', ['a <> - |hi']],
  ['LMSG temp.grün 1\r\nx\r\n', ['temp.grün <> - |x']],
  ['LS+ edge.>\r\nLS+ q w 2\r\nls+ q w 0\r\n', ['+ edge.> () 1', '+ q (w) 2', '+ q (w) 1']],
  ['LS- edge.>\r\nLS- q w\r\n', ['- edge.> ()', '- q (w)']],
  ['PING\r\nPONG\r\n+OK\r\n\r\nping\n', ['ping', 'pong', 'ping']],
  ['INFO {"a": 1} \r\n', ['info {"a": 1}']],
  ['CONNECT {}\r\n', ['connect {}']],
  ["-ERR 'Authorization Violation'\r\n", ['error Authorization Violation']],
  ['SUB x 1\r\nPING\r\n', ['violation Protocol Violation']],
  ['LMSGa 1\r\n', ['violation Protocol Violation']],
  ['LS+ x 1\r\nPING\r\n', ['violation Parse Error']],
  ['LS+\r\n', ['violation Parse Error']],
  ['LS- a b c\r\n', ['violation Parse Error']],
  ['LMSG 5\r\n', ['violation Parse Error']],
  ['LMSG a x\r\n', ['violation Parse Error']],
  ['LMSG a -1\r\n', ['violation Parse Error']],
  ['LMSG a ! b 1\r\n', ['violation Parse Error']],
  ['HMSG a 5\r\n', ['violation Parse Error']],
  ['HMSG a 5 4\r\n', ['violation Parse Error']],
  ['LMSG a 1\r\nxy\r\n', ['violation Protocol Violation']],
]

spec('leaf parser', it => {
  for (const [text, expected] of rows) {
    it(`reads ${JSON.stringify(text)}`, () => {
      const bytes = Buffer.from(text)
      assert.equal(parsed([bytes]), expected)
      assert.equal(parsed([...bytes].map(byte => Buffer.from([byte]))), expected)
      for (let cut = 1; cut < bytes.length; cut++) {
        assert.equal(parsed([bytes.subarray(0, cut), bytes.subarray(cut)]), expected)
      }
    })
  }

  it('takes a payload at the limit and refuses one past it', () => {
    const at = `LMSG a 32\r\n${'x'.repeat(32)}\r\n`
    assert.equal(parsed([Buffer.from(at)]), [`a <> - |${'x'.repeat(32)}`])
    const past = `LMSG a 33\r\n${'x'.repeat(33)}\r\n`
    assert.equal(parsed([Buffer.from(past)]), ['violation Maximum Message Payload Exceeded'])
    assert.equal(parsed([Buffer.from(past.slice(0, 11))]), [
      'violation Maximum Message Payload Exceeded',
    ])
  })

  it('takes a line at the limit and refuses one past it, whole or in pieces', () => {
    const at = `LS+ ${'x'.repeat(60)}\r\n`
    const past = `LS+ ${'x'.repeat(61)}\r\n`
    const endless = 'x'.repeat(200)
    const bytewise = (text: string) => [...Buffer.from(text)].map(byte => Buffer.from([byte]))
    for (const cut of [(text: string) => [Buffer.from(text)], bytewise]) {
      assert.equal(parsed(cut(at)), [`+ ${'x'.repeat(60)} () 1`])
      assert.equal(parsed(cut(past)), ['violation Maximum Control Line Exceeded'])
      assert.equal(parsed(cut(endless)), ['violation Maximum Control Line Exceeded'])
    }
  })
})
