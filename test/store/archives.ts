// Archives of streams, good ones and such as nobody should send.

import { archiveEnd, entryHead, magic } from '../../edge/store/backup/archive.ts'
import { S2Writer } from '../../src/wire/s2.ts'

export const config = { name: 'S', subjects: ['s.>'] }
const state = { messages: 1, bytes: 40, first_seq: 1, last_seq: 9, consumer_count: 0 }
export const none = Buffer.alloc(0)
export const nowUs = Date.now() * 1000

export interface Part {
  readonly name: string
  readonly seq?: number
  readonly timeUs?: number
  readonly headers?: string
  readonly payload?: string
  /** Claimed instead of what is there. */
  readonly headerBytes?: number
  readonly payloadBytes?: number
}

export const stateOf = (more: object = {}): Part => ({
  name: 'state.json',
  payload: JSON.stringify({ ...state, ...more }),
})
export const message = (seq: number, more: Partial<Part> = {}): Part => ({
  name: 's.a',
  seq,
  payload: `${seq}`,
  ...more,
})

export function plainOf(parts: readonly Part[], end: Buffer = archiveEnd): Buffer {
  const pieces: Buffer[] = [magic]
  for (const part of parts) {
    const { name, seq = 0, timeUs = nowUs, headers = '', payload = '' } = part
    const { headerBytes = headers.length, payloadBytes = payload.length } = part
    pieces.push(entryHead(name, timeUs, seq, headerBytes, payloadBytes))
    pieces.push(Buffer.from(headers + payload))
  }
  return Buffer.concat([...pieces, end])
}

export function packed(plain: Buffer): Buffer {
  const pieces: Buffer[] = []
  const writer = new S2Writer(piece => pieces.push(piece))
  writer.write(plain)
  writer.flush()
  return Buffer.concat(pieces)
}

export const archiveOf = (...parts: readonly Part[]): Buffer => packed(plainOf(parts))
export const consumer = (name: string, fields: object): Part => ({
  name: `consumers/${name}`,
  payload: JSON.stringify(fields),
})
const consumerState = {
  delivered: { consumer_seq: 1, stream_seq: 1 },
  ack_floor: { consumer_seq: 0, stream_seq: 0 },
}

/** What must not come to anything, and why. */
export const hostile: readonly (readonly [string, Buffer, RegExp])[] = [
  ['nothing', Buffer.alloc(0), /truncated/],
  ['garbage', Buffer.from('garbage, nothing but garbage'), /no stream identifier/],
  [
    'a tar of nats-server 2.14',
    packed(Buffer.from('meta.inf'.padEnd(512, '\0'))),
    /not an archive/,
  ],
  ['an empty archive', packed(magic), /truncated/],
  ['no state', archiveOf(message(1)), /expected state.json first/],
  ['a state that is none', archiveOf({ name: 'state.json', payload: '[]' }), /error in state.json/],
  ['a state with lies', archiveOf(stateOf({ last_seq: -1 })), /error in state.json/],
  ['a state out of order', archiveOf(stateOf({ first_seq: 11 })), /error in state.json/],
  ['a state beyond numbers', archiveOf(stateOf({ last_seq: 2 ** 40 })), /sequences above/],
  ['no end', packed(plainOf([stateOf(), message(1)], Buffer.alloc(0))), /truncated/],
  ['a sequence twice', archiveOf(stateOf(), message(1), message(1)), /sequence 1 out of order/],
  ['sequences down', archiveOf(stateOf(), message(5), message(4)), /sequence 4 out of order/],
  ['one before the first', archiveOf(stateOf({ first_seq: 3 }), message(2)), /2 out of order/],
  ['no sequence', archiveOf(stateOf(), message(0)), /expected message sequence/],
  ['a sequence beyond numbers', archiveOf(stateOf(), message(2 ** 41)), /sequences above/],
  ['a wildcard', archiveOf(stateOf(), message(1, { name: 's.>' })), /invalid subject/],
  ['no subject', archiveOf(stateOf(), message(1, { name: '' })), /invalid subject/],
  ['a line end', archiveOf(stateOf(), message(1, { name: 's.a\r\nX' })), /invalid subject/],
  ['bad headers', archiveOf(stateOf(), message(1, { headers: 'hello' })), /invalid headers/],
  [
    'the year 2210',
    archiveOf(stateOf(), message(1, { timeUs: Date.UTC(2210, 0) * 1000 })),
    /invalid time/,
  ],
  [
    'a length that is a lie',
    archiveOf(stateOf(), message(1, { payloadBytes: 2 ** 40 })),
    /exceeds maximum payload size/,
  ],
  [
    'lengths that overflow',
    archiveOf(stateOf(), message(1, { headerBytes: 2 ** 52, payloadBytes: 2 ** 52 })),
    /exceeds maximum payload size/,
  ],
  ['a name that is a lie', packed(hugeName()), /name of 1000000 bytes/],
  ['numbers without end', packed(Buffer.concat([magic, Buffer.alloc(64, 0xff)])), /corrupt/],
  [
    'a consumer too few',
    archiveOf(stateOf({ consumer_count: 1 }), message(1)),
    /expected consumer/,
  ],
  [
    'a consumer that is none',
    archiveOf(stateOf({ consumer_count: 1 }), { name: 'consumers/C', payload: '{' }),
    /failed to decode consumer/,
  ],
  [
    'a consumer without config',
    archiveOf(stateOf({ consumer_count: 1 }), consumer('C', {}), message(1)),
    /failed to add consumer "C": config is missing/,
  ],
  [
    'a consumer without state',
    archiveOf(stateOf({ consumer_count: 1 }), consumer('C', { config: {} }), message(1)),
    /failed to add consumer "C": state is missing/,
  ],
  [
    'a consumer with another name',
    archiveOf(
      stateOf({ consumer_count: 1 }),
      consumer('C', { config: { name: 'D' }, state: consumerState }),
    ),
    /config is of "D"/,
  ],
  [
    'a consumer whose name is a subject',
    archiveOf(
      stateOf({ consumer_count: 1 }),
      consumer('a.>', { config: {}, state: consumerState }),
    ),
    /failed to add consumer/,
  ],
  [
    'the second consumer a bad one',
    archiveOf(
      stateOf({ consumer_count: 2 }),
      consumer('C', { config: { ack_policy: 'explicit' }, state: consumerState }),
      consumer('D', { config: { ack_policy: 'explicit' }, state: { delivered: 5 } }),
    ),
    /failed to add consumer "D": state is invalid/,
  ],
  [
    'state.json of 9 MB',
    archiveOf({ name: 'state.json', payloadBytes: 9 * 1024 * 1024 }),
    /entry "state.json" has 9437184 bytes/,
  ],
]

function hugeName(): Buffer {
  const head = entryHead('x'.repeat(1_000_000), nowUs, 1, 0, 0)
  return Buffer.concat([magic, head])
}
