import * as assert from 'uvu/assert'
import { serialRow } from '../../edge/serial/options.ts'
import { checkConfig, formatProblem } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { spec } from '../support/spec.ts'

function check(text: string) {
  const parsed = parseConfText(text, { read: () => '', env: {} }, 'edge.conf')
  if (parsed.is !== 'parsed') throw new Error(parsed.problem.text)
  const checked = checkConfig(parsed.root, { serial: serialRow })
  return { ...checked, ports: checked.values.serial?.ports ?? [] }
}

const port = (more: string): string =>
  `serial { ports: [ { name: a, path: /dev/ttyUSB0, ${more} } ] }`
const errorsOf = (text: string): string[] => check(text).errors.map(formatProblem)

spec('serial options', it => {
  it('needs a name and a path, no more', () => {
    const { ports, errors } = check('serial { ports: [ { name: gps, path: /dev/ttyACM0 } ] }')
    assert.equal(errors, [])
    assert.is(ports[0]?.baud, 9600)
    assert.equal(ports[0]?.framing, { by: 'line' })
    assert.is(ports[0]?.subject, 'serial.{port}')
    assert.is(ports[0]?.write_subject, null)
  })

  it('takes one port without a list', () => {
    assert.is(check('serial { ports { name: gps, path: /dev/ttyACM0 } }').ports.length, 1)
  })

  it('reads every framing', () => {
    const framing = (text: string) => {
      const { ports, errors } = check(port(`framing: ${text}`))
      assert.equal(errors, [])
      return ports[0]?.framing
    }
    assert.equal(framing('line'), { by: 'line' })
    assert.equal(framing('{ by: line }'), { by: 'line' })
    assert.equal(framing('{ by: delimiter, delimiter: "\\r" }'), {
      by: 'delimiter',
      delimiter: Buffer.from('\r'),
    })
    assert.equal(framing('{ by: markers, start: "\\x02", end: "\\x03", tail: 1 }'), {
      by: 'markers',
      start: Buffer.of(2),
      end: Buffer.of(3),
      tail: 1,
      restart: true,
    })
    const dsmr = framing('dsmr')
    assert.equal(framing('{ BY: Markers, start: "/", end: "!", tail: line }'), dsmr)
    assert.equal(framing('{ by: length, length_bytes: 8 }'), {
      by: 'length',
      lengthBytes: 8,
      silenceMs: 0,
    })
    assert.equal(framing('{ by: silence, silence: 20ms }'), { by: 'silence', silenceMs: 20 })
  })

  const wrong: readonly [string, string, string][] = [
    [
      'no name',
      'serial { ports: [ { path: /dev/x } ] }',
      'edge.conf:1:19: a serial port needs a name',
    ],
    ['no path', 'serial { ports: [ { name: a } ] }', 'edge.conf:1:19: a serial port needs a path'],
    ['a dotted name', 'serial { ports { path: x, name: "a.b" } }', 'a serial port name is'],
    ['an unknown key', port('bauds: 1'), 'unknown field "bauds"'],
    ['a wild subject', port('subject: "a.*"'), 'a serial subject must be'],
    ['a subject with an empty token', port('subject: "a..b"'), 'a serial subject must be'],
    ['a wild write subject', port('write_subject: ">"'), 'a serial subject must be'],
    ['a loop', port('write_subject: "serial.a"'), 'would send the port'],
    ['a wrong parity', port('parity: mark'), 'invalid parity "mark"'],
    ['an unknown framing', port('framing: slip'), 'framing "slip" is neither'],
    ['a framing without by', port('framing: { start: a }'), 'framing by must be one of'],
    ['a key of another framing', port('framing: { by: line, start: a }'), 'unknown field "start"'],
    ['no delimiter', port('framing: { by: delimiter }'), 'framing needs delimiter'],
    ['an empty marker', port('framing: { by: markers, start: "", end: b }'), 'needs start'],
    ['a wide character', port('framing: { by: delimiter, delimiter: "€" }'), 'needs delimiter'],
    ['no silence', port('framing: { by: silence }'), 'framing needs silence'],
    ['no length', port('framing: { by: length }'), 'framing needs length_bytes'],
    [
      'a length over the frame',
      port('frame_bytes_max: 8, framing: { by: length, length_bytes: 9 }'),
      'length_bytes is over frame_bytes_max',
    ],
    ['an upside-down delay', port('reopen_delay: 9s'), 'reopen_delay is over reopen_delay_max'],
    [
      'one name twice',
      'serial { ports: [ { name: a, path: x }, { name: a, path: y } ] }',
      'two serial ports are named "a"',
    ],
    [
      'one path twice',
      'serial { ports: [ { name: a, path: x }, { name: b, path: x } ] }',
      'two serial ports have the path x',
    ],
  ]
  for (const [name, text, expected] of wrong) {
    it(`refuses ${name}`, () => {
      const errors = errorsOf(text)
      assert.is(errors.length, 1, errors.join('\n'))
      assert.ok(errors[0]?.includes(expected), errors[0])
      assert.ok(errors[0]?.startsWith('edge.conf:1:'), errors[0])
    })
  }

  it('takes a length at the frame limit', () => {
    const text = port('frame_bytes_max: 8, framing: { by: length, length_bytes: 8 }')
    assert.equal(errorsOf(text), [])
  })
})
