// Endpoints about the process itself: its queues, where it is, its memory. What Go calls
// goroutines and memstats are one thread and V8's heap here.

import { getHeapStatistics } from 'node:v8'
import type { Query } from './query.ts'
import type { Sources } from './shapes.ts'

/** /ipqueuesz: queues that hold something; with `all` the others too. Throws QueryError. */
export function ipqueuesz(sources: Sources, query: Query): object {
  const withAll = query.bool('all')
  const part = query.text('queues')
  const shown: [string, object][] = []
  for (const [name, { pending, inProgress = 0 }] of sources.queues?.() ?? []) {
    if (!name.includes(part) || (!withAll && pending === 0 && inProgress === 0)) continue
    shown.push([name, { pending, ...(inProgress > 0 ? { in_progress: inProgress } : {}) }])
  }
  // In Go a map's keys come sorted.
  return Object.fromEntries(shown.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Where the one thread is, and what it waits for. */
export function stacks(): string {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const waits = [...counts].map(([name, count]) => `${name}: ${count}\n`).join('')
  const { stack = '' } = new Error('main thread')
  return `${stack.replace('Error: ', '')}\n\nwaits for:\n${waits}`
}

/**
 * /debug/vars, as nats-server 2.12 has it: of Go's memstats those that V8 knows too. Passwords of
 * the command line are left out.
 */
export function debugVars(argv: readonly string[], residentBytes: number): object {
  const heap = getHeapStatistics()
  const { external, arrayBuffers } = process.memoryUsage()
  return {
    cmdline: withoutSecrets(argv),
    memstats: {
      Alloc: heap.used_heap_size,
      Sys: residentBytes,
      HeapAlloc: heap.used_heap_size,
      HeapSys: heap.total_heap_size,
      HeapIdle: heap.total_heap_size - heap.used_heap_size,
      HeapInuse: heap.used_heap_size,
      HeapReleased: 0,
      OtherSys: external,
      Buffers: arrayBuffers,
      HeapLimit: heap.heap_size_limit,
      EnableGC: true,
      DebugGC: false,
    },
  }
}

const secretFlag = /^--?(pass|auth)$/
const secretFlagValue = /^(--?(?:pass|auth)=).*$/
const userInfo = /(\w+:\/\/)[^/@\s,]*@/g

export function withoutSecrets(argv: readonly string[]): readonly string[] {
  return argv.map((word, i) => {
    if (secretFlag.test(argv[i - 1] ?? '')) return '[REDACTED]'
    return word.replace(secretFlagValue, '$1[REDACTED]').replace(userInfo, '$1[REDACTED]@')
  })
}
