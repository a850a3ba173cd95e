import * as assert from 'uvu/assert'
import type { Message } from '../../src/message.ts'
import type { WireError } from '../../src/wire/errors.ts'
import { type ClientOperations, Parser } from '../../src/wire/parser.ts'
import { spec } from '../support/spec.ts'

const limits = { lineBytesMax: 64, payloadBytesMax: 128 }

/** Everything the parser said, in words. */
class Heard implements ClientOperations {
  readonly said: string[] = []

  publish(message: Message): void {
    const { chunk, subject, target, reply, lineStart, bodyStart, payloadStart, payloadEnd } =
      message
    assert.is(target, subject)
    const headers = chunk.toString('latin1', bodyStart, payloadStart)
    const payload = chunk.toString('latin1', payloadStart, payloadEnd)
    if (lineStart >= 0) {
      const sizes = headers === '' ? '' : `${headers.length} `
      const line = `${sizes}${payloadEnd - bodyStart}\r\n${headers}${payload}\r\n`
      assert.is(chunk.toString('latin1', lineStart, payloadEnd + 2), line)
    }
    this.said.push(`pub ${subject}|${reply}|${headers}|${payload}`)
  }
  subscribe(subject: string, queue: string, sid: string): void {
    this.said.push(`sub ${subject}|${queue}|${sid}`)
  }
  unsubscribe(sid: string, max: number): void {
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

function parsed(chunks: readonly string[]): string[] {
  const heard = new Heard()
  const parser = new Parser(heard, limits)
  for (const chunk of chunks) parser.parse(Buffer.from(chunk, 'latin1'))
  return heard.said
}

const rows: [meaning: string, bytes: string, said: string[]][] = [
  ['a PUB', 'PUB foo 5\r\nhello\r\n', ['pub foo|||hello']],
  ['a PUB with reply', 'PUB foo re.ply 2\r\nhi\r\n', ['pub foo|re.ply||hi']],
  ['an empty payload', 'PUB foo 0\r\n\r\n', ['pub foo|||']],
  ['lower case, tabs and blanks', 'pub\tfoo  \t 2 \r\nhi\r\n', ['pub foo|||hi']],
  ['a bare LF after the line', 'PUB foo 2\nhi\r\n', ['pub foo|||hi']],
  ['CR LF inside the payload', 'PUB foo 4\r\n\r\n\r\n\r\nPING\r\n', ['pub foo|||\r\n\r\n', 'ping']],
  [
    'the same subject again and again',
    'PUB a 1\r\nx\r\nPUB a 1\r\ny\r\nPUB a r 1\r\nz\r\nPUB ab 1\r\nw\r\nPUB a 1\r\nv\r\n',
    ['pub a|||x', 'pub a|||y', 'pub a|r||z', 'pub ab|||w', 'pub a|||v'],
  ],
  ['an HPUB', 'HPUB foo 12 17\r\nNATS/1.0\r\n\r\nhello\r\n', ['pub foo||NATS/1.0\r\n\r\n|hello']],
  [
    'an HPUB with reply',
    'HPUB foo r 12 12\r\nNATS/1.0\r\n\r\n\r\n',
    ['pub foo|r|NATS/1.0\r\n\r\n|'],
  ],
  ['SUB', 'SUB foo.* 1\r\nSUB foo q 2\r\n', ['sub foo.*||1', 'sub foo|q|2']],
  ['UNSUB', 'UNSUB 1\r\nUNSUB 2 5\r\n', ['unsub 1|0', 'unsub 2|5']],
  ['CONNECT', 'CONNECT {"verbose":false}\r\n', ['connect {"verbose":false}']],
  [
    'PING, PONG, +OK and INFO',
    'PING\r\nPONG\r\n+OK\r\nINFO {}\r\nping\r\n',
    ['ping', 'pong', 'ping'],
  ],
  ['an unknown verb', 'FOO bar\r\nPING\r\n', ['violation Protocol Violation']],
  ['a verb that only begins like one', 'PUBX a 1\r\n', ['violation Protocol Violation']],
  ['an empty line', '\r\nPING\r\n', ['violation Protocol Violation']],
  ['-ERR from a client', "-ERR 'x'\r\nPING\r\n", ['violation Parse Error']],
  ['a payload without CRLF', 'PUB a 2\r\nhiPING\r\n', ['violation Protocol Violation']],
  ['a size that is no number', 'PUB a x\r\n', ['violation Parse Error']],
  ['a negative size', 'PUB a -1\r\n', ['violation Parse Error']],
  ['a size of ten digits', 'PUB a 1000000000\r\n', ['violation Parse Error']],
  ['PUB without a size', 'PUB a\r\n', ['violation Parse Error']],
  ['PUB with too much', 'PUB a b c 1\r\n', ['violation Parse Error']],
  ['an HPUB without headers', 'HPUB foo r 0 5\r\nhello\r\n', ['pub foo|r||hello']],
  ['headers longer than all', 'HPUB a 5 4\r\n', ['violation Parse Error']],
  ['SUB without a sid', 'SUB a\r\n', ['violation Parse Error']],
  ['UNSUB without a sid', 'UNSUB\r\n', ['violation Parse Error']],
  [
    'the largest payload',
    `PUB a 128\r\n${'x'.repeat(128)}\r\nPING\r\n`,
    [`pub a|||${'x'.repeat(128)}`, 'ping'],
  ],
  [
    'one byte more',
    `PUB a 129\r\n${'x'.repeat(129)}\r\n`,
    ['violation Maximum Message Payload Exceeded'],
  ],
  ['the longest line', `SUB ${'x'.repeat(58)} 1\r\n`, [`sub ${'x'.repeat(58)}||1`]],
  ['one byte longer', `SUB ${'x'.repeat(59)} 1\r\n`, ['violation Maximum Control Line Exceeded']],
  ['a line without end', 'x'.repeat(200), ['violation Maximum Control Line Exceeded']],
  ['UTF-8 in a subject', 'PUB gr\xc3\xbc\xc3\x9fe 1\r\nx\r\n', ['pub grüße|||x']],
]

spec('parser', it => {
  for (const [meaning, bytes, said] of rows) {
    it(meaning, () => assert.equal(parsed([bytes]), said))
    it(`${meaning}, byte by byte`, () => assert.equal(parsed([...bytes]), said))
    it(`${meaning}, cut in two anywhere`, () => {
      for (let cut = 1; cut < bytes.length; cut++) {
        assert.equal(parsed([bytes.slice(0, cut), bytes.slice(cut)]), said, `cut at ${cut}`)
      }
    })
  }

  it('reads a part of a larger buffer only', () => {
    const heard = new Heard()
    const parser = new Parser(heard, limits)
    parser.parse(Buffer.from('PING\r\nPUB a 1\r\nx\r\nPI'), 6, 18)
    assert.equal(heard.said, ['pub a|||x'])
  })

  it('keeps the match of a repeated subject and drops it with the subject', () => {
    const seen: unknown[] = []
    const match = { plain: [], groups: [], generation: 1 }
    const heard = new Heard()
    heard.publish = message => {
      seen.push(message.match)
      message.match = match
    }
    new Parser(heard, limits).parse(Buffer.from('PUB a 0\r\n\r\nPUB a 0\r\n\r\nPUB b 0\r\n\r\n'))
    assert.equal(seen, [null, match, null])
  })

  it('survives random bytes', () => {
    let seed = 7
    const random = () => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return seed / 0x7fffffff
    }
    const words = [
      'PUB ',
      'HPUB ',
      'SUB ',
      'a',
      ' ',
      '\r\n',
      '5',
      '12',
      '\n',
      'UNSUB 1',
      '\0',
      '\xff',
      'CONNECT {',
      '}',
    ]
    for (let round = 0; round < 3000; round++) {
      const bytes = Array.from(
        { length: 12 },
        () => words[Math.floor(random() * words.length)],
      ).join('')
      const whole = parsed([bytes])
      assert.equal(parsed([...bytes]), whole, JSON.stringify(bytes))
    }
  })
})
