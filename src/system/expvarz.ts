// EXPVARZ: the memory of the process under Go's names, as far as Node has the same. Tools that
// draw these figures of a nats-server draw them of us. The command line is not shown: it may hold
// a password.

import { getHeapStatistics } from 'node:v8'

export function expvarz(): object {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  const { heap_size_limit: heapMax } = getHeapStatistics()
  return {
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
    cmdline: [process.title],
  }
}
