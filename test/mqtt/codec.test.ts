// Bytes beside their meaning. Every row runs whole, byte by byte, and encoded back.

import { generate, type Packet } from 'mqtt-packet'
import * as assert from 'uvu/assert'
import { type FrameOwner, Framer, headroomBytes } from '../../edge/mqtt/frame.ts'
import {
  checkHeader,
  connack,
  controlBytesMax,
  pingresp,
  readConnect,
  readFilters,
  suback,
  unsuback,
  wireTopic,
  writeFixedHeader,
} from '../../edge/mqtt/packet.ts'
import { type Violation, violations } from '../../edge/mqtt/rules.ts'
import { spec } from '../support/spec.ts'
import { Talk } from './talk.ts'

const payloadBytesMax = 1000

/** Reads frames as the connection does and says what came. */
class Reader implements FrameOwner {
  readonly events: string[] = []
  readonly framer = new Framer(this)

  admit(first: number, bodyBytes: number): Violation | null {
    return checkHeader(first, bodyBytes, payloadBytesMax)
  }

  packet(first: number, chunk: Buffer, start: number, end: number): void {
    const type = first >> 4
    const hex = chunk.toString('hex', start, end)
    if (type === 1) {
      const outcome = readConnect(chunk, start, end)
      this.events.push(outcome.is === 'connect' ? JSON.stringify(outcome.connect) : told(outcome))
    } else if (type === 8 || type === 10) {
      const outcome = readFilters(first, chunk, start, end)
      const list = outcome.is === 'filters' && outcome.filters.map(f => `${f.filter}=${f.qos}`)
      this.events.push(list ? `${outcome.is} ${type} ${list.join(' ')}` : told(outcome))
    } else this.events.push(`${first.toString(16)} ${hex}`)
    // The connection writes over what is done with.
    chunk.fill(0xff, 0, end)
  }

  violation(violation: Violation): void {
    this.events.push(violation.text)
  }
}

function told(outcome: object): string {
  if ('violation' in outcome) return (outcome.violation as Violation).text
  return 'code' in outcome ? `code ${outcome.code}` : JSON.stringify(outcome)
}

function read(hex: string, chunkBytes: number): string[] {
  const reader = new Reader()
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes))
    reader.framer.parse(chunk, chunk.length)
  }
  return reader.events
}

const connectOf = (changes: object) =>
  JSON.stringify({
    clientId: '',
    clean: true,
    keepaliveS: 0,
    user: '',
    pass: '',
    will: null,
    ...changes,
  })

/** What a client may send: bytes, what is read, and the same as a packet of mqtt-packet. */
const good: readonly (readonly [string, string, Packet?])[] = [
  ['c000', 'c0 ', { cmd: 'pingreq' }],
  ['e000', 'e0 ', { cmd: 'disconnect' }],
  ['4002 0001', '40 0001', { cmd: 'puback', messageId: 1 }],
  ['6202 ffff', '62 ffff', { cmd: 'pubrel', messageId: 65_535 }],
  ['3003 000161', '30 000161'],
  ['3205 0001610007', '32 0001610007'],
  ['3d06 0001 61 0007 78', '3d 000161000778'],
  [
    '820a 0001 0001 61 00 0001 62 02',
    'filters 8 a=0 b=2',
    {
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'a', qos: 0 },
        { topic: 'b', qos: 2 },
      ],
    },
  ],
  [
    'a205 0009 0001 61',
    'filters 10 a=0',
    { cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['a'] },
  ],
  [
    '100d 0004 4d515454 04 02 003c 0001 61',
    connectOf({ clientId: 'a', keepaliveS: 60 }),
    { cmd: 'connect', clientId: 'a', clean: true, keepalive: 60 },
  ],
  [
    '101b 0004 4d515454 04 f6 0000 0001 61 0001 74 0002 0001 0001 75 0002 7077',
    connectOf({
      clientId: 'a',
      user: 'u',
      pass: 'pw',
      will: { topic: 't', payload: Buffer.from([0, 1]), qos: 2, retain: true },
    }),
    {
      cmd: 'connect',
      clientId: 'a',
      clean: true,
      keepalive: 0,
      username: 'u',
      password: Buffer.from('pw'),
      will: { topic: 't', payload: Buffer.from([0, 1]), qos: 2, retain: true },
    },
  ],
]

