// node cuts.ts <log> <base> <events> <left> <json of Cuts>: one of the processes that try cuts.
// Rebuilds the disk as a cut could have left it at many moments, opens it, asks for every promise.
// Prints what it found as JSON.

import * as fs from 'node:fs'
import { judge } from './check.ts'
import { Disk, losses } from './disk.ts'
import { Promises } from './promises.ts'
import { type Operation, readRecording } from './recording.ts'
import { storeDir } from './world.ts'

export interface Cuts {
  readonly count: number
  readonly seed: number
  /** This process, and how many there are: each takes every so-many-th cut. */
  readonly worker: number
  readonly workers: number
  /** Then it stops. */
  readonly failuresMax: number
}

export interface Found {
  tried: number
  readonly failures: string[]
  startMsMax: number
  /** In the whole recording. */
  readonly events: number
  readonly checkpoints: number
}

/** What a checkpoint leaves at the start of the WAL. */
const clearedHeader = Buffer.alloc(32)

if (import.meta.main) {
  const [log = '', base = '', events = '', left = '', cuts = '{}'] = process.argv.slice(2)
  const operations = readRecording(log, storeDir(base), events)
  const found = newFound(operations)
  process.on('uncaughtException', error => {
    found.failures.push(`the program ended: ${error.message}`)
    process.stdout.write(JSON.stringify(found), () => process.exit(0))
  })
  await tryCuts(storeDir(base), left, operations, JSON.parse(cuts) as Cuts, found)
  process.stdout.write(JSON.stringify(found))
}

async function tryCuts(
  dir: string,
  left: string,
  operations: readonly Operation[],
  { count, seed, worker, workers, failuresMax }: Cuts,
  found: Found,
): Promise<void> {
  const disk = new Disk(dir)
  const promises = new Promises()
  let cut = 0
  const first = randomOf(seed)()
  const every = operations.length / count
  for (const [at, operation] of operations.entries()) {
    disk.apply(operation)
    if (operation.is === 'event') promises.hear(operation.text)
    // Several cuts at one moment differ in what is lost.
    for (; cut < count && at >= (cut + first) * every; cut++) {
      if (cut % workers !== worker) continue
      // Workers take turns, so each kind of loss must be on for as many cuts as there are workers.
      const loss = losses[Math.floor(cut / workers) % losses.length] ?? 'all'
      fs.rmSync(left, { recursive: true, force: true })
      fs.mkdirSync(storeDir(left), { recursive: true })
      disk.leave(storeDir(left), loss, randomOf(seed * 1_000_003 + cut))
      const { wrong, startMs } = await judge(left, promises)
      found.tried++
      found.startMsMax = Math.max(found.startMsMax, startMs)
      if (wrong.length === 0) continue
      found.failures.push(`cut ${cut} at ${at}, lost ${loss}: ${wrong.join('; ')}`)
    }
    if (found.failures.length >= failuresMax) break
  }
}

function newFound(operations: readonly Operation[]): Found {
  const events = operations.filter(one => one.is === 'event').length
  const checkpoints = operations.filter(isCheckpoint).length
  return { tried: 0, failures: [], startMsMax: 0, events, checkpoints }
}

function isCheckpoint(one: Operation): boolean {
  return one.is === 'write' && one.file.endsWith('-wal') && one.data.equals(clearedHeader)
}

/** The same numbers every time (mulberry32). */
function randomOf(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
