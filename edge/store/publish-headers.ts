// The headers a publisher sets for the stream (reference 6.5): identity, expectations, roll-up.
//
// One pass over the block's lines; only lines that begin with `Nats-` are looked at closer, and
// the first of a name wins. Names are compared with case, as nats-server does.

import { textAt } from '../../src/base/bytes.ts'
import type { AppendOptions } from './shapes.ts'
import { timedTakers, timeZoneHeader } from './timed/headers.ts'

/** The options of a message without headers of ours. */
export const noOptions: AppendOptions = {}

type Mutable = { -readonly [K in keyof AppendOptions]: AppendOptions[K] }
type Take = (options: Mutable, value: string) => void

/** Expectations that are no number can never be met. */
const neverMet = -1

const takers: Readonly<Record<string, Take>> = {
  'Nats-Msg-Id': (options, value) => {
    options.msgId ??= value
  },
  'Nats-Expected-Stream': (options, value) => {
    options.expectedStream ??= value
  },
  'Nats-Expected-Last-Msg-Id': (options, value) => {
    options.expectedLastMsgId ??= value
  },
  'Nats-Expected-Last-Sequence': (options, value) => {
    options.expectedLastSeq ??= sequenceOf(value)
  },
  'Nats-Expected-Last-Subject-Sequence': (options, value) => {
    options.expectedLastSubjectSeq ??= sequenceOf(value)
  },
  'Nats-Expected-Last-Subject-Sequence-Subject': (options, value) => {
    options.expectedLastSubjectSeqSubject ??= value
  },
  'Nats-Rollup': (options, value) => {
    // An unknown value is kept for the stream to refuse.
    options.rollup ??= value.toLowerCase() as 'sub' | 'all'
  },
  'Nats-Incr': (options, value) => {
    options.incr ??= value
  },
  'Nats-Batch-Id': (options, value) => {
    options.batchId ??= value
  },
  'Nats-Batch-Sequence': (options, value) => {
    options.batchSeq ??= value
  },
  'Nats-Batch-Commit': (options, value) => {
    options.batchCommit ??= value
  },
  'Nats-Stream-Source': options => {
    options.hasSource = true
  },
  'Nats-Required-Api-Level': (options, value) => {
    options.requiredApiLevel ??= value
  },
  ...timedTakers,
}

function sequenceOf(value: string): number {
  return /^\d{1,15}$/.test(value) ? Number(value) : neverMet
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const colon = 0x3a
const blank = 0x20

/** Reads the header block `chunk[start..end)`; the same object each time when nothing is in it. */
export function publishOptions(chunk: Buffer, start: number, end: number): AppendOptions {
  let options: Mutable | null = null
  // The first line is `NATS/1.0`.
  let at = chunk.indexOf(lineFeed, start) + 1
  while (at > 0 && at < end) {
    const lineEnd = chunk.indexOf(lineFeed, at)
    const stop = lineEnd < 0 || lineEnd >= end ? end : lineEnd
    if (isOurs(chunk, at, stop)) {
      options ??= {}
      takeLine(options, chunk, at, stop)
    }
    at = stop + 1
  }
  return options ?? noOptions
}

/** Does the line begin with `Nats-`? */
function isOurs(chunk: Buffer, at: number, stop: number): boolean {
  return (
    stop - at > 8 &&
    chunk[at] === 0x4e &&
    chunk[at + 1] === 0x61 &&
    chunk[at + 2] === 0x74 &&
    chunk[at + 3] === 0x73 &&
    chunk[at + 4] === 0x2d
  )
}

function takeLine(options: Mutable, chunk: Buffer, at: number, stop: number): void {
  const nameEnd = chunk.indexOf(colon, at)
  if (nameEnd < 0 || nameEnd >= stop) return
  const name = textAt(chunk, at, nameEnd)
  if (!Object.hasOwn(takers, name)) return
  let from = nameEnd + 1
  while (from < stop && chunk[from] === blank) from++
  const to = chunk[stop - 1] === carriageReturn ? stop - 1 : stop
  // An empty one is as good as none, but for a time zone.
  if (to > from || name === timeZoneHeader) takers[name]?.(options, textAt(chunk, from, to))
}
