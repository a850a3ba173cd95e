// A broker in this process that leaf nodes can join, with its log.

import type { Log } from '../../src/base/log.ts'
import { realClock } from '../../src/base/clock.ts'
import { Turn } from '../../src/base/turn.ts'
import { type LeafRoom, newLeafRoom } from '../../src/server/leafnodes.ts'
import { Server } from '../../src/server/server.ts'
import { optionsOf } from './server.ts'
import { dial, type Talk } from './talk.ts'

export interface LeafDoor {
  readonly server: Server
  readonly room: LeafRoom
  readonly port: number
  readonly lines: readonly string[]
  close(): void
}

/** `leaf` stands inside `leafnodes { … }` beside `listen`. */
export async function openDoor(leaf = '', conf = '', traceOn = false): Promise<LeafDoor> {
  const lines: string[] = []
  const line = (text: string) => void lines.push(text)
  const log: Log = {
    debugOn: false,
    traceOn,
    ...{ info: line, warn: line, error: line, debug: line, trace: line },
  }
  const options = optionsOf(`leafnodes { listen: "127.0.0.1:-1"\n${leaf} }\n${conf}`)
  const server = new Server({ options, log, clock: realClock, turn: new Turn() })
  await server.start()
  const room = newLeafRoom(server, null, false)
  await room.listener?.start()
  room.nodes.start()
  return {
    server,
    room,
    port: room.listener?.address?.port ?? 0,
    lines,
    close: () => {
      room.listener?.close()
      room.nodes.close()
      server.close()
    },
  }
}

/** A spoke by hand, joined. */
export async function join(port: number, name: string, fields: object = {}): Promise<Talk> {
  const talk = await dial(port)
  await talk.info()
  talk.send(`CONNECT ${JSON.stringify({ name, cluster: name, headers: true, ...fields })}\r\n`)
  await talk.info()
  return talk
}

/** All that was said before has been taken. */
export async function settle(talk: Talk): Promise<void> {
  talk.send('PING\r\n')
  await talk.expect(/^(?:LS[+-] [^\n]*\r\n|PING\r\n|-ERR [^\n]*\r\n)*?PONG\r\n/)
}
