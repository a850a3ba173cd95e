// Any bytes at the client parser: it never throws, says the same however they are cut, and stops
// for good at the first violation.

import * as assert from 'uvu/assert'
import type { Message } from '../../src/message.ts'
import type { WireError } from '../../src/wire/errors.ts'
import { type ClientOperations, Parser } from '../../src/wire/parser.ts'
import { fuzz, mutated, pieces, type Random } from '../support/fuzz.ts'
import { spec } from '../support/spec.ts'

const limits = { lineBytesMax: 128, payloadBytesMax: 256 }

class Heard implements ClientOperations {
  readonly said: string[] = []

  publish({ chunk, subject, reply, bodyStart, payloadStart, payloadEnd }: Message): void {
    assert.ok(bodyStart <= payloadStart && payloadStart <= payloadEnd)
    assert.ok(payloadEnd - bodyStart <= limits.payloadBytesMax)
    const headers = chunk.toString('latin1', bodyStart, payloadStart)
    this.said.push(
      `${subject}|${reply}|${headers}|${chunk.toString('latin1', payloadStart, payloadEnd)}`,
    )
  }
  subscribe(subject: string, queue: string, sid: string): void {
    this.said.push(`sub ${subject}|${queue}|${sid}`)
  }
  unsubscribe(sid: string, max: number): void {
    assert.ok(max >= 0)
    this.said.push(`unsub ${sid}|${max}`)
  }
  connect(json: string): void {
    this.said.push(`connect ${json}`)
  }
  ping(): void {
    this.said.push('ping')
  }
  pong(): void {
    this.said.push('pong')
  }
  violation(error: WireError): void {
    this.said.push(`violation ${error.reason}`)
  }
}

function said(chunks: readonly Buffer[]): string[] {
  const heard = new Heard()
  const parser = new Parser(heard, limits)
  for (const chunk of chunks) {
    // As the socket's buffer is: another time it holds something else.
    const lent = Buffer.from(chunk)
    parser.parse(lent)
    lent.fill(0x21)
  }
  return heard.said
}

const subjects = ['a', 'foo.bar', 'foo.*', '>', 'x'.repeat(60), 'ü.ß']
const headers = ['NATS/1.0\r\n\r\n', 'NATS/1.0\r\nA: b\r\nA: c\r\n\r\n', 'NATS/1.0 503\r\n\r\n']

function operation(random: Random): string {
  const subject = random.pick(subjects)
  const reply = random.pick(['', ' in.box'])
  const payload = random.bytes(random.below(40)).toString('latin1')
  const head = random.pick(headers)
  return random.pick([
    () => `PUB ${subject}${reply} ${payload.length}\r\n${payload}\r\n`,
    () => `pub\t${subject}${reply}  ${payload.length} \r\n${payload}\r\n`,
    () =>
      `HPUB ${subject}${reply} ${head.length} ${head.length + payload.length}\r\n${head}${payload}\r\n`,
    () => `SUB ${subject}${random.pick(['', ' q'])} ${random.below(99)}\r\n`,
    () => `UNSUB ${random.below(99)}${random.pick(['', ' 5'])}\r\n`,
    () => 'CONNECT {"verbose":false,"name":"x y"}\r\n',
    () => random.pick(['PING\r\n', 'PONG\r\n', 'ping\n', '+OK\r\n', 'INFO {}\r\n', '\r\n']),
  ])()
}

spec('any bytes from a client', it => {
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

  it('are noise as well', () => {
    fuzz(random => {
      const bytes = random.bytes(random.below(400))
      assert.equal(said(pieces(bytes, random)), said([bytes]))
    })
  })
})
