// What must be true of a store after a power cut, given what it had told the world before.

import { Store } from '../../../edge/store/store.ts'
import type { StoreStream } from '../../../edge/store/stream.ts'
import { verify } from '../../../edge/store/verify.ts'
import { FakeClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Turn } from '../../../src/base/turn.ts'
import { bodyOf, subjectOf } from './message.ts'

/** What a stream's process had said by the moment of the cut. */
interface Said {
  /** Acknowledged: must be there, unless taken away. */
  readonly acked: Set<number>
  delivered: number
  /** Removal began: may be there or not. */
  readonly leaving: Set<number>
  /** Removal acknowledged: must be gone. */
  readonly gone: Set<number>
  purgedBefore: number
}

export class Promises {
  started = false
  readonly streams = new Map<string, Said>()

  hear(event: string): void {
    const [kind = '', name = '', value = ''] = event.split(' ')
    if (kind === 'S') {
      this.started = true
      return
    }
    let said = this.streams.get(name)
    if (!said) {
      said = {
        acked: new Set(),
        delivered: 0,
        leaving: new Set(),
        gone: new Set(),
        purgedBefore: 0,
      }
      this.streams.set(name, said)
    }
    if (kind === 'A') {
      const [from = 0, to = 0] = value.split('-').map(Number)
      for (let seq = from; seq <= to; seq++) said.acked.add(seq)
    } else if (kind === 'D') said.delivered = Number(value)
    else if (kind === 'R') said.leaving.add(Number(value))
    else if (kind === 'r') said.gone.add(Number(value))
    else if (kind === 'P') said.purgedBefore = Math.max(said.purgedBefore, Number(value))
  }
}

/** Opens the store of a directory and says what is broken; empty when every promise is kept. */
export async function broken(dir: string, promises: Promises): Promise<string[]> {
  const clock = new FakeClock()
  const store = new Store({ dir, log: silentLog, clock, turn: new Turn() })
  await store.start()
  const wrong: string[] = [...store.problems]
  try {
    if (promises.started) {
      for (const [name, said] of promises.streams) {
        const stream = store.stream('$G', name)
        if (stream && name === 'A') wrong.push(...brokenPosition(store, stream))
        if (stream)
          wrong.push(...brokenIn(stream, said), ...(await brokenNext(store, stream, said)))
        else wrong.push(`stream ${name} is gone`)
      }
    }
    store.saveAll()
    await new Promise(resolve => store.durable.onDisk(resolve))
    wrong.push(...verify(store.db))
  } finally {
    await store.close()
  }
  return wrong
}

function brokenIn(stream: StoreStream, said: Said): string[] {
  const wrong: string[] = []
  const there = new Set<number>()
  let from = 1
  for (;;) {
    const batch = stream.batch([], from, 500)
    for (const message of batch) {
      const { seq } = message
      const right = bodyOf(stream.config.name, seq)
      there.add(seq)
      if (seq < from) wrong.push(`${seq} out of order`)
      from = seq + 1
      if (message.subject !== subjectOf(stream.config.name, seq)) wrong.push(`${seq}: subject`)
      if (!message.headers.equals(right.headers)) wrong.push(`${seq}: headers`)
      if (!message.payload.equals(right.payload)) wrong.push(`${seq}: payload`)
      if (said.gone.has(seq)) wrong.push(`${seq} is back`)
    }
    if (batch.length === 0) break
  }
  const mayMiss = (seq: number): boolean => said.leaving.has(seq) || seq < said.purgedBefore
  for (const seq of said.acked) {
    if (!there.has(seq) && !mayMiss(seq)) wrong.push(`acknowledged ${seq} is lost`)
  }
  for (let seq = 1; seq <= said.delivered; seq++) {
    if (!there.has(seq) && !mayMiss(seq)) wrong.push(`delivered ${seq} is lost`)
  }
  return wrong.slice(0, 5).map(text => `${stream.config.name}: ${text}`)
}

/** A's messages come from a source: the position in it was written with each of them. */
function brokenPosition(store: Store, stream: StoreStream): string[] {
  const positions = store.positions(stream)
  positions.load()
  const seq = positions.get('O') ?? 0
  return seq === stream.lastSeq
    ? []
    : [`position ${seq}, but the last message is ${stream.lastSeq}`]
}

/** The next message must not take a sequence that somebody has seen. */
async function brokenNext(store: Store, stream: StoreStream, said: Said): Promise<string[]> {
  const seq = stream.lastSeq + 1
  const { headers, payload } = bodyOf(stream.config.name, seq)
  const subject = subjectOf(stream.config.name, seq)
  const outcome = stream.append({ subject, headers, payload }, {})
  const error = await new Promise<Error | undefined>(resolve => store.durable.onDisk(resolve))
  if (error) return [`cannot write: ${error.message}`]
  if (outcome.is !== 'stored') return [`append is ${outcome.is}`]
  return outcome.seq > said.delivered ? [] : [`sequence ${outcome.seq} was used before`]
}
