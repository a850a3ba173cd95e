import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { type Framing, newFramer } from '../../edge/serial/frame.ts'
import { spec } from '../support/spec.ts'
import { cuts, random } from './cut.ts'

const frameBytesMax = 8

interface Cut {
  readonly frames: readonly string[]
  readonly oversize: number
  readonly skipped: number
}

function frame(framing: Framing, chunks: readonly Buffer[], bytesMax = frameBytesMax): Cut {
  const frames: string[] = []
  const framer = newFramer(framing, bytesMax, bytes => frames.push(bytes.toString('latin1')))
  for (const chunk of chunks) {
    // The chunk is the reader's one buffer: what a framer keeps it must copy.
    const reused = Buffer.from(chunk)
    framer.push(reused, 0)
    reused.fill(0x3f)
  }
  return { frames, oversize: framer.oversize, skipped: framer.skippedBytes }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const line: Framing = { by: 'line' }
const semicolon: Framing = { by: 'delimiter', delimiter: bytes(';') }
const twice: Framing = { by: 'delimiter', delimiter: bytes('aab') }
const markers: Framing = {
  by: 'markers',
  start: bytes('<'),
  end: bytes('>'),
  tail: 0,
  restart: true,
}
const dsmr: Framing = {
  by: 'markers',
  start: bytes('/'),
  end: bytes('!'),
  tail: 'line',
  restart: true,
}
const wide: Framing = { ...markers, start: bytes('<<'), end: bytes('>>') }
const flag: Framing = { ...markers, start: bytes('~'), end: bytes('~') }

const rows: readonly [string, Framing, string, readonly string[], number, number][] = [
  // name, framing, input, frames, oversize, skipped
  ['lines', line, 'a\nbc\r\n\n\r\nd\r\ne', ['a', 'bc', 'd'], 0, 0],
  ['a CR inside a line', line, 'a\rb\r\r\n', ['a\rb\r'], 0, 0],
  ['a line at the limit', line, '12345678\r\n12345678\nx\n', ['12345678', '12345678', 'x'], 0, 0],
  ['a line one past it', line, '123456789\r\nx\n', ['x'], 1, 0],
  ['a line far past it', line, `${'1'.repeat(50)}\nx\n${'2'.repeat(9)}\ny\n`, ['x', 'y'], 2, 0],
  ['a limit of CRs', line, `1234567\r\r\n12345678\r\r\nx\n`, ['1234567\r', 'x'], 1, 0],
  ['delimiters', semicolon, ';;a;b\n;c', ['a', 'b\n'], 0, 0],
  ['a delimiter that begins like itself', twice, 'xaaabyaabaab', ['xa', 'y'], 0, 0],
  ['a delimited frame at the limit', twice, '12345678aab', ['12345678'], 0, 0],
  ['a delimited frame past it', twice, '123456789aab1aab', ['1'], 1, 0],
  ['frames between markers', markers, 'no<a>,<bc>x<', ['<a>', '<bc>'], 0, 4],
  ['a frame cut off by the next', markers, '<ab<c>', ['<c>'], 0, 3],
  ['no restart', { ...markers, restart: false }, '<ab<c>', ['<ab<c>'], 0, 0],
  ['a marked frame at the limit', markers, '<123456><a>', ['<123456>', '<a>'], 0, 0],
  ['a marked frame past it', markers, '<1234567><a>', ['<a>'], 1, 1],
  ['past it, and the next at once', markers, '<1234567<a>', ['<a>'], 1, 0],
  ['a tail of bytes', { ...markers, tail: 2 }, '<a>12<b>>>', ['<a>12', '<b>>>'], 0, 0],
  ['a tail at the limit', { ...markers, tail: 2 }, '<1234>56<1>23', ['<1234>56', '<1>23'], 0, 0],
  ['a tail past it', { ...markers, tail: 2 }, '<12345>67<1>23', ['<1>23'], 1, 1],
  ['a tail to the line end', dsmr, '/a\r\n!1F\r\n/b!\n', ['/a\r\n!1F', '/b!'], 0, 0],
  ['a line tail at the limit', dsmr, '/a!56789\r\n/b!\n', ['/a!56789', '/b!'].slice(0, 2), 0, 0],
  ['a line tail past it', dsmr, '/a!567890\r\n/b!\n', ['/b!'], 1, 1],
  ['a line tail far past it', dsmr, '/a!5678901234\r\n/b!\n', ['/b!'], 1, 5],
  ['wide markers', wide, '<a<<b>>>>c<<d>e>>', ['<<b>>', '<<d>e>>'], 0, 5],
  ['one marker for both', flag, 'x~a~y~b~', ['~a~', '~b~'], 0, 2],
  [
    'fixed lengths',
    { by: 'length', lengthBytes: 3, silenceMs: 0 },
    'abcdefg',
    ['abc', 'def'],
    0,
    0,
  ],
]

spec('serial framing', it => {
  for (const [name, framing, input, frames, oversize, skipped] of rows) {
    it(name, () => {
      for (const chunks of cuts(bytes(input))) {
        assert.equal(frame(framing, chunks), { frames, oversize, skipped })
      }
    })
  }

  it('cuts noise the same way wherever it is split', () => {
    const alphabet = 'ab<>/!~;\r\n'
    const framings = [line, semicolon, twice, markers, dsmr, wide, flag, { ...markers, tail: 3 }]
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed)
      let text = ''
      for (let i = 0; i < 300; i++) text += alphabet[Math.floor(next() * alphabet.length)]
      for (const framing of framings) {
        const whole = frame(framing, [bytes(text)])
        for (const chunks of cuts(bytes(text), 4)) assert.equal(frame(framing, chunks), whole)
        for (const found of whole.frames)
          assert.ok(found.length <= frameBytesMax && found.length > 0)
      }
    }
  })

  it('gives each frame the time of its first byte', () => {
    const times: number[] = []
    for (const framing of [line, markers, dsmr] as const) {
      const framer = newFramer(framing, 99, (_, firstMs) => times.push(firstMs))
      framer.push(bytes('</a'), 1000)
      framer.push(bytes('b'), 2000)
      framer.push(bytes('>!\n</c>'), 3000)
      framer.push(bytes('!\n'), 4000)
    }
    assert.equal(times, [1000, 3000, 1000, 3000, 1000, 3000])
  })

  it('ends a frame at a silence, and drops a long one until the next silence', () => {
    const frames: [string, number][] = []
    const framer = newFramer({ by: 'silence', silenceMs: 20 }, 8, (frame, at) =>
      frames.push([frame.toString(), at]),
    )
    framer.quiet()
    framer.push(bytes('abcd'), 1)
    framer.push(bytes('efgh'), 2)
    framer.quiet()
    framer.push(bytes('abcd'), 3)
    framer.push(bytes('efghi'), 4)
    framer.push(bytes('j'), 5)
    framer.quiet()
    framer.push(bytes('k'), 6)
    framer.quiet()
    assert.equal(frames, [
      ['abcdefgh', 1],
      ['k', 6],
    ])
    assert.is(framer.oversize, 1)
  })

  it('finds the beginning of a fixed length again after a silence', () => {
    const frames: string[] = []
    const framing: Framing = { by: 'length', lengthBytes: 4, silenceMs: 20 }
    const framer = newFramer(framing, 8, frame => frames.push(frame.toString()))
    framer.push(bytes('bcd'), 1)
    framer.quiet()
    framer.push(bytes('efgh'), 2)
    framer.quiet()
    assert.equal(frames, ['efgh'])
    assert.is(framer.skippedBytes, 3)
  })

  it('forgets an unfinished frame on reset', () => {
    for (const framing of [line, markers, dsmr]) {
      const frames: string[] = []
      const framer = newFramer(framing, 99, frame => frames.push(frame.toString()))
      framer.push(bytes('</lost'), 1)
      framer.reset()
      framer.push(bytes('</a!>\n'), 2)
      assert.is(frames.length, 1)
      assert.not.ok(frames[0]?.includes('lost'))
    }
  })
})

