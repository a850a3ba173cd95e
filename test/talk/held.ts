// Talks that are held with our broker and with nats-server, with one expectation for both.

import type { Server } from '../../src/server/server.ts'
import { scratch } from '../support/directory.ts'
import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'

export interface HeldTalk {
  readonly name: string
  /** nats-server 2.10 does not know what it needs. */
  readonly isNew?: true
  /** Of the whole server; `dir` is a folder of its own. */
  readonly config?: string | ((dir: string) => string)
  run(port: number): Promise<void>
}

/** `begin`: what the server needs besides its config. */
export function heldHere(
  title: string,
  talks: readonly HeldTalk[],
  begin: (server: Server) => Promise<unknown> = async () => undefined,
): void {
  spec(title, it => {
    for (const talk of talks) {
      it(talk.name, async () => {
        const server = await startServer(configOf(talk))
        try {
          await begin(server)
          await talk.run(server.address.port)
        } finally {
          server.close()
          await server.operator?.close()
        }
      })
    }
  })
}

export function heldThere(
  title: string,
  versions: readonly NatsVersion[],
  talks: readonly HeldTalk[],
  caseMsMax?: number,
): void {
  for (const version of versions) {
    spec(`${title} with nats-server ${version}`, it => {
      for (const talk of talks) {
        if (talk.isNew && version === '2.10') continue
        it(
          talk.name,
          async () => {
            const hub = await startHub({ version, conf: configOf(talk) })
            try {
              await talk.run(hub.port)
            } finally {
              await hub.stop()
            }
          },
          caseMsMax,
        )
      }
    })
  }
}

function configOf({ config = '' }: HeldTalk): string {
  return typeof config === 'string' ? config : config(scratch('talk'))
}
