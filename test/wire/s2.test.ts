// Streams of snappy and S2: what is written is read by a decoder that knows nothing of it, every
// form that the descriptions of the formats know is understood (nats-server's own streams are read
// in test/peer/backup.test.ts), and garbage is refused without harm.

import * as assert from 'uvu/assert'
import { crc32c, masked } from '../../src/wire/crc32c.ts'
import { S2Reader, S2Writer, snappyStream } from '../../src/wire/s2.ts'
import { compress, decompress } from '../../src/wire/snappy-block.ts'
import { spec } from '../support/spec.ts'
import { unsnappy } from '../system/unsnappy.ts'

const s2Identifier = 'ff06000053327354774f'

spec('wire/s2', it => {
  it('has the checksums of RFC 3720', () => {
    assert.is(crc32c(Buffer.alloc(32)), 0x8a9136aa)
    assert.is(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
    assert.is(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e)
    assert.is(crc32c(Buffer.from('123456789')), 0xe3069283)
    assert.is(masked(0), 0xa282ead8)
  })

  it('gives back what went in, as snappy and as S2, whole and byte by byte', () => {
    for (const row of rows()) {
      assert.ok(unsnappy(snappyStream(row)).equals(row), `snappy, ${row.length} bytes`)
      const stream = s2Stream([row])
      assert.is(stream.toString('hex', 0, 10), s2Identifier)
      assert.ok(unpacked([stream]).equals(row), `S2, ${row.length} bytes`)
      if (row.length > 1000) continue
      const bytes = [...stream].map(byte => Buffer.from([byte]))
      assert.ok(unpacked(bytes).equals(row), `byte by byte, ${row.length} bytes`)
    }
    const many = rows()
    assert.ok(unpacked([s2Stream(many)]).equals(Buffer.concat(many)), 'one after the other')
  })

  it('makes repetitions small and noise hardly larger', () => {
    assert.ok(snappyStream(Buffer.alloc(60_000, '{"cid":1,"kind":"Client"}')).length < 4000)
    assert.ok(snappyStream(noise(65_536, 1)).length < 65_536 + 32)
  })

  it('reads every form of an element', () => {
    const text = (plain: string): string => Buffer.from(plain, 'latin1').toString('hex')
    const table: readonly (readonly [string, string, string])[] = [
      ['a literal', `02 04 ${text('ab')}`, 'ab'],
      ['a literal with a byte of length', `3d f0 3c ${text('x'.repeat(61))}`, 'x'.repeat(61)],
      ['a literal with two', `3d f4 3c00 ${text('x'.repeat(61))}`, 'x'.repeat(61)],
      ['a literal with three', `3d f8 3c0000 ${text('x'.repeat(61))}`, 'x'.repeat(61)],
      ['a literal with four', `3d fc 3c000000 ${text('x'.repeat(61))}`, 'x'.repeat(61)],
      ['a copy with one byte of distance', `08 0c ${text('abcd')} 01 04`, 'abcdabcd'],
      ['a copy with two', `08 0c ${text('abcd')} 0e 0400`, 'abcdabcd'],
      ['a copy with four', `08 0c ${text('abcd')} 0f 04000000`, 'abcdabcd'],
      ['a copy that overlaps itself', `07 00 ${text('a')} 16 0100`, 'aaaaaaa'],
      ['a repeat of four', `0c 0c ${text('abcd')} 01 04 01 00`, 'abcdabcdabcd'],
      ['a repeat of eight', `10 0c ${text('abcd')} 01 04 11 00`, 'abcd'.repeat(4)],
      ['a repeat with a byte', `12 0c ${text('abcd')} 01 04 15 00 02`, `${'abcd'.repeat(4)}ab`],
      ['a repeat with two', `8c02 00 ${text('a')} 0e 0100 19 00 0300`, 'a'.repeat(268)],
      ['a repeat with three', `888004 00 ${text('a')} 0a 0100 1d 00 000000`, 'a'.repeat(65_544)],
    ]
    for (const [name, hex, expected] of table) {
      const block = Buffer.from(hex.replaceAll(' ', ''), 'hex')
      const plain = decompress(block, 1 << 20)
      assert.is(typeof plain === 'string' ? plain : plain.toString('latin1'), expected, name)
    }
  })

  it('refuses blocks that lie', () => {
    const table: readonly (readonly [string, string])[] = [
      ['nothing', ''],
      ['a length without an end', 'ffffffffff'],
      ['more than was promised', '01 04 6161'],
      ['less than was promised', '03 04 6161'],
      ['a literal beyond the block', '05 10 6161'],
      ['a length cut off', '05 f0'],
      ['a length of four bytes cut off', '05 fc 0000'],
      ['a copy from before the start', '08 0c 61626364 01 05'],
      ['a copy from nowhere', '08 0c 61626364 0e 0000'],
      ['a copy cut off', '08 0c 61626364 0e 04'],
      ['a repeat of nothing', '08 0c 61626364 01 00'],
      ['a repeat cut off', '80808001 0c 61626364 01 04 1d 00 ffff'],
      ['a repeat beyond the end', '0c 0c 61626364 01 04 19 00 ffff'],
    ]
    for (const [name, hex] of table) {
      const plain = decompress(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 1 << 20)
      assert.type(plain, 'string', name)
    }
    assert.type(decompress(Buffer.from('ffff03', 'hex'), 65_534), 'string', 'one over the limit')
  })

  it('skips what may be skipped and refuses the rest', () => {
    const body = s2Stream([Buffer.from('hello')]).subarray(10)
    const id = Buffer.from(s2Identifier, 'hex')
    const padding = Buffer.from('fe030000aabbcc80000000', 'hex')
    const joined = Buffer.concat([id, padding, body, id, padding, body])
    assert.is(unpacked([joined]).toString(), 'hellohello')
    const snappy = snappyStream(Buffer.from('hello'))
    assert.is(unpacked([snappy, joined]).toString(), 'hellohellohello')

    const wrong: readonly (readonly [string, Buffer])[] = [
      ['no stream identifier', body],
      ['no stream identifier', Buffer.from('1f8b0800000000', 'hex')],
      ['no stream identifier', Buffer.from('ff0600004e6f74686e67', 'hex')],
      ['chunk of the unknown type 2', Buffer.concat([id, Buffer.from('02000000', 'hex')])],
      ['chunk of 3 bytes', Buffer.concat([id, Buffer.from('01030000', 'hex')])],
      ['chunk of 4194309 bytes', Buffer.concat([id, Buffer.from('00050040', 'hex')])],
      ['chunk of 65541 bytes', Buffer.concat([snappyStream(none), Buffer.from('00050001', 'hex')])],
      ['wrong checksum', flipped(Buffer.concat([id, body]), id.length + 5)],
    ]
    for (const [problem, stream] of wrong) assert.is(problemOf(stream), problem)
    assert.is(problemOf(Buffer.concat([id, Buffer.from('00040040', 'hex')])), '', 'the largest')
  })

  it('knows a stream that ended in the middle', () => {
    const stream = s2Stream([Buffer.from('hello')])
    for (let end = 0; end <= stream.length; end++) {
      const reader = new S2Reader()
      reader.push(stream.subarray(0, end))
      while (reader.read().is === 'block') {}
      assert.is(reader.isBetween, end === 0 || end === 10 || end === stream.length, `${end}`)
    }
  })

  it('takes tiny pieces without growing by their number', () => {
    const reader = new S2Reader()
    reader.push(Buffer.from(`${s2Identifier}00000040`, 'hex'))
    const heap = process.memoryUsage()
    const piece = Buffer.from('x')
    for (let i = 0; i < 1_000_000; i++) reader.push(piece)
    const now = process.memoryUsage()
    const grown = now.heapUsed + now.external - heap.heapUsed - heap.external
    assert.is(reader.pendingBytes, 1_000_014)
    assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes`)
  })

  it('stands a million bytes of garbage, and streams with bytes flipped', () => {
    const random = dice(7)
    const good = s2Stream(rows().slice(0, 6))
    const whole = unpacked([good])
    for (let round = 0; round < 2000; round++) {
      const bad = flipped(good, random(good.length), 1 << random(8))
      const outcome = tryUnpack(bad)
      const isSame = typeof outcome !== 'string' && outcome.equals(whole)
      const isShorter = typeof outcome !== 'string' && whole.subarray(0, outcome.length)
      assert.ok(typeof outcome === 'string' || isSame || isShorter, 'garbage for good')
    }
    for (let round = 0; round < 500; round++) {
      const block = noise(1 + random(2000), round)
      const plain = decompress(block, 65_536)
      assert.ok(typeof plain === 'string' || plain.length <= 65_536)
      tryUnpack(Buffer.concat([Buffer.from(s2Identifier, 'hex'), block]))
    }
  })

  it('packs what any text is made of so that it can be unpacked', () => {
    const random = dice(3)
    for (let round = 0; round < 200; round++) {
      const words = Array.from({ length: 1 + random(40) }, (_, n) => noise(1 + random(30), n))
      const parts = Array.from({ length: random(400) }, () => words[random(words.length)] as Buffer)
      const bytes = Buffer.concat(parts).subarray(0, 65_536)
      const plain = decompress(compress(bytes), 65_536)
      assert.ok(typeof plain !== 'string' && plain.equals(bytes))
    }
  })
})

const none = Buffer.alloc(0)

function rows(): readonly Buffer[] {
  return [
    none,
    Buffer.from('a'),
    Buffer.from('abc'),
    Buffer.from('{"server":{}}'),
    Buffer.alloc(700, 'some json, again and again, '),
    Buffer.concat([noise(100, 1), Buffer.alloc(1000, 'y'), noise(61, 2), Buffer.alloc(5, 'z')]),
    Buffer.alloc(65_536, 'x'),
    Buffer.alloc(65_537, 'abcdefg'),
    Buffer.alloc(300_000, 'some json, again and again, '),
    noise(70_000, 3),
  ]
}

function s2Stream(parts: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = []
  const writer = new S2Writer(piece => pieces.push(piece))
  for (const part of parts) writer.write(part)
  writer.flush()
  return Buffer.concat(pieces)
}

function unpacked(pieces: readonly Buffer[]): Buffer {
  const reader = new S2Reader()
  const blocks: Buffer[] = []
  for (const piece of pieces) {
    reader.push(piece)
    for (let read = reader.read(); read.is !== 'hungry'; read = reader.read()) {
      if (read.is === 'wrong') throw new Error(read.problem)
      blocks.push(read.bytes)
    }
  }
  return Buffer.concat(blocks)
}

function tryUnpack(stream: Buffer): Buffer | string {
  try {
    return unpacked([stream])
  } catch (error) {
    return (error as Error).message
  }
}

function problemOf(stream: Buffer): string {
  const outcome = tryUnpack(stream)
  return typeof outcome === 'string' ? outcome : ''
}

function flipped(bytes: Buffer, at: number, mask = 0xff): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ mask
  return copy
}

/** Numbers below `n`, always the same ones. */
function dice(seed: number): (n: number) => number {
  let state = seed
  return n => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % n
  }
}

function noise(bytes: number, seed: number): Buffer {
  const next = dice(seed + 1)
  return Buffer.from(Array.from({ length: bytes }, () => next(256)))
}
