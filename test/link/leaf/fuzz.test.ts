// Any bytes at the leaf parser: it never throws, says the same however they are cut, and stops for
// good at the first violation.

import * as assert from 'uvu/assert'
import { LeafParser } from '../../../src/link/leaf/parser.ts'
import { fuzz, mutated, pieces, type Random } from '../../support/fuzz.ts'
import { spec } from '../../support/spec.ts'

const limits = { lineBytesMax: 128, payloadBytesMax: 256 }

function said(chunks: readonly Buffer[]): string[] {
  const seen: string[] = []
  const parser = new LeafParser(
    {
      message: ({ chunk, subject, reply, queues, bodyStart, payloadStart, payloadEnd }) => {
        assert.ok(payloadEnd - bodyStart <= limits.payloadBytesMax)
        const headers = chunk.toString('latin1', bodyStart, payloadStart)
        const payload = chunk.toString('latin1', payloadStart, payloadEnd)
        seen.push(`${subject}|${reply}|${queues?.join()}|${headers}|${payload}`)
      },
      subscribe: (subject, queue, weight) => seen.push(`+ ${subject} ${queue} ${weight}`),
      unsubscribe: (subject, queue) => seen.push(`- ${subject} ${queue}`),
      info: json => seen.push(`info ${json}`),
      connect: json => seen.push(`connect ${json}`),
      ping: () => seen.push('ping'),
      pong: () => seen.push('pong'),
      error: text => seen.push(`error ${text}`),
      violation: error => seen.push(`violation ${error.reason}`),
    },
    limits,
  )
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk)
    parser.parse(lent)
    lent.fill(0x21)
  }
  return seen
}

function operation(random: Random): string {
  const subject = random.pick(['a', 'foo.bar', 'x'.repeat(60), '$JS.ACK.S.C.1.1.1.1.0@a.b'])
  const way = random.pick(['', ' in.box', ' | q1', ' | q1 q2', ' + in.box q1'])
  const payload = random.bytes(random.below(40)).toString('latin1')
  const head = 'NATS/1.0\r\nA: b\r\n\r\n'
  return random.pick([
    () => `LMSG ${subject}${way} ${payload.length}\r\n${payload}\r\n`,
    () =>
      `HMSG ${subject}${way} ${head.length} ${head.length + payload.length}\r\n${head}${payload}\r\n`,
    () => `LS+ ${subject}${random.pick(['', ' q 3', ' q'])}\r\n`,
    () => `LS- ${subject}${random.pick(['', ' q'])}\r\n`,
    () => 'INFO {"server_id":"N"}\r\n',
    () =>
      random.pick(['PING\r\n', 'PONG\r\n', "-ERR 'x'\r\n", 'CONNECT {}\r\n', '+OK\r\n', '\r\n']),
  ])()
}

spec('any bytes from a leaf node', it => {
  it('are read alike however they are cut, and never thrown at', () => {
    fuzz(random => {
      const text = Array.from({ length: 1 + random.below(12) }, () => operation(random)).join('')
      const bytes = mutated(Buffer.from(text, 'latin1'), random)
      const whole = said([bytes])
      assert.equal(said(pieces(bytes, random)), whole)
      const ended = whole.findIndex(one => one.startsWith('violation'))
      if (ended >= 0) assert.is(ended, whole.length - 1, 'nothing after a violation')
    })
  })
})
