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
 * /debug/vars and EXPVARZ: the memory of the process under Go's names, as far as Node has the same.
 * The command line is not shown: it may hold a password.
 */
export function expvarz(): object {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  const { heap_size_limit: heapMax } = getHeapStatistics()
  return {
    cmdline: [process.title],
    memstats: {
      Alloc: heapUsed,
      Sys: rss,
      HeapAlloc: heapUsed,
      HeapSys: heapTotal,
      HeapIdle: heapTotal - heapUsed,
      HeapInuse: heapUsed,
      HeapReleased: 0,
      OtherSys: external,
      NextGC: heapMax,
    },
  }
}