const recorded = (name: string): Buffer => readFileSync(new URL(`./data/${name}`, import.meta.url))

spec('serial framing of recorded streams', it => {
  for (const name of ['p1-dsmr-4.2-kfm-1', 'p1-dsmr-5.0-ene-1', 'p1-sagemcom-xt211']) {
    it(`takes the telegram of ${name} as one frame`, () => {
      // As on the wire: CR LF, one telegram after another, the first one joined in the middle.
      const telegram = recorded(`${name}.txt`)
        .toString('latin1')
        .trimEnd()
        .replace(/\r?\n/g, '\r\n')
      const wire = `${telegram.slice(300)}\r\n${telegram}\r\n${telegram}\r\n`
      for (const chunks of cuts(bytes(wire))) {
        const cut = frame(dsmr, chunks, 2048)
        assert.equal(cut.frames, [telegram, telegram])
        assert.is(cut.oversize, 0)
      }
    })
  }

  it('finds every sentence of a GPS', () => {
    const wire = recorded('gps-gr601-w.log')
    const expected = wire.toString('latin1').split('\r\n').slice(0, -1)
    assert.is(expected.length, 75)
    for (const chunks of cuts(wire)) assert.equal(frame(line, chunks, 128).frames, expected)
  })

  it('finds the sentences of a GPS between noise', () => {
    const noise = recorded('gps-ublox-aek-4t.log')
    const clean = recorded('gps-bt451.log')
    const sentence: Framing = { ...markers, start: bytes('$GP'), end: bytes('*'), tail: 2 }
    const expected = frame(sentence, [clean], 128).frames
    assert.ok(expected.length >= 140 && expected.every(isSentence))
    const wire = Buffer.concat([noise, clean, noise, bytes('$GPGGA,1'), clean, noise])
    const whole = frame(sentence, [wire], 128)
    assert.equal(whole.frames, [...expected, ...expected])
    for (const chunks of cuts(wire, 5)) assert.equal(frame(sentence, chunks, 128), whole)
  })
})

/** Does the NMEA checksum hold? */
function isSentence(text: string): boolean {
  const found = /^\$([^*]+)\*([0-9A-F]{2})$/.exec(text)
  if (!found) return false
  let sum = 0
  for (const character of found[1] as string) sum ^= character.charCodeAt(0)
  return sum === Number.parseInt(found[2] as string, 16)
}
