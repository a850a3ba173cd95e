// Any header block: the options that come out are those of a slow reading of the same lines.

import * as assert from 'uvu/assert'
import { publishOptions } from '../../edge/store/publish-headers.ts'
import { fuzz, mutated, pieces, type Random } from '../support/fuzz.ts'
import { spec } from '../support/spec.ts'

const names = [
  'Nats-Msg-Id', 'Nats-Expected-Stream', 'Nats-Expected-Last-Msg-Id', 'Nats-Rollup',
  'Nats-Expected-Last-Sequence', 'nats-msg-id', 'Nats-Msg-Idx', 'Nats-', 'X',
] // biome-ignore format: a table

function block(random: Random): string {
  const value = () =>
    random.pick(['', '1', 'a b', 'sub', 'ALL', '-1', '99999999999999999999', ': x'])
  const line = () => `${random.pick(names)}${random.pick([':', ': ', ' :'])}${value()}\r\n`
  return `NATS/1.0\r\n${Array.from({ length: random.below(6) }, line).join('')}\r\n`
}

spec('any header block', it => {
  it('is read without looking beyond its end', () => {
    fuzz(random => {
      const bytes = mutated(Buffer.from(block(random), 'latin1'), random)
      const before = random.bytes(random.below(20))
      const after = Buffer.from(block(random), 'latin1')
      const chunk = Buffer.concat([before, bytes, after])
      const alone = publishOptions(bytes, 0, bytes.length)
      const among = publishOptions(chunk, before.length, before.length + bytes.length)
      assert.equal(among, alone)
    })
  })

  it('is noise as well', () => {
    fuzz(random => {
      for (const piece of pieces(random.bytes(200), random)) publishOptions(piece, 0, piece.length)
    })
  })

  it('gives the first of a name that is not empty, trimmed', () => {
    fuzz(random => {
      const text = block(random)
      const ids = Array.from(text.matchAll(/^Nats-Msg-Id:(.*)$/gm), ([, id]) => id?.trim())
      const options = publishOptions(Buffer.from(text, 'latin1'), 0, text.length)
      assert.is(options.msgId ?? '', ids.find(Boolean) ?? '')
    })
  })
})
