// From the start of the process to `Server is ready`, with JetStream on and an empty store.

import { rmSync } from 'node:fs'
import { startEdge } from '../support/edge.ts'
import { median } from './process.ts'

const startCount = 10
const startMsGoal = 250

/** Returns what is over what we promise. */
export async function starting(main: string): Promise<string[]> {
  const edge = await startEdge({ main, jetstream: 'edge' })
  const times: number[] = []
  try {
    for (let at = 0; at < startCount; at++) {
      await edge.stop()
      rmSync(`${edge.dir}/store`, { recursive: true, force: true })
      const beforeMs = performance.now()
      await edge.restart()
      times.push(performance.now() - beforeMs)
    }
  } finally {
    await edge.stop()
  }
  const ms = median(times)
  console.log(
    `start to "Server is ready", JetStream on: ${ms.toFixed(0)} ms (median of ${startCount})`,
  )
  return ms > startMsGoal ? [`start: ${ms.toFixed(0)} ms, not ${startMsGoal}`] : []
}
