// What a server process uses, from /proc; and where programs run.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { program } from '../support/peers.ts'

const ticksPerSecond = 100

/** The core of the server under test and that of the load; null on a machine with one core. */
export const cores = availableParallelism() > 1 ? { server: '0', load: '1' } : null

/** The words in front of a command that pin it to the server's core. */
export function pinned(): string[] {
  return cores ? [program('taskset'), '-c', cores.server] : []
}

/** Pins this process, all its threads, to the core of the load. */
export function pinMyself(): void {
  if (cores) spawnSync(program('taskset'), ['-a', '-cp', cores.load, String(process.pid)])
}

/** CPU time used by a process so far, ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1000
}

/** Anonymous resident memory of a process and its children, KiB. */
export function rssAnonKib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  let sum = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  for (const child of childrenOf(pid)) sum += rssAnonKib(child)
  return sum
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(task =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number),
  )
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
