// npm run bench: what the README promises, measured against the newest nats-server here.
//
//   npm run bench                        everything
//   npm run bench -- core                messages a second on one core, all cells
//   npm run bench -- core 16 128 1:1     only these sizes and fans
//   npm run bench -- cores               the same on all cores, geometric mean
//   npm run bench -- routing             10,000 wildcard subscriptions; one to a hundred
//   npm run bench -- latency             request and reply, p50 and p99
//   npm run bench -- start               time until it is ready
//   npm run bench -- store 256           acknowledged publishes a second, this depth only
//   npm run bench -- consume             pull with acks, ordered consumer; --messages=200000
//   npm run bench -- kv                  gets and puts of a key-value bucket
//   npm run bench -- calm                who waits while the store is busy: purges, expiry …
//   npm run bench -- written             bytes written to files for each byte stored
//   npm run bench -- big                 a stream of 10 million messages; --messages=1000000
//   npm run bench -- memory              idle, and with 100, 1,000 and 5,000 connections
//   npm run bench -- soak                an hour's worth of comings and goings
//   … --rounds=5 --ms=1000               more rounds, longer ones
//
// Exit code 1 when something is behind what is promised. A machine that does other things at
// the same time measures those: look at the cpu column.

import type { Shape } from './load.ts'
import { cores, pinMyself } from './process.ts'
import { compile } from './program.ts'

const sizesDefault = [16, 128, 1024, 16_384]
const fansDefault = ['1:0', '1:1', '1:4', '4:4']
const depthsDefault = [1, 16, 256, 4096]

const routing: Readonly<Record<string, Shape>> = {
  wildcards: {
    payloadBytes: 128,
    publishers: 1,
    subscribers: 1,
    routes: { subjects: 1000, subscriptions: 10_000 },
  },
  '1:100': { payloadBytes: 128, publishers: 1, subscribers: 100 },
}

const args = process.argv.slice(2)
const words = args.filter(arg => !arg.startsWith('--'))
const numbers = words.filter(word => /^\d+$/.test(word)).map(Number)
const fansAsked = words.filter(word => /^\d+:\d+$/.test(word))
const rounds = flag('rounds', 3)
const ms = flag('ms', 1000)
const sizes = numbers.length > 0 ? numbers : sizesDefault
const fans = fansAsked.length > 0 ? fansAsked : fansDefault
const main = compile()

/** Each returns what is behind. Those that need all cores come first: pinning is for good. */
const parts: Readonly<Record<string, () => Promise<string[]>>> = {
  start: async () => (await import('./starting.ts')).starting(main),
  cores: () => throughput({ sizes, fans, isPinned: false, meanGoal: 1 }),
  core: () => throughput({ sizes, fans, isPinned: true, meanGoal: 1.7 }),
  routing: () =>
    throughput({ sizes: [], fans: [], shapes: routing, isPinned: true, meanGoal: null }),
  latency: async () => (await import('./latency.ts')).latency({ rounds, main }),
  store: async () =>
    (await import('./storing.ts')).storing({
      depths: numbers.length > 0 ? numbers : depthsDefault,
      rounds,
      ms,
      main,
    }),
  consume: async () =>
    (await import('./consuming.ts')).consuming({
      rounds,
      messages: flag('messages', 200_000),
      main,
    }),
  kv: async () => (await import('./bucket.ts')).bucket({ rounds, ms, main }),
  calm: async () => (await import('./calm.ts')).calm({ messages: flag('messages', 100_000), main }),
  written: async () => (await import('./written.ts')).written({ main }),
  big: async () => (await import('./big.ts')).big({ messages: flag('messages', 10_000_000), main }),
  memory: async () => (await import('./memory.ts')).memory(main),
  soak: async () => (await import('./soak.ts')).soak(main),
}
const unpinned = ['start', 'cores']

const asked = Object.keys(parts).filter(part => words.includes(part))
if (!cores) console.log('only one core here: server and load share it')
const behind: string[] = []
let isPinned = false
for (const part of asked.length > 0 ? asked : Object.keys(parts)) {
  if (!isPinned && !unpinned.includes(part)) pinMyself()
  isPinned ||= !unpinned.includes(part)
  behind.push(...((await parts[part]?.()) ?? []))
}
for (const one of behind) console.log(`behind: ${one}`)
process.exit(behind.length === 0 ? 0 : 1)

async function throughput(options: {
  sizes: readonly number[]
  fans: readonly string[]
  shapes?: Readonly<Record<string, Shape>>
  isPinned: boolean
  meanGoal: number | null
}): Promise<string[]> {
  const bench = await import('./throughput.ts')
  return bench.throughput({ ...options, rounds, ms, main })
}

function flag(name: string, otherwise: number): number {
  const text = args.find(arg => arg.startsWith(`--${name}=`))
  return text === undefined ? otherwise : Number(text.slice(name.length + 3))
}
