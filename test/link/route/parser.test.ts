// Every row runs whole, byte by byte, and cut in two at every place.

import * as assert from 'uvu/assert'
import { type RouteInterest, RouteParser } from '../../../src/link/route/parser.ts'
import type { Message } from '../../../src/message.ts'
import { spec } from '../../support/spec.ts'

const limits = { lineBytesMax: 64, payloadBytesMax: 32 }

function shown(account: string, message: Message, origin: string): string {
  const { chunk, subject, reply, queues, lineStart, bodyStart, payloadStart, payloadEnd } = message
  const headers = chunk.toString('latin1', bodyStart, payloadStart)
  const payload = chunk.toString('latin1', payloadStart, payloadEnd)
  const line = lineStart < 0 ? '-' : chunk.toString('latin1', lineStart, payloadEnd + 2)
  assert.is(message.target, subject)
  // What a sink may copy in one go must be sizes, body and CRLF.
  const sizes = headers === '' ? /^\d+\r\n[\s\S]*\r\n$/ : /^\d+ \d+\r\n[\s\S]*\r\n$/
  if (lineStart >= 0) assert.match(line, sizes)
  const from = origin === '' ? account : `${origin}/${account}`
  return `${from} ${subject} <${reply}> ${queues ? `[${queues.join()}]` : '-'} ${headers}|${payload}`
}

function asked({ account, subject, queue }: Omit<RouteInterest, 'origin'>): string {
  return `${account} ${subject} (${queue})`
}