/** What closes the connection. */
const bad: readonly (readonly [string, Violation])[] = [
  ['0000', violations.reservedType],
  ['f000', violations.reservedType],
  ['2002 0000', violations.unexpectedPacket],
  ['9003 0001 00', violations.unexpectedPacket],
  ['d000', violations.unexpectedPacket],
  ['c100', violations.fixedFlags],
  ['1100', violations.fixedFlags],
  ['800a', violations.fixedFlags],
  ['6002 0001', violations.fixedFlags],
  ['4202 0001', violations.fixedFlags],
  ['c001 00', violations.malformed],
  ['4003 000100', violations.malformed],
  ['30ffffffff7f', violations.remainingLength],
  ['30ffffff7f', violations.packetTooLarge],
  ['10ffffff7f', violations.packetTooLarge],
  ['8202 0001', violations.subscribeEmpty],
  ['a202 0001', violations.unsubscribeEmpty],
  ['8206 0000 0001 61 00', violations.packetIdZero],
  ['8206 0001 0001 61 03', violations.subscribeQos],
  ['8206 0001 0001 61 80', violations.subscribeQos],
  ['8205 0001 0001 61', violations.malformed],
  ['8206 0001 0003 61 00', violations.malformed],
  ['8205 0001 0000 00', violations.filterInvalid],
  ['8207 0001 0002 6123 00', violations.filterInvalid],
  ['8206 0001 0001 00 00', violations.notUtf8],
  ['8206 0001 0001 ff 00', violations.notUtf8],
  ['8201 00', violations.malformed],
  ['1000', violations.protocolName],
  ['1006 0004 4d515454', violations.malformed],
  ['100d 0004 4d515474 04 02 003c 0001 61', violations.protocolName],
  ['100d 0004 4d515454 04 03 003c 0001 61', violations.connectFlag],
  ['100d 0004 4d515454 04 22 003c 0001 61', violations.willFlags],
  ['100d 0004 4d515454 04 0a 003c 0001 61', violations.willFlags],
  ['100d 0004 4d515454 04 1e 003c 0001 61', violations.willQos],
  ['100d 0004 4d515454 04 42 003c 0001 61', violations.passwordWithoutUser],
  ['100d 0004 4d515454 04 02 003c 0001 00', violations.notUtf8],
  ['100d 0004 4d515454 04 82 003c 0001 61', violations.malformed],
  ['100e 0004 4d515454 04 02 003c 0001 61 00', violations.malformed],
  ['1012 0004 4d515454 04 06 003c 0001 61 0001 23 0000', violations.topicWildcard],
  ['1011 0004 4d515454 04 06 003c 0001 61 0000 0000', violations.topicEmpty],
]

spec('mqtt codec', it => {
  it('reads every row, whole and in pieces of any size', () => {
    for (const [hex, meaning] of good) {
      for (const bytes of [1000, 1, 2, 3, 5]) assert.equal(read(hex, bytes), [meaning], hex)
    }
  })

  it('reads all rows one after the other in one chunk, and byte by byte', () => {
    const hex = good.map(([bytes]) => bytes).join('')
    const meanings = good.map(([, meaning]) => meaning)
    for (const bytes of [10_000, 1, 7]) assert.equal(read(hex, bytes), meanings)
  })

  it('encodes the same bytes', () => {
    for (const [hex, , packet] of good) {
      if (packet) assert.is(generate(packet).toString('hex'), hex.replaceAll(' ', ''))
    }
    assert.is(connack(0, true).toString('hex'), '20020100')
    assert.is(connack(5, false).toString('hex'), '20020005')
    assert.is(suback(7, [0, 1, 0x80]).toString('hex'), '90050007000180')
    assert.is(unsuback(9).toString('hex'), 'b0020009')
    assert.is(pingresp.toString('hex'), 'd000')
    assert.is(wireTopic('é/a')?.toString('hex'), '0004c3a92f61')
  })

  it('names what is wrong, whole and byte by byte', () => {
    for (const [hex, violation] of bad) {
      for (const bytes of [1000, 1]) assert.equal(read(hex, bytes), [violation.text], hex)
    }
  })

  it('reads nothing after a violation', () => {
    assert.equal(read('0000c000', 1000), [violations.reservedType.text])
    assert.equal(read('0000c000', 1), [violations.reservedType.text])
  })

  it('refuses other protocol levels with code 1', () => {
    assert.equal(read('1006 0004 4d515454', 1000), [violations.malformed.text])
    assert.equal(read('100d 0004 4d515454 05 02 003c 00 0000', 1000), ['code 1'])
    assert.equal(read('100c 0004 4d515454 04 00 003c 0000', 1000), ['code 2'])
  })

  it('takes the longest packets and not one byte more', () => {
    const longest = 2 + 65_535 + 2 + payloadBytesMax
    assert.is(checkHeader(0x30, longest, payloadBytesMax), null)
    assert.is(checkHeader(0x30, longest + 1, payloadBytesMax), violations.packetTooLarge)
    assert.is(checkHeader(0x10, controlBytesMax, payloadBytesMax), null)
    assert.is(checkHeader(0x82, controlBytesMax + 1, payloadBytesMax), violations.packetTooLarge)
  })

  it('writes remaining lengths of one to four bytes', () => {
    const rows: [number, string][] = [
      [0, '3000'],
      [127, '307f'],
      [128, '308001'],
      [16_383, '30ff7f'],
      [16_384, '30808001'],
      [2_097_151, '30ffff7f'],
      [2_097_152, '3080808001'],
      [268_435_455, '30ffffff7f'],
    ]
    for (const [bytes, hex] of rows) {
      const into = Buffer.alloc(5)
      assert.is(into.toString('hex', 0, writeFixedHeader(into, 0x30, bytes)), hex)
    }
  })

  it('puts a packet that was cut in two behind room for a header', () => {
    const starts: number[] = []
    const framer = new Framer({
      admit: () => null,
      packet: (_, __, start) => starts.push(start),
      violation: () => assert.unreachable(),
    })
    framer.parse(Buffer.from('3003', 'hex'), 2)
    framer.parse(Buffer.from('000161', 'hex'), 3)
    framer.parse(Buffer.from('3003000161', 'hex'), 5)
    assert.equal(starts, [headroomBytes, 2])
  })
})

