// What the entries of an archive say: the state of the stream, its consumers, its messages. They
// were written by others, so each is read with a bound and believed only as far as it can be.

import { isSubject } from '../../../src/subject/subject.ts'
import { type Fields, isFields } from '../api/text.ts'
import { seqsMax } from '../ids.ts'
import type { StreamConfig } from '../shapes.ts'
import type { Entry, EntryBounds, EntryHead } from './archive.ts'

export const stateName = 'state.json'
export const consumerPrefix = 'consumers/'

/** A consumer with 100,000 messages that wait for an ack takes about 7 MB. */
const jsonBytesMax = 8 * 1024 * 1024
/** Of all consumers together: they are kept until the messages are there. */
const consumersBytesMax = 32 * 1024 * 1024
const consumersMax = 10_000
/** 2200: nobody's clock goes so wrong. */
const timeUsMax = Date.UTC(2200, 0) * 1000

const headersBegin = Buffer.from('NATS/1.0')
const headersEnd = Buffer.from('\r\n\r\n')

/** A stream as it was: what its archive begins with. */
export interface ArchivedState {
  readonly messages: number
  readonly bytes: number
  readonly firstSeq: number
  readonly lastSeq: number
  readonly consumers: number
}

export interface ArchivedConsumer {
  readonly name: string
  readonly fields: Fields
}

/** Keeps the order: state, consumers, messages; a string says what breaks it. */
export class Contents {
  readonly #config: StreamConfig
  readonly #payloadBytesMax: number
  #state: ArchivedState | null = null
  readonly consumers: ArchivedConsumer[] = []
  #consumerBytes = 0
  #lastSeq = 0

  constructor(config: StreamConfig, payloadBytesMax: number) {
    this.#config = config
    this.#payloadBytesMax = payloadBytesMax
  }

  get state(): ArchivedState | null {
    return this.#state
  }

  /** Refuses an entry by its size alone. */
  readonly bounds: EntryBounds = head => {
    if (this.#wantsMessages) return this.#refusesMessage(head)
    const bytes = head.headerBytes + head.payloadBytes
    if (bytes > jsonBytesMax) return `entry ${JSON.stringify(head.name)} has ${bytes} bytes`
    this.#consumerBytes += this.#state === null ? 0 : bytes
    return this.#consumerBytes > consumersBytesMax ? 'consumers take too many bytes' : ''
  }

  get #wantsMessages(): boolean {
    return this.#state !== null && this.consumers.length >= this.#state.consumers
  }

  /** Takes the state or a consumer; null: it is a message. */
  take(entry: Entry): string | null {
    if (this.#state === null) return this.#takeState(entry)
    if (this.#wantsMessages) {
      this.#lastSeq = entry.seq
      return null
    }
    return this.#takeConsumer(entry)
  }

  #takeState({ name, headers, payload }: Entry): string {
    if (name !== stateName) return `expected ${stateName} first`
    const fields = jsonOf(Buffer.concat([headers, payload]))
    if (fields === null) return `error in ${stateName}`
    const count = (field: string): number => {
      const value = fields[field] ?? 0
      return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : Number.NaN
    }
    const state = {
      messages: count('messages'),
      bytes: count('bytes'),
      firstSeq: count('first_seq'),
      lastSeq: count('last_seq'),
      consumers: count('consumer_count'),
    }
    const isWhole = Object.values(state).every(Number.isFinite)
    const isSound = isWhole && state.firstSeq <= state.lastSeq + 1
    if (!isSound) return `error in ${stateName}`
    if (state.lastSeq >= seqsMax - 1) return `sequences above ${seqsMax} are not possible here`
    if (state.consumers > consumersMax) return `${state.consumers} consumers are too many`
    this.#state = state
    this.#lastSeq = Math.max(0, state.firstSeq - 1)
    return ''
  }

  #takeConsumer({ name, headers, payload }: Entry): string {
    if (!name.startsWith(consumerPrefix)) return `expected consumer, found ${JSON.stringify(name)}`
    const consumer = name.slice(consumerPrefix.length)
    const fields = jsonOf(Buffer.concat([headers, payload]))
    if (fields === null) return `failed to decode consumer ${JSON.stringify(consumer)} state`
    this.consumers.push({ name: consumer, fields })
    return ''
  }

  #refusesMessage({ name, seq, timeUs, headerBytes, payloadBytes }: EntryHead): string {
    if (seq === 0) return 'expected message sequence'
    if (seq <= this.#lastSeq) return `message sequence ${seq} out of order`
    if (seq >= seqsMax - 1) return `sequences above ${seqsMax} are not possible here`
    const bytes = headerBytes + payloadBytes
    if (bytes > this.#payloadBytesMax) {
      return `message sequence ${seq} exceeds maximum payload size`
    }
    const { max_msg_size } = this.#config
    if (max_msg_size >= 0 && bytes > max_msg_size) {
      return `message sequence ${seq} exceeds maximum message size`
    }
    if (!isSubject(name)) return `message sequence ${seq} has an invalid subject`
    return timeUs > timeUsMax ? `message sequence ${seq} has an invalid time` : ''
  }
}

/** Is this a block of headers that a client could read? */
export function isHeaderBlock(headers: Buffer): boolean {
  if (headers.length === 0) return true
  const begins = headers.subarray(0, headersBegin.length).equals(headersBegin)
  return begins && headers.subarray(headers.length - headersEnd.length).equals(headersEnd)
}

function jsonOf(bytes: Buffer): Fields | null {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return isFields(value) ? value : null
  } catch {
    // What is not JSON is the archive's mistake; the caller says so.
    return null
  }
}
