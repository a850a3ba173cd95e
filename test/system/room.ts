// A broker in this process with its system account, without JetStream; time held still if wanted.

import { type Clock, realClock } from '../../src/base/clock.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { Server } from '../../src/server/server.ts'
import type { System } from '../../src/system/system.ts'
import { newSystem } from '../../edge/system-room.ts'
import { optionsOf } from '../support/server.ts'
import { dialClient, type Talk } from '../support/talk.ts'

export interface Room {
  readonly server: Server
  readonly system: System | null
  readonly log: string[]
  login(user: string, more?: object): Promise<Talk>
  close(): void
}

export interface RoomOptions {
  readonly clock?: Clock
  readonly reload?: () => string | null
  /** Keep the log at this level. */
  readonly trace?: boolean
}

export const roomConf = `accounts {
  $SYS { users: [ { user: s, password: s } ] }
  A { users: [ { user: a, password: a } ] }
}`

export async function startRoom(conf = roomConf, options: RoomOptions = {}): Promise<Room> {
  const lines: string[] = []
  const { clock = realClock, reload = () => null, trace = false } = options
  const keep = (text: string) => void lines.push(text)
  const log: Log = { ...silentLog, traceOn: trace, warn: keep, error: keep, trace: keep }
  const server = new Server({ options: optionsOf(conf), log, clock, turn: new Turn() })
  const system = newSystem({
    server,
    sources: { server },
    figures: () => null,
    domain: null,
    hasJetStream: false,
    jsz: () => ({ disabled: true }),
    reload,
    kick: () => false,
  })
  system?.start()
  await server.start()
  const talks: Talk[] = []
  return {
    server,
    system,
    log: lines,
    login: async (user, more = {}) => {
      const talk = await dialClient(server.address.port, { user, pass: user, name: user, ...more })
      talks.push(talk)
      return talk
    },
    close: () => {
      for (const talk of talks) talk.close()
      system?.close()
      server.close()
    },
  }
}