spec('mqtt violation', it => {
  /** PUBLISH packets that close the connection. */
  const publishes: readonly (readonly [string, Violation])[] = [
    ['3600 ', violations.qos3],
    ['3605 0001 61 0001', violations.qos3],
    ['3803 0001 61', violations.dupAtQos0],
    ['3205 0001 61 0000', violations.packetIdZero],
    ['3204 0001 61 00', violations.malformed],
    ['3001 00', violations.malformed],
    ['3003 0002 61', violations.malformed],
    ['3002 0000', violations.topicEmpty],
    ['3003 0001 00', violations.notUtf8],
    ['3003 0001 ff', violations.notUtf8],
    ['3005 0003 eda080', violations.notUtf8],
    ['3003 0001 23', violations.topicWildcard],
    ['3005 0003 612f2b', violations.topicWildcard],
    ['3003 0001 20', violations.topicUnsupported],
    ['3003 0001 2a', violations.topicUnsupported],
  ]

  it('closes the connection that breaks a rule, and no other', () => {
    const talk = new Talk()
    const other = talk.connect('other')
    other.subscribe('#')
    other.expect('connack 0 new', 'suback #1 0')
    for (const [hex, violation] of publishes) {
      const peer = talk.connect('bad')
      peer.bytes(hex.replaceAll(' ', ''))
      assert.ok(peer.isClosed, hex)
      const rule = violation.rule === '' ? '' : ` [${violation.rule}]`
      const logged = talk.log.lines.at(-1) ?? ''
      assert.ok(logged.endsWith(`"bad" - ${violation.text}${rule}`), `${hex}: ${logged}`)
    }
    other.expect()
    other.publish('still/here', 'x')
    other.expect('still/here q0 x')
    assert.is(talk.gateway.connections.size, 1)
  })

  it('wants CONNECT first and once', () => {
    const talk = new Talk()
    const early = talk.dial()
    early.send({ cmd: 'pingreq' })
    assert.ok(early.isClosed)
    const twice = talk.connect('a')
    twice.send({ cmd: 'connect', clientId: 'a', clean: true })
    assert.ok(twice.isClosed)
    assert.ok(talk.log.lines.some(line => line.includes('[MQTT-3.1.0-2]')))
  })

  it('takes a message of max_payload with its header, and closes past it', () => {
    const talk = new Talk({ payloadBytesMax: 125 })
    const nats = talk.listen('t')
    const peer = talk.connect('a')
    peer.publish('t', 'x'.repeat(98))
    assert.is(nats.length, 1)
    peer.publish('t', 'x'.repeat(101))
    assert.ok(peer.isClosed)
    assert.is(nats.length, 1)
  })

  it('survives random bytes and random changes of good packets', () => {
    const talk = new Talk()
    const other = talk.connect('other')
    other.lines()
    let seed = 12_345
    const random = (max: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return Math.floor((seed / 2 ** 32) * max)
    }
    const packets = [...good, ...bad, ...publishes].map(([hex]) =>
      Buffer.from(hex.replaceAll(' ', ''), 'hex'),
    )
    for (let round = 0; round < 3000; round++) {
      const peer = talk.connect(`fuzz${random(4)}`, { clean: random(2) === 0 })
      for (let n = 0; n < 6 && !peer.isClosed; n++) {
        const packet = Buffer.from(packets[random(packets.length)] as Buffer)
        if (random(2) === 0 && packet.length > 0) packet[random(packet.length)] = random(256)
        if (random(8) === 0) packet.fill(random(256), random(packet.length))
        const cut = random(packet.length)
        peer.bytes(packet.subarray(0, cut))
        peer.bytes(packet.subarray(cut))
      }
      peer.cut()
    }
    assert.is(talk.gateway.connections.size, 1)
    other.send({ cmd: 'pingreq' })
    assert.is(other.lines().at(-1), 'pingresp')
  })
})
