// Three servers with JetStream, each on the server's core: a nats-server that syncs always, one
// with its default (an acknowledgement before the disk has it), and nats-edge, which always syncs.

import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { natsServer, natsServerVersion } from '../support/peers.ts'
import type { Contender } from './contest.ts'
import { pinned } from './process.ts'

/** With the folder of its store. */
export interface StoringContender extends Contender {
  readonly storeDir: string
  /** Ends it, and starts it again on the same store. */
  restart(): Promise<void>
}

export interface StoringContest {
  readonly always: StoringContender
  readonly lazy: StoringContender
  readonly ours: StoringContender
  stop(): Promise<void>
}

export const newestVersion = (): string => natsServerVersion(natsServer('newest'))

export async function startStoring(main: string): Promise<StoringContest> {
  const wrap = pinned()
  const always = await startHub({
    jetstream: true,
    jetstreamConf: 'sync_interval: always',
    wrap,
  })
  const lazy = await startHub({ jetstream: true, wrap })
  const edge = await startEdge({ main, jetstream: true, wrap })
  const contender = (one: typeof always | typeof edge, folder: string): StoringContender => ({
    port: one.port,
    get pid() {
      return one.process.pid
    },
    storeDir: `${one.dir}/${folder}`,
    restart: () => one.restart(),
  })
  return {
    always: contender(always, 'js'),
    lazy: contender(lazy, 'js'),
    ours: contender(edge, 'store'),
    stop: async () => {
      await edge.stop()
      await lazy.stop()
      await always.stop()
    },
  }
}
