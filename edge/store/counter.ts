// Counters (ADR-49): in a stream with `allow_msg_counter` every subject is one. A message brings
// an increment in `Nats-Incr`; what is stored is the sum, `{"val":"5"}`, of any size in digits.
//
// What comes from a source brings a sum: the increment is how much it has grown since the last one
// of that stream and subject, which `Nats-Counter-Sources` of the newest message tells:
//
//   Nats-Counter-Sources: {"<stream>":{"<subject there>":"<sum there>", …}, …}
//
// So sums agree in the end, whatever was lost, purged or added late on the way.
//
// The newest message of the subject counts, on disk or not: increments of one turn add up.

import { isFields, json } from './api/text.ts'
import { messageTooLarge } from './errors.ts'
import { headerValue, withHeader } from './header-block.ts'
import {
  counterBroken,
  counterDisabled,
  counterHasPayload,
  incrementInvalid,
  incrementMissing,
} from './publish-errors.ts'
import type { ApiError, AppendOptions, NewMessage, StoredMessage, StreamConfig } from './shapes.ts'

/** Of an increment or a sum: what takes the loop no longer than a small message does. */
export const counterDigitsMax = 10_000

const integer = /^[+-]?\d+$/
const sourcesName = 'Nats-Counter-Sources'

/** Sums of the sources by stream and subject, as text. */
type Sources = ReadonlyMap<string, ReadonlyMap<string, string>>

/** What a counter stands at. */
export interface Tally {
  readonly sum: bigint
  readonly sources: Sources
}

export interface Counted {
  readonly message: NewMessage
  readonly tally: Tally
}

const zero: Tally = { sum: 0n, sources: new Map() }

/** What is wrong with a message's `Nats-Incr`, or with the company it is in. */
export function incrementProblem(
  config: StreamConfig,
  options: AppendOptions,
  payloadBytes: number,
): ApiError | null {
  const { incr } = options
  if (incr === undefined) return null
  if (readInteger(incr) === null) return incrementInvalid
  if (options.sourced === true) return null
  if (config.allow_msg_counter !== true) return counterDisabled
  if (payloadBytes > 0) return counterHasPayload
  return hasExpectations(options) ? incrementInvalid : null
}

function hasExpectations(options: AppendOptions): boolean {
  return (
    options.rollup !== undefined ||
    options.expectedStream !== undefined ||
    options.expectedLastMsgId !== undefined ||
    options.expectedLastSeq !== undefined ||
    options.expectedLastSubjectSeq !== undefined ||
    options.expectedLastSubjectSeqSubject !== undefined
  )
}

/** The message as it is stored, and the counter after it. `before`: the newest of its subject. */
export function count(
  message: NewMessage,
  options: AppendOptions,
  before: Tally,
): Counted | ApiError {
  const increment = options.incr === undefined ? null : readInteger(options.incr)
  if (increment === null) return options.incr === undefined ? incrementMissing : incrementInvalid
  const origin = headerValue(message.headers, 'Nats-Stream-Source')
  if (options.sourced !== true || origin === undefined) return added(message, increment, before)
  const there = sumIn(message.payload)
  if (there === null) return counterBroken
  const [stream = '', , , , subject = message.subject] = origin.split(' ')
  const known = before.sources.get(stream)
  const grown = there - (readInteger(known?.get(subject) ?? '') ?? 0n)
  const sources = new Map(before.sources)
  sources.set(stream, new Map(known).set(subject, String(there)))
  const headers = withHeader(message.headers, 'Nats-Incr', String(grown))
  return added({ ...message, headers }, grown, { sum: before.sum, sources })
}

/** The tally that a counter's newest message holds. */
export function tallyOf(newest: StoredMessage | undefined): Tally | ApiError {
  if (newest === undefined) return zero
  const sum = sumIn(newest.payload)
  const text = headerValue(newest.headers, sourcesName)
  const sources = text ? readSources(text) : zero.sources
  return sum === null || sources === null ? counterBroken : { sum, sources }
}

function added(message: NewMessage, increment: bigint, before: Tally): Counted | ApiError {
  const sum = before.sum + increment
  const value = String(sum)
  if (value.length > counterDigitsMax) return messageTooLarge
  const { sources } = before
  const headers =
    sources.size > 0
      ? withHeader(message.headers, sourcesName, sourcesText(sources))
      : message.headers
  return {
    message: { subject: message.subject, headers, payload: Buffer.from(`{"val":"${value}"}`) },
    tally: { sum, sources },
  }
}

function readInteger(text: string): bigint | null {
  return text.length <= counterDigitsMax && integer.test(text) ? BigInt(unsigned(text)) : null
}

/** BigInt knows no `+`. */
function unsigned(text: string): string {
  return text.startsWith('+') ? text.slice(1) : text
}

/** null: this is no counter's body. What is no number counts nothing, as in nats-server. */
function sumIn(payload: Buffer): bigint | null {
  const fields = parsed(payload.toString('latin1'))
  if (!isFields(fields)) return null
  const { val = '' } = fields
  return typeof val === 'string' ? (readInteger(val) ?? 0n) : null
}

function readSources(text: string): Sources | null {
  const streams = parsed(text)
  if (!isFields(streams)) return null
  const sources = new Map<string, ReadonlyMap<string, string>>()
  for (const [stream, subjects] of Object.entries(streams)) {
    if (!isFields(subjects)) return null
    const sums = new Map<string, string>()
    for (const [subject, sum] of Object.entries(subjects)) {
      if (typeof sum !== 'string') return null
      sums.set(subject, sum)
    }
    sources.set(stream, sums)
  }
  return sources
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No JSON is no counter: the caller says so.
    return null
  }
}

/** Sorted, as Go prints maps; an object would put names of digits first. */
function sourcesText(sources: Sources): string {
  const streams = [...sources].sort(byName).map(([stream, sums]) => {
    const inside = [...sums].sort(byName).map(([subject, sum]) => `${json(subject)}:${json(sum)}`)
    return `${json(stream)}:{${inside.join(',')}}`
  })
  return `{${streams.join(',')}}`
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0
}
