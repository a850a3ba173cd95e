// Snappy streams, read back by a decoder of our own that knows nothing of the encoder.

import * as assert from 'uvu/assert'
import { crc32c, masked, snappyStream } from '../../src/system/snappy.ts'
import { spec } from '../support/spec.ts'
import { unsnappy } from './unsnappy.ts'

spec('system/snappy', it => {
  it('has the checksums of RFC 3720', () => {
    assert.is(crc32c(Buffer.alloc(32)), 0x8a9136aa)
    assert.is(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
    assert.is(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e)
    assert.is(masked(0), 0xa282ead8)
  })

  it('gives back what went in', () => {
    const rows: readonly Buffer[] = [
      Buffer.alloc(0),
      Buffer.from('a'),
      Buffer.from('abc'),
      Buffer.from('{"server":{}}'),
      Buffer.alloc(65_536, 'x'),
      Buffer.alloc(65_537, 'abcdefg'),
      Buffer.alloc(300_000, 'some json, again and again, '),
      noise(70_000),
      Buffer.concat([noise(100), Buffer.alloc(1000, 'y'), noise(61), Buffer.alloc(5, 'z')]),
    ]
    for (const row of rows)
      assert.ok(unsnappy(snappyStream(row)).equals(row), `${row.length} bytes`)
  })

  it('makes repetitions small and noise hardly larger', () => {
    assert.ok(snappyStream(Buffer.alloc(60_000, '{"cid":1,"kind":"Client"}')).length < 4000)
    assert.ok(snappyStream(noise(65_536)).length < 65_536 + 32)
  })
})

function noise(bytes: number): Buffer {
  let state = 1
  return Buffer.from(
    Array.from({ length: bytes }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return state >>> 24
    }),
  )
}
