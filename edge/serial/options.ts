// The `serial` block: the ports, each with its line, its framing and its subjects.
//
//   serial {
//     ports: [
//       { name: gps, path: /dev/serial/by-id/usb-u-blox-if00, baud: 9600 }
//       { name: meter, path: /dev/ttyUSB1, baud: 115200, framing: dsmr, subject: "meter.{port}" }
//     ]
//   }
//
// `framing` is one word (line, dsmr) or a block: { by: delimiter, delimiter: "\r" },
// { by: markers, start: "\x02", end: "\x03", tail: 1 }, { by: length, length_bytes: 8 },
// { by: silence, silence: 20ms }. One character of a marker is one byte.

import type { Block, ConfNode, Report, Values } from '../../src/server/option.ts'
import { isSubject } from '../../src/subject/subject.ts'
import { readFraming } from './framing.ts'
import type { Framing } from './frame.ts'

/** Ports of one process; each holds a descriptor and a buffer. */
const portsMax = 64

function readSubject(node: ConfNode, report: Report): string {
  const text = node.is === 'string' ? node.value : ''
  // A name has no dots or wildcards, so any name stands for all.
  if (!isSubject(text.replaceAll('{port}', 'port'))) {
    report.error(node.place, 'a serial subject must be a subject without wildcards')
  }
  return text
}

function readName(node: ConfNode, report: Report): string {
  const text = node.is === 'string' ? node.value : node.is === 'integer' ? node.text : ''
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(text)) {
    report.error(node.place, 'a serial port name is up to 64 letters, digits, - and _')
  }
  return text
}

const lineFraming: Framing = { by: 'line' }

export const serialPortBlock = {
  name: {
    type: 'custom',
    default: '',
    defaultText: 'required',
    read: readName,
    about:
      'Name of the port in subjects, readings, the log and monitoring; letters, digits, - and _.',
  },
  path: {
    type: 'string',
    default: null,
    defaultText: 'required',
    about: 'Device, best by id (/dev/serial/by-id/…), so that it is found again on another socket.',
  },
  baud: {
    type: 'integer',
    default: 9600,
    min: 50,
    max: 4_000_000,
    about: 'Speed in bits per second.',
  },
  data_bits: { type: 'integer', default: 8, min: 5, max: 8, about: 'Data bits of a character.' },
  stop_bits: { type: 'integer', default: 1, min: 1, max: 2, about: 'Stop bits of a character.' },
  parity: {
    type: 'string',
    default: 'none',
    oneOf: ['none', 'even', 'odd'],
    about: 'Parity bit of a character.',
  },
  flow_control: {
    type: 'string',
    default: 'none',
    oneOf: ['none', 'rtscts', 'xonxoff'],
    about: 'Who may stop whom: nobody, the RTS and CTS lines, or the XON and XOFF characters.',
  },
  framing: {
    type: 'custom',
    default: lineFraming,
    defaultText: 'line',
    read: readFraming,
    about:
      'How bytes become readings: line, dsmr, or a block { by: line | delimiter | markers | length | silence, … }.',
  },
  frame_bytes_max: {
    type: 'size',
    default: 8192,
    min: 1,
    // Escaped six to one it must still fit the default max_payload.
    max: 131_072,
    about: 'Longest reading; a longer one is dropped and counted.',
  },
  output: {
    type: 'string',
    default: 'json',
    oneOf: ['json', 'raw'],
    about: 'What is published: json is { time, port, data }, raw the bytes as they came.',
  },
  subject: {
    type: 'custom',
    default: 'serial.{port}',
    read: readSubject,
    about: 'Subject of the readings; {port} is the name of the port.',
  },
  write_subject: {
    type: 'custom',
    default: null as string | null,
    defaultText: 'none',
    read: readSubject,
    about: 'Payloads published here are written to the port; a request is answered +OK or -ERR.',
  },
  write_bytes_max: {
    type: 'size',
    default: 65_536,
    min: 1,
    max: 16_777_216,
    about: 'Bytes that may wait to be written; a message over it is refused.',
  },
  status_subject: {
    type: 'custom',
    default: '$EDGE.serial.{port}.status',
    read: readSubject,
    about: 'Subject told of each change: { time, port, state, error }.',
  },
  reopen_delay: {
    type: 'duration',
    default: 1000,
    min: 10,
    max: 3_600_000,
    about: 'Pause before a missing port is tried again; doubles up to reopen_delay_max.',
  },
  reopen_delay_max: {
    type: 'duration',
    default: 5000,
    min: 10,
    max: 3_600_000,
    about: 'Longest pause between two tries; they never end.',
  },
  account: { type: 'string', default: '$G', about: 'Account of the subjects.' },
} as const satisfies Block

export type SerialPortOptions = Values<typeof serialPortBlock>

/** The subject of this port. */
export function subjectOf(pattern: string, port: string): string {
  return pattern.replaceAll('{port}', port)
}

/** What one port's options say against each other, and against the ports before it. */
export function verifyPorts(
  ports: readonly SerialPortOptions[],
  list: ConfNode,
  report: Report,
): void {
  const nodes = list.is === 'list' ? list.items : [list]
  const names = new Set<string>()
  const paths = new Set<string>()
  if (ports.length > portsMax) report.error(list.place, `more than ${portsMax} serial ports`)
  ports.forEach((port, i) => {
    const place = (nodes[i] ?? list).place
    if (port.name === '') report.error(place, 'a serial port needs a name')
    else if (names.has(port.name)) report.error(place, `two serial ports are named "${port.name}"`)
    if (port.path === null) report.error(place, 'a serial port needs a path')
    else if (paths.has(port.path))
      report.error(place, `two serial ports have the path ${port.path}`)
    names.add(port.name)
    if (port.path !== null) paths.add(port.path)
    verifyPort(port, place, report)
  })
}

function verifyPort(port: SerialPortOptions, place: ConfNode['place'], report: Report): void {
  const { framing, name } = port
  if (framing.by === 'length' && framing.lengthBytes > port.frame_bytes_max) {
    report.error(place, 'length_bytes is over frame_bytes_max')
  }
  if (framing.by === 'markers') {
    const bytes = framing.start.length + framing.end.length
    const tailBytes = framing.tail === 'line' ? 0 : framing.tail
    if (bytes + tailBytes > port.frame_bytes_max) {
      report.error(place, 'the markers alone are over frame_bytes_max')
    }
  }
  if (port.reopen_delay > port.reopen_delay_max) {
    report.error(place, 'reopen_delay is over reopen_delay_max')
  }
  if (port.write_subject === null) return
  const write = subjectOf(port.write_subject, name)
  for (const other of [port.subject, port.status_subject]) {
    if (write === subjectOf(other, name)) {
      report.error(place, `write_subject "${write}" would send the port's own messages back to it`)
    }
  }
}

export const serialBlock = {
  ports: {
    type: 'blocks',
    block: serialPortBlock,
    verify: verifyPorts,
    about: 'The ports.',
  },
} as const satisfies Block

export type SerialOptions = Values<typeof serialBlock>

/** The row of the config file's top level. */
export const serialRow = {
  type: 'block',
  block: serialBlock,
  about: 'Serial ports whose bytes become messages.',
} as const
