// Two servers measured in turn: theirs, ours, theirs, ours. A neighbour on the machine then hurts
// both, and the ratio stays.

import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { pinned } from './process.ts'

export interface Contender {
  readonly port: number
  readonly pid: number
}

export interface Contest {
  readonly theirs: Contender
  readonly ours: Contender
  stop(): Promise<void>
}

/** Starts both, pinned to the server's core unless told otherwise. */
export async function startContest(main: string, isPinned = true): Promise<Contest> {
  const wrap = isPinned ? pinned() : []
  const hub: Hub = await startHub({ wrap })
  const edge: Edge = await startEdge({ main, wrap })
  return {
    theirs: { port: hub.port, pid: hub.process.pid },
    ours: { port: edge.port, pid: edge.process.pid },
    stop: async () => {
      await edge.stop()
      await hub.stop()
    },
  }
}

/** One warm-up of each, then `rounds` of each in turn; what they gave, by round. */
export async function inTurn<T>(
  { theirs, ours }: Pick<Contest, 'theirs' | 'ours'>,
  rounds: number,
  measure: (contender: Contender, isWarmUp: boolean) => Promise<T>,
): Promise<readonly [readonly T[], readonly T[]]> {
  const results: [T[], T[]] = [[], []]
  for (const one of [theirs, ours]) await measure(one, true)
  for (let round = 0; round < rounds; round++) {
    results[0].push(await measure(theirs, false))
    results[1].push(await measure(ours, false))
  }
  return results
}
