// Parsing held between two operations: what comes meanwhile waits, in order and bounded.

import * as assert from 'uvu/assert'
import { type ClientOperations, Parser } from '../../src/wire/parser.ts'
import { spec } from '../support/spec.ts'

const mebibyte = 1024 * 1024

function held() {
  const seen: string[] = []
  const ignore = () => {}
  const operations: ClientOperations = {
    publish: message => seen.push(`pub ${message.payloadEnd - message.payloadStart}`),
    subscribe: subject => seen.push(`sub ${subject}`),
    unsubscribe: ignore,
    connect: json => {
      seen.push('connect')
      if (json === '{}') parser.hold()
    },
    ping: () => seen.push('ping'),
    pong: ignore,
    violation: error => seen.push(error.text),
  }
  const parser = new Parser(operations, { lineBytesMax: 4096, payloadBytesMax: 2 * mebibyte })
  const parse = (text: string) => parser.parse(Buffer.from(text))
  return { seen, parser, parse }
}

spec('held parsing', it => {
  const text = 'CONNECT {}\r\nPING\r\nPUB a 5\r\nhello\r\nSUB b 1\r\nCONNECT {}\r\nPING\r\n'

  it('goes on where it stopped, however the bytes are cut', () => {
    for (let cut = 1; cut <= text.length; cut++) {
      const { seen, parser, parse } = held()
      for (let at = 0; at < text.length; at += cut) parse(text.slice(at, at + cut))
      assert.equal(seen, ['connect'])
      parser.resume()
      assert.equal(seen, ['connect', 'ping', 'pub 5', 'sub b', 'connect'])
      parser.resume()
      assert.is(seen.at(-1), 'ping')
      parse('PING\r\n')
      assert.is(seen.length, 7)
    }
  })

  it('keeps one MiB and refuses a byte more', () => {
    const { seen, parser, parse } = held()
    parse('CONNECT {}\r\n')
    parse(`PUB a ${mebibyte - 17}\r\n`)
    parse('x'.repeat(mebibyte - 17))
    parse('\r\n')
    assert.equal(seen, ['connect'])
    parser.resume()
    assert.equal(seen, ['connect', `pub ${mebibyte - 17}`])
    parse('CONNECT {}\r\n')
    parse('x'.repeat(mebibyte))
    assert.is(seen.at(-1), 'connect')
    parse('x')
    assert.is(seen.at(-1), 'Authorization Violation')
    parser.resume()
    parse('PING\r\n')
    assert.is(seen.at(-1), 'Authorization Violation')
  })

  it('needs no resume when it was not held', () => {
    const { seen, parser, parse } = held()
    parser.resume()
    parse('CONNECT {"a":1}\r\nPING\r\n')
    assert.equal(seen, ['connect', 'ping'])
  })
})
