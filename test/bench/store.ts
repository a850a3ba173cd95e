// node test/bench/store.ts [dir]: the store alone, without a socket. Durable inserts a second with
// 1, 16, 256 and 4,096 in flight, and what is written to the disk for each byte stored (SD cards
// wear out), as /proc/self/io counts it.

import * as fs from 'node:fs'
import { Store } from '../../edge/store/store.ts'
import type { StoreStream } from '../../edge/store/stream.ts'
import { realClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { streamConfig, temporaryDir } from '../store/support.ts'

interface Case {
  readonly inFlight: number
  readonly messages: number
  readonly bytes: number
  readonly subjects: number
  readonly config?: Parameters<typeof streamConfig>[0]
}

const cases: readonly Case[] = [
  { inFlight: 1, messages: 2_000, bytes: 128, subjects: 10 },
  { inFlight: 16, messages: 20_000, bytes: 128, subjects: 10 },
  { inFlight: 256, messages: 200_000, bytes: 128, subjects: 10 },
  { inFlight: 4096, messages: 400_000, bytes: 128, subjects: 10 },
  { inFlight: 256, messages: 100_000, bytes: 128, subjects: 1000 },
  { inFlight: 256, messages: 20_000, bytes: 4096, subjects: 10 },
  {
    inFlight: 256,
    messages: 100_000,
    bytes: 128,
    subjects: 1000,
    config: { name: 's', max_msgs_per_subject: 1 },
  },
  {
    inFlight: 256,
    messages: 100_000,
    bytes: 128,
    subjects: 1000,
    config: { name: 's', max_msgs_per_subject: 10 },
  },
  {
    inFlight: 1,
    messages: 2_000,
    bytes: 128,
    subjects: 10,
    config: { name: 's', max_msgs: 1000 },
  },
  {
    inFlight: 256,
    messages: 100_000,
    bytes: 128,
    subjects: 10,
    config: { name: 's', max_msgs: 10_000 },
  },
]

console.log(
  'in flight   bytes  subjects  limits                    inserts/s  written/stored  longest',
)
for (const one of cases) await measure(one)

async function measure(one: Case): Promise<void> {
  const dir = temporaryDir()
  const store = new Store({ dir, log: silentLog, clock: realClock, turn: new Turn() })
  await store.start()
  const config = one.config ?? { name: 's' }
  const stream = store.create('$G', streamConfig(config)) as StoreStream
  await new Promise(resolve => store.durable.onDisk(resolve))
  const before = writtenBytes()
  const started = performance.now()
  const longestMs = await insert(store, stream, one)
  const seconds = (performance.now() - started) / 1000
  await store.close()
  const stored = one.messages * (one.bytes + 5)
  const rate = Math.round(one.messages / seconds)
  const ratio = (writtenBytes() - before) / stored
  const { name: _, ...limits } = config
  const columns = [
    pad(one.inFlight, 9),
    pad(one.bytes, 7),
    pad(one.subjects, 9),
    ` ${JSON.stringify(limits).padEnd(27)}`,
    pad(rate, 7),
    pad(ratio.toFixed(1), 15),
    `${pad(longestMs.toFixed(0), 5)} ms`,
  ]
  console.log(columns.join(' '))
  fs.rmSync(dir, { recursive: true })
}

/** Keeps `inFlight` messages waiting for the disk; returns the longest turn in ms. */
function insert(store: Store, stream: StoreStream, one: Case): Promise<number> {
  const payload = Buffer.alloc(one.bytes, 'x')
  const headers = Buffer.alloc(0)
  let sent = 0
  let onDisk = 0
  let longestMs = 0
  let last = performance.now()
  const watch = setInterval(() => {}, 1)
  return new Promise((resolve, reject) => {
    const add = (count: number): void => {
      for (let i = 0; i < count; i++, sent++) {
        const subject = `s.${sent % one.subjects}`
        const outcome = stream.append({ subject, headers, payload }, {})
        if (outcome.is !== 'stored') return reject(new Error(JSON.stringify(outcome)))
      }
      store.durable.onDisk(error => {
        if (error) return reject(error)
        onDisk += count
        if (onDisk === one.messages) {
          clearInterval(watch)
          return resolve(longestMs)
        }
        const next = Math.min(count, one.messages - sent)
        if (next > 0) add(next)
      })
    }
    const turn = (): void => {
      const now = performance.now()
      longestMs = Math.max(longestMs, now - last)
      last = now
      if (onDisk < one.messages) setImmediate(turn)
    }
    turn()
    add(one.inFlight)
  })
}

function writtenBytes(): number {
  const text = fs.readFileSync('/proc/self/io', 'latin1')
  return Number(/^write_bytes: (\d+)/m.exec(text)?.[1])
}

function pad(value: number | string, width: number): string {
  return String(value).padStart(width)
}
