// Any bytes at the route parser: it never throws, says the same however they are cut, and stops
// for good at the first violation. What it reads goes out as a line that it reads the same.

import * as assert from 'uvu/assert'
import { RouteEncoder } from '../../../src/link/route/encode.ts'
import { readPeerConnect, readPeerInfo } from '../../../src/link/route/handshake.ts'
import { RouteParser } from '../../../src/link/route/parser.ts'
import { readRouteUrl } from '../../../src/link/route/url.ts'
import { fuzz, mutated, pieces, type Random } from '../../support/fuzz.ts'
import { spec } from '../../support/spec.ts'

const limits = { lineBytesMax: 160, payloadBytesMax: 256 }

interface Said {
  readonly seen: readonly string[]
  readonly messages: readonly string[]
  /** The messages, encoded again. */
  readonly sent: Buffer
}

function said(chunks: readonly Buffer[]): Said {
  const seen: string[] = []
  const messages: string[] = []
  const encoder = new RouteEncoder()
  const parts: Buffer[] = []
  const to = {
    append: (from: Buffer, start: number, end: number) => {
      parts.push(Buffer.from(from.subarray(start, end)))
    },
    appendText: (text: string) => {
      parts.push(Buffer.from(text))
    },
  }
  const parser = new RouteParser(
    {
      message: (account, message, origin) => {
        const { chunk, subject, reply, queues, bodyStart, payloadStart, payloadEnd } = message
        assert.ok(payloadEnd - bodyStart <= limits.payloadBytesMax)
        const headers = chunk.toString('latin1', bodyStart, payloadStart)
        const payload = chunk.toString('latin1', payloadStart, payloadEnd)
        const who = `${origin}|${account}|${subject}|${reply}|${queues?.join()}`
        messages.push(`${who}|${headers}|${payload}`)
        seen.push(messages.at(-1) as string)
        encoder.encode(to, account, message, queues, origin)
      },
      subscribe: ({ account, subject, queue, origin }, weight) =>
        seen.push(`+ ${account} ${subject} ${queue} ${origin} ${weight}`),
      unsubscribe: ({ account, subject, queue }, origin) =>
        seen.push(`- ${account} ${subject} ${queue} ${origin}`),
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
  return { seen, messages, sent: Buffer.concat(parts) }
}

function operation(random: Random): string {
  const subject = random.pick(['a', 'foo.bar', 'x'.repeat(60), '$JS.ACK.S.C.1.1.1.1.0@a.b'])
  const account = random.pick(['$G', 'A', 'ACC'])
  const way = random.pick(['', ' in.box', ' | q1', ' | q1 q2', ' + in.box q1'])
  const payload = random.bytes(random.below(40)).toString('latin1')
  const head = 'NATS/1.0\r\nA: b\r\n\r\n'
  const all = head.length + payload.length
  return random.pick([
    () => `RMSG ${account} ${subject}${way} ${payload.length}\r\n${payload}\r\n`,
    () => `HMSG ${account} ${subject}${way} ${head.length} ${all}\r\n${head}${payload}\r\n`,
    () => `LMSG leaf ${account} ${subject}${way} 0 ${payload.length}\r\n${payload}\r\n`,
    () => `LMSG leaf ${account} ${subject}${way} ${head.length} ${all}\r\n${head}${payload}\r\n`,
    () => `RS+ ${account} ${subject}${random.pick(['', ' q 3', ' q'])}\r\n`,
    () => `RS- ${account} ${subject}${random.pick(['', ' q'])}\r\n`,
    () => `LS+ leaf ${account} ${subject}${random.pick(['', ' q 3'])}\r\n`,
    () => `LS- ${random.pick(['leaf', ''])} ${account} ${subject}${random.pick(['', ' q'])}\r\n`,
    () => 'INFO {"server_id":"N"}\r\n',
    () =>
      random.pick(['PING\r\n', 'PONG\r\n', "-ERR 'x'\r\n", 'CONNECT {}\r\n', '+OK\r\n', '\r\n']),
  ])()
}

spec('any bytes from another server of the cluster', it => {
  it('are read alike however they are cut, and never thrown at', () => {
    fuzz(random => {
      const text = Array.from({ length: 1 + random.below(12) }, () => operation(random)).join('')
      const bytes = mutated(Buffer.from(text, 'latin1'), random)
      const whole = said([bytes])
      const cut = said(pieces(bytes, random))
      assert.equal(cut.seen, whole.seen)
      const ended = whole.seen.findIndex(one => one.startsWith('violation'))
      if (ended >= 0) assert.is(ended, whole.seen.length - 1, 'nothing after a violation')
      assert.equal(said([whole.sent]).seen, whole.messages)
      assert.equal(said([cut.sent]).seen, whole.messages)
    })
  })

  it('make no handshake and no url that throws', () => {
    const info =
      '{"server_id":"N","server_name":"n","port":6222,"cluster":"C","ip":"nats-route://a:1/",' +
      '"connect_urls":["a:1",2],"import":{"allow":["a"],"deny":null},"ldm":true}'
    fuzz(random => {
      const text = mutated(Buffer.from(info), random).toString('latin1')
      const read = readPeerInfo(text)
      if (read !== null) {
        assert.ok(read.id !== '')
        assert.not.match(read.cluster, /\s/)
        assert.ok(read.port >= 0 && read.port <= 65_535)
      }
      readPeerConnect(text)
      const urls = mutated(Buffer.from('nats-route://us%20er:pa@[::1]:6222/'), random)
      const url = readRouteUrl(urls.toString('latin1'))
      if (url !== null) assert.ok(url.port > 0 && url.port <= 65_535 && url.host !== '')
    })
  })
})
