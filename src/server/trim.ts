// Gives back the memory that loading, starting and busy hours leave behind: on a 512 MB board it
// is a fifth of what an idle broker holds, and V8 on its own keeps it for as long as nothing
// happens.
//
// Measured with every room loaded on Node 22, x64: 33.8 MB of anonymous memory before, 28.5 MB
// after, for a pause of 40 ms before the first client is let in. bench: memory, soak.

import { performance } from 'node:perf_hooks'
import type { Clock, Timer } from '../base/clock.ts'

interface FullCollection {
  readonly type: 'major'
  readonly execution: 'sync'
  /** Compacts, and drops code that ran once. */
  readonly flavor: 'last-resort'
}

const everyMs = 10_000
/** Share of the time the process works, below which nobody notices a pause. */
const quietShare = 0.02
/** Less than this is not worth it. */
const growthBytesMin = 4 * 1024 * 1024

export async function trimMemory(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  // V8 shows its collector only to a context made while the flag is set.
  setFlagsFromString('--expose-gc')
  const collect: (options: FullCollection) => void = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/** What the decision rests on. */
export interface Load {
  readonly residentBytes: number
  /** Share of the time since the last look in which the process worked. */
  readonly busyShare: number
}

export interface TrimmerParts {
  readonly clock: Clock
  /** Lets go of what is kept for reuse. */
  release(): void
  load?(): Load
  trim?(): Promise<void>
}

/** Trims when the process has grown and it has become quiet. */
export class Trimmer {
  readonly #parts: TrimmerParts
  readonly #load: () => Load
  #timer: Timer | null = null
  #bytesThen = 0

  constructor(parts: TrimmerParts) {
    this.#parts = parts
    this.#load = parts.load ?? newLoad()
  }

  /** What is there now is taken for what is needed. */
  start(): void {
    this.#bytesThen = this.#load().residentBytes
    this.#timer = this.#parts.clock.every(everyMs, () => void this.#look())
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  async #look(): Promise<void> {
    const { residentBytes, busyShare } = this.#load()
    if (busyShare > quietShare || residentBytes < this.#bytesThen + growthBytesMin) return
    this.#parts.release()
    await (this.#parts.trim ?? trimMemory)()
    this.#bytesThen = this.#load().residentBytes
  }
}

function newLoad(): () => Load {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization: busyShare } = performance.eventLoopUtilization(now, before)
    before = now
    return { residentBytes: process.memoryUsage.rss(), busyShare }
  }
}
