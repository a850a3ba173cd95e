import * as assert from 'uvu/assert'
import { readingOf } from '../../edge/serial/reading.ts'
import { spec } from '../support/spec.ts'

const atMs = Date.UTC(2026, 10, 23, 4, 5, 6, 7)
const json = (frame: Buffer): string => readingOf(frame, 'json', 'gps', atMs).toString()

spec('serial reading', it => {
  it('is JSON with the time of the first byte', () => {
    assert.is(
      json(Buffer.from('$GPTXT,µ')),
      '{"time":"2026-11-23T04:05:06.007Z","port":"gps","data":"$GPTXT,µ"}',
    )
  })

  it('escapes every control character', () => {
    const all = String.fromCharCode(
      0,
      1,
      8,
      9,
      10,
      13,
      27,
      31,
      34,
      92,
      127,
      128,
      159,
      0x2028,
      0x2029,
    )
    const text = json(Buffer.from(all))
    assert.is(JSON.parse(text).data, all)
    for (const character of text) {
      const code = character.charCodeAt(0)
      assert.ok(code >= 32 && (code < 127 || code > 159) && code !== 0x2028 && code !== 0x2029)
    }
  })

  it('is base64 when the bytes are no text', () => {
    for (const bytes of [[0xb5, 0x62, 1], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      const frame = Buffer.from(bytes)
      const reading = JSON.parse(json(frame))
      assert.is(reading.encoding, 'base64')
      assert.equal(Buffer.from(reading.data, 'base64'), frame)
    }
  })

  it('is the frame itself when raw', () => {
    const frame = Buffer.from([0, 255, 10])
    assert.is(readingOf(frame, 'raw', 'gps', atMs), frame)
  })
})