function parsed(chunks: readonly Buffer[]): string[] {
  const seen: string[] = []
  const parser = new RouteParser(
    {
      message: (account, message, origin) => seen.push(shown(account, message, origin)),
      subscribe: (interest, weight) =>
        seen.push(`+ ${asked(interest)} ${weight}${interest.origin && ` of ${interest.origin}`}`),
      unsubscribe: (interest, origin) =>
        seen.push(`- ${asked(interest)}${origin === '' ? '' : ` of ${origin}`}`),
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
  ['RMSG APP b.a 5\r\nhello\r\n', ['APP b.a <> - |hello']],
  ['RMSG APP b.b rr 2\r\nhi\r\n', ['APP b.b <rr> - |hi']],
  [
    'RMSG A a 0\r\n\r\nRMSG A a 1\r\nx\r\nRMSG B a 1\r\ny\r\nRMSG AB a 1\r\nz\r\n',
    ['A a <> - |', 'A a <> - |x', 'B a <> - |y', 'AB a <> - |z'],
  ],
  [
    'HMSG APP b.h 20 23\r\nNATS/1.0\r\nA: 1xx\r\n\r\nabc\r\n',
    ['APP b.h <> - NATS/1.0\r\nA: 1xx\r\n\r\n|abc'],
  ],
  ['HMSG A h r.r 12 15\r\nNATS/1.0\r\n\r\nabc\r\n', ['A h <r.r> - NATS/1.0\r\n\r\n|abc']],
  ['RMSG A q | w 1\r\nQ\r\n', ['A q <> [w] |Q']],
  ['RMSG A q | w1 w2 1\r\nQ\r\n', ['A q <> [w1,w2] |Q']],
  ['RMSG A q + rr w 1\r\nR\r\n', ['A q <rr> [w] |R']],
  ['RMSG A q + rr 1\r\nR\r\n', ['A q <rr> [] |R']],
  ['HMSG A q | w 12 12\r\nNATS/1.0\r\n\r\n\r\n', ['A q <> [w] NATS/1.0\r\n\r\n|']],
  ['HMSG A q + rr w 12 13\r\nNATS/1.0\r\n\r\nx\r\n', ['A q <rr> [w] NATS/1.0\r\n\r\n|x']],
  ['LMSG spoke $G b.x 0 1\r\nx\r\n', ['spoke/$G b.x <> - |x']],
  ['LMSG s $G b.x rr 0 1\r\nx\r\n', ['s/$G b.x <rr> - |x']],
  ['LMSG s $G b | w 0 1\r\nx\r\n', ['s/$G b <> [w] |x']],
  ['LMSG s $G b + rr w1 w2 0 1\r\nx\r\n', ['s/$G b <rr> [w1,w2] |x']],
  ['LMSG s $G b 12 13\r\nNATS/1.0\r\n\r\nx\r\n', ['s/$G b <> - NATS/1.0\r\n\r\n|x']],
  ['LMSG s A b 0 1\r\nx\r\nRMSG A b 1\r\ny\r\n', ['s/A b <> - |x', 'A b <> - |y']],
  ['RMSG\tA\ta\t 2 \r\nhi\r\n', ['A a <> - |hi']],
  ['RMSG A temp.grün 1\r\nx\r\n', ['A temp.grün <> - |x']],
  ['RS+ A b.>\r\nRS+ A q w 2\r\nrs+ A q w 0\r\n', ['+ A b.> () 1', '+ A q (w) 2', '+ A q (w) 1']],
  ['RS- A b.>\r\nRS- A q w\r\n', ['- A b.> ()', '- A q (w)']],
  ['LS+ s A b\r\nLS+ s A q w 3\r\n', ['+ A b () 1 of s', '+ A q (w) 3 of s']],
  ['LS- s A b\r\nLS- s A q w\r\n', ['- A b () of s', '- A q (w) of s']],
  // Servers before 2.10.23 leave the cluster out: two blanks.
  ['LS-  $G l.>\r\nLS-  $G q w\r\n', ['- $G l.> () of null', '- $G q (w) of null']],
  ['PING\r\nPONG\r\n+OK\r\n\r\nping\n', ['ping', 'pong', 'ping']],
  ['A+ A\r\nA- A\r\nPING\r\n', ['ping']],
  ['INFO {"a": 1} \r\n', ['info {"a": 1}']],
  ['CONNECT {}\r\n', ['connect {}']],
  ["-ERR 'Authorization Violation'\r\n", ['error Authorization Violation']],
  ['SUB x 1\r\nPING\r\n', ['violation Protocol Violation']],
  ['PUB x 1\r\nx\r\nPING\r\n', ['violation Protocol Violation']],
  ['RMSGa 1\r\n', ['violation Protocol Violation']],
  ['HRMSG A a 0 1\r\nx\r\n', ['violation Protocol Violation']],
  ['RS+ A q w\r\nPING\r\n', ['violation Parse Error']],
  ['RS+ A q w x\r\n', ['violation Parse Error']],
  ['RS+ A q w -1\r\n', ['violation Parse Error']],
  ['RS+ A\r\n', ['violation Parse Error']],
  ['RS+\r\n', ['violation Parse Error']],
  ['RS- A\r\n', ['violation Parse Error']],
  ['RS- A b c d\r\n', ['violation Parse Error']],
  ['LS+ A b\r\n', ['violation Parse Error']],
  ['LS- s A\r\n', ['violation Parse Error']],
  ['RMSG A 5\r\n', ['violation Parse Error']],
  ['RMSG A a x\r\n', ['violation Parse Error']],
  ['RMSG A a -1\r\n', ['violation Parse Error']],
  ['RMSG A a ! b 1\r\n', ['violation Parse Error']],
  ['HMSG A a 5\r\n', ['violation Parse Error']],
  ['HMSG A a 5 4\r\n', ['violation Parse Error']],
  ['LMSG s A a 1\r\n', ['violation Parse Error']],
  ['RMSG A a 1\r\nxy\r\n', ['violation Protocol Violation']],
]

spec('route parser', it => {
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
    const at = `RMSG A a 32\r\n${'x'.repeat(32)}\r\n`
    assert.equal(parsed([Buffer.from(at)]), [`A a <> - |${'x'.repeat(32)}`])
    const past = `RMSG A a 33\r\n${'x'.repeat(33)}\r\n`
    assert.equal(parsed([Buffer.from(past)]), ['violation Maximum Message Payload Exceeded'])
    const line = past.slice(0, past.indexOf('\n') + 1)
    assert.equal(parsed([Buffer.from(line)]), ['violation Maximum Message Payload Exceeded'])
  })

  it('takes a line at the limit and refuses one past it, whole or in pieces', () => {
    const at = `RS+ A ${'x'.repeat(58)}\r\n`
    const past = `RS+ A ${'x'.repeat(59)}\r\n`
    const endless = 'x'.repeat(200)
    const bytewise = (text: string) => [...Buffer.from(text)].map(byte => Buffer.from([byte]))
    for (const cut of [(text: string) => [Buffer.from(text)], bytewise]) {
      assert.equal(parsed(cut(at)), [`+ A ${'x'.repeat(58)} () 1`])
      assert.equal(parsed(cut(past)), ['violation Maximum Control Line Exceeded'])
      assert.equal(parsed(cut(endless)), ['violation Maximum Control Line Exceeded'])
    }
  })
})
